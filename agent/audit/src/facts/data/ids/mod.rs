//! Numbers that states give to persons, with their check digits, from the states' own publications. Proven only under a name that says
//! so: a check digit alone lets one in ten numbers pass.

mod europe;
mod world;

use super::card::luhn;
use super::{DataClass, Grade, Proof, What};

/// Whose number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name that fits any state.
    Any,
    Us,
    Canada,
    Britain,
    Nhs,
    Germany,
    France,
    Spain,
    Italy,
    Portugal,
    Netherlands,
    Belgium,
    Poland,
    Sweden,
    Norway,
    Denmark,
    Finland,
    Czechia,
    Bulgaria,
    Romania,
    Baltic,
    Croatia,
    Balkans,
    Greece,
    Turkey,
    Switzerland,
    Austria,
    Ireland,
    Iceland,
    Brazil,
    Argentina,
    Chile,
    Mexico,
    India,
    China,
    Korea,
    Japan,
    Singapore,
    Thailand,
    Taiwan,
    HongKong,
    SouthAfrica,
    Israel,
    Australia,
    NewZealand,
    Ukraine,
    Russia,
    Kazakhstan,
}

/// One state's number.
pub(super) struct Id {
    pub(super) kind: Kind,
    /// For people.
    name: &'static str,
    /// Characters without separators.
    length: std::ops::RangeInclusive<usize>,
    /// Different right values that prove a field of this very name; 0 where one value does.
    need: u8,
    /// Counts under a name that fits any state.
    any: bool,
    right: fn(&[u8]) -> bool,
}

const fn id(kind: Kind, name: &'static str, length: usize, need: u8, right: fn(&[u8]) -> bool) -> Id {
    Id { kind, name, length: length..=length, need, any: true, right }
}

/// All of them. `need`: about one in ten numbers passes one check digit, one in a hundred two or one with a date.
pub(super) static IDS: &[Id] = &[
    Id { any: false, ..id(Kind::Us, "US social security number", 9, 1, world::us) },
    id(Kind::Canada, "Canadian social insurance number", 9, 4, |t| {
        digits(t).is_some_and(|d| d.first() != Some(&0) && luhn(&d))
    }),
    id(Kind::Britain, "British national insurance number", 9, 1, europe::britain),
    id(Kind::Nhs, "British NHS number", 10, 4, europe::nhs),
    id(Kind::Germany, "German tax id", 11, 3, europe::germany),
    id(Kind::France, "French social security number", 15, 2, europe::france),
    id(Kind::Spain, "Spanish DNI or NIE", 9, 2, europe::spain),
    id(Kind::Italy, "Italian codice fiscale", 16, 1, europe::italy),
    id(Kind::Portugal, "Portuguese NIF", 9, 4, |t| weighted(t, &[9, 8, 7, 6, 5, 4, 3, 2], |sum| 11 - sum % 11)),
    id(Kind::Netherlands, "Dutch BSN", 9, 4, europe::netherlands),
    id(Kind::Belgium, "Belgian national number", 11, 3, europe::belgium),
    id(Kind::Poland, "Polish PESEL", 11, 3, europe::poland),
    Id { length: 10..=12, ..id(Kind::Sweden, "Swedish personal number", 10, 3, europe::sweden) },
    id(Kind::Norway, "Norwegian national number", 11, 2, europe::norway),
    Id { any: false, ..id(Kind::Denmark, "Danish CPR number", 10, 4, europe::denmark) },
    id(Kind::Finland, "Finnish personal code", 11, 1, europe::finland),
    id(Kind::Czechia, "Czech or Slovak birth number", 10, 3, europe::czechia),
    id(Kind::Bulgaria, "Bulgarian EGN", 10, 3, europe::bulgaria),
    id(Kind::Romania, "Romanian CNP", 13, 3, europe::romania),
    id(Kind::Baltic, "Estonian or Lithuanian personal code", 11, 3, europe::baltic),
    id(Kind::Croatia, "Croatian OIB", 11, 4, |t| digits(t).is_some_and(|d| mod_11_10(&d))),
    id(Kind::Balkans, "JMBG or EMŠO", 13, 3, europe::balkans),
    id(Kind::Greece, "Greek AMKA", 11, 3, |t| digits(t).is_some_and(|d| day_month(&d, 0) && luhn(&d))),
    id(Kind::Turkey, "Turkish identity number", 11, 3, europe::turkey),
    id(Kind::Switzerland, "Swiss AHV number", 13, 1, europe::switzerland),
    id(Kind::Austria, "Austrian social security number", 10, 3, europe::austria),
    Id { length: 8..=9, ..id(Kind::Ireland, "Irish PPS number", 8, 2, europe::ireland) },
    id(Kind::Iceland, "Icelandic kennitala", 10, 3, europe::iceland),
    id(Kind::Brazil, "Brazilian CPF", 11, 3, world::brazil),
    id(Kind::Argentina, "Argentine CUIL", 11, 3, world::argentina),
    Id { length: 8..=9, ..id(Kind::Chile, "Chilean RUN", 9, 4, world::chile) },
    id(Kind::Mexico, "Mexican CURP", 18, 1, world::mexico),
    id(Kind::India, "Indian Aadhaar number", 12, 4, world::india),
    id(Kind::China, "Chinese resident identity number", 18, 2, world::china),
    id(Kind::Korea, "Korean resident registration number", 13, 3, world::korea),
    id(Kind::Japan, "Japanese individual number", 12, 4, world::japan),
    id(Kind::Singapore, "Singaporean NRIC", 9, 2, world::singapore),
    id(Kind::Thailand, "Thai identity number", 13, 4, world::thailand),
    id(Kind::Taiwan, "Taiwanese identity number", 10, 3, world::taiwan),
    Id { length: 8..=9, ..id(Kind::HongKong, "Hong Kong identity number", 8, 3, world::hong_kong) },
    id(Kind::SouthAfrica, "South African identity number", 13, 3, world::south_africa),
    Id { any: false, ..id(Kind::Israel, "Israeli identity number", 9, 4, |t| digits(t).is_some_and(|d| luhn(&d))) },
    Id { any: false, ..id(Kind::Australia, "Australian tax file number", 9, 4, world::australia) },
    Id { any: false, length: 8..=9, ..id(Kind::NewZealand, "New Zealand IRD number", 9, 4, world::new_zealand) },
    id(Kind::Ukraine, "Ukrainian taxpayer number", 10, 4, europe::ukraine),
    id(Kind::Russia, "Russian SNILS", 11, 3, europe::russia),
    id(Kind::Kazakhstan, "Kazakh IIN", 12, 3, world::kazakhstan),
];

