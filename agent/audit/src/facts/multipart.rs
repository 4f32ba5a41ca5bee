//! Multipart bodies (RFC 2046 §5.1): forms, and batches of requests. Bounded in parts; a part whose end was not seen is left out.

use smallvec::SmallVec;

/// Parts of a body that are looked at.
pub(crate) const PARTS_MAX: usize = 256;
/// Longest head of a part.
const HEAD_MAX: usize = 4096;
/// Longest boundary.
const BOUNDARY_MAX: usize = 70;

/// A part: its header fields, and what they are of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    head: &'a [u8],
    pub(crate) content: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(part: &'a [u8]) -> Option<Self> {
        // A part without fields begins with the empty line.
        if let Some(content) = part.strip_prefix(b"\r\n\r\n") {
            return Some(Self { head: b"", content: content.strip_suffix(b"\r\n").unwrap_or(content) });
        }
        let blank = memchr::memmem::find(part.get(..HEAD_MAX.min(part.len()))?, b"\r\n\r\n")?;
        let (head, content) = (part.get(..blank)?, part.get(blank + 4..)?);
        Some(Self { head, content: content.strip_suffix(b"\r\n").unwrap_or(content) })
    }

    /// The value of a header field. `name` is in lower case.
    pub(crate) fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.head.split(|byte| *byte == b'\n').find_map(|line| {
            let (found, value) = line.split_at(memchr::memchr(b':', line)?);
            found.eq_ignore_ascii_case(name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
        })
    }

    /// The name of a form's field; `None` of a file.
    pub(crate) fn name(&self) -> Option<&'a [u8]> {
        self.field().filter(|(_, is_file)| !is_file).map(|(name, _)| name)
    }

    /// The name of a form's field, and whether it is a file.
    pub(crate) fn field(&self) -> Option<(&'a [u8], bool)> {
        let disposition = self.header(b"content-disposition")?;
        let is_file = [&b"filename"[..], b"filename*"].iter().any(|name| parameter(disposition, name).is_some());
        Some((parameter(disposition, b"name")?, is_file))
    }
}

/// The parts, at most [`PARTS_MAX`]. `None` where the media type names no boundary.
pub(crate) fn parts<'a>(content_type: &[u8], body: &'a [u8]) -> Option<impl Iterator<Item = Part<'a>> + use<'a>> {
    let boundary =
        parameter(content_type, b"boundary").filter(|boundary| (1..=BOUNDARY_MAX).contains(&boundary.len()))?;
    let mut delimiter: SmallVec<[u8; 96]> = SmallVec::from_slice(b"--");
    delimiter.extend_from_slice(boundary);
    let mut start = next(body, 0, &delimiter).map(|at| at + delimiter.len());
    let pieces = std::iter::from_fn(move || {
        let from = start?;
        let end = next(body, from, &delimiter)?;
        start = Some(end + delimiter.len());
        body.get(from..end)
    });
    Some(pieces.take(PARTS_MAX).filter_map(Part::read))
}

/// The next delimiter: one whose boundary is not just the beginning of another's.
fn next(body: &[u8], mut from: usize, delimiter: &[u8]) -> Option<usize> {
    loop {
        let at = from + memchr::memmem::find(body.get(from..)?, delimiter)?;
        from = at + delimiter.len();
        if body.get(from).is_none_or(|behind| b"\r\n- \t".contains(behind)) {
            return Some(at);
        }
    }
}

/// The value of `; name=value` or `; name="value"`.
pub(crate) fn parameter<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    field.split(|b| *b == b';').skip(1).find_map(|parameter| {
        let parameter = parameter.trim_ascii();
        let (found, value) = parameter.split_at(memchr::memchr(b'=', parameter)?);
        let value = value.get(1..)?.trim_ascii();
        let plain =
            value.strip_prefix(b"\"").map_or(value, |value| value.split(|b| *b == b'"').next().unwrap_or(value));
        found.trim_ascii_end().eq_ignore_ascii_case(name).then_some(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_heads_and_ends() {
        let body = b"preamble\r\n--ab\r\nA: 1\r\n\r\none\r\n--abc\r\nno end of this\r\n--ab\r\n\r\ntwo\r\n--ab\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\r\n--ab--\r\n";
        let parts: Vec<_> = parts(b"multipart/mixed; boundary=\"ab\"", body).unwrap().collect();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let contents: Vec<String> = parts.iter().map(|part| text(part.content)).collect();
        assert_eq!(contents, ["one\r\n--abc\r\nno end of this", "two", ""]);
        assert_eq!(parts[0].header(b"a"), Some(&b"1"[..]));
        assert_eq!(parts[2].name(), Some(&b"f"[..]));
        assert!(super::parts(b"multipart/mixed", body).is_none());
    }

    #[test]
    fn parts_are_bounded() {
        let body = "--x\r\n\r\na\r\n".repeat(2 * PARTS_MAX);
        assert_eq!(parts(b"a/b; boundary=x", body.as_bytes()).unwrap().count(), PARTS_MAX);
    }
}
