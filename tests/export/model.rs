//! Random schemas, bodies that are valid for them, and single changes that make them invalid.

use serde_json::{Map, Value, json};

/// A seeded generator (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn word(&mut self, length: u64) -> String {
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }
}

/// Members by name: whether they are always there, and what they are.
type Members = Vec<(String, bool, Model)>;

/// What a place holds.
#[derive(Clone, Debug)]
pub(crate) enum Model {
    Boolean,
    Integer(i64),
    Number,
    Text,
    Enum(Vec<String>),
    Format(&'static str),
    Nullable(Box<Model>),
    Array(Box<Model>),
    Map(Box<Model>),
    /// Name, always there, what it is.
    Object(Members),
    /// Kinds told apart by `type`.
    Union(Vec<(String, Members)>),
}

const NAMES: [&str; 24] = [
    "state",
    "amount",
    "total",
    "count",
    "lines",
    "config",
    "limits",
    "region",
    "zone",
    "tags",
    "level",
    "priority",
    "currency",
    "rate",
    "window",
    "created_at",
    "updated_at",
    "retries",
    "source",
    "target",
    "meta",
    "stage",
    "weight",
    "enabled",
];
const FORMATS: [&str; 6] = ["uuid", "date", "date-time", "ipv4", "email", "uri"];

impl Model {
    pub(crate) fn object(random: &mut Random, depth: u64) -> Self {
        Self::Object(members(random, depth, 3 + random.0 % 6))
    }

    fn any(random: &mut Random, depth: u64) -> Self {
        match random.below(if depth > 2 { 10 } else { 15 }) {
            0 => Self::Boolean,
            1 | 2 => Self::Integer(10_i64.pow(1 + u32::try_from(random.below(6)).unwrap())),
            3 => Self::Number,
            4 => Self::Text,
            5 | 6 => Self::Enum(
                (0..2 + random.below(4))
                    .map(|at| {
                        format!("{}_{}", random.word(4), ["a", "b", "c", "d", "e", "f"][usize::try_from(at).unwrap()])
                            .to_uppercase()
                    })
                    .collect(),
            ),
            7 | 8 => Self::Format(FORMATS[usize::try_from(random.below(6)).unwrap()]),
            9 => Self::Nullable(Box::new(Self::any(random, 3))),
            10 | 11 => Self::Array(Box::new(Self::any(random, depth + 1))),
            12 => Self::Map(Box::new(Self::object(random, 3))),
            13 => Self::Union(
                (0..2 + random.below(2))
                    .map(|at| {
                        (["CARD", "BANK", "CASH"][usize::try_from(at).unwrap()].to_owned(), members(random, 3, 3))
                    })
                    .collect(),
            ),
            _ => Self::object(random, depth + 1),
        }
    }

    pub(crate) fn make(&self, random: &mut Random) -> Value {
        match self {
            Self::Boolean => json!(random.chance(50)),
            Self::Integer(end) => json!(random.below(end.unsigned_abs())),
            Self::Number => json!(f64::from(u32::try_from(random.below(10_000)).unwrap()) / 8.0),
            Self::Text => {
                let length = 3 + random.below(9);
                json!(format!("{} {}", random.word(length), random.word(5)))
            }
            Self::Enum(words) => json!(words[usize::try_from(random.below(words.len() as u64)).unwrap()]),
            Self::Format(format) => json!(formatted(format, random)),
            Self::Nullable(inner) => {
                if random.chance(40) {
                    Value::Null
                } else {
                    inner.make(random)
                }
            }
            Self::Array(inner) => (0..random.below(4)).map(|_| inner.make(random)).collect(),
            Self::Map(inner) => {
                let entries: Map<_, _> = (0..random.below(4))
                    .map(|_| (format!("{:012x}4", random.next() >> 16), inner.make(random)))
                    .collect();
                Value::Object(entries)
            }
            Self::Object(members) => Value::Object(object(members, random)),
            Self::Union(kinds) => {
                let (kind, members) = &kinds[usize::try_from(random.below(kinds.len() as u64)).unwrap()];
                let mut made = object(members, random);
                made.insert("type".into(), json!(kind));
                Value::Object(made)
            }
        }
    }

