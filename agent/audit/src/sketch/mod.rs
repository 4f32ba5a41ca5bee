//! Summaries of many values in little memory: quantiles ([`Quantiles`]), who is most frequent ([`Frequent`]), how many are different
//! ([`Distinct`]), and how many there were in each hour or day ([`Ring`]).
//!
//! All are bounded, take no clock and no random number, and add up: `join` of the summaries of two parts is the summary of the whole. Of all but
//! [`Frequent`] that is exact, to the bit of [`Packer`]'s bytes, however the whole was parted and whatever the order; of that it is so
//! until its bound is passed, and afterwards its bounds on the error still hold. [`Windowed`] alone is for the present moment: it counts
//! for a while, forgets, and does not add up.

mod bins;
mod distinct;
mod frequent;
mod pack;
mod quantiles;
mod ring;
mod windowed;

#[cfg(test)]
mod tests;

pub use distinct::Distinct;
pub use frequent::{Frequent, Tally};
pub use pack::{Packer, Unpacker};
pub use quantiles::Quantiles;
pub use ring::Ring;
pub use windowed::{Count, Windowed};

/// Each bit of the result depends on each bit given (the finaliser of `SplitMix64`).
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
