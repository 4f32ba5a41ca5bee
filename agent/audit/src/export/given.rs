//! The document that was given, as a tree in which references of its own are followed.

use serde_json::Value;

/// References followed in a row.
const REFERENCES_MAX: usize = 16;
/// Deepest nesting of `allOf`, `anyOf` and `oneOf` that is looked into.
const ALTERNATIVES_MAX: usize = 8;

/// What a pointer leads to, references followed; with the pointer of where that is.
pub(super) fn resolve<'d>(root: &'d Value, pointer: &str) -> Option<(String, &'d Value)> {
    let mut pointer = pointer.to_owned();
    for _ in 0..REFERENCES_MAX {
        let value = root.pointer(&pointer)?;
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => reference.strip_prefix('#')?.clone_into(&mut pointer),
            None => return Some((pointer, value)),
        }
    }
    None
}

/// A name as part of a pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The schemas that stand at a pointer: itself, and those that it is made of.
pub(super) fn alternatives<'d>(root: &'d Value, pointer: &str) -> Vec<(String, &'d Value)> {
    let mut all = Vec::new();
    let mut next = vec![(pointer.to_owned(), 0)];
    while let Some((pointer, depth)) = next.pop() {
        let Some((pointer, schema)) = resolve(root, &pointer) else { continue };
        if depth < ALTERNATIVES_MAX {
            for key in ["allOf", "anyOf", "oneOf"] {
                let kinds = schema.get(key).and_then(Value::as_array).map_or(0, Vec::len);
                next.extend((0..kinds).map(|at| (format!("{pointer}/{key}/{at}"), depth + 1)));
            }
        }
        all.push((pointer, schema));
    }
    all
}

/// Where a property of a schema is described; `Err`: nowhere, with the pointer of the object that lacks it. `Ok(None)`: it is allowed without a
/// description.
pub(super) fn property(root: &Value, pointer: &str, name: &str) -> Result<Option<String>, Option<String>> {
    let all = alternatives(root, pointer);
    if all.is_empty() {
        return Ok(None);
    }
    let mut place = None;
    for (pointer, schema) in &all {
        if schema.get("properties").and_then(|properties| properties.get(name)).is_some() {
            return Ok(Some(format!("{pointer}/properties/{}", escaped(name))));
        }
        if schema.get("properties").is_some() {
            place.get_or_insert_with(|| pointer.clone());
        }
    }
    let is_open = |schema: &Value| {
        let further = schema.get("additionalProperties");
        further.is_some_and(|further| *further != Value::Bool(false)) || schema.get("patternProperties").is_some()
    };
    // A schema that names no member says nothing of them.
    if place.is_none() || all.iter().any(|(_, schema)| is_open(schema)) { Ok(None) } else { Err(place) }
}
