//! Which paths of a document may be taken for one another: told once, when the document is read.

use super::fault::Fault;
use super::matcher::{Matcher, Part, Segment};
use super::read::Reader;
use super::{Document, DocumentMatch, Doubt};

/// Methods for which a path may fall through.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];
/// Templates that a mixed segment is held against.
const SIBLINGS_MAX: usize = 16;

impl Reader<'_, '_> {
    pub(super) fn tell_ties(&mut self) {
        for index in 0..self.listed.len() {
            let Some(listed) = self.listed.get(index) else { return };
            let (at, pointer) = (listed.at, listed.pointer.clone());
            let told = told(&self.part.matcher, self.document, listed.path, &listed.template);
            for fault in told {
                self.fault(at, &pointer, fault);
            }
        }
    }
}

fn told(matcher: &Matcher, document: &Document, path: usize, template: &[Segment]) -> Vec<Fault> {
    let mut told = Vec::new();
    let mut others: Vec<(usize, String)> = Vec::new();
    let sample = sample(template, "");
    for method in METHODS.into_iter().filter(|method| matcher.operation(path, method).is_none()) {
        let found = matcher.find(&sample, method, None);
        if let DocumentMatch::Operation { path: other, rival: Some(rival), .. } = found
            && rival.why == Doubt::Method
            && rival.path == path
        {
            match others.iter_mut().find(|(known, _)| *known == other) {
                Some((_, methods)) => {
                    methods.push_str(", ");
                    methods.push_str(method);
                }
                None => others.push((other, method.to_owned())),
            }
        }
    }
    let route = |path: usize| -> Box<str> { document.route(path).unwrap_or_default().into() };
    told.extend(others.into_iter().map(|(other, methods)| Fault::FallsThrough(methods.into(), route(other))));
    told.extend(ties(matcher, path, template).map(|other| Fault::Tie(route(other))));
    told
}

/// The first path of which neither is more literal for some value.
fn ties(matcher: &Matcher, path: usize, template: &[Segment]) -> Option<usize> {
    for (index, segment) in template.iter().enumerate() {
        let Segment::Mixed(parts) = segment else { continue };
        for other in matcher.as_literal(template.get(..index)?, parts).take(SIBLINGS_MAX) {
            let sample = sample(template, &literals(other));
            for (method, _) in matcher.methods(path) {
                if let DocumentMatch::Operation { path: found, rival: Some(rival), .. } =
                    matcher.find(&sample, method.as_str(), None)
                    && rival.why == Doubt::Tie
                {
                    // Told at the later of the two.
                    let (first, second) = (found.min(rival.path), found.max(rival.path));
                    if second == path {
                        return Some(first);
                    }
                }
            }
        }
    }
    None
}

fn literals(parts: &[Part]) -> String {
    parts.iter().map(|part| if let Part::Literal(text) = part { text } else { "x" }).collect()
}

/// A path of a template; `within` stands in the parameters of mixed segments.
fn sample(template: &[Segment], within: &str) -> String {
    let mut path = String::new();
    for segment in template {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            Segment::Parameter | Segment::Rest => path.push('\u{1}'),
            Segment::Mixed(parts) => {
                for part in parts {
                    match part {
                        Part::Literal(text) => path.push_str(text),
                        Part::Parameter if within.is_empty() => path.push('\u{1}'),
                        Part::Parameter => path.extend(["x", within, "x"]),
                    }
                }
            }
        }
    }
    path
}
