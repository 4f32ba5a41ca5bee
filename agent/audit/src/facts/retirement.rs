//! What a response announces of its resource's end: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594). Of the fields' text only dates and
//! one word are taken; what has another form says nothing.

use std::fmt;

use apiscope_wire::time::{date_of, days_of};
use smallvec::SmallVec;

/// Longest value that is read.
const VALUE_MAX: usize = 128;
/// Most words of a date.
const WORDS_MAX: usize = 8;
const DAY_SECONDS: i64 = 86_400;
/// The first second that no date here reaches: the year 10000.
const SECONDS_END: i64 = 253_402_300_800;

/// What a response announces of its resource's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retirement {
    /// `Deprecation`: its use is discouraged.
    pub deprecation: Option<Deprecation>,
    /// `Sunset`: when it is expected to answer no more. Seconds since 1970.
    pub sunset: Option<i64>,
}

/// The field `Deprecation`, by the form that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deprecation {
    /// `@1688169599`, as RFC 9745 has it: since when, or from when on. Seconds since 1970.
    Date(i64),
    /// `Sun, 11 Nov 2018 23:59:59 GMT`, as the drafts before it had it.
    DraftDate(i64),
    /// `true` (or `?1`), as the drafts before it had it: without a date.
    DraftTrue,
}

impl Retirement {
    /// Takes in `Deprecation`. Of several the first that can be read counts.
    pub(super) fn add_deprecation(&mut self, value: &[u8]) {
        self.deprecation = self.deprecation.or_else(|| text(value).and_then(Deprecation::parse));
    }

    /// Takes in `Sunset`. Of several the first that can be read counts.
    pub(super) fn add_sunset(&mut self, value: &[u8]) {
        self.sunset = self.sunset.or_else(|| text(value).and_then(http_date));
    }

    /// Nothing is announced.
    pub const fn is_empty(&self) -> bool {
        self.deprecation.is_none() && self.sunset.is_none()
    }

    /// Whether the resource is deprecated at this second: from the date that is said, and from now on where none is. A sunset that is
    /// announced discourages use as well, whenever it is.
    pub fn is_deprecated(&self, seconds: i64) -> bool {
        self.sunset.is_some() || self.deprecation.is_some_and(|said| said.since().is_none_or(|since| since <= seconds))
    }
}

impl Deprecation {
    fn parse(text: &str) -> Option<Self> {
        // Parameters of the item (RFC 9651 §3.1.2) say nothing that is known.
        let item = text.split(';').next()?.trim();
        if let Some(number) = item.strip_prefix('@') {
            let digits = number.strip_prefix('-').unwrap_or(number);
            let is_right = (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            let seconds: i64 = number.parse().ok().filter(|_| is_right)?;
            return (-SECONDS_END..SECONDS_END).contains(&seconds).then_some(Self::Date(seconds));
        }
        if item.eq_ignore_ascii_case("true") || item == "?1" {
            return Some(Self::DraftTrue);
        }
        http_date(text).map(Self::DraftDate)
    }

    /// Since when, in seconds since 1970; `None` where it does not say.
    pub const fn since(self) -> Option<i64> {
        match self {
            Self::Date(seconds) | Self::DraftDate(seconds) => Some(seconds),
            Self::DraftTrue => None,
        }
    }
}

/// The day of a second since 1970, for people.
#[derive(Clone, Copy, Debug)]
pub struct Day(pub i64);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY_SECONDS));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(Some(value).filter(|value| value.len() <= VALUE_MAX)?).ok().map(str::trim)
}

