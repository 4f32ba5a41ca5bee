//! What is known of the values at one place of a body, and how two such knowledges are joined.
//!
//! Each part is a join: union, intersection, minimum or maximum. So any order, any split over agents and any repetition give the same.
//! What needs evidence ("always there", "of this format") is kept as a fact that one message can refute, and [`Evidence`] says how many
//! messages had the chance to.

use smol_str::SmolStr;

use super::format::Formats;

/// Deepest nesting that is kept.
pub(crate) const DEPTH_MAX: usize = 16;
/// Members of an object that are kept by name; with more it is a map whose keys are values.
pub(crate) const MEMBERS_MAX: usize = 256;
/// Kinds of an object that are told apart by a tag.
pub(crate) const VARIANTS_MAX: usize = 8;
/// Keys of an object of which half are met once only: it is a map.
const MAP_KEYS_MIN: usize = 8;
/// Different values of a field that are kept.
pub(crate) const VALUES_MAX: usize = 16;

/// Types of JSON, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Types(pub(crate) u8);

impl Types {
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(1 << 1);
    pub(crate) const INTEGER: Self = Self(1 << 2);
    /// A number that is no integer.
    pub(crate) const NUMBER: Self = Self(1 << 3);
    pub(crate) const STRING: Self = Self(1 << 4);
    pub(crate) const ARRAY: Self = Self(1 << 5);
    pub(crate) const OBJECT: Self = Self(1 << 6);
    pub(crate) const ALL: Self = Self(0x7f);

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// How many messages something was seen in, as a set: each message has one of 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence(pub(crate) u64);

impl Evidence {
    /// Of the message with this number.
    pub(crate) const fn of(message: u8) -> Self {
        Self(1 << (message & 63))
    }

    /// So many messages at least.
    pub(crate) const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// The values of a field, as keyed hashes, while they are few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Too many, or not such as could be listed.
    pub(crate) many: bool,
    /// In the order of the hashes; with the value itself once it was proven to be a word of the API and of nobody.
    pub(crate) few: Vec<(u32, Option<SmolStr>)>,
}

impl Values {
    fn join(&mut self, other: Self) {
        self.many |= other.many;
        if self.many {
            self.few = Vec::new();
            return;
        }
        for (hash, text) in other.few {
            match self.few.binary_search_by_key(&hash, |(hash, _)| *hash) {
                Ok(at) => {
                    if let Some((_, known)) = self.few.get_mut(at)
                        && known.as_ref().is_none_or(|known| text.as_ref().is_some_and(|text| text < known))
                    {
                        *known = text.or_else(|| known.take());
                    }
                }
                Err(at) => self.few.insert(at, (hash, text)),
            }
        }
        if self.few.len() > VALUES_MAX {
            *self = Self { many: true, few: Vec::new() };
        }
    }

    /// The values, sorted, where all of them are known.
    pub(crate) fn known(&self) -> Option<Vec<&SmolStr>> {
        if self.many || self.few.is_empty() {
            return None;
        }
        let mut known: Vec<_> = self.few.iter().map(|(_, text)| text.as_ref()).collect::<Option<_>>()?;
        known.sort_unstable();
        known.dedup();
        Some(known)
    }

    /// The word behind a hash, where it is known.
    fn word(&self, hash: u32) -> Option<&SmolStr> {
        let at = self.few.binary_search_by_key(&hash, |(hash, _)| *hash).ok()?;
        self.few.get(at)?.1.as_ref()
    }

    fn unkey(&mut self) {
        for (hash, word) in std::mem::take(&mut self.few) {
            let hash = word.as_deref().map_or(hash, unkeyed);
            self.join(Self { many: false, few: vec![(hash, word)] });
        }
    }
}

/// A hash of a known word that any agent would give it.
fn unkeyed(word: &str) -> u32 {
    // FNV-1a.
    word.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Least and most of something, as a rounded code; empty where the least is above the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) least: i8,
    pub(crate) most: i8,
}

impl Range {
    pub(crate) const EMPTY: Self = Self { least: i8::MAX, most: i8::MIN };

    /// Of a number: the binary exponent with the number's sign. No more of it is kept.
    pub(crate) fn of(number: f64) -> Self {
        // IEEE 754: the exponent stands behind the sign, with 1023 added. Below 1 none is told from another, past 2^126 neither.
        let biased = number.abs().to_bits() >> 52;
        let exponent = i8::try_from(biased.saturating_sub(1_022).max(1)).unwrap_or(i8::MAX);
        let code = if number == 0.0 {
            0
        } else if number < 0.0 {
            -exponent
        } else {
            exponent
        };
        Self { least: code, most: code }
    }

