//! Values of labels: cleaned, classed and capped. A value once admitted stays (a counter that vanished and returned at 0 would lie
//! to `rate()`); past a cap it is `other`, and that is counted.

use std::borrow::Cow;

/// The value past a cap. Routes begin with `/` and so never clash with it.
pub(super) const OTHER: &str = "other";
/// The value of a fact that was not seen.
pub(super) const UNKNOWN: &str = "unknown";
/// The route of a call that belongs to no endpoint.
pub(super) const UNMATCHED: &str = "unmatched";

/// Longest label value, in characters.
const LENGTH_MAX: usize = 128;

/// Methods with a value of their own; others are `_OTHER`, as in OpenTelemetry.
pub(super) const METHODS: [&str; 12] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE", "_OTHER", UNKNOWN];

/// Status classes.
pub(super) const CODES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", UNKNOWN];

/// The place of a method in [`METHODS`].
pub(super) fn method(name: Option<&str>) -> u8 {
    let known = METHODS.len() - 2;
    let place = match name {
        Some(name) => METHODS.iter().take(known).position(|known| *known == name).unwrap_or(known),
        None => known + 1,
    };
    u8::try_from(place).unwrap_or(0)
}

/// The place of a status in [`CODES`].
pub(super) fn code(status: Option<u16>) -> u8 {
    match status.map(|status| status / 100) {
        Some(class @ 1..=5) => u8::try_from(class - 1).unwrap_or(5),
        _ => 5,
    }
}

/// A value from traffic without control and direction characters, of bounded length. Quoting is the encoder's.
pub(super) fn clean(value: &str) -> Cow<'_, str> {
    let shown = |c: char| {
        !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if value.len() <= LENGTH_MAX && value.chars().all(shown) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.chars().map(|c| if shown(c) { c } else { '\u{fffd}' }).take(LENGTH_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cleaned_and_classed() {
        assert_eq!(clean("/orders/{id}"), "/orders/{id}");
        assert_eq!(clean("a\nb\u{202e}c\"\\"), "a\u{fffd}b\u{fffd}c\"\\");
        assert_eq!(clean(&"x".repeat(1000)).len(), LENGTH_MAX);
        let name = |method| METHODS[usize::from(super::method(method))];
        assert_eq!([name(Some("GET")), name(Some("BREW")), name(None)], ["GET", "_OTHER", "unknown"]);
        let class = |status| CODES[usize::from(code(status))];
        assert_eq!(
            [class(Some(204)), class(Some(599)), class(Some(999)), class(None)],
            ["2xx", "5xx", "unknown", "unknown"]
        );
    }
}
