//! A whole segment that is a value.

use crate::inventory::reason::Why;
use crate::inventory::shape::{Class, LEARNT, Shape, has_verb, is_format, is_mixed, mould};
use crate::inventory::values::Values;

/// What is known of a variable.
#[derive(Debug, Default)]
pub(in crate::inventory) struct Variable {
    pub(in crate::inventory) sample: Values,
    /// [`Class`]es of its values.
    pub(in crate::inventory) classes: u8,
    /// Its values have no shape of their own: a word that is no child of the place is a value.
    pub(in crate::inventory) is_learnt: bool,
    /// What made it one.
    pub(in crate::inventory) why: Why,
    /// A document gave the name, or the store.
    pub(in crate::inventory) named: Option<Box<str>>,
    /// [`mould`]s of its values, and those of more than one call.
    pub(in crate::inventory) moulds: [u64; 2],
    /// Its only value so far, if that is a small number or a date.
    pub(in crate::inventory) only: Option<Box<str>>,
}

impl Variable {
    pub(super) fn name(&self) -> &str {
        let by_class = || {
            let class =
                [Class::Date, Class::Email, Class::Flag, Class::Locale, Class::Phone, Class::Secret, Class::Value];
            class.into_iter().find(|class| self.classes == class.bit()).unwrap_or(Class::Id).name()
        };
        match &self.named {
            Some(name) => name,
            None if self.is_learnt => LEARNT,
            None => by_class(),
        }
    }

    /// A call with a value that is one by its shape.
    pub(super) fn cast(&mut self, segment: &str) {
        // Nothing is odd without a capital.
        if let Some((mould, true)) =
            Some(segment).filter(|text| text.bytes().any(|byte| byte.is_ascii_uppercase())).and_then(mould)
        {
            let [once, often] = &mut self.moulds;
            *often |= *once & mould;
            *once |= mould;
        }
    }

    /// Whether a word is made like values that are ids by their shape, and hardly is a name.
    pub(in crate::inventory) fn has_mould_of(&self, word: &str) -> bool {
        self.moulds[1] != 0 && mould(word).is_some_and(|(mould, is_odd)| is_odd && self.moulds[1] & mould != 0)
    }

    /// Whether a word is no longer and no shorter than such ids.
    pub(in crate::inventory) fn has_length_of(&self, word: &str) -> bool {
        self.moulds[1] != 0 && mould(word).is_some_and(|(mould, _)| self.moulds[1] & mould != 0)
    }

    /// Whether a segment of this shape is one of its values.
    pub(super) fn accepts(&self, segment: &str, shape: Shape) -> bool {
        match shape {
            Shape::Value(_) | Shape::Small(_) => true,
            Shape::Operation => false,
            Shape::Word | Shape::Version => {
                let is_value = self.is_learnt || is_mixed(segment) || is_format(segment) || self.has_mould_of(segment);
                is_value && !has_verb(segment)
            }
        }
    }
}
