//! Examples for mock servers and for readers: made of a schema alone, so that no value of them was ever in traffic.

use serde_json::{Map, Value, json};

/// Deepest nesting: a learnt schema has less.
const DEPTH_MAX: usize = 64;

/// A value that is valid for a learnt schema in which nothing is shared yet.
pub(super) fn example(schema: &Value) -> Value {
    at(schema, 0)
}

fn at(schema: &Value, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    let first = |key: &str| schema.get(key).and_then(Value::as_array).and_then(|all| all.first());
    if let Some(kind) = first("anyOf").or_else(|| first("oneOf")) {
        return at(kind, depth + 1);
    }
    if let Some(word) = first("enum") {
        return word.clone();
    }
    let kind = schema.get("type").map_or("", |kind| match kind {
        // With null as the second.
        Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    });
    match kind {
        "boolean" => json!(true),
        "integer" => json!(1),
        "number" => json!(1.5),
        "string" => json!(text(schema)),
        "array" => match schema.get("items").filter(|items| items.as_object().is_some_and(|items| !items.is_empty())) {
            Some(items) => json!([at(items, depth + 1)]),
            None => json!([]),
        },
        "object" => object(schema, depth),
        _ => Value::Null,
    }
}

fn object(schema: &Value, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut members: Map<String, Value> =
        properties.map(|(name, property)| (name.clone(), at(property, depth + 1))).collect();
    if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object()) {
        members.entry("key").or_insert_with(|| at(rest, depth + 1));
    }
    Value::Object(members)
}

/// RFC 2606, 5737 and 3849 keep these names and addresses for examples.
fn text(schema: &Value) -> &'static str {
    let key = |key: &str| schema.get(key).and_then(Value::as_str);
    match key("format").or_else(|| key("pattern")).or_else(|| key("contentEncoding")) {
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("date") => "2000-01-01",
        Some("date-time") => "2000-01-01T00:00:00Z",
        Some("time") => "00:00:00Z",
        Some("email") => "user@example.com",
        Some("uri") => "https://example.com/",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("^[0-9]+$") => "0",
        Some("^[0-9a-fA-F]+$") => "0123456789abcdef",
        Some("base64" | "byte" | "^[A-Za-z0-9+/]+={0,2}$") => "AAECAwQFBgcICQoLDA0ODw==",
        _ => "text",
    }
}
