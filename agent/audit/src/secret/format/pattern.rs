//! Patterns of token formats: literal text and classes of characters with a count. Matched without going back, in linear time.

use std::ops::Range;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// A class that stands before the anchor.
    lead: Option<Run>,
    /// The literal text by which it is found.
    anchor: Box<[u8]>,
    rest: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(Box<[u8]>),
    Run(Run),
}

/// So many characters of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) class: u8,
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Run {
    /// Whether the class has the character.
    pub(crate) fn has(self, byte: u8) -> bool {
        let more: &[u8] = match self.class {
            b'd' => return byte.is_ascii_digit(),
            b'x' => return matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            b'h' => return byte.is_ascii_hexdigit(),
            b'l' => return byte.is_ascii_lowercase(),
            b'u' => return byte.is_ascii_uppercase(),
            b'A' => return byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            b'n' => return byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            b'i' => return matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
            b'w' => b"-_",
            b'b' => b"+/",
            b'e' => b"-_.",
            b'p' => b"%",
            b'c' => b"./",
            b't' => b"_",
            _ => b"",
        };
        byte.is_ascii_alphanumeric() || more.contains(&byte)
    }

    /// How many of the class stand at the beginning of `text`, at most one more than fit.
    fn length(self, text: impl Iterator<Item = u8>) -> Option<usize> {
        let length = text.take(self.most + 1).take_while(|byte| self.has(*byte)).count();
        (self.least..=self.most).contains(&length).then_some(length)
    }
}

impl Pattern {
    /// From its text; see [`super::table`].
    pub(super) fn new(text: &str) -> Self {
        let mut lead = None;
        let mut parts = Vec::new();
        for piece in text.split('{') {
            let literal = match piece.split_once('}') {
                Some((run, literal)) if text.contains('{') => {
                    parts.push(Part::Run(read_run(run)));
                    literal
                }
                _ => piece,
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.as_bytes().into()));
            }
        }
        let mut parts = parts.into_iter().peekable();
        if let Some(Part::Run(run)) = parts.next_if(|part| matches!(part, Part::Run(_))) {
            lead = Some(run);
        }
        let anchor = match parts.next() {
            Some(Part::Literal(anchor)) => anchor,
            _ => Box::default(),
        };
        Self { lead, anchor, rest: parts.collect() }
    }

    pub(super) fn anchor(&self) -> &[u8] {
        &self.anchor
    }

    pub(super) fn has_lead(&self) -> bool {
        self.lead.is_some()
    }

    /// Length of the longest run.
    pub(super) fn most(&self) -> usize {
        let runs = self.rest.iter().filter_map(|part| match part {
            Part::Run(run) => Some(run.most),
            Part::Literal(_) => None,
        });
        runs.max().unwrap_or(0)
    }

    /// Characters at the beginning that are the same in each token.
    pub(super) fn fixed(&self) -> usize {
        if self.has_lead() { 0 } else { self.anchor.len() }
    }

    /// Where the token stands whose anchor begins at `at`. What stands around it is no part of a longer word.
    pub(super) fn matches(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let rest = text.get(at..)?.strip_prefix(&*self.anchor)?;
        let mut end = text.len() - rest.len();
        let mut last = None;
        let mut parts = self.rest.iter().peekable();
        while let Some(part) = parts.next() {
            let rest = text.get(end..)?;
            last = None;
            end += match part {
                Part::Literal(literal) => rest.starts_with(literal).then_some(literal.len())?,
                Part::Run(run) => {
                    last = Some(*run);
                    match parts.peek() {
                        Some(Part::Literal(literal)) => before(*run, rest, literal)?,
                        // Two classes in a row: the first has its exact length.
                        Some(Part::Run(_)) => rest.iter().take(run.most).all(|b| run.has(*b)).then_some(run.most)?,
                        None => run.length(rest.iter().copied())?,
                    }
                }
            };
        }
        let next = text.get(end).copied().unwrap_or(b' ');
        if last.map_or(next.is_ascii_alphanumeric(), |run| run.has(next) || next.is_ascii_alphanumeric()) {
            return None;
        }
        let start = match self.lead {
            None => at,
            Some(run) => at - run.length(text.get(..at)?.iter().rev().copied())?,
        };
        Some(start..end)
    }
}

/// How many characters of the class stand before `literal`, whose own characters may be of the class too.
fn before(run: Run, text: &[u8], literal: &[u8]) -> Option<usize> {
    let reach = text.iter().take(run.most).take_while(|byte| run.has(**byte)).count();
    let window = text.get(run.least..text.len().min(reach + literal.len()))?;
    let at = memchr::memmem::find(window, literal)?;
    Some(run.least + at)
}

/// `d8-10` or `a36`.
fn read_run(text: &str) -> Run {
    let (class, count) = text.split_at(text.len().min(1));
    let (least, most) = count.split_once('-').unwrap_or((count, count));
    let number = |text: &str| text.parse().expect("the table's counts are numbers, which a test reads");
    Run { class: class.bytes().next().unwrap_or(b'a'), least: number(least), most: number(most) }
}

#[cfg(test)]
impl Pattern {
    /// Length of the shortest token.
    pub(crate) fn least_length(&self) -> usize {
        let part = |part: &Part| match part {
            Part::Literal(literal) => literal.len(),
            Part::Run(run) => run.least,
        };
        self.lead.map_or(0, |run| run.least) + self.anchor.len() + self.rest.iter().map(part).sum::<usize>()
    }

    /// A token of this form, its characters chosen by `pick` out of so many.
    pub(crate) fn make(&self, pick: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
        let mut token = Vec::new();
        let mut run = |run: Run, token: &mut Vec<u8>| {
            let all: Vec<u8> = (b'!'..=b'~').filter(|byte| run.has(*byte)).collect();
            let length = run.least + pick(run.most - run.least + 1);
            for _ in 0..length {
                token.push(all[pick(all.len())]);
            }
        };
        if let Some(lead) = self.lead {
            run(lead, &mut token);
        }
        token.extend_from_slice(&self.anchor);
        for part in &self.rest {
            match part {
                Part::Literal(literal) => token.extend_from_slice(literal),
                Part::Run(class) => run(*class, &mut token),
            }
        }
        token
    }
}
