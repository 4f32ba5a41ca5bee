//! Schemas learnt from traffic: what the bodies, queries and headers of an endpoint look like, without a value of theirs.
//!
//! A [`Sample`] is what one message shows. It is taken where the bytes are and made of the same parts as a [`Schema`], which is the join of
//! samples: types, presence, formats, rounded ranges, maps whose keys are values, and kinds of objects that a tag tells apart. A join is
//! commutative, associative and idempotent while the bound of places is not reached, so hosts may be joined in any order and twice.
//!
//! Of values nothing is kept but keyed hashes of short words, and the word itself once several consumers have sent or got it often
//! ([`words`]). Of fields that hold secrets or personal data not even that. Here is no JSON and no clock; [`book::Book`] keeps the schemas of all
//! endpoints within a budget.

mod book;
pub(crate) use book::Book;
mod codec;
mod format;
mod node;
pub mod render;
mod take;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use smol_str::SmolStr;

pub use book::{Added, EndpointSchemas, Part, PartKey, SchemaCounters};
pub use format::Format;
pub(crate) use node::Evidence;
pub(crate) use take::{FIELDS_MAX, Field, Taker, fields};

use node::{Member, Node, Types, Variant};

/// Places kept of a schema.
pub const PLACES_MAX: usize = 512;

/// What is known of one body, or of one message's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(crate) root: Node,
    /// The bound of places was reached: kinds of objects are no longer told apart, and the deepest places are left out.
    pub(crate) cut: bool,
}

impl Schema {
    pub(crate) fn of(root: Node) -> Self {
        let mut schema = Self { root, cut: false };
        schema.bound();
        schema
    }

    /// Of an object with these members; `None` where there is none.
    pub(crate) fn of_members(members: Vec<(SmolStr, Node)>, seen: Evidence) -> Option<Self> {
        if members.is_empty() {
            return None;
        }
        let mut root = Node::new(Types::OBJECT, seen);
        let members = members.into_iter().map(|(name, node)| Member { name, always: true, node }).collect();
        root.variants.push(Variant { seen, members, ..Variant::default() });
        Some(Self::of(root))
    }

    /// Of a body that is no JSON and no form: only that it was there.
    pub(crate) fn opaque(seen: Evidence) -> Self {
        let mut root = Node::new(Types::STRING, seen);
        root.formats = format::Formats::NONE;
        root.values.many = true;
        Self { root, cut: false }
    }

    /// Of a body of which only the type can be told.
    pub(crate) const fn unknown() -> Self {
        Self { root: Node::new(Types(0), Evidence(0)), cut: false }
    }

    /// Takes in what another knows of the same thing.
    pub fn join(&mut self, other: Self) {
        self.cut |= other.cut;
        self.root.join(other.root);
        self.bound();
    }

    /// With hashes that are the same for all agents in place of the keyed ones, of the words that are known; the others stay as they are,
    /// equal to no other agent's. Before it is joined with what agents with another key know; nothing more is learnt into it.
    #[must_use]
    pub fn unkeyed(mut self) -> Self {
        self.root.unkey();
        self
    }

    /// Whether the bound of places was reached.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// In few bytes.
    pub fn pack(&self) -> Vec<u8> {
        codec::pack(self)
    }

    /// From the bytes of [`Schema::pack`]; `None` where they are others.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        codec::unpack(bytes)
    }

    /// Keeps [`PLACES_MAX`] places: the shallow ones first, among equals by a hash of their path, so that any order keeps the same.
    fn bound(&mut self) {
        if self.cut {
            self.root.fold_all();
        }
        if self.root.places() <= PLACES_MAX {
            return;
        }
        self.cut = true;
        self.root.fold_all();
        self.root.make_maps();
        if self.root.places() <= PLACES_MAX {
            return;
        }
        let mut order = Vec::new();
        rank(&self.root, (0, 0), &mut order);
        order.sort_unstable();
        if let Some(last) = order.get(PLACES_MAX - 1).copied() {
            drop_past(&mut self.root, (0, 0), last);
        }
    }
}

/// Depth, and the hash of the path.
type Rank = (u8, u64);

fn below(rank: Rank, name: &str) -> Rank {
    let mut hash = rank.1 ^ 0x9e37_79b9_7f4a_7c15;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
    (rank.0.saturating_add(1), hash)
}

fn rank(node: &Node, at: Rank, order: &mut Vec<Rank>) {
    order.push(at);
    if let Some(items) = &node.items {
        rank(items, below(at, "-"), order);
    }
    for variant in &node.variants {
        for member in &variant.members {
            rank(&member.node, below(at, &member.name), order);
        }
        if let Some(rest) = &variant.rest {
            rank(rest, below(at, ""), order);
        }
    }
}

fn drop_past(node: &mut Node, at: Rank, last: Rank) {
    if node.items.as_mut().is_some_and(|items| {
        let place = below(at, "-");
        drop_past(items, place, last);
        place > last
    }) {
        (node.items, node.open) = (None, true);
    }
    for variant in &mut node.variants {
        let before = variant.members.len();
        variant.members.retain_mut(|member| {
            let place = below(at, &member.name);
            drop_past(&mut member.node, place, last);
            place <= last
        });
        variant.open |= variant.members.len() < before;
        if variant.rest.as_mut().is_some_and(|rest| {
            let place = below(at, "");
            drop_past(rest, place, last);
            place > last
        }) {
            (variant.rest, variant.open) = (None, true);
        }
    }
}

/// What one message shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Which message it is of.
    pub(crate) seen: Evidence,
    /// Of a request: the parameters of the query.
    pub(crate) query: Option<Schema>,
    /// Header fields of note.
    pub(crate) headers: Option<Schema>,
    /// The body's media type, and what was in it.
    pub(crate) body: Option<(SmolStr, Schema)>,
}
