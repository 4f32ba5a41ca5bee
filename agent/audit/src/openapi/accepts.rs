//! What a path parameter accepts, as far as its schema says so in a way that a single text can be held against.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex_lite::{Regex, RegexBuilder};

use super::matcher::{Part, values};
use super::tree::{Node, Value};

/// Values kept of an enumeration. A longer one accepts anything.
const VALUES_MAX: usize = 1_024;
/// Longest pattern, in bytes, and largest program made of one. Others accept anything.
const PATTERN_MAX: usize = 512;
const PROGRAM_BYTES_MAX: usize = 64 << 10;
/// Longest value that is held against a pattern, in bytes. A longer one is accepted.
const VALUE_MAX: usize = 1_024;

/// One parameter of an operation's path.
#[derive(Debug)]
pub(super) struct Accepts {
    /// Its segment, counted from the path's end: 1 is the last. The start depends on the server's base path.
    from_end: usize,
    /// The parts of its segment and which of their parameters it is; `None` where it is all of it.
    within: Option<(Box<[Part]>, usize)>,
    rule: Rule,
}

/// What a schema says.
#[derive(Debug, Default)]
pub(super) struct Rule {
    kind: Kind,
    /// Exactly these.
    values: Option<Box<[Box<str>]>>,
    pattern: Option<Pattern>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    /// Characters.
    length: (Option<f64>, Option<f64>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Any,
    Integer,
    Number,
    Boolean,
    Uuid,
    Date,
}

/// Compiled when it is first needed: only where templates tie.
#[derive(Debug)]
struct Pattern {
    text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl Accepts {
    pub(super) fn new(from_end: usize, within: Option<(Box<[Part]>, usize)>, rule: Rule) -> Self {
        Self { from_end, within, rule }
    }

    /// Whether the path's segments, decoded, have a value here that the schema accepts.
    pub(super) fn fits(&self, segments: &[Cow<'_, str>]) -> bool {
        let segment = segments.len().checked_sub(self.from_end).and_then(|at| segments.get(at));
        let Some(segment) = segment else { return true };
        match &self.within {
            None => self.rule.accepts(segment),
            Some((parts, which)) => values(parts, segment).get(*which).is_none_or(|value| self.rule.accepts(value)),
        }
    }
}

impl Rule {
    /// From a schema, its references followed, or from a parameter of Swagger 2.0, which is one itself. `None`: it accepts anything.
    pub(super) fn of(schema: &Node) -> Option<Self> {
        let number = |name: &str| schema.get(name).and_then(Node::number);
        let pattern = schema.get("pattern").and_then(Node::text).filter(|pattern| pattern.len() <= PATTERN_MAX);
        let rule = Self {
            kind: kind(schema),
            values: listed(schema),
            pattern: pattern.map(|text| Pattern { text: text.into(), compiled: OnceLock::new() }),
            minimum: number("minimum"),
            maximum: number("maximum"),
            length: (number("minLength").filter(|length| *length > 1.0), number("maxLength")),
        };
        let says = rule.kind != Kind::Any
            || rule.values.is_some()
            || rule.pattern.is_some()
            || rule.length.0.is_some()
            || rule.length.1.is_some();
        says.then_some(rule)
    }

    pub(super) fn accepts(&self, value: &str) -> bool {
        let is_kind = match self.kind {
            Kind::Any => true,
            Kind::Integer => is_integer(value) && self.is_in_range(value),
            Kind::Number => value.parse::<f64>().is_ok_and(f64::is_finite) && self.is_in_range(value),
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Uuid => is_uuid(value),
            Kind::Date => is_date(value),
        };
        is_kind
            && self.values.as_ref().is_none_or(|values| values.iter().any(|known| &**known == value))
            && self.is_length(value)
            && self.pattern.as_ref().is_none_or(|pattern| pattern.fits(value))
    }

    fn is_in_range(&self, value: &str) -> bool {
        let Ok(value) = value.parse::<f64>() else { return false };
        self.minimum.is_none_or(|least| value >= least) && self.maximum.is_none_or(|most| value <= most)
    }

    #[expect(clippy::cast_precision_loss, reason = "a path is shorter than 2⁵³ characters")]
    fn is_length(&self, value: &str) -> bool {
        let (least, most) = self.length;
        if least.is_none() && most.is_none() {
            return true;
        }
        let length = value.chars().count() as f64;
        least.is_none_or(|least| length >= least) && most.is_none_or(|most| length <= most)
    }
}

impl Pattern {
    /// Not anchored, as JSON Schema has it. What is no pattern that is known here accepts anything.
    fn fits(&self, value: &str) -> bool {
        let compiled = self
            .compiled
            .get_or_init(|| RegexBuilder::new(&self.text).size_limit(PROGRAM_BYTES_MAX).nest_limit(32).build().ok());
        value.len() > VALUE_MAX || compiled.as_ref().is_none_or(|pattern| pattern.is_match(value))
    }
}

/// The one type that a schema allows besides null.
fn kind(schema: &Node) -> Kind {
    let name = match schema.get("type").map(|kind| &kind.value) {
        Some(Value::Text(name)) => &**name,
        Some(Value::List(names)) => {
            let mut names = names.iter().filter_map(Node::text).filter(|name| *name != "null");
            match (names.next(), names.next()) {
                (Some(name), None) => name,
                _ => "",
            }
        }
        _ => "",
    };
    match (name, schema.get("format").and_then(Node::text)) {
        ("integer", _) => Kind::Integer,
        ("number", _) => Kind::Number,
        ("boolean", _) => Kind::Boolean,
        ("string" | "", Some("uuid")) => Kind::Uuid,
        ("string" | "", Some("date")) => Kind::Date,
        _ => Kind::Any,
    }
}

fn listed(schema: &Node) -> Option<Box<[Box<str>]>> {
    if let Some(only) = schema.get("const").and_then(Node::scalar) {
        return Some([only].into());
    }
    let list = schema.get("enum").and_then(Node::list).filter(|list| !list.is_empty() && list.len() <= VALUES_MAX)?;
    list.iter().map(Node::scalar).collect()
}

fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_date(value: &str) -> bool {
    value.len() == 10
        && value.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(schema: &str) -> Option<Rule> {
        let tree = Node::parse(&format!("schema: {{{schema}}}")).unwrap();
        Rule::of(tree.get("schema").unwrap())
    }

    #[test]
    fn schemas_accept_what_they_say() {
        let cases: [(&str, &[&str], &[&str]); 13] = [
            ("type: integer", &["7", "-7", "0"], &["", "-", "7.0", "a", "+7"]),
            ("type: integer, minimum: 1, maximum: 10", &["1", "10"], &["0", "11"]),
            ("type: [integer, 'null']", &["7"], &["x"]),
            ("type: number", &["7", "-7.5", "1e3"], &["x", "NaN", "inf"]),
            ("type: boolean", &["true", "false"], &["yes", "1"]),
            ("type: string, format: uuid", &["3fa85f64-5717-4562-b3fc-2c963f66afa6"], &["3fa85f64", "me"]),
            ("type: string, format: date", &["2026-11-24"], &["24.11.2026", "2026-1-24"]),
            ("type: string, enum: [me, self]", &["me", "self"], &["mine", ""]),
            ("enum: [1, 2]", &["1", "2"], &["3"]),
            ("const: x", &["x"], &["y"]),
            ("pattern: '^[a-z]+$'", &["abc"], &["ab1", ""]),
            ("pattern: '[0-9]{2}'", &["a12b"], &["a1b"]),
            ("minLength: 2, maxLength: 3", &["ab", "äöü"], &["a", "abcd"]),
        ];
        for (schema, good, bad) in cases {
            let rule = rule(schema).unwrap();
            assert!(good.iter().all(|value| rule.accepts(value)), "{schema}");
            assert!(bad.iter().all(|value| !rule.accepts(value)), "{schema}");
        }
        for schema in ["type: string", "type: [string, integer]", "", "minLength: 1", "enum: []", "enum: [[]]"] {
            assert!(rule(schema).is_none(), "{schema}");
        }
    }

    #[test]
    fn what_is_no_pattern_here_accepts_anything() {
        // Look-around is none that runs in linear time; the last one would be too large a program.
        for pattern in ["(?=a)b", "(", "(?:(?:[\\w]{100}){100}){100}"] {
            let rule = rule(&format!("pattern: '{pattern}'")).unwrap();
            assert!(rule.accepts("anything"), "{pattern}");
        }
        let long = format!("pattern: {}", "a".repeat(PATTERN_MAX + 1));
        assert!(rule(&long).is_none());
        let rule = rule("pattern: ^a$").unwrap();
        assert!(!rule.accepts("b") && rule.accepts(&"b".repeat(VALUE_MAX + 1)));
    }
}
