//! Tables for people: no frames, so that they can be cut and searched with the usual tools.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::view::terminal_safe;

/// Titles and rows as text. Cells are made safe for terminals here, whatever they are.
pub(crate) fn render(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().map(|title| title.trim_start_matches('>').to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| terminal_safe(cell)));
    }
    for (column, title) in table.column_iter_mut().zip(titles) {
        column.set_padding((0, 2));
        if title.starts_with('>') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Bytes in at most four digits: `1.2 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = approximate(bytes) / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Bytes that are known to a percent.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size: not negative; shown with one decimal"
)]
pub(crate) fn bytes_near(near: f64) -> String {
    bytes(near.round() as u64)
}

/// A part of a whole in percent; 100 % only when it is all.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 || part == whole {
        return if whole == 0 { "-".to_owned() } else { "100 %".to_owned() };
    }
    let share = approximate(part) * 100.0 / approximate(whole);
    format!("{:.1} %", share.min(99.9))
}

/// A number for people, rounded where it is huge.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal: the loss is not visible")]
pub(crate) const fn approximate(number: u64) -> f64 {
    number as f64
}

/// Milliseconds with a sensible number of decimals.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

/// How long ago an RFC 3339 time was: `3m`, `2h`; the day where that is long ago; the time itself where it is in the future.
pub(crate) fn ago(at: &str) -> String {
    let Ok(at_time) = at.parse::<jiff::Timestamp>() else { return at.to_owned() };
    let seconds = jiff::Timestamp::now().as_second() - at_time.as_second();
    match seconds {
        ..-1 => at.to_owned(),
        -1..172_800 => span(seconds),
        _ => at.get(..10).unwrap_or(at).to_owned(),
    }
}

/// For how long what began at this RFC 3339 time has gone on; `?` where that is in the future.
pub(crate) fn since(began: &str) -> String {
    let began = began.parse::<jiff::Timestamp>();
    let seconds = began.map(|began| jiff::Timestamp::now().as_second() - began.as_second());
    seconds.ok().filter(|seconds| *seconds >= -1).map_or_else(|| "?".to_owned(), span)
}

/// A time of so many seconds, in the unit that suits it.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{}s", seconds.max(0)),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `YYYY-MM-DD hh:mm:ss` of an RFC 3339 time in UTC.
pub(crate) fn time(at: &str) -> String {
    at.get(..19).unwrap_or(at).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(
            [0, 1023, 1024, 1 << 20, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "16384.0 PiB"]
        );
        assert_eq!(percent(0, 0), "-");
        assert_eq!(percent(999_999, 1_000_000), "99.9 %", "never all when it is not all");
        assert_eq!(percent(7, 7), "100 %");
        assert_eq!([0.034, 12.34, 1234.5].map(milliseconds), ["0.03", "12.3", "1234"]);
    }

    #[test]
    fn nothing_from_traffic_reaches_the_terminal_raw() {
        let text = render(&["route", ">calls"], vec![vec!["/\u{1b}[31m\u{202e}x\r\n".to_owned(), "7".to_owned()]]);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text:?}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
