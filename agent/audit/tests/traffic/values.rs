//! Values of path parameters as real clients send them, and a scanner's noise.

use serde_json::Value;

use super::Request;

/// `SplitMix64`: small, seeded, the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Seeded by texts.
    pub(crate) fn of(texts: &[&str]) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in texts.iter().flat_map(|text| text.bytes().chain([0xff])) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(state)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("it is below a usize")
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).expect("32 bits")) / f64::from(u32::MAX)
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    pub(crate) fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }
}

/// What a parameter's values look like.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Base62(usize),
    Bool,
    Coordinates,
    Country,
    Currency,
    Date,
    DateTime,
    Decimal,
    Email,
    Enum(Vec<String>),
    File,
    Hex(usize),
    Integer(u64),
    Ip,
    Locale,
    Phone,
    Prefixed(&'static str),
    Product,
    Slug,
    Ulid,
    User,
    Uuid,
    Version,
    Word,
    Year,
}

/// Where a parameter's values come from: each new, or some of them often and many seldom.
#[derive(Debug)]
pub(crate) struct Pool {
    kind: Kind,
    /// Empty: each value is made when it is drawn.
    values: Vec<String>,
}

impl Pool {
    pub(crate) fn new(kind: Kind, random: &mut Random) -> Self {
        let size = match random.below(10) {
            0..=3 => 0,
            4..=7 => 100 + random.below(400),
            _ => 12 + random.below(48),
        };
        let values = (0..size).map(|_| make(&kind, random)).collect();
        Self { kind, values }
    }

    /// A value; those at the front of the pool more often (a power law).
    pub(crate) fn draw(&self, random: &mut Random) -> String {
        if self.values.is_empty() || matches!(self.kind, Kind::Enum(_)) {
            return make(&self.kind, random);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small"
        )]
        let index = (random.share().powf(1.7) * (self.values.len() - 1) as f64) as usize;
        self.values[index].clone()
    }

    /// The only value there is.
    pub(crate) fn only(&self) -> Option<&str> {
        match &self.kind {
            Kind::Enum(values) if values.len() == 1 => values.first().map(String::as_str),
            _ => None,
        }
    }
}

/// How a document names and declares a parameter decides what its values are; `style` is the document's own way with ids.
pub(crate) fn kind(name: &str, schema: Option<&Value>, style: usize, random: &mut Random) -> Kind {
    let text = |key: &str| schema.and_then(|schema| schema.get(key)).and_then(Value::as_str).unwrap_or_default();
    let listed = schema.and_then(|schema| schema.get("enum")).and_then(Value::as_array);
    if let Some(listed) = listed.filter(|listed| !listed.is_empty()) {
        let plain = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        return Kind::Enum(listed.iter().map(plain).filter(|text| !text.is_empty() && !text.contains('/')).collect());
    }
    match (text("type"), text("format")) {
        ("integer", _) | (_, "int32" | "int64") => return integer(name, random),
        ("number", _) if is(name, &["lat", "lon", "lng"]) => return Kind::Coordinates,
        ("number", _) => return if random.below(4) == 0 { Kind::Decimal } else { integer(name, random) },
        ("boolean", _) => return Kind::Bool,
        (_, "uuid") => return Kind::Uuid,
        (_, "date") => return Kind::Date,
        (_, "date-time") => return Kind::DateTime,
        (_, "email") => return Kind::Email,
        _ => {}
    }
    named(name, style, random)
}

fn is(name: &str, words: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    words.iter().any(|word| name.contains(word))
}

fn integer(name: &str, random: &mut Random) -> Kind {
    if is(name, &["year"]) {
        return Kind::Year;
    }
    Kind::Integer([50, 1_000, 100_000, 10_000_000, 10_u64.pow(12), 10_u64.pow(18)][random.below(6)])
}

