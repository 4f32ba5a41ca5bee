//! Lines of places in JSON text: its parser gives none, and only what is told of needs one.

use std::borrow::Cow;
use std::fmt::Write;

use rustc_hash::FxHashMap;

use super::files::child;

/// Lines by JSON pointer, of the places asked for and of all above them.
pub(super) type Lines = FxHashMap<Box<str>, Option<u32>>;

/// One pass over valid JSON text.
pub(super) fn find<'p>(text: &str, pointers: impl Iterator<Item = &'p str>) -> Lines {
    let mut lines = Lines::default();
    for mut pointer in pointers {
        while !lines.contains_key(pointer) {
            lines.insert(pointer.into(), None);
            pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
    Scanner { text, at: 0, line: 1, pointer: String::new(), open: Vec::new(), is_due: true, lines: &mut lines }.run();
    lines
}

/// The line of a place, or of the nearest one above it that is there.
pub(super) fn nearest(lines: &Lines, pointer: &str) -> Option<u32> {
    let mut pointer = pointer;
    loop {
        match (lines.get(pointer).copied().flatten(), pointer.rsplit_once('/')) {
            (Some(line), _) => return Some(line),
            (None, Some((above, _))) => pointer = above,
            (None, None) => return None,
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    /// Of the value that comes next or that is being read.
    pointer: String,
    open: Vec<Container>,
    /// The next byte that is no space begins the value at `pointer`.
    is_due: bool,
    lines: &'a mut Lines,
}

/// An object or list that is not closed yet.
struct Container {
    /// Length of its own pointer.
    length: usize,
    /// The next element's index; `None` an object.
    index: Option<usize>,
    /// A name comes next.
    is_name_due: bool,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(byte) = self.text.as_bytes().get(self.at).copied() {
            let begin = self.at;
            self.at += 1;
            match byte {
                b'\n' => self.line = self.line.saturating_add(1),
                b' ' | b'\t' | b'\r' | b':' => {}
                b'}' | b']' => self.close(),
                b',' => self.next(),
                b'"' => self.string(begin),
                b'{' => {
                    self.value();
                    self.open.push(Container { length: self.pointer.len(), index: None, is_name_due: true });
                }
                b'[' => {
                    self.value();
                    self.open.push(Container { length: self.pointer.len(), index: Some(0), is_name_due: false });
                    self.next();
                }
                _ => self.value(),
            }
        }
    }

    /// A value begins.
    fn value(&mut self) {
        if std::mem::take(&mut self.is_due)
            && let Some(line) = self.lines.get_mut(&*self.pointer)
        {
            line.get_or_insert(self.line);
        }
    }

    fn close(&mut self) {
        self.is_due = false;
        if let Some(container) = self.open.pop() {
            self.pointer.truncate(container.length);
        }
    }

    /// After a comma, or at a list's begin.
    fn next(&mut self) {
        let Some(container) = self.open.last_mut() else { return };
        self.pointer.truncate(container.length);
        match &mut container.index {
            Some(index) => {
                let _ = write!(self.pointer, "/{index}");
                *index += 1;
                self.is_due = true;
            }
            None => container.is_name_due = true,
        }
    }

    fn string(&mut self, begin: usize) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        let Some(container) = self.open.last_mut().filter(|container| container.is_name_due) else {
            return self.value();
        };
        container.is_name_due = false;
        let written = self.text.get(begin..self.at).unwrap_or_default();
        let name = if written.contains('\\') {
            Cow::Owned(serde_json::from_str::<String>(written).unwrap_or_default())
        } else {
            Cow::Borrowed(written.trim_matches('"'))
        };
        self.pointer.truncate(container.length);
        self.pointer.push_str(&child("", &name));
        self.is_due = true;
        // Where the name stands, people look.
        self.value();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_the_line_on_which_it_begins() {
        let text = "{\"a\": {\n \"b/c\": [1,\n  {\"d\\u0065\": null}, [],\n  \"x\"]},\n\"e\": \"}]\\\"\",\n \"f\": 2}";
        let wanted = [
            ("", 1),
            ("/a", 1),
            ("/a/b~1c", 2),
            ("/a/b~1c/0", 2),
            ("/a/b~1c/1", 3),
            ("/a/b~1c/1/de", 3),
            ("/a/b~1c/2", 3),
            ("/a/b~1c/3", 4),
            ("/e", 5),
            ("/f", 6),
            ("/f/none/here", 6),
            ("/a/b~1c/9", 2),
        ];
        let lines = find(text, wanted.iter().map(|(pointer, _)| *pointer));
        for (pointer, line) in wanted {
            assert_eq!(nearest(&lines, pointer), Some(line), "{pointer}");
        }
    }
}
