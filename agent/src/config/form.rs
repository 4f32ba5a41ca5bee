//! The forms a value may have: how it is read, what is said when it is wrong, and how its default is written.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiscope_wire::Timestamp;
use toml_spanner::{Item, Value};

/// A key of a section: one line of the configuration reference, and all that reading it takes.
pub struct Key<T: 'static> {
    /// Its name in the file.
    pub name: &'static str,
    /// What it takes, and where it goes.
    pub form: Form<T>,
    /// Must be given.
    pub required: bool,
    /// For people, one or two sentences.
    pub doc: &'static str,
}

/// Says why a text is wrong, and what would be right.
pub type Check = fn(&str) -> Result<(), String>;

/// What a key takes. The place in the struct gives the default for the reference too.
pub enum Form<T: 'static> {
    /// Text that passes a check.
    Text(Check, fn(&mut T) -> &mut String),
    /// Text that passes a check, or nothing.
    MaybeText(Check, fn(&mut T) -> &mut Option<String>),
    /// A file or directory.
    Path(fn(&mut T) -> &mut PathBuf),
    /// A file, or a list of files.
    Paths(fn(&mut T) -> &mut Vec<PathBuf>),
    /// A file or directory, or nothing.
    MaybePath(fn(&mut T) -> &mut Option<PathBuf>),
    /// Bytes between two bounds: a number, or text such as `"64KiB"`.
    Bytes(u64, u64, fn(&mut T) -> &mut u64),
    /// A number between two bounds.
    Count(u64, u64, fn(&mut T) -> &mut u64),
    /// A duration between two bounds: text such as `"24h"`.
    Duration(Duration, Duration, fn(&mut T) -> &mut Duration),
    /// A list of texts that pass a check.
    Texts(Check, fn(&mut T) -> &mut Vec<Box<str>>),
    /// A list of ports.
    Ports(fn(&mut T) -> &mut Vec<u16>),
    /// One of some words.
    Choice(&'static [&'static str], fn(&mut T) -> &mut String),
    /// The end of something: a day, which counts to its end in UTC, or a time; at most so long from now.
    Until(Duration, fn(&mut T) -> &mut Option<Timestamp>),
    /// `ip:port`, or `"off"`.
    Listen(fn(&mut T) -> &mut Option<SocketAddr>),
}

/// Why a value was refused, and what would be right.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Refused {
    fn new(message: String, help: &str) -> Self {
        Self { message, help: Some(help.to_owned()) }
    }

    fn wanted(wanted: &str, item: &Item<'_>, help: &str) -> Self {
        Self::new(format!("expected {wanted}, found {}", found(item)), help)
    }
}

/// Sets the place, or says what is wrong and in which item (an element of a list, or the value itself). A relative path is
/// relative to `base`, the directory of the file it stands in.
pub fn set<'i, 'de, T>(
    form: &Form<T>,
    target: &mut T,
    item: &'i Item<'de>,
    base: &Path,
) -> Result<(), (&'i Item<'de>, Refused)> {
    let at = |refused| (item, refused);
    match form {
        Form::Text(check, place) => text(item, *check).map_err(at)?.clone_into(place(target)),
        Form::MaybeText(check, place) => *place(target) = Some(text(item, *check).map_err(at)?.to_owned()),
        Form::Path(place) => *place(target) = base.join(text(item, path).map_err(at)?),
        Form::MaybePath(place) => *place(target) = Some(base.join(text(item, path).map_err(at)?)),
        Form::Paths(place) => {
            let one = |item| text(item, path).map(|path| base.join(path));
            *place(target) = match item.as_array() {
                Some(_) => list(item, one)?,
                None => vec![one(item).map_err(at)?],
            };
        }
        Form::Bytes(min, max, place) => *place(target) = bytes(item, *min, *max).map_err(at)?,
        Form::Count(min, max, place) => *place(target) = count(item, *min, *max).map_err(at)?,
        Form::Duration(min, max, place) => *place(target) = duration(item, *min, *max).map_err(at)?,
        Form::Texts(check, place) => *place(target) = texts(item, *check)?,
        Form::Ports(place) => *place(target) = list(item, port)?,
        Form::Choice(words, place) => choice(item, words).map_err(at)?.clone_into(place(target)),
        Form::Until(most, place) => *place(target) = Some(until(item, *most).map_err(at)?),
        Form::Listen(place) => *place(target) = listen(item).map_err(at)?,
    }
    Ok(())
}

/// What the form takes, in words, for the reference.
pub fn words<T>(form: &Form<T>) -> String {
    match form {
        Form::Text(..) | Form::MaybeText(..) => "text".to_owned(),
        Form::Path(_) | Form::MaybePath(_) => "path".to_owned(),
        Form::Paths(_) => "path, or list of paths".to_owned(),
        Form::Bytes(min, max, _) => format!("bytes, {} to {}", show_bytes(*min), show_bytes(*max)),
        Form::Count(min, max, _) => format!("number, {min} to {max}"),
        Form::Duration(min, max, _) => format!("duration, {} to {}", show_duration(*min), show_duration(*max)),
        Form::Texts(..) => "list of text".to_owned(),
        Form::Ports(_) => "list of ports".to_owned(),
        Form::Choice(words, _) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Form::Until(most, _) => format!("day or time, at most {} ahead", show_duration(*most)),
        Form::Listen(_) => "`\"ip:port\"`, or `\"off\"`".to_owned(),
    }
}

