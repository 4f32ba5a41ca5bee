//! Schemas of objects that are used more than once move to the components.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Deepest nesting of a schema that is looked at: a learnt one has less.
const DEPTH_MAX: usize = 64;

/// How often a schema is used, and the name that its first use suggests.
type Uses = BTreeMap<String, (u32, String)>;

/// Moves them.
pub(super) fn share(document: &mut Value) {
    let mut uses = Uses::new();
    for_schemas(document, &mut |schema, hint| count(schema, hint, 0, &mut uses));
    uses.retain(|_, (times, _)| *times > 1);
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    for (text, (_, hint)) in &uses {
        let number = taken.entry(hint.clone()).or_default();
        *number += 1;
        let name = if *number == 1 { hint.clone() } else { format!("{hint}{number}") };
        names.insert(text.clone(), name);
    }
    let mut components = Map::new();
    for_schemas(document, &mut |schema, _| replace(schema, 0, &names, &mut components));
    if components.is_empty() {
        return;
    }
    if let Some(document) = document.as_object_mut() {
        let all = document.entry("components").or_insert_with(|| json!({}));
        if let Some(all) = all.as_object_mut() {
            all.insert("schemas".into(), Value::Object(components));
        }
    }
}

/// Each schema of a body, with a name that its path suggests.
fn for_schemas(document: &mut Value, each: &mut dyn FnMut(&mut Value, &str)) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        let hint = path.split('/').rfind(|segment| !segment.is_empty() && !segment.contains('{')).unwrap_or("Body");
        let hint = capital(hint);
        for operation in item.as_object_mut().into_iter().flatten().map(|(_, operation)| operation) {
            let mut of = |body: Option<&mut Value>, hint: &str| {
                let content = body.and_then(|body| body.get_mut("content")).and_then(Value::as_object_mut);
                for media in content.into_iter().flatten().map(|(_, media)| media) {
                    media.get_mut("schema").into_iter().for_each(|schema| each(schema, hint));
                }
            };
            of(operation.get_mut("requestBody"), &hint);
            let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
            for (status, response) in responses.into_iter().flatten() {
                let is_error = status.starts_with(['4', '5']);
                of(Some(response), if is_error { "Error" } else { &hint });
            }
        }
    }
}

/// `order-items` as `OrderItems`.
fn capital(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("Schema{name}") }
}

fn children(schema: &mut Value, hint: &str, each: &mut dyn FnMut(&mut Value, &str)) {
    let Some(members) = schema.as_object_mut() else { return };
    for (key, value) in members {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.iter_mut().for_each(|(name, property)| each(property, &capital(name)));
            }
            ("items" | "additionalProperties", inner @ Value::Object(_)) => each(inner, hint),
            ("oneOf" | "anyOf", Value::Array(kinds)) => kinds.iter_mut().for_each(|kind| each(kind, hint)),
            _ => {}
        }
    }
}

fn is_object(schema: &Value) -> bool {
    schema.get("properties").and_then(Value::as_object).is_some_and(|properties| properties.len() > 1)
        || schema.get("oneOf").is_some()
}

fn count(schema: &mut Value, hint: &str, depth: usize, uses: &mut Uses) {
    if depth > DEPTH_MAX {
        return;
    }
    if is_object(schema) {
        uses.entry(schema.to_string()).or_insert_with(|| (0, hint.to_owned())).0 += 1;
    }
    children(schema, hint, &mut |child, hint| count(child, hint, depth + 1, uses));
}

fn replace(schema: &mut Value, depth: usize, names: &BTreeMap<String, String>, components: &mut Map<String, Value>) {
    if depth > DEPTH_MAX {
        return;
    }
    let name = if is_object(schema) { names.get(&schema.to_string()) } else { None };
    if name.is_none_or(|name| !components.contains_key(name)) {
        children(schema, "", &mut |child, _| replace(child, depth + 1, names, components));
    }
    if let Some(name) = name {
        let inner = std::mem::replace(schema, json!({"$ref": format!("#/components/schemas/{name}")}));
        components.entry(name.clone()).or_insert(inner);
    }
}
