//! How long something may take, as one types it: `20s`, `5m`, `8h`; a bare number is of seconds.

use std::time::Duration;

/// Reads it; for clap.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let unit = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)));
    let (number, seconds) = unit.unwrap_or((text, 1));
    // `u64` alone would take a sign.
    let number = number.parse::<u64>().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()));
    number
        .and_then(|number| number.checked_mul(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is no time: write a number and s, m or h, such as 30m"))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn times_are_read_or_refused() {
        for (text, seconds) in [("7", 7), ("20s", 20), ("2m", 120), ("8h", 28_800)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "m", "soon", "-1m", "+1s", "1d", "99999999999999999999s", "6000000000000000h", "1é"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