/// What a name promises that fits any state.
const ANY: What = What::Data(DataClass::NationalId, "national id");
/// Different right values that prove a field of such a name: many states' checks are tried, and one in three numbers passes some.
const NEED_ANY: u8 = 5;

/// What the values of a field of this name are, where some are by chance.
pub(super) fn expected(kind: Kind) -> Option<Proof> {
    if kind == Kind::Any {
        return Some(Proof::by_field(ANY, NEED_ANY, true));
    }
    let id = IDS.iter().find(|id| id.kind == kind && id.need > 1)?;
    Some(Proof::by_field(What::Data(DataClass::NationalId, id.name), id.need, true))
}

/// A value under the name of such a number.
pub(super) fn named(kind: Kind, value: &[u8]) -> Option<Proof> {
    let mut plain = [0_u8; 20];
    let mut length = 0;
    let mut separators = 0;
    for &byte in value {
        if matches!(byte, b' ' | b'-' | b'.' | b'/' | b'+' | b'(' | b')') && length > 0 {
            separators += 1;
            continue;
        }
        *plain.get_mut(length)? = byte.to_ascii_uppercase();
        length += 1;
    }
    let plain = plain.get(..length)?;
    if separators > 4 || is_row(plain) {
        return None;
    }
    let fits = |id: &&Id| {
        // Finland's sign is a part of the number.
        let text = if id.kind == Kind::Finland { value } else { plain };
        id.length.contains(&text.len()) && (id.right)(text)
    };
    let class = |id: &Id| What::Data(DataClass::NationalId, id.name);
    if kind != Kind::Any {
        // `nif` is Spain's and Portugal's, `tax id` anybody's: the very name counts first.
        let own = IDS.iter().filter(|id| id.kind == kind).find(fits);
        let near = || IDS.iter().filter(|id| kind == Kind::Spain && id.kind == Kind::Portugal).find(fits);
        let id = own.or_else(near)?;
        let need = if separators > 0 { id.need.min(1) } else { id.need };
        return Some(if need <= 1 {
            Proof::alone(class(id), grade(id))
        } else {
            Proof::by_field(class(id), need, true)
        });
    }
    let id = IDS.iter().filter(|id| id.any).find(fits)?;
    // Letters in their places and a check are no chance.
    let alone = id.need <= 1 && *id.length.end() > 13 && plain.first().is_some_and(u8::is_ascii_uppercase);
    Some(if alone { Proof::alone(ANY, Grade::A) } else { Proof::by_field(ANY, NEED_ANY, true) })
}

/// `123456789`: each character follows the one before.
fn is_row(text: &[u8]) -> bool {
    text.windows(2).all(|pair| matches!(pair, [a, b] if a.wrapping_add(1) == *b))
}

/// Without a check digit it is a form.
fn grade(id: &Id) -> Grade {
    if matches!(id.kind, Kind::Us | Kind::Britain | Kind::Denmark) { Grade::B } else { Grade::A }
}

type Digits = smallvec::SmallVec<[u8; 20]>;

fn digits(text: &[u8]) -> Option<Digits> {
    let varied = text.windows(2).any(|pair| matches!(pair, [a, b] if a != b));
    text.iter().map(|byte| byte.is_ascii_digit().then(|| byte - b'0')).collect::<Option<Digits>>().filter(|_| varied)
}

fn at(digits: &[u8], index: usize) -> u32 {
    digits.get(index).map_or(0, |digit| u32::from(*digit))
}

fn number(digits: &[u8], from: usize, count: usize) -> u32 {
    digits.iter().skip(from).take(count).fold(0, |number, digit| number * 10 + u32::from(*digit))
}

fn sum(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The digit behind the weighted ones is `check` of their sum; 10 and 11 count as 0.
fn weighted(text: &[u8], weights: &[u32], check: fn(u32) -> u32) -> bool {
    digits(text).is_some_and(|d| {
        let right = check(sum(&d, weights));
        at(&d, weights.len()) == if right >= 10 { 0 } else { right }
    })
}

/// `DDMM` from `from` on.
fn day_month(digits: &[u8], from: usize) -> bool {
    (1..=31).contains(&number(digits, from, 2)) && (1..=12).contains(&number(digits, from + 2, 2))
}

/// `MMDD` from `from` on.
fn month_day(digits: &[u8], from: usize) -> bool {
    (1..=12).contains(&number(digits, from, 2)) && (1..=31).contains(&number(digits, from + 2, 2))
}

/// ISO/IEC 7064 MOD 11,10.
fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, rest)) = digits.split_last() else { return false };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (product + u32::from(*digit)) % 10;
        if sum == 0 { 20 % 11 } else { sum * 2 % 11 }
    });
    (11 - product) % 10 == u32::from(*last)
}

#[cfg(test)]
mod tests;
