//! In which form a path that is no endpoint may be shown.
//!
//! An operator wants to see `/.env` and `/wp-login.php`, and no value of a person's may be seen. So as far as the path goes along with
//! known endpoints it has their template; beyond it a segment is shown where it may be a name by its shape and is made as names of files and
//! folders are. Where values stand beside it, only what scanners look for everywhere is taken for a name. Secrets were masked before.

use std::borrow::Cow;

use crate::exchange::Method;
use crate::inventory::piece::Piece;
use crate::inventory::shape::{Class, Shape, is_mixed, route_segments, shape, suffix};
use crate::inventory::tree::{Node, Tree};
use crate::secret::mask::VALUE_MARK;

/// Segments shown; a longer path ends with [`CUT`].
const SEGMENTS_MAX: usize = 12;
/// Longest form, in bytes, without the operation behind it.
pub(super) const FORM_MAX: usize = 256;
/// Longest name, in bytes.
const NAME_MAX: usize = 48;
/// So many words in one segment are text.
const WORDS_MAX: usize = 4;
/// Stands for what is behind the bounds.
const CUT: &str = "/…";
/// Stands for methods that are not registered.
const OTHER_METHOD: &str = "(other)";
/// Methods of HTTP and `WebDAV`, and some that scanners try.
const METHODS: [&str; 19] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "QUERY",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "DEBUG",
];
/// Ends of names that no API hands out: of programs, settings and copies.
const SOUGHT: [&str; 14] =
    [".php", ".asp", ".aspx", ".jsp", ".jspa", ".cgi", ".env", ".bak", ".old", ".sql", ".ini", ".conf", ".yml", ".git"];

/// A method as it is shown and counted.
pub(super) fn shown_method(method: &Method) -> Method {
    if METHODS.contains(&method.as_str()) { method.clone() } else { Method::new(OTHER_METHOD) }
}

/// The form of a path of which no document knows anything.
pub(in crate::inventory) fn form(tree: Option<&Tree>, path: &[Piece<'_>]) -> String {
    let mut form = String::with_capacity(64);
    let mut at = tree.map(|tree| (tree, Tree::ROOT));
    for (depth, piece) in path.iter().enumerate() {
        if piece.is_operation() {
            form.push_str(piece.text);
            break;
        }
        let node = at.and_then(|(tree, at)| Some((tree, tree.node(at)?)));
        let child = node.and_then(|(tree, node)| child(tree, node, piece));
        let has_values = node.is_some_and(|(_, node)| node.variable.is_some());
        let shown = match (child, node) {
            (Some(child), Some((tree, _))) => Cow::Borrowed(tree.node(child).map_or(VALUE_MARK, Node::text)),
            _ => unknown(piece.text, has_values),
        };
        if depth >= SEGMENTS_MAX || form.len() + shown.len() >= FORM_MAX {
            form.push_str(CUT);
            break;
        }
        form.push('/');
        form.push_str(&shown);
        at = at.and_then(|(tree, _)| Some((tree, child?)));
    }
    if form.is_empty() { "/".to_owned() } else { form }
}

/// Whether there is an endpoint at a form.
pub(in crate::inventory) fn is_endpoint(tree: &Tree, form: &str, method: &Method) -> bool {
    let mut at = Tree::ROOT;
    for segment in route_segments(form) {
        let Some(node) = tree.node(at) else { return false };
        // A value's mark is a value of a variable that takes any.
        let is_it = |at: u32| {
            let place = tree.node(at);
            place.is_some_and(|place| {
                let takes_any = place.values.as_ref().is_some_and(|variable| variable.is_learnt);
                place.text() == segment || (takes_any && segment.starts_with('{'))
            })
        };
        let variable = node.variable.filter(|at| is_it(*at));
        let child =
            variable.or_else(|| node.words.get(segment).copied()).or_else(|| child(tree, node, &Piece::new(segment)));
        let Some(child) = child else { return false };
        at = child;
    }
    tree.node(at).is_some_and(|node| node.leaves.iter().any(|leaf| leaf.method == *method))
}

/// Where a path goes on in the tree, whatever is below.
fn child(tree: &Tree, node: &Node, piece: &Piece<'_>) -> Option<u32> {
    let known = node.words.get(piece.key()).copied();
    known.or_else(|| node.pattern(piece.text)).or_else(|| tree.variable_of(node, piece))
}

/// A segment that is known from nowhere.
fn unknown(segment: &str, has_values: bool) -> Cow<'_, str> {
    match shape(segment) {
        Shape::Value(class) | Shape::Small(class) => Cow::Borrowed(class.name()),
        Shape::Version | Shape::Operation => Cow::Borrowed(segment),
        Shape::Word => match suffix(segment) {
            Some((stem, suffix)) if is_value(stem) && is_plain(suffix) => {
                Cow::Owned(format!("{}{suffix}", Class::Id.name()))
            }
            _ if is_name(segment) && (!has_values || is_sought(segment)) => Cow::Borrowed(segment),
            _ => Cow::Borrowed(VALUE_MARK),
        },
    }
}

fn is_value(stem: &str) -> bool {
    matches!(shape(stem), Shape::Value(_) | Shape::Small(_)) || is_mixed(stem)
}

/// Made as names of files, folders and resources are: short, of few words, without an encoded byte.
fn is_name(segment: &str) -> bool {
    let separators = segment.bytes().filter(|byte| b"-_+~ ".contains(byte)).count();
    segment.len() <= NAME_MAX && is_plain(segment) && separators < WORDS_MAX && !is_mixed(segment)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@$!+:".contains(&byte))
}

/// What scanners ask for everywhere: hidden files, programs, settings, copies.
fn is_sought(segment: &str) -> bool {
    segment.starts_with('.') || SOUGHT.iter().any(|end| segment.ends_with(end))
}
