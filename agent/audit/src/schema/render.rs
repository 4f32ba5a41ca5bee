//! A learnt schema as JSON Schema, in the dialect of `OpenAPI` 3.0 or 3.1.
//!
//! What is claimed needs evidence: "required", an object without further members, a format, a list of values. Where there is too little
//! nothing is said. Numbers and lengths are bounded only in [`Style::strict`], at sixteen times of what was met: for whoever wants to know
//! that something is out of all measure.

use serde_json::{Map, Value, json};
use smol_str::SmolStr;

use super::Schema;
use super::format::Format;
use super::node::{Node, Range, Types, Variant};

/// Messages that could have refuted "always there" or "nothing else".
const ALWAYS_MIN: u32 = 16;
/// Messages that could have refuted a format.
const FORMAT_MIN: u32 = 6;
/// Past the greatest that was met by so many binary digits.
const MARGIN_BITS: i8 = 4;
/// Binary exponents that are not written as a bound.
const EXPONENT_MAX: i8 = 62;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// As JSON Schema 2020-12 and `OpenAPI` 3.1 have it; else as `OpenAPI` 3.0 does.
    pub modern: bool,
    /// Objects have no further members than those seen, numbers and lengths are bounded.
    pub strict: bool,
}

impl Schema {
    /// As JSON Schema.
    pub fn render(&self, style: Style) -> Value {
        style.node(&self.root)
    }
}

/// A parameter: a member of a query, of a form, or of header fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// It was always there, in enough messages to tell.
    pub required: bool,
    /// As JSON Schema.
    pub schema: Value,
}

impl Schema {
    /// The members by name, of what is a set of parameters. Names that are values are left out.
    pub fn parameters(&self, style: Style) -> Vec<Parameter> {
        let Kinds::One(variant) = kinds(&self.root.variants) else { return Vec::new() };
        if variant.is_like_map() {
            return Vec::new();
        }
        let is_proven = variant.seen.count() >= ALWAYS_MIN;
        let parameter = |member: &super::node::Member| Parameter {
            name: member.name.to_string(),
            required: member.always && is_proven,
            schema: style.node(&member.node),
        };
        variant.members.iter().map(parameter).collect()
    }
}

impl Style {
    pub(crate) fn node(self, node: &Node) -> Value {
        let nullable = node.types.has(Types::NULL);
        let mut kinds: Vec<Value> = Vec::new();
        let types = node.types;
        if types.has(Types::STRING) {
            kinds.push(self.string(node, nullable));
        }
        if types.has(Types::NUMBER) || types.has(Types::INTEGER) {
            kinds.push(self.number(node));
        }
        if types.has(Types::BOOLEAN) {
            kinds.push(json!({"type": "boolean"}));
        }
        if types.has(Types::ARRAY) {
            let items = node.items.as_ref().map_or_else(|| json!({}), |items| self.node(items));
            let mut array = json!({"type": "array", "items": items});
            if self.strict {
                bound(&mut array, "maxItems", node.size);
            }
            kinds.push(array);
        }
        if types.has(Types::OBJECT) {
            kinds.push(self.object(node));
        }
        self.alternatives(kinds, nullable)
    }

    fn alternatives(self, mut kinds: Vec<Value>, nullable: bool) -> Value {
        if nullable && !self.modern {
            kinds.iter_mut().for_each(allow_null);
        }
        match (kinds.len(), nullable && self.modern) {
            // Of a place where nothing but null was met nothing is known.
            (0, _) => json!({}),
            (1, false) => kinds.pop().unwrap_or_default(),
            (1, true) => {
                let kind = kinds.pop().unwrap_or_default();
                with_null(kind)
            }
            (_, with_null) => {
                if with_null {
                    kinds.push(json!({"type": "null"}));
                }
                json!({"anyOf": kinds})
            }
        }
    }

    fn string(self, node: &Node, nullable: bool) -> Value {
        let mut schema = json!({"type": "string"});
        if let Some(words) = node.values.known() {
            let mut words: Vec<Value> = words.into_iter().map(|word| json!(word.as_str())).collect();
            if nullable {
                words.push(Value::Null);
            }
            set(&mut schema, "enum", json!(words));
            return schema;
        }
        match node.formats.best().filter(|_| node.seen.count() >= FORMAT_MIN) {
            Some(format) => self.format(format, &mut schema),
            None if self.strict => bound(&mut schema, "maxLength", node.length),
            None => {}
        }
        schema
    }

    fn format(self, format: Format, schema: &mut Value) {
        let name = match format {
            Format::Uuid => "uuid",
            Format::Date => "date",
            Format::DateTime => "date-time",
            Format::Time => "time",
            Format::Email => "email",
            Format::Uri => "uri",
            Format::Ipv4 => "ipv4",
            Format::Ipv6 => "ipv6",
            Format::File if self.modern => return set(schema, "contentMediaType", json!("application/octet-stream")),
            Format::File => "binary",
            Format::Digits => return set(schema, "pattern", json!("^[0-9]+$")),
            Format::Hex => return set(schema, "pattern", json!("^[0-9a-fA-F]+$")),
            Format::Base64 => {
                if self.strict {
                    set(schema, "pattern", json!("^[A-Za-z0-9+/]+={0,2}$"));
                }
                let (key, value) = if self.modern { ("contentEncoding", "base64") } else { ("format", "byte") };
                return set(schema, key, json!(value));
            }
        };
        set(schema, "format", json!(name));
    }

