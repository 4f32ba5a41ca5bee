//! A sample of one message: places are made as the walk over its JSON goes, by the same joins that later make the schema.

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::format::Formats;
use super::node::{DEPTH_MAX, Evidence, Member, Node, Range, Types, Values, Variant};
use super::words::{self, Words};
use super::{Sample, Schema};
use crate::facts::json::{self, Scalar, Visit};
use crate::facts::percent::{self, Plain};
use crate::facts::scan::Marks;
use crate::facts::{Place, is_telling, redact};
use crate::inventory::shape::{Shape, shape};
use crate::secret::{FingerprintKey, Secret};

/// Elements of an array that are looked at.
const ELEMENTS_MAX: usize = 256;
/// Members of one object that are looked at.
const OBJECT_MAX: usize = 4_096;
/// Parameters of a query or form that are looked at.
pub(crate) const FIELDS_MAX: usize = 64;

/// What a sample is taken with.
pub(crate) struct Taker<'t> {
    /// Of the installation.
    pub(crate) key: &'t FingerprintKey,
    /// The endpoint, as far as the shard knows it.
    pub(crate) place: u64,
    /// Who calls, hashed.
    pub(crate) consumer: u16,
    /// Which message it is.
    pub(crate) seen: Evidence,
    /// What may be kept of values.
    pub(crate) words: &'t mut Words,
}

impl Taker<'_> {
    /// Of a JSON body; `None` where it is not whole.
    pub(crate) fn json(&mut self, body: &[u8]) -> Option<Schema> {
        let mut walk = Builder { taker: self, frames: SmallVec::new(), root: None, skipped: 0 };
        let outcome = json::walk(body, &mut walk);
        walk.root.filter(|_| outcome.whole).map(Schema::of)
    }

    /// Of named values that are text: a query, a form, header fields, of which `most` are looked at. A name that comes twice has a list.
    pub(crate) fn fields<'f>(
        &mut self,
        pairs: impl Iterator<Item = (&'f [u8], Field<'f>)>,
        most: usize,
    ) -> Option<Schema> {
        let mut object = Frame::object();
        for (at, (name, value)) in pairs.take(most + 1).enumerate() {
            if at == most {
                object.open = true;
                break;
            }
            let node = match value {
                Field::Text(value) => self.text(name, value),
                Field::File => file(self.seen),
            };
            object.push(Key::of(name), node);
        }
        if object.members.is_empty() && object.rest.is_none() {
            return None;
        }
        Some(Schema::of(object.finish_fields(self.seen)))
    }

    /// A value that is text whatever it means: a number where it looks like one.
    fn text(&mut self, name: &[u8], value: &[u8]) -> Node {
        let mut node = text(value, self.seen);
        self.add_word(&mut node, name, value);
        node
    }

    fn string(&mut self, name: &[u8], value: &[u8]) -> Node {
        let mut node = string(value, self.seen);
        self.add_word(&mut node, name, value);
        node
    }

    fn add_word(&mut self, node: &mut Node, name: &[u8], text: &[u8]) {
        let is_word = node.types == Types::STRING
            && node.formats == Formats::NONE
            && words::is_like(text)
            && words::may_hold(name);
        if is_word {
            node.values = self.word(name, text);
        }
    }

    fn word(&mut self, name: &[u8], text: &[u8]) -> Values {
        let hash = self.hash(text);
        let is_known = self.words.meet(words::field(self.place, name), hash, self.consumer);
        let word = is_known.then(|| std::str::from_utf8(text).ok().map(SmolStr::new)).flatten();
        Values { many: false, few: vec![(hash, word)] }
    }

    fn hash(&self, text: &[u8]) -> u32 {
        (Secret::new(text).fingerprint_in(b"schema", self.key).get() >> 32) as u32
    }
}

/// A value of a form.
pub(crate) enum Field<'f> {
    Text(&'f [u8]),
    /// Of a multipart form: it is not looked at.
    File,
}

fn file(seen: Evidence) -> Node {
    let mut node = Node::new(Types::STRING, seen);
    node.formats = Formats::FILE;
    node.values.many = true;
    node
}

/// A value of the path: not even its hash is kept.
pub(super) fn path_value(value: &[u8], seen: Evidence) -> Node {
    text(value, seen)
}

fn text(value: &[u8], seen: Evidence) -> Node {
    match value {
        b"true" | b"false" => Node::new(Types::BOOLEAN, seen),
        _ if is_plain_number(value) => number(value, seen),
        _ => string(value, seen),
    }
}

fn number(text: &[u8], seen: Evidence) -> Node {
    let integer = !text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    let mut node = Node::new(if integer { Types::INTEGER } else { Types::NUMBER }, seen);
    if let Some(number) = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()) {
        node.range = Range::of(number);
    }
    node
}

/// Its values count as many until they are known as words.
fn string(text: &[u8], seen: Evidence) -> Node {
    let mut node = Node::new(Types::STRING, seen);
    node.formats = Formats::of(text);
    node.length = Range::of_length(text.len());
    node.values.many = true;
    node
}