    /// All single changes of a valid body that make it invalid, each with what it is.
    pub(crate) fn mutations(&self, body: &Value, random: &mut Random) -> Vec<(&'static str, Value)> {
        let mut all = Vec::new();
        let other_type =
            if body.is_object() || body.is_array() { json!("no such thing") } else { json!({"no": ["such", "thing"]}) };
        all.push(("type", other_type));
        match (self, body) {
            (Self::Integer(end), _) => all.push(("range", json!(end * 1_000_000))),
            (Self::Number, _) => all.push(("range", json!(1e15))),
            (Self::Enum(_), _) => all.push(("enum", json!("NO SUCH WORD"))),
            (Self::Format(_), _) => all.push(("format", json!("not of this format"))),
            (Self::Nullable(inner), body) if !body.is_null() => all.extend(inner.mutations(body, random)),
            (Self::Array(inner), Value::Array(items)) => {
                if let Some(first) = items.first() {
                    for (what, changed) in inner.mutations(first, random) {
                        let mut items = items.clone();
                        items[0] = changed;
                        all.push((what, Value::Array(items)));
                    }
                }
            }
            (Self::Object(members), Value::Object(made)) => changed(members, made, random, &mut all),
            (Self::Union(kinds), Value::Object(made)) => {
                if let Some((_, members)) = kinds.iter().find(|(kind, _)| made["type"] == json!(kind)) {
                    changed(members, made, random, &mut all);
                }
            }
            _ => {}
        }
        all
    }
}

fn members(random: &mut Random, depth: u64, count: u64) -> Vec<(String, bool, Model)> {
    let mut members: Vec<(String, bool, Model)> = Vec::new();
    for _ in 0..count {
        let name = NAMES[usize::try_from(random.below(24)).unwrap()];
        if !members.iter().any(|(known, ..)| known == name) {
            members.push((name.to_owned(), random.chance(60), Model::any(random, depth)));
        }
    }
    members
}

fn object(members: &[(String, bool, Model)], random: &mut Random) -> Map<String, Value> {
    let mut made = Map::new();
    for (name, always, model) in members {
        if *always || random.chance(55) {
            made.insert(name.clone(), model.make(random));
        }
    }
    made
}

fn changed(
    members: &[(String, bool, Model)],
    made: &Map<String, Value>,
    random: &mut Random,
    all: &mut Vec<(&'static str, Value)>,
) {
    let mut more = made.clone();
    more.insert("unheard_of".into(), json!(1));
    all.push(("unknown member", Value::Object(more)));
    for (name, always, model) in members {
        let Some(value) = made.get(name) else { continue };
        if *always {
            let mut fewer = made.clone();
            fewer.remove(name);
            all.push(("required", Value::Object(fewer)));
        }
        for (what, value) in model.mutations(value, random) {
            let mut other = made.clone();
            other.insert(name.clone(), value);
            all.push((what, Value::Object(other)));
        }
    }
}

fn formatted(format: &str, random: &mut Random) -> String {
    let (day, month, year) = (1 + random.below(28), 1 + random.below(12), 1990 + random.below(40));
    match format {
        "uuid" => {
            let (a, b) = (random.next(), random.next());
            format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                a >> 32,
                a & 0xffff,
                (a >> 16) & 0xfff,
                b >> 52,
                b & 0xffff_ffff_ffff
            )
        }
        "date" => format!("{year}-{month:02}-{day:02}"),
        "date-time" => format!("{year}-{month:02}-{day:02}T{:02}:{:02}:00Z", random.below(24), random.below(60)),
        "ipv4" => format!("10.{}.{}.{}", random.below(256), random.below(256), random.below(256)),
        "email" => format!("{}@{}.example", random.word(6), random.word(5)),
        _ => format!("https://{}.example/{}", random.word(6), random.word(5)),
    }
}
