//! Which secrets and personal data an endpoint's messages held, and under which names. Names and counts only: no value, no fingerprint.

use std::cmp::Ordering;

use smol_str::SmolStr;

use crate::facts::{DataClass, Exposure, Grade, Place, What};
use crate::sketch::{Packer, Unpacker};

/// Longest name of a kind, bytes; ours are shorter.
const NAME_MAX: usize = 64;
/// Longest place that is kept, bytes; a longer one is `…`.
const PLACE_MAX: usize = 128;
const TOO_LONG: &str = "…";

/// Where in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Path or query of the request.
    Url,
    /// Headers or body of the request.
    Request,
    /// The response.
    Response,
}

/// One kind of data at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRow {
    /// `None`: a secret.
    pub class: Option<DataClass>,
    /// More exactly, such as `IBAN`.
    pub name: SmolStr,
    /// Where in a call.
    pub side: Side,
    /// Where there.
    pub place: Place,
    /// The best proof by one message.
    pub grade: Grade,
    /// Messages that held some.
    pub calls: u64,
    /// Values.
    pub values: u64,
    /// Values that were looked at there.
    pub looked_at: u64,
}

/// What a row is found by, and its order: the gravest first.
type Key<'a> = (Option<DataClass>, &'a str, Side, u8, &'a str);

impl DataRow {
    fn key(&self) -> Key<'_> {
        let (tag, place) = place_parts(&self.place);
        (self.class, &self.name, self.side, tag, place)
    }
}

/// Kinds of data by place: of those seen the [`Data::ROWS_MAX`] gravest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    rows: Vec<DataRow>,
    others: u64,
}

impl Data {
    /// Rows kept.
    pub const ROWS_MAX: usize = 24;

    pub(super) fn add(&mut self, side: Side, exposure: &Exposure) {
        if exposure.count == 0 {
            // The name promised some, and the values were none.
            return;
        }
        let (class, name) = match exposure.what {
            What::Data(class, name) => (Some(class), name),
            What::Secret(name) => (None, name),
        };
        let side = match exposure.place {
            Place::Query(_) | Place::Path => Side::Url,
            Place::Header(_) | Place::Form(_) | Place::Json(_) | Place::Element(_) | Place::Text => side,
        };
        let (tag, place) = place_parts(&exposure.place);
        let make = || DataRow {
            class,
            name: SmolStr::new_static(name),
            side,
            place: place_of(tag, place).unwrap_or(Place::Text),
            grade: exposure.grade,
            calls: 0,
            values: 0,
            looked_at: 0,
        };
        let (values, looked_at) = (u64::from(exposure.count), u64::from(exposure.seen));
        self.count((class, name, side, tag, place), (exposure.grade, 1, values, looked_at), make);
    }

