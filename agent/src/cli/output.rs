//! Lists on stdout, in the form that was asked for.

use std::io::Write;

use serde::Serialize;

use super::{say, table};
use crate::view::List;

/// `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    Table,
    /// One JSON object.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header line.
    Csv,
}

/// A row of a list: its columns for tables and CSV. All its fields are in JSON.
pub(crate) trait Row: Serialize {
    /// Column titles. A title that begins with `>` is aligned to the right (the mark is not shown).
    const COLUMNS: &'static [&'static str];

    /// What the rows are called when there are none.
    const NOUN: &'static str;

    /// One cell a column.
    fn cells(&self) -> Vec<String>;
}

/// Writes the list.
pub(crate) fn list<T: Row>(format: Format, rows: Vec<T>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        Format::Table if rows.is_empty() => say(&format!("no {}", T::NOUN)),
        Format::Table => {
            out.write_all(table::render(T::COLUMNS, rows.iter().map(Row::cells).collect()).as_bytes())?;
        }
        Format::Json => object(&mut out, &List::new(rows))?,
        Format::Jsonl => rows.iter().try_for_each(|row| line(&mut out, row))?,
        Format::Csv => {
            csv_titles::<T>(&mut out)?;
            rows.iter().try_for_each(|row| csv(&mut out, row.cells().into_iter()))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// One object, indented.
pub(crate) fn object(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// One object on a line.
pub(crate) fn line(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// The header line.
pub(crate) fn csv_titles<T: Row>(out: &mut impl Write) -> std::io::Result<()> {
    csv(out, T::COLUMNS.iter().map(|title| title.trim_start_matches('>').to_lowercase().replace(' ', "_")))
}

/// RFC 4180. A cell from traffic that a spreadsheet would run as a formula gets a quote in front.
pub(crate) fn csv(out: &mut impl Write, cells: impl Iterator<Item = String>) -> std::io::Result<()> {
    let cell = |cell: String| {
        let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let cell = if runs { format!("'{cell}") } else { cell };
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    };
    let line = cells.map(cell).collect::<Vec<_>>().join(",");
    out.write_all(line.as_bytes())?;
    out.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::csv;

    #[test]
    fn csv_quotes_and_runs_no_formula() {
        let mut out = Vec::new();
        let cells = ["plain", "a,b", "say \"x\"", "=cmd()", "+1", "-0.5", "@x", "-x", "two\nlines"];
        csv(&mut out, cells.iter().map(|cell| (*cell).to_owned())).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "plain,\"a,b\",\"say \"\"x\"\"\",'=cmd(),+1,-0.5,'@x,'-x,\"two\nlines\"\r\n");
    }
}