/// The value now in the place, as it would be written in the file; `None` where there is none.
pub fn written<T>(form: &Form<T>, target: &mut T) -> Option<String> {
    let quoted = |text: &str| format!("\"{text}\"");
    let given = match form {
        Form::Text(_, place) | Form::Choice(_, place) => quoted(place(target)),
        Form::MaybeText(_, place) => quoted(place(target).as_ref()?),
        Form::Path(place) => quoted(&place(target).display().to_string()),
        Form::MaybePath(place) => quoted(&place(target).as_ref()?.display().to_string()),
        Form::Paths(place) => match place(target).as_slice() {
            [] => return None,
            paths => format!("{:?}", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()),
        },
        Form::Bytes(_, _, place) => quoted(&show_bytes(*place(target))),
        Form::Count(_, _, place) => place(target).to_string(),
        Form::Duration(_, _, place) => quoted(&show_duration(*place(target))),
        Form::Texts(_, place) => format!("{:?}", place(target)),
        Form::Ports(place) => format!("{:?}", place(target)),
        Form::Until(_, place) => quoted(&crate::view::rfc3339((*place(target))?)),
        Form::Listen(place) => place(target).map_or_else(|| quoted("off"), |address| quoted(&address.to_string())),
    };
    (given != "\"\"").then_some(given)
}

/// A value in words, for "expected …, found …".
pub(super) fn found(item: &Item<'_>) -> String {
    match item.value() {
        Value::String(text) => format!("the text {text:?}"),
        Value::Integer(number) => format!("the number {}", number.as_i128()),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(given) => given.to_string(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a section".to_owned(),
        Value::DateTime(_) => "a date".to_owned(),
    }
}

fn text<'i>(item: &'i Item<'_>, check: Check) -> Result<&'i str, Refused> {
    let given = item.as_str().ok_or_else(|| Refused::wanted("text", item, "write it in quotes"))?;
    check(given).map_err(|why| Refused { message: why, help: None })?;
    Ok(given)
}

fn path(given: &str) -> Result<(), String> {
    if given.is_empty() { Err("the path is empty".to_owned()) } else { Ok(()) }
}

fn list<'i, 'de, V>(
    item: &'i Item<'de>,
    mut one: impl FnMut(&'i Item<'de>) -> Result<V, Refused>,
) -> Result<Vec<V>, (&'i Item<'de>, Refused)> {
    let list = item.as_array().ok_or_else(|| (item, Refused::wanted("a list", item, "write it as [\"…\", \"…\"]")))?;
    list.iter().map(|element| one(element).map_err(|refused| (element, refused))).collect()
}

fn texts<'i, 'de>(item: &'i Item<'de>, check: Check) -> Result<Vec<Box<str>>, (&'i Item<'de>, Refused)> {
    list(item, |element| text(element, check).map(Into::into))
}

fn port(item: &Item<'_>) -> Result<u16, Refused> {
    item.as_u64()
        .and_then(|number| u16::try_from(number).ok())
        .filter(|port| *port > 0)
        .ok_or_else(|| Refused::wanted("a port", item, "a port is a number from 1 to 65535"))
}

fn choice<'i>(item: &'i Item<'_>, words: &'static [&'static str]) -> Result<&'i str, Refused> {
    let help = || format!("one of {}", words.join(", "));
    let given = item.as_str().ok_or_else(|| Refused::wanted("text", item, &help()))?;
    if words.contains(&given) {
        return Ok(given);
    }
    let help = super::mistake::suggestion(given, words.iter().copied())
        .map_or_else(help, |word| format!("did you mean {word:?}? {}", help()));
    Err(Refused::new(format!("{given:?} is not known here"), &help))
}

fn listen(item: &Item<'_>) -> Result<Option<SocketAddr>, Refused> {
    const HELP: &str = "write an address and a port, such as \"127.0.0.1:10466\", or \"off\"";
    match item.as_str() {
        Some("off") => Ok(None),
        Some(given) => match given.parse::<SocketAddr>() {
            Ok(address) if address.port() > 0 => Ok(Some(address)),
            _ => Err(Refused::wanted("an address", item, HELP)),
        },
        None => Err(Refused::wanted("an address", item, HELP)),
    }
}

fn count(item: &Item<'_>, min: u64, max: u64) -> Result<u64, Refused> {
    let help = format!("a number from {min} to {max}");
    item.as_u64().filter(|given| (min..=max).contains(given)).ok_or_else(|| Refused::wanted("a number", item, &help))
}

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Bytes from a number or a text with a unit.
pub fn bytes(item: &Item<'_>, min: u64, max: u64) -> Result<u64, Refused> {
    const HELP: &str = "write a number of bytes, or a text such as \"64KiB\" (units: B, KiB, MiB, GiB)";
    let given = match item.as_str() {
        Some(text) => parse_bytes(text),
        None => item.as_u64(),
    };
    let given = given.ok_or_else(|| Refused::wanted("bytes", item, HELP))?;
    if (min..=max).contains(&given) {
        return Ok(given);
    }
    let help = format!("from {} to {}", show_bytes(min), show_bytes(max));
    Err(Refused::new(format!("{} is out of range", show_bytes(given)), &help))
}

fn parse_bytes(text: &str) -> Option<u64> {
    let (unit, factor) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?.checked_mul(factor)
}

/// Bytes in the largest unit that divides them.
pub fn show_bytes(bytes: u64) -> String {
    let (unit, factor) =
        UNITS.into_iter().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

const SPANS: [(&str, u64); 5] = [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// A duration from a text with a unit.
pub fn duration(item: &Item<'_>, min: Duration, max: Duration) -> Result<Duration, Refused> {
    const HELP: &str = "write a text such as \"90s\", \"15m\", \"24h\" or \"30d\" (units: ms, s, m, h, d, w)";
    let given = item.as_str().and_then(parse_duration).ok_or_else(|| Refused::wanted("a duration", item, HELP))?;
    if (min..=max).contains(&given) {
        return Ok(given);
    }
    let help = format!("from {} to {}", show_duration(min), show_duration(max));
    Err(Refused::new(format!("{} is out of range", show_duration(given)), &help))
}

/// A duration from its text.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let factor = if unit == "ms" { 1 } else { SPANS.into_iter().find(|(name, _)| *name == unit)?.1 };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Duration::from_millis)
}

/// A duration in the largest unit that divides it.
pub fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, factor) =
        SPANS.into_iter().skip(1).find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor)).unwrap_or(("ms", 1));
    format!("{}{unit}", ms / factor)
}

