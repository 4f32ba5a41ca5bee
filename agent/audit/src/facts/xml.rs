//! XML and what is written like it: the text of each element under the element's name, attributes under theirs. Names only by their
//! local part; no entity is expanded, no tree is built.

/// Attributes of an element that are looked at.
const ATTRIBUTES_MAX: usize = 64;

/// Gives names and plain values, in order. All text is given: behind an element's end, in a comment or a CDATA section under the name of
/// the element that began last.
pub(crate) fn walk<'a>(text: &'a [u8], value: &mut dyn FnMut(&'a [u8], &'a [u8])) {
    let mut opens = memchr::memchr_iter(b'<', text).peekable();
    let mut name: &[u8] = b"";
    if let Some(before) = text.get(..opens.peek().copied().unwrap_or(text.len())) {
        give(name, before, value);
    }
    while let Some(open) = opens.next() {
        let next = opens.peek().copied().unwrap_or(text.len());
        let Some(rest) = text.get(open + 1..next) else { continue };
        let (tag, content) = rest.split_at(memchr::memchr(b'>', rest).unwrap_or(rest.len()));
        match tag.first() {
            None | Some(b'/') => {}
            Some(b'!' | b'?') => give(name, tag, value),
            Some(_) => {
                let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(tag.len());
                let (named, attributes) = tag.split_at(end);
                name = local(named);
                for (name, content) in attributes_of(attributes).take(ATTRIBUTES_MAX) {
                    give(local(name), content, value);
                }
            }
        }
        give(name, content.get(1..).unwrap_or_default(), value);
    }
}

fn give<'a>(name: &'a [u8], content: &'a [u8], value: &mut dyn FnMut(&'a [u8], &'a [u8])) {
    let content = content.trim_ascii();
    if !content.is_empty() {
        value(name, content);
    }
}

/// `name="value"` or `name='value'`.
fn attributes_of(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let equals = memchr::memchr(b'=', rest)?;
        let name = rest.get(..equals)?.trim_ascii();
        let after = rest.get(equals + 1..)?.trim_ascii_start();
        let (quote, after) = after.split_first()?;
        let end = memchr::memchr(*quote, after).filter(|_| matches!(quote, b'"' | b'\''))?;
        rest = after.get(end + 1..)?;
        Some((name, after.get(..end)?))
    })
}

fn local(name: &[u8]) -> &[u8] {
    memchr::memrchr(b':', name).and_then(|at| name.get(at + 1..)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_attributes_are_named() {
        let text =
            b"<s:User id=\"7\" s:mail='a@b.cc'><Name>Ann</Name>tail<e/> <ssn>\n1 <![CDATA[2]]></ssn><x y=\"1></s:User>";
        let mut all = Vec::new();
        walk(text, &mut |name, value| {
            all.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        });
        assert_eq!(all, ["id=7", "mail=a@b.cc", "Name=Ann", "Name=tail", "ssn=1", "ssn=![CDATA[2]]"]);
    }
}
