//! The walker against `serde_json` on whole bodies, and on what is no JSON.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

struct Members(Vec<(String, String)>);

impl<'a> Visit<'a> for Members {
    fn wants(&mut self, _: &'a [u8], _: bool) -> bool {
        true
    }

    fn value(&mut self, place: &Place<'_, 'a>, value: Scalar<'a>, _: Marks) {
        let value = match value {
            Scalar::String(text) => format!("\"{}", String::from_utf8_lossy(&unescape(text))),
            Scalar::Number(text) => String::from_utf8_lossy(text).into_owned(),
            Scalar::Word(_) => "word".to_owned(),
        };
        self.0.push((place.pointer().into(), value));
    }
}

fn members(body: &[u8]) -> (Vec<(String, String)>, Outcome) {
    let mut all = Members(Vec::new());
    let outcome = walk(body, &mut all);
    (all.0, outcome)
}

/// What `serde_json` knows, in the walker's terms. `named`: below a member.
fn expected(value: &Value, pointer: &str, named: bool, all: &mut Vec<(String, String)>) {
    let mut give = |text: String| all.push((pointer.to_owned(), text));
    match value {
        Value::Array(elements) => {
            for element in elements {
                expected(element, &format!("{pointer}/-"), named, all);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                expected(member, &format!("{pointer}/{}", redact::field_name(name.as_bytes())), true, all);
            }
        }
        // Without a name nothing is wanted but what is marked, and the strings here are short.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) if !named => {
            // A number at the end may be cut itself.
            let long =
                matches!(value, Value::Number(number) if number.to_string().len() >= RUN_MIN && !pointer.is_empty());
            let marked = matches!(value, Value::String(text) if !expected_marks(text).is_empty());
            if long || marked {
                give(shown(value));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => give(shown(value)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}"),
        Value::Number(number) => number.to_string(),
        _ => "word".to_owned(),
    }
}

fn expected_marks(text: &str) -> Vec<usize> {
    super::super::scan::tests::expected(text.as_bytes())
}

fn records(value: &Value) -> Option<u64> {
    match value {
        Value::Array(elements) => Some(elements.len() as u64),
        Value::Object(members) => {
            members.values().filter_map(Value::as_array).map(|elements| elements.len() as u64).max()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The names of [`Outline`] over a tree.
fn outline(value: &Value) -> Outline {
    let mut outline = Outline::default();
    let mut names = |level: usize, value: &Value| {
        for name in value.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let coded = serde_json::to_string(name).unwrap();
            outline.add(level, &coded.as_bytes()[1..coded.len() - 1]);
        }
    };
    let first = |value: &Value| value.as_array().into_iter().flatten().take(4).cloned().collect::<Vec<_>>();
    names(1, value);
    for element in first(value) {
        names(2, &element);
    }
    for member in value.as_object().into_iter().flat_map(serde_json::Map::values) {
        names(2, member);
        for element in first(member) {
            names(3, &element);
        }
    }
    outline
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[\\PC\"\\\\\n\t]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-zé\"/~ ]{0,6}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json(value in value(), pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let (found, outcome) = members(body.as_bytes());
        let mut all = Vec::new();
        expected(&value, "", false, &mut all);
        prop_assert_eq!(found, all);
        prop_assert_eq!(outcome, Outcome { whole: true, records: records(&value), outline: outline(&value), read: body.len() });
    }

    #[test]
    fn escapes_are_undone_as_serde_json_does(text in any::<String>()) {
        let coded = text.encode_utf16().fold(String::new(), |coded, unit| coded + &format!("\\u{unit:04x}"));
        prop_assert_eq!(&*unescape(coded.as_bytes()), text.as_bytes());
        let coded = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(&*unescape(&coded.as_bytes()[1..coded.len() - 1]), text.as_bytes());
    }

    #[test]
    fn a_cut_body_is_never_whole_and_gives_no_count(value in value(), at in any::<prop::sample::Index>()) {
        let body = serde_json::to_string(&value).unwrap();
        prop_assume!(body.starts_with(['{', '[']));
        let cut = &body.as_bytes()[..at.index(body.len())];
        let (found, outcome) = members(cut);
        prop_assert!(!outcome.whole && outcome.records.is_none());
        let (all, _) = members(body.as_bytes());
        // The last one may be a word that was cut, which gives nothing away.
        let sure = found.len().saturating_sub(usize::from(found.last().is_some_and(|(_, value)| value == "word")));
        prop_assert_eq!(&found[..sure], &all[..sure]);
    }

    #[test]
    fn noise_is_read_to_its_end(noise in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ua1-t \n".to_vec()), 0..200)) {
        let (_, outcome) = members(&noise);
        prop_assert_eq!(outcome.read, noise.len());
        prop_assert!(!outcome.whole || serde_json::from_slice::<serde::de::IgnoredAny>(&noise).is_ok() || lenient(&noise));
    }
}

/// What the walker lets pass and `serde_json` does not: control characters and broken escapes in strings, odd numbers.
fn lenient(noise: &[u8]) -> bool {
    noise.iter().any(|b| b"\\\n-1\"".contains(b))
}

#[test]
fn too_deep_is_left_and_said() {
    for deep in [&b"["[..], b"{\"a\":"] {
        let body = deep.repeat(100_000);
        let (_, outcome) = members(&body);
        assert_eq!((outcome.whole, outcome.records, outcome.read), (false, None, deep.len() * DEPTH_MAX));
    }
    let most = [b"[".repeat(DEPTH_MAX), b"]".repeat(DEPTH_MAX)].concat();
    assert_eq!(members(&most).1.records, Some(1));
}

#[test]
fn broken_bodies_are_not_counted() {
    for body in [
        "",
        "[1,2",
        "[1,]",
        "[1 2]",
        "[1]]",
        "[1}",
        "[1][2]",
        "[1]\n[2]",
        "{\"a\":[1],}",
        "{\"a\"}",
        "{:1}",
        "[tru]",
        "{\"a\":1 \"b\":[2]}",
    ] {
        let (_, outcome) = members(body.as_bytes());
        assert_eq!((outcome.whole, outcome.records), (false, None), "{body}");
    }
    for (body, count) in [
        (" [1 , 2] ", Some(2)),
        ("{\"a\":[],\"b\":[1,2]}", Some(2)),
        ("{\"a\":{\"b\":[1]}}", None),
        ("\u{feff}[1]", Some(1)),
        ("7", None),
    ] {
        let (_, outcome) = members(body.as_bytes());
        assert_eq!((outcome.whole, outcome.records), (true, count), "{body}");
    }
}
