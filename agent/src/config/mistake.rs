//! What is wrong in a configuration file, and how it is shown: file, line, column, the line itself, and what to do.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// A configuration file's name and text.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As given.
    pub path: PathBuf,
    /// Its text; empty where it could not be read.
    pub text: String,
}

/// One mistake at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
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
    /// At a place in the text.
    pub fn at(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { source: Arc::clone(source), span: Some(span), message: message.into(), help: None }
    }

    /// Of the file as a whole.
    pub fn whole(source: &Arc<Source>, message: impl Into<String>) -> Self {
        Self { source: Arc::clone(source), span: None, message: message.into(), help: None }
    }

    /// With what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column (in characters) of its beginning, both from 1.
    pub fn place(&self) -> Option<(usize, usize)> {
        let start = self.span.as_ref()?.start.min(self.source.text.len());
        let before = self.source.text.get(..start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// With the line it stands in, and marks below it. `colour` as the terminal allows.
    pub fn render(&self, colour: bool) -> String {
        let path = self.source.path.display().to_string();
        let mut group =
            Level::ERROR.primary_title(self.message.as_str()).elements(Vec::<annotate_snippets::Message<'_>>::new());
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

    /// The span inside the text and on one line, so that a mistake in a long table shows its first line only.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let text = &self.source.text;
        let start = span.start.min(text.len());
        let end = span.end.clamp(start, text.len());
        let line_end = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |at| start + at);
        start..line_end
    }

    /// As data.
    pub fn view(&self) -> MistakeView {
        let place = self.place();
        MistakeView {
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

/// The known name that `given` was probably meant to be.
pub fn suggestion<'n>(given: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const LIKENESS_MIN: f64 = 0.75;
    let given = given.to_lowercase().replace('-', "_");
    known
        .map(|name| (strsim::jaro_winkler(&given, &name.replace('-', "_")), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
