//! Members of objects and elements of arrays of JSON as they stand, one level at a time: for messages of which the first names decide
//! whether they are looked at any further. Total, without recursion, linear in the bytes passed over; no validator.

use crate::facts::json::unescape;
use crate::facts::percent::Plain;

/// What stands between two marks, without the white space around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// As it stands, a string with its quotes.
    pub text: &'a [u8],
    /// Its end was seen.
    pub ended: bool,
}

impl<'a> Value<'a> {
    /// A whole body, or what was seen of it.
    pub(super) fn of(text: &'a [u8]) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
        Self { text, ended: false }
    }

    /// A string's text with its escapes undone; of a string that was cut, what is there.
    pub(super) fn string(self) -> Option<Plain<'a>> {
        let inner = self.text.strip_prefix(b"\"")?;
        let inner = if self.ended { inner.strip_suffix(b"\"").unwrap_or(inner) } else { inner };
        Some(unescape(inner))
    }

    pub(super) fn is_object(self) -> bool {
        self.text.starts_with(b"{")
    }

    pub(super) fn is_array(self) -> bool {
        self.text.starts_with(b"[")
    }

    /// An object's members: names as they stand, with escapes. Nothing of anything else.
    pub(super) fn members(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        let mut rest = self.text.strip_prefix(b"{").unwrap_or_default();
        std::iter::from_fn(move || {
            let name = skip_to_value(rest).strip_prefix(b"\"")?;
            let end = string_end(name)?;
            let (key, after) = name.split_at_checked(end)?;
            let after = after.get(1..)?.trim_ascii_start().strip_prefix(b":")?;
            let (value, after) = value(after);
            rest = after;
            (!value.text.is_empty()).then_some((key, value))
        })
    }

    /// An array's elements. Nothing of anything else.
    pub(super) fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut rest = self.text.strip_prefix(b"[").unwrap_or_default();
        std::iter::from_fn(move || {
            let (value, after) = value(skip_to_value(rest));
            rest = after;
            (!value.text.is_empty()).then_some(value)
        })
    }

    /// The value of a member.
    pub(super) fn member(self, name: &[u8]) -> Option<Value<'a>> {
        self.members().take(MEMBERS_MAX).find(|(key, _)| &*unescape(key) == name).map(|(_, value)| value)
    }
}

/// Members of an object that are looked at.
pub(super) const MEMBERS_MAX: usize = 64;

fn skip_to_value(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    text.strip_prefix(b",").unwrap_or(text).trim_ascii_start()
}

/// The value at the start of a text, and what follows it.
fn value(text: &[u8]) -> (Value<'_>, &[u8]) {
    let text = text.trim_ascii_start();
    let end = match text.first() {
        Some(b'"') => text.get(1..).and_then(string_end).map(|end| end + 2),
        Some(b'{' | b'[') => nested_end(text),
        _ => memchr::memchr3(b',', b'}', b']', text),
    };
    let (value, rest) = text.split_at(end.unwrap_or(text.len()).min(text.len()));
    (Value { text: value.trim_ascii_end(), ended: end.is_some() }, rest)
}

/// Where the string that has begun ends: the place of its closing quote.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Behind the bracket that closes the first one.
fn nested_end(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at += string_end(text.get(at..)?)? + 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let value = Value::of(text.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let one = |value: Value<'_>| format!("{}{}", text(value.text), if value.ended { "" } else { "…" });
        let members = value.members().map(|(key, value)| format!("{}={}", text(key), one(value)));
        members.chain(value.elements().map(one)).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn one_level_as_it_stands() {
        for (whole, level) in [
            (r#"{"a":1,"b" : "x\"}" , "c":{"d":[1,"]"]},"e":null}"#, r#"a=1 | b="x\"}" | c={"d":[1,"]"]} | e=null"#),
            (r#" [1, "a,b", {"x":[]} ,true]"#, r#"1 | "a,b" | {"x":[]} | true"#),
            ("{}", ""),
            ("[]", ""),
            ("7", ""),
            ("", ""),
        ] {
            assert_eq!(shown(whole), level, "{whole}");
        }
    }

    #[test]
    fn what_was_cut_or_broken_ends_somewhere() {
        for (cut, level) in [
            (r#"{"a":{"b":1"#, r#"a={"b":1…"#),
            (r#"{"a":"tex"#, r#"a="tex…"#),
            (r#"{"a":"tex\"#, r#"a="tex\…"#),
            (r#"{"a":12"#, "a=12…"),
            (r#"{"a":1,"b"#, "a=1"),
            (r#"{"a" 1}"#, ""),
            ("[1,[2", "1 | [2…"),
            ("[,,,]", ""),
            ("{\"a\":}", ""),
        ] {
            assert_eq!(shown(cut), level, "{cut}");
        }
    }

    #[test]
    fn serde_reads_the_same() {
        let text = r#"{"query":"a\\\"b","n":-1.5e3,"o":{"a":[{},[]],"b":"}{"},"l":[[1,2],"]",{"x":"["}],"z":false}"#;
        let whole: serde_json::Value = serde_json::from_str(text).unwrap();
        let value = Value::of(text.as_bytes());
        let members: serde_json::Map<String, serde_json::Value> = value
            .members()
            .map(|(key, value)| {
                assert!(value.ended);
                (String::from_utf8(key.to_vec()).unwrap(), serde_json::from_slice(value.text).unwrap())
            })
            .collect();
        assert_eq!(serde_json::Value::Object(members), whole);
        let list = value.member(b"l").unwrap();
        let elements: Vec<serde_json::Value> =
            list.elements().map(|value| serde_json::from_slice(value.text).unwrap()).collect();
        assert_eq!(serde_json::Value::Array(elements), whole["l"]);
        assert_eq!(&*value.member(b"query").unwrap().string().unwrap(), br#"a\"b"#);
    }
}
