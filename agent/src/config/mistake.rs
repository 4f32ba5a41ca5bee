//! What is wrong in a configuration file, and how it is shown: file, line, column, the line itself, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// A configuration file's name and text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// As given.
    pub path: PathBuf,
    /// Its text; empty where it could not be read.
    pub text: String,
}

/// How bad a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gravity {
    /// The configuration, or the document, can't be used.
    Error,
    /// The rest of the document counts.
    Warning,
    /// Nothing is wrong; there is a choice that one should know of.
    Note,
}

/// One mistake at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// How bad it is.
    pub gravity: Gravity,
    /// The file.
    pub source: Arc<Source>,
    /// The bytes of the text that are wrong; `None` for the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

/// A mistake as data, for `check -o json`.
#[derive(Debug, Serialize)]
pub struct MistakeView {
    /// error, warning.
    pub gravity: Gravity,
    /// File.
    pub file: String,
    /// Line, from 1; `null` for the file as a whole.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    /// At a place in the text; a span that is not in it, or cuts a character, is moved to where it is and does not.
    pub fn at(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = source.text.floor_char_boundary(span.start);
        let span = start..source.text.ceil_char_boundary(span.end).max(start);
        Self {
            gravity: Gravity::Error,
            source: Arc::clone(source),
            span: Some(span),
            message: message.into(),
            help: None,
        }
    }

    /// Of the file as a whole.
    pub fn whole(source: &Arc<Source>, message: impl Into<String>) -> Self {
        Self { gravity: Gravity::Error, source: Arc::clone(source), span: None, message: message.into(), help: None }
    }

    /// At a line and a column, both from 1; at the line's first visible character where the column is 0.
    pub fn at_line(source: &Arc<Source>, line: usize, column: usize, message: impl Into<String>) -> Self {
        let mut start = 0;
        for text in source.text.split_inclusive('\n').take(line.saturating_sub(1)) {
            start += text.len();
        }
        let text = source.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let begin = match column {
            0 => text.len() - text.trim_start().len(),
            column => text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at),
        };
        let end = begin + text.get(begin..).map_or(0, |rest| rest.trim_end().len());
        Self::at(source, start + begin..start + end, message)
    }

    /// As something that stops nothing.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.gravity = Gravity::Warning;
        self
    }

    /// As something that is only good to know.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.gravity = Gravity::Note;
        self
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column (in characters) of its beginning, both from 1.
    pub fn place(&self) -> Option<(usize, usize)> {
        let start = self.span.as_ref()?.start;
        let before = self.source.text.get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// With the line it stands in, and marks below it. `colour` as the terminal allows.
    pub fn render(&self, colour: bool) -> String {
        let path = self.source.path.display().to_string();
        let level = match self.gravity {
            Gravity::Error => Level::ERROR,
            Gravity::Warning => Level::WARNING,
            Gravity::Note => Level::NOTE,
        };
        let mut group =
            level.primary_title(self.message.as_str()).elements(Vec::<annotate_snippets::Message<'_>>::new());
        group = match &self.span {
            Some(span) => group.element(
                Snippet::source(self.source.text.as_str())
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(self.visible(span))),
            ),
            None => group.element(annotate_snippets::Origin::path(path)),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }

    /// The span on one line, so that a mistake in a long table shows its first line only.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let text = &self.source.text;
        let line_end = text.get(span.clone()).and_then(|part| part.find('\n')).map_or(span.end, |at| span.start + at);
        span.start..line_end
    }

    /// As data.
    pub fn view(&self) -> MistakeView {
        let place = self.place();
        MistakeView {
            gravity: self.gravity,
            file: self.source.path.display().to_string(),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: self.message.clone(),
            help: self.help.clone(),
        }
    }
}

/// One line: `file:line:column: message (help)`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.path.display())?;
        if let Some((line, column)) = self.place() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The known name that `given` was probably meant to be: few letters away, or with the same beginning.
pub fn suggestion<'n>(given: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const LIKENESS_MIN: f64 = 0.8;
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let given = plain(given);
    let near = |name: &str| {
        let away = strsim::damerau_levenshtein(&given, &plain(name));
        let likeness = strsim::jaro_winkler(&given, &plain(name));
        (away <= given.chars().count() / 3 || likeness >= LIKENESS_MIN).then_some((away, 1.0 - likeness))
    };
    let candidates = known.filter_map(|name| Some((near(name)?, name)));
    candidates.min_by(|((a, x), _), ((b, y), _)| a.cmp(b).then(x.total_cmp(y))).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "x.toml".into(), text: text.to_owned() })
    }

    #[test]
    fn places_count_characters_and_survive_any_span() {
        let source = source("ä = 1\nbö = 2");
        let place = |span| Mistake::at(&source, span, "wrong").place();
        assert_eq!(place(0..2), Some((1, 1)));
        assert_eq!(place(7..8), Some((2, 1)));
        assert_eq!(place(12..13), Some((2, 5)));
        assert_eq!(place(500..600), Some((2, 7)), "past the end is the end");
        assert_eq!(place(1..2), Some((1, 1)), "inside a character is at it");
        for start in 0..=source.text.len() {
            for end in start..=source.text.len() + 2 {
                Mistake::at(&source, start..end, "wrong").render(false);
            }
        }
    }

    #[test]
    fn lines_and_columns_become_spans() {
        let source = source("a: 1\n  b: [\nc");
        let place = |line, column| Mistake::at_line(&source, line, column, "wrong").place();
        assert_eq!(place(2, 0), Some((2, 3)), "the first visible character");
        assert_eq!(place(2, 6), Some((2, 6)));
        assert_eq!(place(3, 99), Some((3, 2)));
        assert_eq!(place(99, 1), Some((3, 2)), "past the end is the end");
    }

    #[test]
    fn suggestions_are_near_or_none() {
        let known = ["environment", "log", "capture", "body_bytes", "head_bytes"];
        let suggest = |given| suggestion(given, known.into_iter());
        assert_eq!(suggest("lgo"), Some("log"));
        assert_eq!(suggest("Body-Bytes"), Some("body_bytes"));
        assert_eq!(suggest("enviroment"), Some("environment"));
        assert_eq!(suggest("zzz"), None);
        assert_eq!(suggest(""), None);
    }
}