    /// Of a length.
    pub(crate) fn of_length(length: usize) -> Self {
        let code = i8::try_from(usize::BITS - length.leading_zeros()).unwrap_or(i8::MAX);
        Self { least: code, most: code }
    }

    fn join(&mut self, other: Self) {
        (self.least, self.most) = (self.least.min(other.least), self.most.max(other.most));
    }
}

/// What is known of the values at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) types: Types,
    /// It holds secrets or personal data: nothing of its values is kept but types and formats.
    pub(crate) quiet: bool,
    /// Something below was left out: anything may be there.
    pub(crate) open: bool,
    pub(crate) seen: Evidence,
    /// Of strings.
    pub(crate) formats: Formats,
    /// Of strings, in bytes.
    pub(crate) length: Range,
    pub(crate) values: Values,
    /// Of numbers.
    pub(crate) range: Range,
    /// Elements of arrays.
    pub(crate) size: Range,
    pub(crate) items: Option<Box<Self>>,
    /// Of objects: by tag; without a tag, where there is none, one.
    pub(crate) variants: Vec<Variant>,
}

/// One kind of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The member whose value tells this kind from others, and the value's keyed hash.
    pub(crate) tag: Option<(SmolStr, u32)>,
    pub(crate) seen: Evidence,
    /// By name.
    pub(crate) members: Vec<Member>,
    /// The values under keys that are no names.
    pub(crate) rest: Option<Box<Node>>,
    /// Members were left out.
    pub(crate) open: bool,
    /// All keys are values: there were more than [`MEMBERS_MAX`].
    pub(crate) is_map: bool,
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: SmolStr,
    /// In each object of this kind.
    pub(crate) always: bool,
    pub(crate) node: Node,
}

impl Node {
    /// Of no value.
    pub(crate) const fn new(types: Types, seen: Evidence) -> Self {
        Self {
            types,
            quiet: false,
            open: false,
            seen,
            formats: Formats::ANY,
            length: Range::EMPTY,
            values: Values { many: false, few: Vec::new() },
            range: Range::EMPTY,
            size: Range::EMPTY,
            items: None,
            variants: Vec::new(),
        }
    }

    /// Takes in what another knows of the same place. Recurses at most [`DEPTH_MAX`] deep, as all that is made or read here is.
    pub(crate) fn join(&mut self, other: Self) {
        self.types.0 |= other.types.0;
        self.open |= other.open;
        self.seen.0 |= other.seen.0;
        self.formats = self.formats.join(other.formats);
        self.length.join(other.length);
        self.values.join(other.values);
        self.range.join(other.range);
        self.size.join(other.size);
        if self.quiet || other.quiet {
            self.silence();
        }
        match (&mut self.items, other.items) {
            (Some(items), Some(others)) => items.join(*others),
            (items @ None, others) => *items = others,
            (Some(_), None) => {}
        }
        let folded = self.is_folded() || other.variants.iter().any(Variant::is_fold);
        other.variants.into_iter().for_each(|variant| self.put(variant));
        if folded || self.variants.len() > VARIANTS_MAX {
            self.fold();
        }
    }

    /// Forgets all of the values but types and formats.
    pub(crate) fn silence(&mut self) {
        self.quiet = true;
        (self.length, self.range) = (Range::EMPTY, Range::EMPTY);
        self.values = Values::default();
    }

    /// See [`super::Schema::unkeyed`].
    pub(crate) fn unkey(&mut self) {
        for mut variant in std::mem::take(&mut self.variants) {
            variant.unkey();
            self.put(variant);
        }
        self.values.unkey();
        self.for_children(&mut Self::unkey);
    }

    fn put(&mut self, variant: Variant) {
        match self.variants.binary_search_by(|known| known.tag.cmp(&variant.tag)) {
            Ok(at) => {
                if let Some(known) = self.variants.get_mut(at) {
                    known.join(variant);
                }
            }
            Err(at) => self.variants.insert(at, variant),
        }
    }

    fn is_folded(&self) -> bool {
        self.variants.iter().any(Variant::is_fold)
    }

    /// Makes one kind of all kinds, for good.
    fn fold(&mut self) {
        let mut all: Option<Variant> = None;
        for mut variant in std::mem::take(&mut self.variants) {
            variant.tag = Some(FOLDED);
            match &mut all {
                Some(all) => all.join(variant),
                None => all = Some(variant),
            }
        }
        self.variants.extend(all);
    }

