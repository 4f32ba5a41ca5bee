//! The names of a JSON body's members near its top, as bits: enough to say that two bodies have the same form, with no name kept.

/// Elements of an array that are looked at.
pub(super) const ELEMENTS_MAX: u64 = 4;

/// Members of the top-level object and of what it holds, of the first elements of the top-level array, and of those of an array in the
/// top-level object. A set of bits, one a name and level; sets of many names overlap by chance, so only likeness means something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outline(u128);

impl Outline {
    /// Of a whole JSON body, for those who have one and no message.
    pub fn of(body: &[u8]) -> Option<Self> {
        struct Nobody;
        impl<'a> super::json::Visit<'a> for Nobody {
            fn wants(&mut self, _: &'a [u8], _: bool) -> bool {
                false
            }
            fn value(&mut self, _: &super::json::Place<'_, 'a>, _: super::json::Scalar<'a>, _: super::scan::Marks) {}
        }
        let outcome = super::json::walk(body, &mut Nobody);
        outcome.whole.then_some(outcome.outline)
    }

    /// A member at a level. Names are told apart by their length and their ends: a word in two halves costs nothing.
    #[inline]
    pub(super) fn add(&mut self, level: usize, name: &[u8]) {
        let start = name.first_chunk::<8>().map_or_else(|| short(name), |ends| u64::from_le_bytes(*ends));
        let end = name.last_chunk::<8>().map_or(0, |ends| u64::from_le_bytes(*ends));
        let mixed = start.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ end.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
            ^ ((name.len() as u64) << 8 | level as u64).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 |= 1 << ((mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 57);
    }

    /// What either has.
    #[must_use]
    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits.
    pub(crate) const fn bits(self) -> u128 {
        self.0
    }
}

fn short(name: &[u8]) -> u64 {
    name.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Outline {
        Outline::of(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_order_and_number_of_elements_mean_nothing() {
        let one = of(r#"{"id": 1, "name": "x", "owner": {"id": 3, "mail": null}, "lines": [{"sku": 1}]}"#);
        let two =
            of(r#"{"name": "", "lines": [{"sku": 2}, {"sku": "y"}], "owner": {"mail": [], "id": {}}, "id": null}"#);
        assert_eq!(one, two);
        assert!((5..=7).contains(&one.bits().count_ones()), "a bit a name, and some share one");
        assert_eq!(of(r#"[{"a": 1}, {"a": 2, "b": 3}]"#), of(r#"[{"b": 1, "a": {"x": 2}}]"#));
    }

    #[test]
    fn names_and_levels_are_told_apart() {
        let texts = [r#"{"a": 1}"#, r#"{"b": 1}"#, r#"[{"a": 1}]"#, r#"{"a": {"a": 1}}"#, "{}", r#"{"abcdefghi": 1}"#];
        for (index, one) in texts.iter().enumerate() {
            for two in &texts[..index] {
                assert_ne!(of(one), of(two), "{one} {two}");
            }
        }
    }

    #[test]
    fn what_is_deeper_or_further_on_is_not_looked_at() {
        assert_eq!(of(r#"{"a": {"b": {"c": 1}}}"#), of(r#"{"a": {"b": {"d": {"e": 1}}}}"#));
        let far = format!("[{}{{\"z\": 1}}]", "{\"a\": 1}, ".repeat(9));
        assert_eq!(of(&far), of(r#"[{"a": 1}]"#));
        assert_eq!(Outline::of(br#"{"a": 1"#), None, "of what is cut nothing is said");
    }
}