fn until(item: &Item<'_>, most: Duration) -> Result<Timestamp, Refused> {
    const HELP: &str =
        "write a day such as 2027-03-31, which counts to its end in UTC, or a time such as 2027-03-31T12:00:00Z";
    let mut room = std::mem::MaybeUninit::uninit();
    let given = match item.value() {
        Value::String(text) => parse_until(text),
        Value::DateTime(time) => parse_until(time.format(&mut room)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) | Value::Table(_) => None,
    };
    let given = given.ok_or_else(|| Refused::wanted("a day or a time", item, HELP))?;
    if given.since(now()) > most {
        let help = format!(
            "nothing is accepted for longer than {}: choose an earlier day, and look again then",
            show_duration(most)
        );
        return Err(Refused::new("this end is too far ahead".to_owned(), &help));
    }
    Ok(given)
}

/// The end of a day (UTC), or a time with its offset.
pub fn parse_until(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let time = match text.parse::<jiff::civil::Date>() {
        Ok(day) if text.len() == "2027-03-31".len() => format!("{}T00:00:00Z", day.tomorrow().ok()?).parse().ok()?,
        _ => text.parse::<jiff::Timestamp>().ok()?,
    };
    let nanos = u128::try_from(time.as_nanosecond()).ok()?;
    // Past the year 2554 is as good as for ever.
    Some(Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

fn now() -> Timestamp {
    (crate::store::system_clock())()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_durations_are_written_as_they_are_read() {
        for text in ["0B", "1B", "512B", "4KiB", "64KiB", "8MiB", "1GiB", "1025B"] {
            assert_eq!(show_bytes(parse_bytes(text).unwrap()), text);
        }
        for text in ["1ms", "90s", "15m", "24h", "30d", "0ms"] {
            let read = parse_duration(text).unwrap();
            assert_eq!(parse_duration(&show_duration(read)), Some(read), "{text}");
        }
        assert_eq!(parse_duration("2w"), parse_duration("14d"));
    }

    #[test]
    fn a_day_counts_to_its_end() {
        let seconds = |text| parse_until(text).map(|at| at.as_nanos() / 1_000_000_000);
        assert_eq!(seconds("2027-03-31"), seconds("2027-04-01T00:00:00Z"));
        assert_eq!(seconds("2027-03-31T14:00:00+02:00"), seconds("2027-03-31T12:00:00Z"));
        for text in ["", "2027-02-30", "tomorrow", "2027-03-31T12:00:00", "1950-01-01T00:00:00Z", "2027-3-1"] {
            assert_eq!(parse_until(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_or_duration_is_refused() {
        for text in ["", "B", "KiB", "1", "1KB", "1.5MiB", "-1B", "99999999999999GiB", "1 B B"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        for text in ["", "s", "1", "1.5h", "-1s", "1 s", "1hour", "99999999999999999w", "ä"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
