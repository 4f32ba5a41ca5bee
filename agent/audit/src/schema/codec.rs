//! A schema in few bytes: for the memory of many endpoints, and for the store.
//!
//! One byte of version, then the places from the root on. Numbers are LEB128. What is the same as in the place above (the messages it was seen
//! in) is one bit. The reader is total: bytes that are not of the writer's making give nothing, and cost no more than their length.

use smol_str::SmolStr;

use super::Schema;
use super::format::Formats;
use super::node::{DEPTH_MAX, Evidence, Member, Node, Range, Types, Values, Variant};

const VERSION: u8 = 1;
/// Longest name that is read back.
const NAME_MAX: usize = 128;

const QUIET: u64 = 1 << 7;
const OPEN: u64 = 1 << 8;
const SEEN_AS_ABOVE: u64 = 1 << 9;
const ITEMS: u64 = 1 << 10;
const MANY: u64 = 1 << 11;
const RANGES: u64 = 1 << 12;

const TAGGED: u8 = 1;
const REST: u8 = 1 << 1;
const VARIANT_OPEN: u8 = 1 << 2;
const MAP: u8 = 1 << 3;
const VARIANT_SEEN_AS_NODE: u8 = 1 << 4;

pub(super) fn pack(schema: &Schema) -> Vec<u8> {
    let mut out = vec![VERSION, u8::from(schema.cut)];
    node(&schema.root, Evidence::default(), &mut out);
    out
}

pub(super) fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn range(range: Range, out: &mut Vec<u8>) {
    out.extend([range.least, range.most].map(i8::cast_unsigned));
}

fn node(node: &Node, above: Evidence, out: &mut Vec<u8>) {
    let flag = |is: bool, flag: u64| if is { flag } else { 0 };
    let has_ranges = [node.length, node.range, node.size].iter().any(|range| *range != Range::EMPTY);
    let flags = u64::from(node.types.0)
        | flag(node.quiet, QUIET)
        | flag(node.open, OPEN)
        | flag(node.seen == above, SEEN_AS_ABOVE)
        | flag(node.items.is_some(), ITEMS)
        | flag(node.values.many, MANY)
        | flag(has_ranges, RANGES);
    number(flags, out);
    if node.seen != above {
        number(node.seen.0, out);
    }
    if has_ranges {
        for each in [node.length, node.range, node.size] {
            range(each, out);
        }
    }
    if node.types.has(Types::STRING) {
        number(u64::from(node.formats.bits()), out);
        number(node.values.few.len() as u64, out);
        for (hash, word) in &node.values.few {
            out.extend(hash.to_be_bytes());
            text(word.as_deref().unwrap_or_default(), out);
        }
    }
    if let Some(items) = &node.items {
        self::node(items, node.seen, out);
    }
    if node.types.has(Types::OBJECT) {
        number(node.variants.len() as u64, out);
        node.variants.iter().for_each(|each| variant(each, node.seen, out));
    }
}

fn variant(variant: &Variant, above: Evidence, out: &mut Vec<u8>) {
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let same = variant.seen == above;
    out.push(
        flag(variant.tag.is_some(), TAGGED)
            | flag(variant.rest.is_some(), REST)
            | flag(variant.open, VARIANT_OPEN)
            | flag(variant.is_map, MAP)
            | flag(same, VARIANT_SEEN_AS_NODE),
    );
    if !same {
        number(variant.seen.0, out);
    }
    if let Some((name, hash)) = &variant.tag {
        text(name, out);
        out.extend(hash.to_be_bytes());
    }
    if let Some(rest) = &variant.rest {
        node(rest, variant.seen, out);
    }
    number(variant.members.len() as u64, out);
    for member in &variant.members {
        // The lowest bit of the length: always there.
        number((member.name.len() as u64) << 1 | u64::from(member.always), out);
        out.extend_from_slice(member.name.as_bytes());
        node(&member.node, variant.seen, out);
    }
}

pub(super) fn unpack(bytes: &[u8]) -> Option<Schema> {
    let (&[VERSION, cut @ (0 | 1)], rest) = bytes.split_first_chunk()? else { return None };
    let mut reader = Reader { rest };
    let root = reader.node(Evidence::default(), 0)?;
    reader.rest.is_empty().then_some(Schema { root, cut: cut == 1 })
}

/// Reads what was packed; total.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn status(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self, length: u64) -> Option<SmolStr> {
        let length = usize::try_from(length).ok().filter(|length| *length <= NAME_MAX)?;
        std::str::from_utf8(self.bytes(length)?).ok().map(SmolStr::new)
    }

    fn hash(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    fn range(&mut self) -> Option<Range> {
        Some(Range { least: self.byte()?.cast_signed(), most: self.byte()?.cast_signed() })
    }

    fn node(&mut self, above: Evidence, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        let flags = self.number()?;
        let has = |flag: u64| flags & flag != 0;
        let types = Types(flags.to_le_bytes()[0] & Types::ALL.0);
        let mut node = Node::new(types, if has(SEEN_AS_ABOVE) { above } else { Evidence(self.number()?) });
        (node.quiet, node.open, node.values.many) = (has(QUIET), has(OPEN), has(MANY));
        if has(RANGES) {
            (node.length, node.range, node.size) = (self.range()?, self.range()?, self.range()?);
        }
        if types.has(Types::STRING) {
            node.formats = Formats::from_bits(u16::try_from(self.number()?).ok()?);
            node.values = self.values(node.values.many)?;
        }
        if has(ITEMS) {
            node.items = Some(Box::new(self.node(node.seen, depth + 1)?));
        }
        if types.has(Types::OBJECT) {
            for _ in 0..self.number()? {
                let variant = self.variant(node.seen, depth)?;
                if node.variants.last().is_some_and(|last| last.tag >= variant.tag) {
                    return None;
                }
                node.variants.push(variant);
            }
        }
        Some(node)
    }

    fn values(&mut self, many: bool) -> Option<Values> {
        let mut few: Vec<(u32, Option<SmolStr>)> = Vec::new();
        for _ in 0..self.number()? {
            let hash = self.hash()?;
            let length = self.number()?;
            let word = self.text(length)?;
            if few.last().is_some_and(|(last, _)| *last >= hash) {
                return None;
            }
            few.push((hash, (!word.is_empty()).then_some(word)));
        }
        Some(Values { many, few })
    }

    fn variant(&mut self, above: Evidence, depth: usize) -> Option<Variant> {
        let flags = self.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let seen = if has(VARIANT_SEEN_AS_NODE) { above } else { Evidence(self.number()?) };
        let mut variant = Variant { seen, open: has(VARIANT_OPEN), is_map: has(MAP), ..Variant::default() };
        if has(TAGGED) {
            let length = self.number()?;
            variant.tag = Some((self.text(length)?, self.hash()?));
        }
        if has(REST) {
            variant.rest = Some(Box::new(self.node(seen, depth + 1)?));
        }
        for _ in 0..self.number()? {
            let head = self.number()?;
            let (name, always) = (self.text(head >> 1)?, head & 1 == 1);
            if variant.members.last().is_some_and(|last| last.name >= name) {
                return None;
            }
            let node = self.node(seen, depth + 1)?;
            variant.members.push(Member { name, always, node });
        }
        Some(variant)
    }
}
