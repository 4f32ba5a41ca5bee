//! How many different ones: exact while few, then a `HyperLogLog` (Flajolet et al. 2007) with the estimator of Ertl (2017).

use super::{Packer, Unpacker};

/// Registers.
const REGISTERS: usize = 256;
/// Bits of a hash that choose a register.
const CHOOSE: u32 = 8;
/// Bits of a hash that count.
const REST: u32 = 32 - CHOOSE;
/// 1 / (2 ln 2).
const ALPHA: f64 = 0.5 / std::f64::consts::LN_2;

/// A set that knows its size. What it holds depends on which hashes were added, and on nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct(Kept);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    /// Hashes, sorted.
    Few(Vec<u32>),
    /// The longest run of leading zeros of the hashes of each register, plus one.
    Many(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self(Kept::Few(Vec::new()))
    }
}

impl Distinct {
    /// Up to so many the size is exact.
    pub const EXACT_MAX: usize = 32;

    /// Standard error of the size past [`Distinct::EXACT_MAX`], relative.
    pub const ERROR: f64 = 0.065;

    /// Adds one, by its hash: every bit of it must be as good as random.
    pub fn add(&mut self, hash: u32) {
        match &mut self.0 {
            Kept::Few(hashes) => {
                if let Err(at) = hashes.binary_search(&hash) {
                    if hashes.len() >= Self::EXACT_MAX {
                        self.grow();
                        return self.add(hash);
                    }
                    if hashes.len() == hashes.capacity() {
                        hashes.reserve_exact(2 + hashes.len() / 2);
                    }
                    hashes.insert(at, hash);
                }
            }
            Kept::Many(registers) => raise(registers, hash),
        }
    }

    /// Adds all of another.
    pub fn join(&mut self, other: &Self) {
        match &other.0 {
            Kept::Few(hashes) => hashes.iter().for_each(|hash| self.add(*hash)),
            Kept::Many(theirs) => {
                self.grow();
                if let Kept::Many(ours) = &mut self.0 {
                    ours.iter_mut().zip(theirs.iter()).for_each(|(ours, theirs)| *ours = (*ours).max(*theirs));
                }
            }
        }
    }

    /// How many: exact up to [`Distinct::EXACT_MAX`], then with the error [`Distinct::ERROR`].
    pub fn size(&self) -> u64 {
        match &self.0 {
            Kept::Few(hashes) => hashes.len() as u64,
            Kept::Many(registers) => estimate(registers),
        }
    }

    /// Whether [`Distinct::size`] is exact.
    pub const fn is_exact(&self) -> bool {
        matches!(self.0, Kept::Few(_))
    }

    /// Writes it.
    pub fn pack(&self, packer: &mut Packer) {
        match &self.0 {
            Kept::Few(hashes) => {
                packer.number(hashes.len() as u64);
                let mut last = 0;
                for hash in hashes {
                    packer.number(u64::from(hash - last));
                    last = *hash;
                }
            }
            Kept::Many(registers) => {
                packer.number(REGISTERS as u64);
                packer.bytes(&**registers);
            }
        }
    }

    /// Reads it back.
    pub fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let size = from.count(REGISTERS)?;
        if size == REGISTERS {
            let registers: [u8; REGISTERS] = from.bytes()?.try_into().ok()?;
            let sound = registers.iter().all(|register| u32::from(*register) <= REST + 1);
            return sound.then(|| Self(Kept::Many(Box::new(registers))));
        }
        let mut hashes = Vec::with_capacity(size.min(Self::EXACT_MAX));
        for _ in 0..Some(size).filter(|size| *size <= Self::EXACT_MAX)? {
            let step: u32 = from.small()?;
            let next = hashes.last().copied().unwrap_or(0_u32).checked_add(step)?;
            if hashes.last() == Some(&next) {
                return None;
            }
            hashes.push(next);
        }
        Some(Self(Kept::Few(hashes)))
    }

    /// Bytes on the heap.
    pub fn heap(&self) -> usize {
        match &self.0 {
            Kept::Few(hashes) => hashes.capacity() * size_of::<u32>(),
            Kept::Many(_) => REGISTERS,
        }
    }

    /// From now on with registers.
    fn grow(&mut self) {
        if let Kept::Few(hashes) = &self.0 {
            let mut registers = Box::new([0; REGISTERS]);
            for hash in hashes {
                raise(&mut registers, *hash);
            }
            self.0 = Kept::Many(registers);
        }
    }
}

fn raise(registers: &mut [u8; REGISTERS], hash: u32) {
    let zeros = (hash << CHOOSE).leading_zeros().min(REST) + 1;
    if let Some(register) = registers.get_mut((hash >> REST) as usize) {
        *register = (*register).max(u8::try_from(zeros).unwrap_or(u8::MAX));
    }
}

/// Ertl, "New cardinality estimation algorithms for `HyperLogLog` sketches", algorithm 6: no table of corrections, no threshold.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size: not negative, far below 2^53")]
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    const M: f64 = 256.0;
    let with = |value: u32| {
        f64::from(u16::try_from(registers.iter().filter(|r| u32::from(**r) == value).count()).unwrap_or_default())
    };
    let mut z = M * tau(1.0 - with(REST + 1) / M);
    for value in (1..=REST).rev() {
        z = 0.5 * (z + with(value));
    }
    z += M * sigma(with(0) / M);
    (ALPHA * M * M / z).round() as u64
}

/// Both series end when they no longer change: at the latest after some sixty steps.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    for _ in 0..64 {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z <= before {
            break;
        }
    }
    z
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    for _ in 0..64 {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if z >= before {
            break;
        }
    }
    z / 3.0
}
