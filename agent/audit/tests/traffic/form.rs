//! Responses as a document's schemas have them: names and nesting; the values mean nothing here.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::resolved;
use super::values::{Random, WORDS};

/// What a schema describes.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    Plain,
    List(Box<Form>),
    /// Members with how often of 100 times they are there.
    Object(Vec<(String, usize, Form)>),
    /// Names that are data.
    Map(Box<Form>),
    /// One of several.
    Either(Vec<Form>),
}

/// Levels that are read.
const DEPTH_MAX: usize = 4;
/// Members of an object and variants of a choice that are read.
const MEMBERS_MAX: usize = 60;
const VARIANTS_MAX: usize = 4;

/// The JSON of an operation's first success. `None`: the document says none.
pub(crate) fn of(document: &Value, operation: &Map<String, Value>, lax: bool, random: &mut Random) -> Option<Form> {
    let responses = operation.get("responses")?.as_object()?;
    let (_, response) = responses.iter().find(|(status, _)| status.starts_with('2'))?;
    let response = resolved(document, response);
    let schema = match response.get("content").and_then(Value::as_object) {
        Some(content) => {
            let json = content.iter().find(|(name, _)| name.contains("json") || name.as_str() == "*/*");
            json?.1.get("schema")?
        }
        None => response.get("schema")?,
    };
    Some(form(document, schema, lax, 0, random))
}

/// `lax`: what the schema does not require is not always there.
fn form(document: &Value, schema: &Value, lax: bool, depth: usize, random: &mut Random) -> Form {
    let schema = resolved(document, schema);
    if depth >= DEPTH_MAX {
        return Form::Plain;
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(variants) = schema.get(several).and_then(Value::as_array).filter(|variants| !variants.is_empty()) {
            let variants = variants.iter().take(VARIANTS_MAX);
            return Form::Either(variants.map(|one| form(document, one, lax, depth + 1, random)).collect());
        }
    }
    if let Some(items) = schema.get("items") {
        return Form::List(Box::new(form(document, items, lax, depth + 1, random)));
    }
    let mut members = Vec::new();
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten().take(VARIANTS_MAX) {
        if let Form::Object(of_part) = form(document, part, lax, depth, random) {
            members.extend(of_part);
        }
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten().take(MEMBERS_MAX) {
        let often = if lax && !required.contains(&name.as_str()) { [100, 95, 70, 40, 5][random.below(5)] } else { 100 };
        members.push((name.clone(), often, form(document, member, lax, depth + 1, random)));
    }
    if !members.is_empty() {
        return Form::Object(members);
    }
    match schema.get("additionalProperties").filter(|more| more.is_object()) {
        Some(more) => Form::Map(Box::new(form(document, more, lax, depth + 1, random))),
        None => Form::Plain,
    }
}

impl Form {
    /// One such body.
    pub(crate) fn write(&self, text: &mut String, random: &mut Random) {
        match self {
            Self::Plain => text.push('0'),
            Self::List(item) => {
                let items = (0..random.below(5)).map(|_| (None, &**item));
                all(text, ['[', ']'], items, random);
            }
            Self::Object(members) => {
                let there: Vec<_> = members.iter().filter(|(_, often, _)| random.below(100) < *often).collect();
                all(text, ['{', '}'], there.into_iter().map(|(name, _, form)| (Some(name.as_str()), form)), random);
            }
            Self::Map(form) => {
                let names: Vec<&str> = (0..random.below(4)).map(|_| random.pick(WORDS)).collect();
                all(text, ['{', '}'], names.into_iter().map(|name| (Some(name), &**form)), random);
            }
            Self::Either(variants) => variants[random.below(variants.len())].write(text, random),
        }
    }
}

fn all<'a>(
    text: &mut String,
    [open, close]: [char; 2],
    parts: impl Iterator<Item = (Option<&'a str>, &'a Form)>,
    random: &mut Random,
) {
    text.push(open);
    for (index, (name, form)) in parts.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if let Some(name) = name {
            let _ = write!(text, "{}:", Value::from(name));
        }
        form.write(text, random);
    }
    text.push(close);
}
