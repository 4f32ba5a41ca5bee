//! YAML or JSON as a plain tree, with lines where the text is YAML. Nothing here knows `OpenAPI`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::fault::DocumentError;

/// Nesting allowed.
const DEPTH_MAX: usize = 100;
/// Size allowed of all that aliases repeat.
const ANCHOR_EVENTS_MAX: usize = 100_000;
/// Nodes allowed.
const NODES_MAX: usize = 2_000_000;

/// A value and the line where it stands; 0 unknown.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

/// A value. A mapping keeps its order, and names that are there twice.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<(Box<str>, Node)>),
}

impl Node {
    /// A text as JSON where it looks like it, as YAML otherwise.
    pub(super) fn parse(text: &str) -> Result<Self, DocumentError> {
        let text = text.trim_start_matches('\u{feff}');
        if is_json(text) { parse_json(text) } else { parse_yaml(text) }
    }

    /// A member of a mapping; the first of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(known, _)| &**known == name).map(|(_, node)| node)
    }

    /// The members of a mapping; none if it is not one.
    pub(super) fn members(&self) -> &[(Box<str>, Self)] {
        match &self.value {
            Value::Map(members) => members,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) => Some(number),
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The text or the number as it would be written in a path.
    pub(super) fn scalar(&self) -> Option<Box<str>> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string().into()),
            Value::Bool(value) => Some(value.to_string().into()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// As JSON; of a name that is there twice the first counts. As deep as the text was: the parser's bound.
    pub(super) fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => json_number(*number),
            Value::Text(text) => Json::String(text.to_string()),
            Value::List(list) => Json::Array(list.iter().map(Self::json).collect()),
            Value::Map(members) => {
                let mut map = serde_json::Map::new();
                for (name, node) in members {
                    map.entry(&**name).or_insert_with(|| node.json());
                }
                Json::Object(map)
            }
        }
    }

    /// What a JSON pointer leads to; in a URI fragment it may be percent-encoded (RFC 6901 §6).
    pub(super) fn lookup(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, token| {
            let token = super::matcher::decoded(token).replace("~1", "/").replace("~0", "~");
            match node.list() {
                Some(list) => list.get(token.parse::<usize>().ok()?),
                None => node.get(&token),
            }
        })
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => None,
        }
    }
}

/// Whether a text is read as JSON: without lines.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('{')
}

/// Whole numbers as whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in the range that is exact")]
fn json_number(number: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return (number as i64).into();
    }
    serde_json::Number::from_f64(number).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

fn parse_json(text: &str) -> Result<Node, DocumentError> {
    // An upper bound of the number of nodes: each but the first comes after one of these.
    let nodes = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if nodes > NODES_MAX {
        return Err(DocumentError::Syntax { line: 0, column: 0, what: "too many values".into() });
    }
    let parsed: Result<Bare, _> = serde_json::from_str(text);
    parsed.map(|bare| bare.0).map_err(|error| {
        // Line and column are in fields of their own.
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default().into();
        DocumentError::Syntax { line: error.line(), column: error.column(), what }
    })
}

fn parse_yaml(text: &str) -> Result<Node, DocumentError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 2 * NODES_MAX,
            max_documents: 1,
            max_recorded_anchor_events: ANCHOR_EVENTS_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // YAML 1.2, as OpenAPI says: `y` and `no` are strings.
        strict_booleans: true,
        with_snippet: false,
    };
    let parsed: Result<Lined, _> = serde_saphyr::from_str_with_options(text, options);
    parsed.map(|lined| lined.0).map_err(|error| {
        let location = error.location();
        let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
        DocumentError::Syntax {
            line: number(location.map(|location| location.line())),
            column: number(location.map(|location| location.column())),
            what: yaml_complaint(&error.without_snippet().to_string()).into(),
        }
    })
}

/// A parser's complaint without the place, which is in fields of its own, and without its inner names.
fn yaml_complaint(text: &str) -> &str {
    if text.starts_with("budget breached: Documents") {
        "there are several documents in one file"
    } else if text.starts_with("budget breached") || text.starts_with("recursion limit") {
        "nested, repeated or aliased too much"
    } else {
        text.split(" at line ").next().unwrap_or_default()
    }
}

/// How a node is read from a format: with or without its line.
trait Form<'de>: Deserialize<'de> {
    fn node(self) -> Node;
}

/// From JSON: no lines.
struct Bare(Node);

/// From YAML: with lines.
struct Lined(Node);

impl Form<'_> for Bare {
    fn node(self) -> Node {
        self.0
    }
}

impl Form<'_> for Lined {
    fn node(self) -> Node {
        self.0
    }
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor::<Self>(PhantomData))?;
        Ok(Self(Node { line: 0, value }))
    }
}

impl<'de> Deserialize<'de> for Lined {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<LinedValue>::deserialize(deserializer)?;
        let line = u32::try_from(spanned.referenced.line()).unwrap_or_default();
        Ok(Self(Node { line, value: spanned.value.0 }))
    }
}

struct LinedValue(Value);

impl<'de> Deserialize<'de> for LinedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor::<Lined>(PhantomData)).map(Self)
    }
}

struct ValueVisitor<F>(PhantomData<F>);

impl<'de, F: Form<'de>> Visitor<'de> for ValueVisitor<F> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of a document are shown, never counted with")]
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of a document are shown, never counted with")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element::<F>()? {
            list.push(item.node());
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = access.next_entry::<Name, F>()? {
            members.push((name, value.node()));
        }
        Ok(Value::Map(members))
    }
}

/// A member's name. YAML allows numbers and truth values there (`200:`, `on:`).
struct Name(Box<str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self(name.into()))
    }
}
