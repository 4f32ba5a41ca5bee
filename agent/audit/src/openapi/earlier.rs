//! What an API's documents had earlier: what is gone from the present one and still called was removed, and not forgotten.

use super::matcher::{Matcher, Segment};
use super::paths::Template;
use super::{Document, PathEntry};
use crate::exchange::Method;

/// The operations of earlier documents: methods and templates, nothing else. Can be written as text and read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    operations: Vec<EarlierOperation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct EarlierOperation {
    method: Method,
    /// Below each base path.
    templates: Vec<Box<str>>,
}

impl Earlier {
    /// Operations kept; of more the later ones are left out.
    pub const OPERATIONS_MAX: usize = 10_000;

    /// Adds another's templates that are not there yet. `false`: some had no room.
    pub fn add(&mut self, other: &Self) -> bool {
        let mut known: rustc_hash::FxHashSet<(Method, Box<str>)> = rustc_hash::FxHashSet::default();
        for operation in &self.operations {
            known.extend(operation.templates.iter().map(|template| (operation.method.clone(), shape(template))));
        }
        for operation in &other.operations {
            let method = &operation.method;
            let mut templates = operation.templates.clone();
            templates.retain(|template| known.insert((method.clone(), shape(template))));
            if !templates.is_empty() {
                self.operations.push(EarlierOperation { method: method.clone(), templates });
            }
        }
        let has_room = self.operations.len() <= Self::OPERATIONS_MAX;
        self.operations.truncate(Self::OPERATIONS_MAX);
        has_room
    }

    /// A line for each operation: method and templates, parted by tabs.
    pub fn write(&self) -> String {
        let mut text = String::new();
        for operation in &self.operations {
            text.push_str(operation.method.as_str());
            for template in &operation.templates {
                text.push('\t');
                text.push_str(template);
            }
            text.push('\n');
        }
        text
    }

    /// What [`Earlier::write`] wrote; lines that are none are left out.
    pub fn parse(text: &str) -> Self {
        let operation = |line: &str| {
            let (method, templates) = line.split_once('\t')?;
            let templates = templates.split('\t').map(Into::into).collect();
            Some(EarlierOperation { method: Method::new(method), templates })
        };
        Self { operations: text.lines().take(Self::OPERATIONS_MAX).filter_map(operation).collect() }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

impl Document {
    /// What a later document may be compared with.
    pub fn earlier(&self) -> Earlier {
        let clean = |text: &str| !text.contains(['\t', '\n', '\r']);
        let operations = self.operations.iter().filter_map(|operation| {
            let path = self.paths.get(operation.path)?;
            let templates =
                std::iter::once(without_authority(&path.route)).chain(path.others.iter().map(AsRef::as_ref));
            let templates: Vec<Box<str>> = templates.filter(|text| clean(text)).map(Into::into).collect();
            (!templates.is_empty()).then(|| EarlierOperation { method: operation.method.clone(), templates })
        });
        Earlier { operations: operations.take(Earlier::OPERATIONS_MAX).collect() }
    }

    /// Takes note of what an earlier version had and this one has not.
    #[must_use]
    pub fn after(mut self, earlier: &Earlier) -> Self {
        let mut removed = std::mem::take(&mut self.removed);
        for operation in &earlier.operations {
            self.remove(operation, &mut removed);
        }
        self.removed = removed;
        self
    }

    /// The operations that only an earlier version had: method and template.
    pub fn removed(&self) -> impl Iterator<Item = (&Method, &str)> {
        self.removed.paths().into_iter().flat_map(move |path| {
            let methods = self.removed.methods(path).iter();
            methods.filter_map(move |(method, _)| Some((method, self.route(path)?)))
        })
    }

    fn remove(&mut self, operation: &EarlierOperation, removed: &mut Matcher) {
        for text in &operation.templates {
            if let Some(template) = Template::parse(text) {
                self.remove_below(text, &template.segments, &operation.method, removed);
            }
        }
    }

    /// An operation below one base path: it may be gone there and still be elsewhere.
    fn remove_below(&mut self, text: &str, template: &[Segment], method: &Method, removed: &mut Matcher) {
        let has = |part: &super::DocumentPart| {
            let paths = part.matcher.paths_of(template);
            paths.iter().any(|path| part.matcher.operation(*path, method.as_str()).is_some())
        };
        if self.parts.iter().any(has) {
            return;
        }
        let known = self.parts.iter().find_map(|part| part.matcher.path_of(template));
        let known = known.or_else(|| removed.path_of(template));
        let path = known.unwrap_or(self.paths.len());
        if known.is_none() {
            if self.paths.len() >= Self::PATHS_MAX + Earlier::OPERATIONS_MAX {
                return;
            }
            self.paths.push(PathEntry { route: text.into(), others: Box::default() });
        }
        removed.insert(template, path);
        removed.add_operation(path, method.clone(), removed.operations(), Vec::new());
    }
}

/// `//authority/path` without its authority.
fn without_authority(route: &str) -> &str {
    let Some(rest) = route.strip_prefix("//") else { return route };
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// A template without the names of its parameters.
fn shape(template: &str) -> Box<str> {
    let mut shape = String::with_capacity(template.len());
    let mut is_inside = false;
    for c in template.chars() {
        is_inside &= c != '}';
        if !is_inside {
            shape.push(c);
        }
        is_inside |= c == '{';
    }
    shape.into()
}