/// A number as JSON writes it, without a sign of another kind or leading zeros (an order number `007` is text).
fn is_plain_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits.split_at(digits.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let is_whole = matches!(whole, [b'0'] | [b'1'..=b'9', ..]) && whole.len() <= 18;
    let is_rest = match rest {
        [] => true,
        [b'.', fraction @ ..] => !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_whole && is_rest
}

/// The pairs of a query or form that have a name, decoded.
pub(crate) fn fields(text: &[u8]) -> impl Iterator<Item = (Plain<'_>, Plain<'_>)> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty() && redact::is_named(pair)).map(|pair| {
        let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let (name, value) = (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default());
        (percent::decode(name, true), percent::decode(value, true))
    })
}

impl Sample {
    /// Keeps no values of the places that hold secrets or personal data.
    pub(crate) fn silence(&mut self, place: &Place) {
        let body = self.body.as_mut().map(|(_, schema)| &mut schema.root);
        match place {
            Place::Json(pointer) => {
                if let Some(root) = body {
                    silence_at(root, pointer);
                }
            }
            Place::Form(name) => silence_fields(body, name),
            Place::Query(name) => silence_fields(self.query.as_mut().map(|schema| &mut schema.root), name),
            Place::Header(name) => silence_fields(self.headers.as_mut().map(|schema| &mut schema.root), name),
            Place::Element(_) | Place::Text | Place::Path => {}
        }
    }
}

fn silence_fields(root: Option<&mut Node>, name: &str) {
    for variant in root.into_iter().flat_map(|root| &mut root.variants) {
        silence_member(variant, name, &mut silence_all);
    }
}

fn silence_member(variant: &mut Variant, name: &str, silence: &mut dyn FnMut(&mut Node)) {
    if let Ok(at) = variant.members.binary_search_by(|member| member.name.as_str().cmp(name)) {
        variant.members.get_mut(at).into_iter().for_each(|member| silence(&mut member.node));
    } else if let Some(rest) = &mut variant.rest {
        silence(rest);
    }
}

fn silence_at(node: &mut Node, pointer: &str) {
    let Some((name, rest)) = pointer.strip_prefix('/').map(|tail| {
        tail.split_once('/').map_or((tail, ""), |(name, _)| (name, tail.get(name.len()..).unwrap_or_default()))
    }) else {
        return silence_all(node);
    };
    // The pointer was too long: what it names may be anywhere below.
    if name == "…" {
        return silence_all(node);
    }
    if name == "-"
        && let Some(items) = &mut node.items
    {
        return silence_at(items, rest);
    }
    for variant in &mut node.variants {
        silence_member(variant, name, &mut |node| silence_at(node, rest));
    }
}

fn silence_all(node: &mut Node) {
    node.silence();
    node.for_children(&mut silence_all);
}

/// A member's name, or a key that is rather a value.
enum Key {
    Name(SmolStr),
    Value,
}

impl Key {
    fn of(plain: &[u8]) -> Self {
        let name = redact::field_name(plain);
        let is_name = !name.starts_with('{') && matches!(shape(name), Shape::Word | Shape::Version);
        // Odd cases and mixtures of letters and digits are names often enough: `iPhone`, `md5`, `addressLine2`.
        let is_name =
            is_name || (name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_'));
        if is_name { Self::Name(SmolStr::new(name)) } else { Self::Value }
    }
}

struct Frame {
    is_array: bool,
    key: Option<SmolStr>,
    /// The key's name tells what may not be kept.
    is_quiet: bool,
    members: Vec<Member>,
    rest: Option<Box<Node>>,
    /// Members or elements, those not looked at too.
    count: usize,
    open: bool,
}

impl Frame {
    fn object() -> Self {
        Self { is_array: false, key: None, is_quiet: false, members: Vec::new(), rest: None, count: 0, open: false }
    }

    fn push(&mut self, key: Key, node: Node) {
        self.count += 1;
        match key {
            _ if self.count > OBJECT_MAX => self.open = true,
            Key::Name(name) => self.members.push(Member { name, always: true, node }),
            Key::Value => self.push_rest(node),
        }
    }

    fn push_rest(&mut self, node: Node) {
        match &mut self.rest {
            Some(rest) => rest.join(node),
            rest @ None => *rest = Some(Box::new(node)),
        }
    }