/// The three forms of RFC 9110 §5.6.7, read leniently: the day's name is not compared with the date, `UTC` stands for `GMT`, and a year of
/// two digits is one from 1970 on.
fn http_date(text: &str) -> Option<i64> {
    let words: SmallVec<[&str; WORDS_MAX]> =
        text.split([' ', '\t', ',', '-']).filter(|word| !word.is_empty()).take(WORDS_MAX).collect();
    #[expect(clippy::match_same_arms, reason = "the words stand in another order")]
    let (day, month, year, time) = match *words {
        [_, day, month, year, time, "GMT" | "UTC"] => (day, month, year, time),
        // asctime
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let number = |text: &str| {
        let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| is_number)
    };
    let year = match (number(year)?, year.len()) {
        (short, 2) if short < 70 => 2000 + short,
        (short, 2) => 1900 + short,
        (year, 4) => year,
        _ => return None,
    };
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))?;
    let month = i64::try_from(month).ok()? + 1;
    let day = number(day)?;
    let mut parts = time.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let days = days_of(year, month, day);
    let is_right = date_of(days) == (year, month, day) && hour < 24 && minute < 60 && second <= 60;
    (is_right && parts.next().is_none()).then_some(days * DAY_SECONDS + hour * 3600 + minute * 60 + second)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use expect_test::expect;
    use proptest::prelude::*;

    use super::super::sample::Sample;
    use super::*;

    /// The year 2070.
    const SHORT_END: i64 = 3_155_760_000;

    fn of(head: &str) -> Retirement {
        Sample::new(&format!("HTTP/1.1 200 OK\n{head}\n"))
            .with(|message| super::super::head::response(message.headers).retirement)
    }

    #[test]
    fn forms_of_deprecation_are_told_apart() {
        let cases = [
            "@1688169599",
            " @1688169599 ; note=1",
            "true",
            "TRUE",
            "?1",
            "Sun, 11 Nov 2018 23:59:59 GMT",
            "@-1",
            "?0",
            "false",
            "@",
            "@12x",
            "@1234567890123456",
            "@999999999999999",
            "1688169599",
            "2023-06-30",
            "soon",
            "",
        ];
        let shown = cases.map(|value| format!("{value:?}: {:?}\n", of(&format!("Deprecation: {value}")).deprecation));
        expect![[r#"
            "@1688169599": Some(Date(1688169599))
            " @1688169599 ; note=1": Some(Date(1688169599))
            "true": Some(DraftTrue)
            "TRUE": Some(DraftTrue)
            "?1": Some(DraftTrue)
            "Sun, 11 Nov 2018 23:59:59 GMT": Some(DraftDate(1541980799))
            "@-1": Some(Date(-1))
            "?0": None
            "false": None
            "@": None
            "@12x": None
            "@1234567890123456": None
            "@999999999999999": None
            "1688169599": None
            "2023-06-30": None
            "soon": None
            "": None
        "#]]
        .assert_eq(&shown.concat());
    }

    /// RFC 9745 §2.1 and RFC 8594 §3 have these.
    #[test]
    fn the_examples_of_the_rfcs_are_read() {
        let found = of("Deprecation: @1688169599\nSunset: Sun, 30 Jun 2024 23:59:59 GMT");
        let expected = Retirement { deprecation: Some(Deprecation::Date(1_688_169_599)), sunset: Some(1_719_791_999) };
        assert_eq!(found, expected);
        assert_eq!(Day(1_688_169_599).to_string(), "2023-06-30");
        assert_eq!(of("Sunset: Sat, 31 Dec 2018 23:59:59 GMT").sunset, Some(1_546_300_799));
    }

    #[test]
    fn deprecated_from_its_date_on() {
        let at = |deprecation, sunset| Retirement { deprecation, sunset };
        let ahead = at(Some(Deprecation::Date(100)), None);
        assert_eq!([ahead.is_deprecated(99), ahead.is_deprecated(100)], [false, true]);
        assert!(at(Some(Deprecation::DraftTrue), None).is_deprecated(0));
        assert!(at(None, Some(100)).is_deprecated(0) && !at(None, None).is_deprecated(0));
    }

    proptest! {
        /// The crate that hyper's users take is the oracle: all that it reads is read, and as the same second.
        #[test]
        fn http_dates_are_read_as_httpdate_does(seconds in 0..SECONDS_END, form in 0..3) {
            // Of two digits, the year is one of a hundred.
            let seconds = if form == 2 { seconds % SHORT_END } else { seconds };
            let fixdate = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs()));
            let words: Vec<&str> = fixdate.split([' ', ',']).filter(|word| !word.is_empty()).collect();
            let [name, day, month, year, time, _] = words[..] else { panic!("{fixdate}") };
            let text = match form {
                0 => fixdate.clone(),
                1 => format!("{name} {month} {:>2} {time} {year}", day.trim_start_matches('0')),
                _ => {
                    let long = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
                    let long = long.iter().find(|long| long.starts_with(name)).unwrap();
                    format!("{long}, {day}-{month}-{} {time} GMT", &year[2..])
                }
            };
            let theirs = httpdate::parse_http_date(&text).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs();
            prop_assert_eq!(http_date(&text), i64::try_from(theirs).ok(), "{}", text);
        }

        #[test]
        fn nothing_else_is_read_as_a_date_in_order(text in ".{0,40}") {
            if let Some(seconds) = http_date(&text) {
                prop_assert!((days_of(0, 1, 1) * DAY_SECONDS..SECONDS_END).contains(&seconds), "{}", text);
            }
        }
    }
}
