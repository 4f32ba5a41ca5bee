//! A GraphQL document (specification of October 2021, §2) as far as it names operations: their kind and name, and the fields at their
//! root. One pass over the tokens without recursion; what is inside of arguments, directives and deeper selections is passed over.
//!
//! It is stricter than a search for words, because much that stands under `query` in JSON is no GraphQL: outside of parentheses only
//! what a selection may hold is let through.

use smallvec::SmallVec;

/// Operations and fragments of a document that are looked at.
const DEFINITIONS_MAX: usize = 256;
/// Fields at the root of a definition that are kept, fragments' spreads among them.
const FIELDS_MAX: usize = 32;
/// Fragments within fragments that are followed.
const SPREADS_MAX: usize = 64;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }

    fn of(word: &[u8]) -> Option<Self> {
        [Self::Query, Self::Mutation, Self::Subscription].into_iter().find(|kind| kind.name().as_bytes() == word)
    }
}

/// A field at the root, or a fragment that stands for fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root<'a> {
    Field(&'a [u8]),
    Spread(&'a [u8]),
}

/// An operation or a fragment.
#[derive(Debug, Default)]
pub(super) struct Definition<'a> {
    /// `None`: a fragment.
    pub(super) kind: Option<Kind>,
    /// Empty where it has none.
    pub(super) name: &'a [u8],
    roots: SmallVec<[Root<'a>; 4]>,
}

/// A document.
#[derive(Debug)]
pub(super) struct Document<'a> {
    definitions: SmallVec<[Definition<'a>; 2]>,
}

impl<'a> Document<'a> {
    /// Reads it. `None`: it is no document; `whole`: nothing of it is missing.
    pub(super) fn read(text: &'a [u8], whole: bool) -> Option<Self> {
        if !begins_like_one(text) {
            return None;
        }
        let mut reader = Reader { tokens: Tokens { rest: text }, ended: false };
        let mut definitions = SmallVec::new();
        while !reader.ended && definitions.len() < DEFINITIONS_MAX {
            let mut definition = Definition::default();
            let read = reader.definition(&mut definition);
            let has_begun = definition.kind.is_some() || !definition.name.is_empty();
            match read {
                Some(true) => definitions.push(definition),
                Some(false) => break,
                // At the end of a text that was cut: as far as it goes.
                None if reader.ended && !whole && has_begun => {
                    definitions.push(definition);
                    break;
                }
                None => return None,
            }
        }
        let is_any = definitions.iter().any(|definition: &Definition<'_>| definition.kind.is_some());
        is_any.then_some(Self { definitions })
    }

    /// The operation that is run: the one of that name, or the only one.
    pub(super) fn operation(&self, name: Option<&[u8]>) -> Option<&Definition<'a>> {
        let mut operations = self.definitions.iter().filter(|definition| definition.kind.is_some());
        match name.filter(|name| !name.is_empty()) {
            Some(name) => operations.find(|operation| operation.name == name),
            None => operations.next().filter(|_| operations.next().is_none()),
        }
    }

    /// The fields at an operation's root, those of its fragments among them, sorted, each once.
    pub(super) fn fields(&self, operation: &Definition<'a>) -> SmallVec<[&'a [u8]; 4]> {
        let mut fields: SmallVec<[&'a [u8]; 4]> = SmallVec::new();
        let mut seen: SmallVec<[&[u8]; 4]> = SmallVec::new();
        let mut open: SmallVec<[Root<'a>; 8]> = operation.roots.iter().copied().collect();
        while let Some(root) = open.pop() {
            match root {
                Root::Field(field) => {
                    if let Err(at) = fields.binary_search(&field) {
                        fields.insert(at, field);
                    }
                }
                Root::Spread(name) if !seen.contains(&name) && seen.len() < SPREADS_MAX => {
                    seen.push(name);
                    let fragment = self.definitions.iter().find(|known| known.kind.is_none() && known.name == name);
                    open.extend(fragment.into_iter().flat_map(|fragment| fragment.roots.iter().copied()));
                }
                Root::Spread(_) => {}
            }
        }
        fields
    }
}

/// Whether the first token may begin a document: decides of most texts that are none.
fn begins_like_one(text: &[u8]) -> bool {
    match (Tokens { rest: text }).next() {
        Some(Token::Mark(b'{')) => true,
        Some(Token::Name(word)) => Kind::of(word).is_some() || word == b"fragment",
        _ => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a [u8]),
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Mark(u8),
    /// `...`
    Spread,
    /// A number or a string.
    Value,
    /// No token.
    Fault,
}

struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_ignored();
        let (&first, after) = self.rest.split_first()?;
        match first {
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let (name, rest) = cut(self.rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
                self.rest = rest;
                return Some(Token::Name(name));
            }
            b'0'..=b'9' | b'-' => {
                self.rest = cut(self.rest, |byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)).1;
                return Some(Token::Value);
            }
            b'"' => {
                let end = string_end(self.rest);
                // A text that was cut inside a string has ended.
                self.rest = end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
                return end.map(|_| Token::Value);
            }
            b'.' => {
                let is_spread = after.starts_with(b"..");
                self.rest = after.get(if is_spread { 2 } else { 0 }..).unwrap_or_default();
                return Some(if is_spread { Token::Spread } else { Token::Fault });
            }
            _ => self.rest = after,
        }
        Some(if b"!$&():=@[]{|}".contains(&first) { Token::Mark(first) } else { Token::Fault })
    }
}