    fn count(&mut self, key: Key<'_>, add: (Grade, u64, u64, u64), make: impl FnOnce() -> DataRow) {
        let (grade, calls, values, looked_at) = add;
        let at = match self.rows.binary_search_by(|row| row.key().cmp(&key)) {
            Ok(at) => at,
            Err(Self::ROWS_MAX) => {
                self.others = self.others.saturating_add(calls);
                return;
            }
            Err(at) => {
                if self.rows.len() >= Self::ROWS_MAX {
                    let gone = self.rows.pop().map_or(0, |row| row.calls);
                    self.others = self.others.saturating_add(gone);
                }
                self.rows.reserve_exact(1);
                self.rows.insert(at, make());
                at
            }
        };
        if let Some(row) = self.rows.get_mut(at) {
            row.grade = row.grade.min(grade);
            row.calls = row.calls.saturating_add(calls);
            row.values = row.values.saturating_add(values);
            row.looked_at = row.looked_at.saturating_add(looked_at);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for row in &other.rows {
            let make = || DataRow { calls: 0, values: 0, looked_at: 0, ..row.clone() };
            self.count(row.key(), (row.grade, row.calls, row.values, row.looked_at), make);
        }
        self.others = self.others.saturating_add(other.others);
    }

    /// The gravest first: secrets, then by [`DataClass`].
    pub fn rows(&self) -> &[DataRow] {
        &self.rows
    }

    /// Messages that held some without a row, each counted as often as it held different ones.
    pub const fn others(&self) -> u64 {
        self.others
    }

    pub(super) fn heap(&self) -> usize {
        let text = |row: &DataRow| if row.name.is_heap_allocated() { row.name.len() } else { 0 } + place_parts(&row.place).1.len();
        self.rows.capacity() * size_of::<DataRow>() + self.rows.iter().map(text).sum::<usize>()
    }

    pub(super) fn pack(&self, packer: &mut Packer) {
        packer.number(self.others);
        packer.number(self.rows.len() as u64);
        for row in &self.rows {
            let (tag, place) = place_parts(&row.place);
            let class = row.class.and_then(|class| DataClass::ALL.iter().position(|known| *known == class));
            packer.number(class.map_or(0, |at| at as u64 + 1));
            packer.bytes(row.name.as_bytes());
            packer.number(match row.side {
                Side::Url => 0,
                Side::Request => 1,
                Side::Response => 2,
            });
            packer.number(u64::from(tag));
            packer.bytes(place.as_bytes());
            packer.number(match row.grade {
                Grade::A => 0,
                Grade::B => 1,
                Grade::C => 2,
            });
            for number in [row.calls, row.values, row.looked_at] {
                packer.number(number);
            }
        }
    }

    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Option<Self> {
        let others = from.number()?;
        let rows = (0..from.count(Self::ROWS_MAX)?).map(|_| unpack_row(from)).collect::<Option<Vec<_>>>()?;
        let sound = rows.is_sorted_by(|a, b| a.key().cmp(&b.key()) == Ordering::Less)
            && (others == 0 || rows.len() == Self::ROWS_MAX);
        sound.then_some(Self { rows, others })
    }
}

fn unpack_row(from: &mut Unpacker<'_>) -> Option<DataRow> {
    let class = match from.small::<usize>()? {
        0 => None,
        known => Some(*DataClass::ALL.get(known - 1)?),
    };
    let name = std::str::from_utf8(from.bytes()?).ok().filter(|name| name.len() <= NAME_MAX)?.into();
    let side = match from.number()? {
        0 => Side::Url,
        1 => Side::Request,
        2 => Side::Response,
        _ => return None,
    };
    let tag = from.small()?;
    let place = std::str::from_utf8(from.bytes()?).ok().filter(|place| place.len() <= PLACE_MAX)?;
    let place = place_of(tag, place)?;
    let grade = match from.number()? {
        0 => Grade::A,
        1 => Grade::B,
        2 => Grade::C,
        _ => return None,
    };
    let (calls, values, looked_at) = (from.number().filter(|calls| *calls > 0)?, from.number()?, from.number()?);
    Some(DataRow { class, name, side, place, grade, calls, values, looked_at })
}

/// The kind of a place, and its name.
fn place_parts(place: &Place) -> (u8, &str) {
    let (tag, name) = match place {
        Place::Header(name) => (0, &**name),
        Place::Query(name) => (1, &**name),
        Place::Form(name) => (2, &**name),
        Place::Json(name) => (3, &**name),
        Place::Element(name) => (4, &**name),
        Place::Text => (5, ""),
        Place::Path => (6, ""),
    };
    (tag, if name.len() > PLACE_MAX { TOO_LONG } else { name })
}

fn place_of(tag: u8, name: &str) -> Option<Place> {
    Some(match tag {
        0 => Place::Header(name.into()),
        1 => Place::Query(name.into()),
        2 => Place::Form(name.into()),
        3 => Place::Json(name.into()),
        4 => Place::Element(name.into()),
        5 if name.is_empty() => Place::Text,
        6 if name.is_empty() => Place::Path,
        _ => return None,
    })
}