    /// Makes one kind of all kinds, here and below.
    pub(crate) fn fold_all(&mut self) {
        if self.variants.iter().any(|variant| variant.tag.is_some()) {
            self.fold();
        }
        self.for_children(&mut |child| child.fold_all());
    }

    /// Makes maps of what looks like one, here and below.
    pub(crate) fn make_maps(&mut self) {
        self.variants.iter_mut().filter(|variant| variant.is_like_map()).for_each(Variant::make_map);
        self.for_children(&mut |child| child.make_maps());
    }

    pub(crate) fn for_children(&mut self, each: &mut dyn FnMut(&mut Self)) {
        if let Some(items) = &mut self.items {
            each(items);
        }
        for variant in &mut self.variants {
            variant.members.iter_mut().for_each(|member| each(&mut member.node));
            if let Some(rest) = &mut variant.rest {
                each(rest);
            }
        }
    }

    /// Places, this one among them.
    pub(crate) fn places(&self) -> usize {
        let of = |node: Option<&Box<Self>>| node.map_or(0, |node| node.places());
        let variants = self.variants.iter();
        let members = |variant: &Variant| variant.members.iter().map(|member| member.node.places()).sum::<usize>();
        1 + of(self.items.as_ref())
            + variants.map(|variant| members(variant) + of(variant.rest.as_ref())).sum::<usize>()
    }
}

/// The tag of what was made of several kinds: no name of a member is empty here.
const FOLDED: (SmolStr, u32) = (SmolStr::new_inline(""), 0);

impl Variant {
    pub(crate) fn is_fold(&self) -> bool {
        self.tag.as_ref() == Some(&FOLDED)
    }

    /// Its tag's hash, where the word is known.
    fn unkey(&mut self) {
        let Some((tag, hash)) = &mut self.tag else { return };
        let member = self.members.iter().find(|member| member.name == *tag);
        if let Some(word) = member.and_then(|member| member.node.values.word(*hash)) {
            *hash = unkeyed(word);
        }
    }

    /// Takes in what another knows of the same kind.
    pub(crate) fn join(&mut self, other: Self) {
        self.seen.0 |= other.seen.0;
        self.is_map |= other.is_map;
        // Where members were left out, one that is not there refutes nothing.
        let (ours_open, theirs_open) = (self.open, other.open);
        self.open |= other.open;
        let mut theirs = other.members.into_iter().peekable();
        let mut all = Vec::with_capacity(self.members.len().max(theirs.len()));
        for mut ours in std::mem::take(&mut self.members) {
            while let Some(mut only) = theirs.next_if(|theirs| theirs.name < ours.name) {
                only.always &= ours_open;
                all.push(only);
            }
            match theirs.next_if(|theirs| theirs.name == ours.name) {
                Some(both) => {
                    ours.always &= both.always;
                    ours.node.join(both.node);
                }
                None => ours.always &= theirs_open,
            }
            all.push(ours);
        }
        for mut only in theirs {
            only.always &= ours_open;
            all.push(only);
        }
        self.members = all;
        match (&mut self.rest, other.rest) {
            (Some(rest), Some(others)) => rest.join(*others),
            (rest @ None, others) => *rest = others,
            (Some(_), None) => {}
        }
        if self.members.len() > MEMBERS_MAX || self.is_map {
            self.make_map();
        }
    }

    /// Whether its keys are values: none is always there, all have values of one kind, and every other one was met once only.
    pub(crate) fn is_like_map(&self) -> bool {
        let kind = |member: &Member| {
            let types = member.node.types.without(Types::NULL);
            if types.has(Types::NUMBER) { types.with(Types::INTEGER) } else { types }
        };
        let members = &self.members;
        let once = members.iter().filter(|member| member.node.seen.count() == 1).count();
        let enough = members.len() >= MAP_KEYS_MIN || (self.rest.is_some() && !members.is_empty());
        let alike = members.windows(2).all(|pair| matches!(pair, [a, b] if kind(a) == kind(b)));
        self.is_map || (enough && once * 2 >= members.len() && alike && !members.iter().any(|member| member.always))
    }

    /// There are too many keys for names: they are values.
    pub(crate) fn make_map(&mut self) {
        for member in std::mem::take(&mut self.members) {
            match &mut self.rest {
                Some(rest) => rest.join(member.node),
                None => self.rest = Some(Box::new(member.node)),
            }
        }
        self.is_map = true;
    }
}