impl Tokens<'_> {
    /// White space, commas, comments, a byte order mark.
    fn skip_ignored(&mut self) {
        loop {
            self.rest = cut(self.rest, |byte| b" \t\r\n,".contains(&byte)).1;
            if let Some(after) = self.rest.strip_prefix(b"\xef\xbb\xbf") {
                self.rest = after;
            } else if self.rest.first() == Some(&b'#') {
                let end = memchr::memchr2(b'\n', b'\r', self.rest).unwrap_or(self.rest.len());
                self.rest = self.rest.get(end..).unwrap_or_default();
            } else {
                return;
            }
        }
    }
}

fn cut(text: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !belongs(*byte)).unwrap_or(text.len()))
}

/// Behind the string that begins the text: `"…"` or `"""…"""`.
fn string_end(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"\"\"\"") {
        let mut at = 3;
        loop {
            at += memchr::memmem::find(text.get(at..)?, b"\"\"\"")?;
            if text.get(at - 1) != Some(&b'\\') {
                return Some(at + 3);
            }
            at += 3;
        }
    }
    let mut at = 1;
    loop {
        at += memchr::memchr3(b'"', b'\\', b'\n', text.get(at..)?)?;
        match text.get(at) {
            Some(b'\\') => at += 2,
            // A line's end ends it too; that is a fault which others may report.
            _ => return Some(at + 1),
        }
    }
}