fn named(name: &str, style: usize, random: &mut Random) -> Kind {
    let hints: [(&[&str], Kind); 17] = [
        (&["uuid", "guid", "subscriptionid", "tenantid"], Kind::Uuid),
        (&["email", "mail"], Kind::Email),
        (&["slug"], Kind::Slug),
        (&["locale", "lang", "culture"], Kind::Locale),
        (&["country"], Kind::Country),
        (&["currency"], Kind::Currency),
        (&["phone", "msisdn"], Kind::Phone),
        (&["year"], Kind::Year),
        (&["datetime", "timestamp"], Kind::DateTime),
        (&["date", "day"], Kind::Date),
        (&["version", "ver"], Kind::Version),
        (&["file", "path", "image", "asset"], Kind::File),
        (&["sha", "hash", "commit", "checksum", "etag"], Kind::Hex(40)),
        (&["ipaddr", "ip_addr"], Kind::Ip),
        (&["latitude", "longitude"], Kind::Coordinates),
        (&["username", "login", "owner", "author", "handle", "user_name", "member"], Kind::User),
        (&["sku", "product", "item", "title"], Kind::Product),
    ];
    let lower = name.to_ascii_lowercase();
    if is(name, &["format", "content_type", "extension"]) || matches!(lower.as_str(), "ext" | "type_ext") {
        return Kind::Enum(["json", "xml", "csv"].map(str::to_owned).to_vec());
    }
    let is_id =
        lower.ends_with("id") || lower.ends_with("ids") || lower.contains("identifier") || lower.ends_with("key");
    if !is_id && let Some((_, kind)) = hints.iter().find(|(words, _)| is(name, words)) {
        return kind.clone();
    }
    if is(name, &["uuid", "guid", "subscriptionid", "tenantid"]) {
        return Kind::Uuid;
    }
    if is_id {
        // Most documents have one form of id; some have several.
        let style = if random.below(5) == 0 { random.below(1_000) } else { style };
        return match style % 9 {
            0..=2 => Kind::Integer([1_000, 1_000_000, 10_u64.pow(10)][style / 9 % 3]),
            3 | 4 => Kind::Uuid,
            5 => Kind::Hex([24, 16, 32][style / 9 % 3]),
            6 => Kind::Base62([8, 11, 22][style / 9 % 3]),
            7 => Kind::Prefixed(["cus", "ord", "usr", "acct", "sub"][style / 9 % 5]),
            _ => [Kind::Ulid, Kind::Slug, Kind::User][style / 9 % 3].clone(),
        };
    }
    if is(name, &["name", "group", "project", "repo", "org", "team", "workspace", "bucket", "table", "queue", "topic"])
    {
        return [Kind::Slug, Kind::Word, Kind::Product, Kind::User][random.below(4)].clone();
    }
    match random.below(10) {
        0..=3 => Kind::Word,
        4 => Kind::Slug,
        5 => Kind::Product,
        6 => Kind::User,
        7 => Kind::Base62(10),
        8 => Kind::Integer(100_000),
        _ => Kind::Hex(8),
    }
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
const DIGITS: &[u8] = b"0123456789";
const CROCKFORD: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn make(kind: &Kind, random: &mut Random) -> String {
    match kind {
        Kind::Base62(length) => random.text(BASE62, *length),
        Kind::Bool => random.pick(&["true", "false"]).to_owned(),
        Kind::Coordinates => format!("{}.{}", random.below(180), random.text(DIGITS, 4)),
        Kind::Country => random.pick(COUNTRIES).to_owned(),
        Kind::Currency => random.pick(CURRENCIES).to_owned(),
        Kind::Date => date(random),
        Kind::DateTime => format!("{}T{:02}:{:02}:00Z", date(random), random.below(24), random.below(60)),
        Kind::Decimal => format!("{}.{}", random.below(1_000), random.below(100)),
        Kind::Email => format!("{}@{}.example", user(random), random.pick(WORDS)),
        Kind::Enum(values) => values[random.below(values.len())].clone(),
        Kind::File => file(random),
        Kind::Hex(length) => random.text(HEX, *length),
        Kind::Integer(max) => (random.next() % max + 1).to_string(),
        Kind::Ip => format!("10.{}.{}.{}", random.below(256), random.below(256), random.below(256)),
        Kind::Locale => random.pick(LOCALES).to_owned(),
        Kind::Phone => format!("+{}", random.text(DIGITS, 11)),
        Kind::Prefixed(prefix) => format!("{prefix}_{}", random.text(BASE62, 14)),
        Kind::Product => product(random),
        Kind::Slug => slug(random),
        Kind::Ulid => format!("01{}", random.text(CROCKFORD, 24)),
        Kind::User => user(random),
        Kind::Uuid => uuid(random),
        Kind::Version => format!("{}.{}.{}", random.below(4), random.below(12), random.below(30)),
        Kind::Word => word(random),
        Kind::Year => (1990 + random.below(37)).to_string(),
    }
}

fn date(random: &mut Random) -> String {
    format!("20{:02}-{:02}-{:02}", 15 + random.below(12), 1 + random.below(12), 1 + random.below(28))
}

fn uuid(random: &mut Random) -> String {
    let hex = random.text(HEX, 32);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn word(random: &mut Random) -> String {
    random.pick(WORDS).to_owned()
}

fn user(random: &mut Random) -> String {
    let (first, second) = (random.pick(NAMES), random.pick(WORDS));
    match random.below(6) {
        0 => format!("{first}.{second}"),
        1 => format!("{first}_{second}"),
        2 => format!("{first}{}", random.below(100)),
        3 => format!("{first}{second}"),
        4 => format!("{second}-{first}"),
        _ => first.to_owned(),
    }
}

fn slug(random: &mut Random) -> String {
    let words: Vec<&str> = (0..2 + random.below(4)).map(|_| random.pick(WORDS)).collect();
    let slug = words.join("-");
    if random.below(4) == 0 { format!("{slug}-{}", random.below(3_000)) } else { slug }
}

fn product(random: &mut Random) -> String {
    let mut name = random.pick(WORDS).to_owned();
    name[..1].make_ascii_uppercase();
    match random.below(4) {
        0 => format!("{name}{}", random.below(1_000)),
        1 => format!("{name}-{}", random.pick(WORDS)),
        2 => format!("{name}%20{}", random.pick(WORDS)),
        _ => format!("{}-{}", name[..2].to_ascii_uppercase(), random.text(DIGITS, 5)),
    }
}

fn file(random: &mut Random) -> String {
    let extension = random.pick(&["jpg", "png", "pdf", "txt", "csv", "json"]);
    format!("{}.{extension}", if random.below(2) == 0 { slug(random) } else { word(random) })
}

/// A path that nobody serves, and what the server says to it.
pub(crate) fn noise(template: &str, random: &mut Random) -> Request {
    let path = match random.below(5) {
        0 => random.pick(SCANNED).to_owned(),
        1 => format!("/{}", random.text(BASE62, 12)),
        2 => format!("/{}/{}", word(random), word(random)),
        3 => format!(
            "{}/{}",
            template.split("/{").next().unwrap_or_default(),
            random.pick(SCANNED).trim_start_matches('/')
        ),
        _ => format!("/{}.{}", word(random), random.pick(&["php", "asp", "bak", "sql", "zip"])),
    };
    let method = random.pick(&["GET", "GET", "GET", "POST", "HEAD"]).to_owned();
    let status = [404, 404, 404, 404, 404, 404, 400, 405, 404, 403][random.below(10)];
    Request { operation: None, method, path, status, outline: None }
}

const SCANNED: &[&str] = &[
    "/.env",
    "/.git/config",
    "/wp-login.php",
    "/admin",
    "/phpmyadmin/index.php",
    "/actuator/health",
    "/server-status",
    "/.aws/credentials",
    "/cgi-bin/test",
    "/solr/admin/info",
    "/backup.zip",
    "/config.json",
    "/vendor/phpunit/eval.php",
    "/owa/auth/logon.aspx",
    "/.vscode/sftp.json",
    "/telescope/requests",
    "/debug/default/view",
    "/HNAP1",
    "/boaform/login",
];

const COUNTRIES: &[&str] = &[
    "us", "de", "fr", "gb", "jp", "br", "in", "cn", "it", "es", "nl", "se", "no", "dk", "fi", "pl", "pt", "ch", "at",
    "be", "ca", "mx", "ar", "au", "nz", "za", "ke", "eg", "tr", "gr",
];
const CURRENCIES: &[&str] =
    &["USD", "EUR", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "BRL", "INR", "CNY", "CAD", "AUD"];
const LOCALES: &[&str] =
    &["en", "de", "fr", "en-US", "en-GB", "de-DE", "fr-FR", "pt-BR", "es-ES", "it-IT", "ja-JP", "nl-NL", "sv-SE"];
const NAMES: &[&str] = &[
    "ann", "bob", "carla", "david", "emma", "felix", "grace", "henry", "irene", "jack", "karin", "lukas", "maria",
    "nina", "oscar", "paula", "quentin", "rosa", "simon", "tina", "ulrich", "vera", "walter", "xenia", "yusuf", "zoe",
    "amir", "bella", "chen", "dora", "elias", "fatima", "george", "hana", "ivan", "julia", "kofi", "lena", "marco",
    "noor", "olga", "pedro", "rania", "sven", "tariq", "ursula", "victor", "wanda", "yara", "zack",
];
pub(crate) const WORDS: &[&str] = &[
    "apple", "anchor", "autumn", "badge", "banana", "basket", "beach", "bird", "blanket", "blue", "bottle", "bread",
    "bridge", "brown", "butter", "button", "cable", "camera", "candle", "carpet", "castle", "chair", "cheese",
    "cherry", "circle", "city", "clock", "cloud", "coffee", "copper", "corner", "cotton", "cream", "crystal", "dance",
    "desert", "diamond", "dinner", "doctor", "dragon", "dream", "eagle", "earth", "east", "elephant", "engine",
    "evening", "falcon", "family", "feather", "field", "finger", "fire", "fish", "flower", "forest", "fountain", "fox",
    "garden", "ghost", "giant", "glass", "gold", "grape", "grass", "green", "guitar", "hammer", "harbor", "heart",
    "helmet", "hill", "honey", "horse", "house", "ice", "island", "ivory", "jacket", "jungle", "kettle", "key", "king",
    "kitchen", "kite", "ladder", "lake", "lamp", "leaf", "lemon", "library", "light", "lion", "machine", "magnet",
    "maple", "marble", "market", "meadow", "metal", "milk", "mirror", "money", "moon", "morning", "mountain", "music",
    "needle", "night", "north", "notebook", "ocean", "olive", "orange", "orchid", "oven", "owl", "paint", "panda",
    "paper", "parrot", "peach", "pearl", "pencil", "pepper", "piano", "picture", "pilot", "planet", "plate", "pocket",
    "pony", "potato", "prince", "purple", "puzzle", "queen", "rabbit", "radio", "rain", "red", "ribbon", "river",
    "road", "robot", "rocket", "roof", "rose", "ruby", "sail", "salt", "sand", "school", "scissors", "shadow", "shell",
    "shirt", "shoe", "silver", "sky", "snow", "soap", "song", "south", "spoon", "spring", "square", "star", "station",
    "stone", "storm", "street", "sugar", "summer", "sun", "swan", "table", "tea", "temple", "tiger", "tomato", "tower",
    "train", "tree", "tulip", "turtle", "umbrella", "valley", "velvet", "village", "violet", "violin", "wagon", "wall",
    "water", "west", "wheel", "whisper", "white", "willow", "wind", "window", "winter", "wolf", "wood", "yellow",
    "zebra",
];
