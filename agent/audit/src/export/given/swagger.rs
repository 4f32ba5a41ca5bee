//! An operation of Swagger 2.0 in the words of `OpenAPI` 3, as far as documents are compared: bodies, forms and answers by media type.

use serde_json::{Map, Value, json};

use super::resolve;

/// Rewrites the operation at a place; of another version nothing changes.
pub(super) fn modernise(root: &mut Value, pointer: &str) {
    if root.get("swagger").is_none() {
        return;
    }
    let Some(operation) = modern(root, pointer) else { return };
    if let Some(place) = root.pointer_mut(pointer) {
        *place = operation;
    }
}

fn modern(root: &Value, pointer: &str) -> Option<Value> {
    let mut operation = root.pointer(pointer)?.as_object()?.clone();
    let item = pointer.rsplit_once('/').map_or("", |(item, _)| item);
    let media = |key: &str| -> Vec<String> {
        let listed = operation.get(key).or_else(|| root.get(key)).and_then(Value::as_array);
        let listed: Vec<_> = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        // It does not say.
        if listed.is_empty() { vec!["*/*".to_owned()] } else { listed }
    };
    let (consumes, produces) = (media("consumes"), media("produces"));
    let (mut parameters, mut fields, mut body) = (Vec::new(), Map::new(), None);
    for list in [format!("{item}/parameters"), format!("{pointer}/parameters")] {
        let length = root.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
        for (_, parameter) in (0..length).filter_map(|at| resolve(root, &format!("{list}/{at}"))) {
            let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
            match text("in") {
                "body" => body = parameter.get("schema").cloned(),
                "formData" => drop(fields.insert(text("name").to_owned(), json!({}))),
                _ => parameters.push(parameter.clone()),
            }
        }
    }
    operation.insert("parameters".to_owned(), Value::Array(parameters));
    let body = body.or_else(|| (!fields.is_empty()).then(|| json!({"type": "object", "properties": fields})));
    if let Some(schema) = body {
        operation.insert("requestBody".to_owned(), json!({"content": content(&consumes, &schema)}));
    }
    let names = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    let responses: Map<String, Value> = names
        .filter_map(|(name, _)| {
            let (_, response) = resolve(root, &format!("{pointer}/responses/{}", super::escaped(name)))?;
            let mut response = response.as_object()?.clone();
            if let Some(schema) = response.remove("schema") {
                response.insert("content".to_owned(), content(&produces, &schema));
            }
            Some((name.clone(), Value::Object(response)))
        })
        .collect();
    operation.insert("responses".to_owned(), Value::Object(responses));
    Some(Value::Object(operation))
}

fn content(media: &[String], schema: &Value) -> Value {
    media.iter().map(|media| (media.clone(), json!({"schema": schema}))).collect::<Map<_, _>>().into()
}