struct Reader<'a> {
    tokens: Tokens<'a>,
    /// The text has ended where another token was wanted.
    ended: bool,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.next();
        self.ended |= token.is_none();
        token
    }

    /// The next definition. `Some(false)`: there is none; `None`: a fault, or the text ended within.
    fn definition(&mut self, definition: &mut Definition<'a>) -> Option<bool> {
        let Some(first) = self.next() else { return Some(false) };
        if first == Token::Mark(b'{') {
            definition.kind = Some(Kind::Query);
            return self.selection(definition).map(|()| true);
        }
        let Token::Name(word) = first else { return None };
        definition.kind = Kind::of(word);
        if definition.kind.is_none() && word != b"fragment" {
            return None;
        }
        let mut token = self.next()?;
        if let Token::Name(name) = token {
            definition.name = name;
            token = self.next()?;
        }
        if definition.kind.is_none() {
            let Token::Name(b"on") = token else { return None };
            let Token::Name(_) = self.next()? else { return None };
            token = self.next()?;
        } else if token == Token::Mark(b'(') {
            self.parentheses()?;
            token = self.next()?;
        }
        token = self.directives(token)?;
        (token == Token::Mark(b'{')).then_some(())?;
        self.selection(definition).map(|()| true)
    }

    /// Past any directives that begin with `token`; gives the token behind them.
    fn directives(&mut self, mut token: Token<'a>) -> Option<Token<'a>> {
        while token == Token::Mark(b'@') {
            let Token::Name(_) = self.next()? else { return None };
            token = self.next()?;
            if token == Token::Mark(b'(') {
                self.parentheses()?;
                token = self.next()?;
            }
        }
        Some(token)
    }

    /// Past the parenthesis that closes the open one.
    fn parentheses(&mut self) -> Option<()> {
        let mut depth = 1_usize;
        loop {
            match self.next()? {
                Token::Mark(b'(') => depth += 1,
                Token::Mark(b')') => depth -= 1,
                Token::Fault => return None,
                _ => {}
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// A selection that has begun, to its end. The fields of the outermost level are kept, and those of fragments in line there.
    fn selection(&mut self, definition: &mut Definition<'a>) -> Option<()> {
        let mut level = Level { roots: &mut definition.roots, depth: 1, at_root: 1, field: None, is_in_line: false };
        let mut is_empty = true;
        let mut token = self.next()?;
        loop {
            match token {
                Token::Name(name) => {
                    level.end_field();
                    level.field = Some(name);
                }
                Token::Mark(b':') if level.field.is_some() => {
                    // What was read was but an alias.
                    let Token::Name(name) = self.next()? else { return None };
                    level.field = Some(name);
                }
                Token::Mark(b'(') if !is_empty => self.parentheses()?,
                Token::Mark(b'@') if !is_empty => {
                    token = self.directives(token)?;
                    continue;
                }
                Token::Spread => {
                    level.end_field();
                    is_empty = false;
                    token = self.next()?;
                    match token {
                        Token::Name(b"on") => {
                            let Token::Name(_) = self.next()? else { return None };
                            level.is_in_line = true;
                        }
                        Token::Name(name) => level.keep(Root::Spread(name)),
                        Token::Mark(b'@' | b'{') => {
                            level.is_in_line = true;
                            continue;
                        }
                        _ => return None,
                    }
                }
                Token::Mark(b'{') if !is_empty => level.open(),
                Token::Mark(b'}') if !is_empty => {
                    level.close();
                    if level.depth == 0 {
                        return Some(());
                    }
                }
                _ => return None,
            }
            is_empty = token == Token::Mark(b'{');
            token = self.next()?;
        }
    }
}

/// Where in the nesting of selections a reader is.
struct Level<'r, 'a> {
    roots: &'r mut SmallVec<[Root<'a>; 4]>,
    /// Levels open.
    depth: usize,
    /// How many of them, from the outside, are the root or a fragment in line at the root.
    at_root: usize,
    /// A field was read here, which may yet turn out to be another's alias; a selection may follow.
    field: Option<&'a [u8]>,
    /// The selection that follows is that of a fragment in line.
    is_in_line: bool,
}

impl<'a> Level<'_, 'a> {
    fn keep(&mut self, root: Root<'a>) {
        if self.depth == self.at_root && self.roots.len() < FIELDS_MAX {
            self.roots.push(root);
        }
    }

    fn end_field(&mut self) {
        if let Some(field) = self.field.take() {
            self.keep(Root::Field(field));
        }
    }

    fn open(&mut self) {
        self.end_field();
        self.at_root += usize::from(self.depth == self.at_root && self.is_in_line);
        self.depth += 1;
        self.is_in_line = false;
    }

    fn close(&mut self) {
        self.end_field();
        self.depth -= 1;
        self.at_root = self.at_root.min(self.depth);
    }
}