    fn number(self, node: &Node) -> Value {
        let kind = if node.types.has(Types::NUMBER) { "number" } else { "integer" };
        let mut schema = json!({"type": kind});
        if self.strict && node.range != Range::EMPTY {
            let bound = |code: i8| {
                let exponent = code.unsigned_abs().saturating_add(MARGIN_BITS.unsigned_abs());
                (exponent <= EXPONENT_MAX.unsigned_abs()).then(|| i64::from(code.signum()) << exponent)
            };
            // What was never negative is not expected to be; what was never above zero says nothing of above.
            let least = if node.range.least >= 0 { Some(0) } else { bound(node.range.least) };
            let most = if node.range.most <= 0 { bound(1) } else { bound(node.range.most) };
            if let Some(least) = least {
                set(&mut schema, "minimum", json!(least));
            }
            if let Some(most) = most {
                set(&mut schema, "maximum", json!(most));
            }
        }
        schema
    }

    fn object(self, node: &Node) -> Value {
        match kinds(&node.variants) {
            Kinds::None => json!({"type": "object"}),
            Kinds::One(variant) => self.variant(&variant),
            Kinds::Told => {
                // By the tag's word: the order of the hashes depends on the installation's key.
                let mut kinds: Vec<_> = node.variants.iter().map(|variant| (word_of(variant), variant)).collect();
                kinds.sort_by_key(|(word, _)| *word);
                let each: Vec<Value> = kinds.into_iter().map(|(_, variant)| self.variant(variant)).collect();
                json!({"oneOf": each})
            }
        }
    }

    fn variant(self, variant: &Variant) -> Value {
        let is_proven = variant.seen.count() >= ALWAYS_MIN;
        if variant.is_like_map() {
            let mut map = variant.clone();
            map.make_map();
            let rest = map.rest.map_or_else(|| json!({}), |rest| self.node(&rest));
            return json!({"type": "object", "additionalProperties": rest});
        }
        let mut schema = json!({"type": "object"});
        let properties: Map<String, Value> =
            variant.members.iter().map(|member| (member.name.to_string(), self.node(&member.node))).collect();
        let is_tag = |name: &str| variant.tag.as_ref().is_some_and(|(tag, _)| tag == name);
        // A kind that is told by its tag has the tag.
        let always = variant.members.iter().filter(|member| (member.always && is_proven) || is_tag(&member.name));
        let always: Vec<_> = always.map(|member| member.name.to_string()).collect();
        if !properties.is_empty() {
            set(&mut schema, "properties", Value::Object(properties));
        }
        if !always.is_empty() {
            set(&mut schema, "required", json!(always));
        }
        if let Some(rest) = &variant.rest {
            set(&mut schema, "additionalProperties", self.node(rest));
        } else if self.strict && is_proven && !variant.open {
            set(&mut schema, "additionalProperties", json!(false));
        }
        schema
    }
}

/// How an object's kinds are written.
enum Kinds {
    /// Nothing is known of it.
    None,
    /// As one.
    One(Box<Variant>),
    /// Each for itself: a tag tells them apart.
    Told,
}

fn kinds(variants: &[Variant]) -> Kinds {
    let Some((first, others)) = variants.split_first() else { return Kinds::None };
    if !others.is_empty() && others.iter().any(|other| !is_alike(first, other)) && variants.iter().all(is_told) {
        return Kinds::Told;
    }
    let mut all = first.clone();
    all.tag = None;
    for other in others {
        all.join(other.clone());
    }
    Kinds::One(Box::new(all))
}

/// The same members.
fn is_alike(a: &Variant, b: &Variant) -> bool {
    a.members.len() == b.members.len() && a.members.iter().zip(&b.members).all(|(a, b)| a.name == b.name)
}

/// The tag's value is known, so that the kind can be written.
fn is_told(variant: &Variant) -> bool {
    word_of(variant).is_some()
}

/// The tag's value, where it is known.
fn word_of(variant: &Variant) -> Option<&SmolStr> {
    let (tag, _) = variant.tag.as_ref().filter(|_| !variant.is_fold())?;
    let member = variant.members.iter().find(|member| member.name == *tag)?;
    member.node.values.known()?.first().copied()
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}

fn bound(schema: &mut Value, key: &str, range: Range) {
    let exponent = range.most.saturating_add(MARGIN_BITS);
    if range.most > 0 && exponent <= EXPONENT_MAX {
        set(schema, key, json!(1_i64 << exponent));
    }
}

/// In 3.0.
fn allow_null(schema: &mut Value) {
    if schema.get("type").is_some() {
        set(schema, "nullable", json!(true));
    } else if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.iter_mut().take(1).for_each(allow_null);
    }
}

/// In 3.1.
fn with_null(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned() {
        set(&mut schema, "type", json!([kind, "null"]));
        return schema;
    }
    json!({"anyOf": [schema, {"type": "null"}]})
}
