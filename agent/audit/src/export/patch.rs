//! A document that was given, with what was seen and is not in it. All that is added is marked `x-apiscope-seen`.

use serde_json::{Value, json};

use super::diff::{Difference, DifferenceKind, Learnt, diff, style};
use super::given::{Given, escaped};
use super::{Seen, inline};

const MARK: &str = "x-apiscope-seen";

/// Patches one of the documents, an `OpenAPI` 3 one: `original` is its text as it was, and its number says which it is. The second: how many
/// differences have no place in it, for they are below no base path of it or in a file that it refers to.
pub fn patched(seen: &Seen<'_>, given: &Given, document: usize, original: &Value) -> (Value, usize) {
    let learnt = inline(seen, style(original));
    let mut patched = original.clone();
    let mut lost = 0;
    for difference in diff(seen, given).iter().filter(|difference| difference.document == document) {
        let Some(operation) = difference.learnt.as_ref().and_then(|place| learnt_operation(&learnt, place)) else {
            continue;
        };
        lost += usize::from(difference.place.is_empty() && difference.kind != DifferenceKind::SecurityNotMet);
        if !difference.place.is_empty() {
            apply(&mut patched, difference, operation);
        }
    }
    add_schemes(&mut patched, &learnt);
    (patched, lost)
}

/// The operation as it was learnt; `None` where `OpenAPI` has no word for it.
fn learnt_operation<'l>(learnt: &'l Value, (method, path): &Learnt) -> Option<&'l Value> {
    learnt.get("paths")?.get(path)?.get(method)
}

fn apply(patched: &mut Value, difference: &Difference, operation: &Value) {
    let what = difference.what.as_str();
    match difference.kind {
        DifferenceKind::OperationUndocumented => {
            let mut operation = operation.clone();
            name_variables(&mut operation, &difference.path);
            mark(&mut operation);
            put(patched, &difference.place, operation);
        }
        DifferenceKind::ParameterUndocumented => {
            let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
            let text = |parameter: &Value, key: &str| {
                parameter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let mut found = parameters.filter(|one| format!("{} {}", text(one, "in"), text(one, "name")) == what);
            if let Some(parameter) = found.next() {
                let mut parameter = parameter.clone();
                mark(&mut parameter);
                push(patched, &difference.place, parameter);
            }
        }
        DifferenceKind::StatusUndocumented => {
            if let Some(response) = operation.pointer(&format!("/responses/{what}")) {
                let mut response = response.clone();
                mark(&mut response);
                put(patched, &difference.place, response);
            }
        }
        DifferenceKind::RequestMediaUndocumented => {
            copy(patched, difference, operation, &format!("/requestBody/content/{}", escaped(what)));
        }
        DifferenceKind::ResponseMediaUndocumented => {
            if let Some((status, media)) = what.split_once(' ') {
                copy(patched, difference, operation, &format!("/responses/{status}/content/{}", escaped(media)));
            }
        }
        DifferenceKind::RequestFieldUndocumented | DifferenceKind::ResponseFieldUndocumented => {
            put(patched, &difference.place, json!({MARK: true}));
        }
        DifferenceKind::OperationUnseen | DifferenceKind::SecurityNotMet => {}
    }
}

fn copy(patched: &mut Value, difference: &Difference, operation: &Value, from: &str) {
    if let Some(content) = operation.pointer(from) {
        let mut content = content.clone();
        mark(&mut content);
        put(patched, &difference.place, content);
    }
}

/// Gives the variables of the path the names that the path has in the document.
fn name_variables(operation: &mut Value, path: &str) {
    let mut names = path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter.get("in").is_some_and(|place| place == "path")) {
        if let (Some(name), Some(members)) = (names.next(), parameter.as_object_mut()) {
            members.insert("name".into(), json!(name));
        }
    }
}

fn mark(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        members.insert(MARK.into(), json!(true));
    }
}

/// Puts a value at a pointer, with the objects on the way that are not there.
fn put(root: &mut Value, pointer: &str, value: Value) {
    let mut at = root;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        if let Value::Array(list) = at {
            let Some(next) = name.parse::<usize>().ok().and_then(|index| list.get_mut(index)) else { return };
            at = next;
            continue;
        }
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(name).or_insert_with(|| json!({}));
    }
    *at = value;
}

fn push(root: &mut Value, pointer: &str, value: Value) {
    if root.pointer(pointer).is_none() {
        put(root, pointer, json!([]));
    }
    if let Some(list) = root.pointer_mut(pointer).and_then(Value::as_array_mut) {
        list.push(value);
    }
}

/// Security schemes that added operations name.
fn add_schemes(patched: &mut Value, learnt: &Value) {
    let schemes = learnt.pointer("/components/securitySchemes").and_then(Value::as_object);
    for (name, scheme) in schemes.into_iter().flatten() {
        let place = format!("/components/securitySchemes/{}", escaped(name));
        if patched.pointer(&place).is_none() {
            let mut scheme = scheme.clone();
            mark(&mut scheme);
            put(patched, &place, scheme);
        }
    }
}