    fn sort(&mut self) {
        self.members.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn finish_object(mut self, seen: Evidence) -> Node {
        self.sort();
        // Of a name that comes twice most readers take the last; both are taken here.
        self.members.dedup_by(|later, first| {
            let same = later.name == first.name;
            if same {
                first.node.join(std::mem::replace(&mut later.node, Node::new(Types::default(), seen)));
            }
            same
        });
        self.into_object(seen, true)
    }

    fn finish_fields(mut self, seen: Evidence) -> Node {
        self.sort();
        self.members.dedup_by(|later, first| {
            let same = later.name == first.name;
            if same {
                let node = std::mem::replace(&mut later.node, Node::new(Types::default(), seen));
                let list = &mut first.node;
                if !list.types.has(Types::ARRAY) {
                    let items = std::mem::replace(list, Node::new(Types::ARRAY, seen));
                    list.items = Some(Box::new(items));
                }
                if let Some(items) = &mut list.items {
                    items.join(node);
                }
            }
            same
        });
        self.into_object(seen, false)
    }

    fn into_object(self, seen: Evidence, may_be_tagged: bool) -> Node {
        let mut node = Node::new(Types::OBJECT, seen);
        let tag = if may_be_tagged { tag(&self.members) } else { None };
        let mut variant = Variant { tag, seen, members: self.members, rest: self.rest, open: self.open, is_map: false };
        if variant.members.len() > super::node::MEMBERS_MAX {
            variant.make_map();
        }
        node.variants.push(variant);
        node
    }

    fn finish_array(self, seen: Evidence) -> Node {
        let mut node = Node::new(Types::ARRAY, seen);
        node.size = Range::of_length(self.count);
        node.open = self.open;
        node.items = self.rest;
        node
    }
}

/// Names of members that tell kinds of objects apart, the surest first.
const TAGS: [&str; 16] = [
    "__typename",
    "@type",
    "$type",
    "_type",
    "type",
    "kind",
    "object",
    "objectType",
    "object_type",
    "resourceType",
    "eventType",
    "event_type",
    "event",
    "discriminator",
    "petType",
    "action",
];

fn tag(members: &[Member]) -> Option<(SmolStr, u32)> {
    TAGS.iter().find_map(|name| {
        let at = members.binary_search_by(|member| member.name.as_str().cmp(name)).ok()?;
        let member = members.get(at)?;
        match member.node.values.few.as_slice() {
            [(hash, _)] if member.node.types == Types::STRING && !member.node.quiet => {
                Some((member.name.clone(), *hash))
            }
            _ => None,
        }
    })
}

struct Builder<'b, 't> {
    taker: &'b mut Taker<'t>,
    frames: SmallVec<[Frame; 8]>,
    root: Option<Node>,
    /// Levels open below a place that is not looked at.
    skipped: usize,
}

impl Builder<'_, '_> {
    /// Whether the next value is not looked at: it is too deep, or one of too many.
    fn is_past(&self) -> bool {
        self.frames.len() > DEPTH_MAX || self.frames.last().is_some_and(|top| top.is_array && top.count >= ELEMENTS_MAX)
    }

    /// A value that is not looked at. Of a long array the first elements speak for all.
    fn pass(&mut self) {
        let is_deep = self.frames.len() > DEPTH_MAX;
        if let Some(top) = self.frames.last_mut() {
            top.count += 1;
            top.open |= is_deep;
        }
    }

    fn put(&mut self, mut node: Node) {
        let Some(top) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        if top.is_quiet {
            silence_all(&mut node);
        }
        if top.is_array {
            top.count += 1;
            top.push_rest(node);
        } else {
            let key = top.key.take().map_or(Key::Value, Key::Name);
            top.push(key, node);
        }
    }
}

impl<'a> Visit<'a> for Builder<'_, '_> {
    const ALL: bool = true;

    fn wants(&mut self, key: &'a [u8], escapes: bool) -> bool {
        if self.skipped == 0
            && let Some(top) = self.frames.last_mut()
        {
            let plain = if escapes { json::unescape(key) } else { Plain::Borrowed(key) };
            top.is_quiet = is_telling(&plain);
            top.key = match Key::of(&plain) {
                Key::Name(name) => Some(name),
                Key::Value => None,
            };
        }
        true
    }

    fn value(&mut self, place: &json::Place<'_, 'a>, value: Scalar<'a>, _marks: Marks) {
        if self.skipped > 0 {
            return;
        }
        if self.is_past() {
            return self.pass();
        }
        let seen = self.taker.seen;
        let node = match value {
            Scalar::String(text) => {
                let is_quiet = self.frames.last().is_some_and(|top| top.is_quiet);
                let name = json::unescape(place.key());
                // A quiet value does not even become a word's hash.
                let name: &[u8] = if is_quiet { b"name" } else { &name };
                self.taker.string(name, &json::unescape(text))
            }
            Scalar::Number(text) => number(text, seen),
            Scalar::Word(b"null") => Node::new(Types::NULL, seen),
            Scalar::Word(_) => Node::new(Types::BOOLEAN, seen),
        };
        self.put(node);
    }

    fn opened(&mut self, is_array: bool) {
        if self.skipped > 0 || self.is_past() {
            self.skipped += 1;
            return;
        }
        let is_quiet = self.frames.last().is_some_and(|top| top.is_quiet);
        self.frames.push(Frame { is_array, is_quiet, ..Frame::object() });
    }

    fn closed(&mut self) {
        if self.skipped > 0 {
            self.skipped -= 1;
            if self.skipped == 0 {
                self.pass();
            }
            return;
        }
        if let Some(frame) = self.frames.pop() {
            let seen = self.taker.seen;
            let node = if frame.is_array { frame.finish_array(seen) } else { frame.finish_object(seen) };
            self.put(node);
        }
    }
}
