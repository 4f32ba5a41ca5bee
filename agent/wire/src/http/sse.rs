//! Server-sent events (WHATWG HTML §9.2.6), counted as they pass: an empty line ends an event, and one that had a `data` field is
//! dispatched. Keeps a few bits, no byte. Whatever is missing makes the count unknown.

/// The one field that makes an event.
const FIELD: &[u8] = b"data";

/// A mark that may stand before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How far the stream is.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them combine")]
pub(crate) struct Events {
    /// Events dispatched.
    count: u64,
    /// Bytes of the line so far, as far as they matter: past [`FIELD`] and one more it is no longer counted.
    line: usize,
    /// The line so far is the beginning of [`FIELD`].
    is_field: bool,
    /// The event so far has a data field.
    has_data: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Bytes of the [`BOM`] seen.
    mark: usize,
    /// The first byte that is not of the mark was seen.
    begun: bool,
    lost: bool,
}

impl Events {
    /// The next bytes of the body.
    pub(crate) fn bytes(&mut self, mut data: &[u8]) {
        if self.lost {
            return;
        }
        while !self.begun && self.mark < BOM.len() {
            let Some((first, rest)) = data.split_first() else { return };
            if BOM.get(self.mark) != Some(first) {
                // Half a mark is the beginning of a line that is no field.
                self.line = self.mark;
                break;
            }
            self.mark += 1;
            data = rest;
        }
        self.begun = true;
        while !data.is_empty() {
            let end = memchr::memchr2(b'\r', b'\n', data);
            let text = data.get(..end.unwrap_or(data.len())).unwrap_or(data);
            self.text(text);
            data = data.get(text.len()..).unwrap_or_default();
            if let Some((mark, rest)) = data.split_first() {
                data = rest;
                if *mark == b'\n' && std::mem::take(&mut self.after_cr) {
                    continue;
                }
                self.end_line();
                self.after_cr = *mark == b'\r';
            }
        }
    }

    /// Bytes of a line.
    fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.after_cr = false;
        if self.line == 0 {
            self.is_field = true;
        }
        for byte in text {
            if self.line > FIELD.len() {
                break;
            }
            // The name ends with the colon, or with the line.
            self.is_field &= FIELD.get(self.line).map_or(*byte == b':', |wanted| wanted == byte);
            self.line += 1;
        }
    }

    fn end_line(&mut self) {
        if self.line == 0 {
            self.count += u64::from(std::mem::take(&mut self.has_data));
        } else {
            self.has_data |= self.is_field && self.line >= FIELD.len();
        }
        (self.line, self.is_field) = (0, false);
    }

    /// Something is missing.
    pub(crate) fn lose(&mut self) {
        self.lost = true;
    }

    /// Events so far; `None` where something is missing.
    pub(crate) fn count(&self) -> Option<u64> {
        (!self.lost).then_some(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &[u8], expected: u64) {
        for step in 1..=stream.len() {
            let mut events = Events::default();
            stream.chunks(step).for_each(|part| events.bytes(part));
            assert_eq!(events.count(), Some(expected), "{} in steps of {step}", stream.escape_ascii());
        }
    }

    #[test]
    fn as_the_standard_counts() {
        // The examples of the standard.
        check(b"data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\n", 2);
        check(b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n", 2);
        check(b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event", 2);
        check(b"data\n\ndata\ndata\n\ndata:", 2);
        check(b"data:test\n\ndata: test\n\n", 2);
    }

    #[test]
    fn line_ends_and_marks() {
        check(b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", 3);
        check(b"\xef\xbb\xbfdata: a\n\n", 1);
        check(b"\xef\xbbdata: a\n\n", 0);
        check(b"data: a\r\n\n", 1);
        check(b"data: a\n\r", 1);
    }

    #[test]
    fn other_fields_make_no_event() {
        check(b"id: 1\n\nretry: 10\n\n: ping\n\n\n\n", 0);
        check(b"datax: a\n\ndat: a\n\n data: a\n\nDATA: a\n\n", 0);
        check(b"dat\n\nd\n\n", 0);
    }

    #[test]
    fn what_is_missing_makes_it_unknown() {
        let mut events = Events::default();
        events.bytes(b"data: a\n\n");
        events.lose();
        events.bytes(b"data: a\n\n");
        assert_eq!(events.count(), None);
    }
}
