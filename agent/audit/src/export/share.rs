//! Schemas of objects that are used more than once move to the components; kinds that a tag tells apart too, for only of what has a name can
//! `OpenAPI` say which property is the tag.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut taken = BTreeSet::new();
    for (text, (_, hint)) in uses {
        let (mut name, mut number) = (hint.clone(), 1);
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{hint}{number}");
        }
        names.insert(text, name);
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

/// The tag of kinds of objects, and its value in each kind.
fn tag(schema: &Value) -> Option<(String, Vec<String>)> {
    let kinds = schema.get("oneOf")?.as_array()?;
    let value = |kind: &Value, name: &str| {
        let values = kind.get("properties")?.get(name)?.get("enum")?.as_array()?;
        let required = kind.get("required")?.as_array()?.iter().any(|known| known == name);
        values.first()?.as_str().filter(|_| values.len() == 1 && required).map(str::to_owned)
    };
    let names = kinds.first()?.get("properties")?.as_object()?.keys();
    let mut tags = names.filter_map(|name| {
        let values: Vec<_> = kinds.iter().map(|kind| value(kind, name)).collect::<Option<_>>()?;
        let different: BTreeSet<_> = values.iter().collect();
        (different.len() == values.len()).then(|| (name.clone(), values))
    });
    tags.next()
}

/// Counts each kind often enough to be moved, under a name of its own.
fn count_kinds(schema: &Value, hint: &str, uses: &mut Uses) {
    let Some((_, values)) = tag(schema) else { return };
    let kinds = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    for (kind, value) in kinds.zip(values) {
        uses.entry(kind.to_string()).or_insert_with(|| (0, format!("{hint}{}", capital(&value)))).0 += 2;
    }
}

/// Says which property is the tag, of kinds that have moved.
fn discriminate(schema: &mut Value, (name, values): (String, Vec<String>)) {
    let kinds = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let places: Option<Vec<Value>> = kinds.map(|kind| kind.get("$ref").cloned()).collect();
    if let (Some(places), Some(members)) = (places, schema.as_object_mut()) {
        let mapping: Map<String, Value> = values.into_iter().zip(places).collect();
        members.insert("discriminator".into(), json!({"propertyName": name, "mapping": mapping}));
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
    count_kinds(schema, hint, uses);
    children(schema, hint, &mut |child, hint| count(child, hint, depth + 1, uses));
}

fn replace(schema: &mut Value, depth: usize, names: &BTreeMap<String, String>, components: &mut Map<String, Value>) {
    if depth > DEPTH_MAX {
        return;
    }
    let name = names.get(&schema.to_string());
    if name.is_none_or(|name| !components.contains_key(name)) {
        let tag = tag(schema);
        children(schema, "", &mut |child, _| replace(child, depth + 1, names, components));
        if let Some(tag) = tag {
            discriminate(schema, tag);
        }
    }
    if let Some(name) = name {
        let inner = std::mem::replace(schema, json!({"$ref": format!("#/components/schemas/{name}")}));
        components.entry(name.clone()).or_insert(inner);
    }
}
