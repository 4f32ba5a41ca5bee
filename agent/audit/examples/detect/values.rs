//! Values: those that have to be found, each made after its issuer's or state's rules, and those that only look like them.
//!
//! The checks here are written a second time on purpose: the corpus must not take its truth from the code that it measures.

use crate::rng::{ALNUM, BASE32, BASE64, DIGITS, HEX, Rng, URL64};

/// What a field holds, by the class that has to be found in it.
pub(crate) struct Field {
    pub(crate) class: &'static str,
    pub(crate) names: &'static [&'static str],
    pub(crate) make: fn(&mut Rng) -> String,
}

const fn field(class: &'static str, names: &'static [&'static str], make: fn(&mut Rng) -> String) -> Field {
    Field { class, names, make }
}

/// Personal and payment data.
pub(crate) static DATA: &[Field] = &[
    field("email", &["email", "user_email", "contactEmail", "owner", "created_by", "login"], email),
    field("phone", &["phone", "phone_number", "mobile", "contactPhone", "tel", "customer_mobile"], phone),
    field("person-name", &["first_name", "lastName", "full_name", "surname", "cardholder_name", "family_name"], name),
    field("birth-date", &["date_of_birth", "dob", "birthDate", "birthday"], birth),
    field("address", &["street", "address_line1", "shipping_address", "billingAddress", "home_address"], address),
    field("card", &["card_number", "cardNumber", "pan", "credit_card", "cc_number", "number_on_card"], card),
    field("card", &["card_number", "paymentCard", "credit_card_number"], grouped_card),
    field("bank-account", &["iban", "IBAN", "payout_iban", "debtorIban"], iban),
    field("bank-account", &["account_number", "bankAccountNumber"], |rng| {
        let length = rng.within(8, 13);
        rng.number(length)
    }),
    field("health", &["diagnosis", "blood_type", "medications", "allergies"], health),
    field("national-id", &["ssn", "social_security_number"], ssn),
    field("national-id", &["cpf", "customer_cpf"], cpf),
    field("national-id", &["pesel"], pesel),
    field("national-id", &["bsn", "burgerservicenummer"], bsn),
    field("national-id", &["dni", "nif"], dni),
    field("national-id", &["nino", "national_insurance_number"], nino),
    field("national-id", &["aadhaar", "aadhaar_number"], aadhaar),
    field("national-id", &["personnummer"], personnummer),
    field("national-id", &["sin", "social_insurance_number"], sin),
    field("national-id", &["national_id", "tax_id"], cpf),
];

/// Secrets by their format, under any name, and those that only a name tells.
pub(crate) static SECRETS: &[Field] = &[
    field("secret", NAMES, |rng| format!("AKIA{}", rng.text(BASE32, 16))),
    field("secret", NAMES, github),
    field("secret", NAMES, npm),
    field("secret", NAMES, |rng| format!("glpat-{}", rng.text(URL64, 20))),
    field("secret", NAMES, |rng| format!("xoxb-{}-{}-{}", rng.number(12), rng.number(12), rng.text(ALNUM, 24))),
    field("secret", NAMES, |rng| format!("sk_live_{}", rng.text(ALNUM, 24))),
    field("secret", NAMES, |rng| format!("rk_live_{}", rng.text(ALNUM, 99))),
    field("secret", NAMES, |rng| format!("SG.{}.{}", rng.text(URL64, 22), rng.text(URL64, 43))),
    field("secret", NAMES, |rng| format!("AIza{}", rng.text(URL64, 35))),
    field("secret", NAMES, |rng| format!("GOCSPX-{}", rng.text(URL64, 28))),
    field("secret", NAMES, |rng| format!("dop_v1_{}", rng.text(HEX, 64))),
    field("secret", NAMES, |rng| format!("shpat_{}", rng.text(HEX, 32))),
    field("secret", NAMES, |rng| format!("sq0atp-{}", rng.text(URL64, 22))),
    field("secret", NAMES, |rng| format!("hf_{}", rng.text(ALNUM, 34))),
    field("secret", NAMES, |rng| format!("sk-{}T3BlbkFJ{}", rng.text(ALNUM, 20), rng.text(ALNUM, 20))),
    field("secret", NAMES, |rng| format!("sk-ant-api03-{}AA", rng.text(URL64, 93))),
    field("secret", NAMES, |rng| format!("hvs.{}", rng.text(URL64, 95))),
    field("secret", NAMES, |rng| format!("dp.pt.{}", rng.text(ALNUM, 43))),
    field("secret", NAMES, |rng| format!("dapi{}", rng.text(HEX, 32))),
    field("secret", NAMES, |rng| format!("lin_api_{}", rng.text(ALNUM, 40))),
    field("secret", NAMES, |rng| format!("PMAK-{}-{}", rng.text(HEX, 24), rng.text(HEX, 34))),
    field("secret", NAMES, |rng| format!("dckr_pat_{}", rng.text(URL64, 27))),
    field("secret", NAMES, |rng| format!("NRAK-{}", rng.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 27))),
    field("secret", NAMES, |rng| {
        format!(
            "https://hooks.slack.com/services/T{}/B{}/{}",
            rng.text(BASE32, 9),
            rng.text(BASE32, 9),
            rng.text(ALNUM, 24)
        )
    }),
    field("secret", NAMES, |rng| format!("{}:AA{}", rng.number(10), rng.text(URL64, 33))),
    field("secret", NAMES, |rng| format!("postgres://app:{}@db.internal:5432/main", rng.text(ALNUM, 16))),
    field("secret", NAMES, |rng| {
        format!("DefaultEndpointsProtocol=https;AccountName=x;AccountKey={}==", rng.text(BASE64, 86))
    }),
    field("secret", NAMES, |rng| {
        format!("$2b$12${}", rng.text("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 53))
    }),
    field("secret", NAMES, jwt),
    field("secret", NAMES, private_key),
    field("secret", &["aws_secret_access_key", "secretAccessKey"], |rng| rng.text(BASE64, 40)),
];

/// Names under which a secret's format alone tells it.
const NAMES: &[&str] = &["value", "config", "data", "message", "note", "payload", "env", "url", "details", "content"];

/// What looks like one of those and is none.
pub(crate) static LOOK_ALIKES: &[Field] = &[
    field("ean", &["ean", "gtin", "barcode", "sku", "upc"], ean),
    field("epoch", &["created", "updated_at", "ts", "timestamp", "expires"], |rng| {
        format!("17{}", rng.text(DIGITS, 11))
    }),
    field("snowflake", &["id", "message_id", "channel", "tweet_id"], |rng| rng.number(18)),
    field("snowflake", &["id", "object_id"], |rng| rng.number(19)),
    field("guid", &["uuid", "guid", "request_id", "trace_id", "session"], guid),
    field("float", &["price", "score", "ratio", "lat_offset", "weight"], |rng| {
        format!("{}.{}", rng.within(0, 100), rng.text(DIGITS, 15))
    }),
    field("hash", &["md5", "etag", "checksum", "digest", "key", "hash"], |rng| rng.text(HEX, 32)),
    field("hash", &["sha1", "commit", "revision", "cache_key"], |rng| rng.text(HEX, 40)),
    field("hash", &["sha256", "content_hash", "signature_id"], |rng| rng.text(HEX, 64)),
    field("hash", &["integrity"], |rng| format!("sha384-{}", rng.text(BASE64, 64))),
    field("order", &["order_id", "order_number", "transaction", "reference", "payment_id"], |rng| rng.number(16)),
    field("order", &["invoice", "booking", "ticket"], |rng| format!("{}-{}", rng.number(8), rng.number(7))),
    field("public-key", &["public_key", "publicKey", "monkey", "key_id", "kid"], |rng| rng.text(URL64, 43)),
    field("public-key", &["publishable_key"], |rng| format!("pk_live_{}", rng.text(ALNUM, 24))),
    field("public-key", &["pem"], |rng| {
        format!("-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----", rng.text(BASE64, 64))
    }),
    field("public-key", &["n", "modulus"], |rng| rng.text(URL64, 342)),
    field("image", &["thumbnail", "avatar", "icon"], |rng| {
        format!("data:image/png;base64,iVBORw0KGgo{}", rng.text(BASE64, 400))
    }),
    field("text", &["title", "summary", "name", "slug"], |rng| format!("{}-{}", rng.pick(WORDS), rng.pick(WORDS))),
    field("text", &["description", "comment"], |rng| {
        format!("The {} of {} costs {} per {}.", rng.pick(WORDS), rng.pick(WORDS), rng.within(1, 99), rng.pick(WORDS))
    }),
    field("token", &["next_page_token", "cursor", "csrf_token", "continuation"], |rng| rng.text(URL64, 32)),
    field("file", &["image", "asset", "path"], |rng| format!("/img/{}@2x.png", rng.text(HEX, 12))),
    field("package", &["package", "dependency"], |rng| {
        format!("{}@{}.{}.{}", rng.pick(WORDS), rng.within(0, 9), rng.within(0, 30), rng.within(0, 9))
    }),
    field("masked", &["card", "card_masked", "account"], |rng| {
        format!("4{}** **** **** {}", rng.text(DIGITS, 2), rng.text(DIGITS, 4))
    }),
    field("ulid", &["ulid", "event_id"], |rng| format!("01{}", rng.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24))),
    field("mailbox", &["support_email", "sender"], |rng| format!("noreply@{}.com", rng.pick(WORDS))),
    field("tracking", &["tracking_number"], |rng| {
        format!("1Z{}", rng.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 16))
    }),
    // In the fields of cards, accounts and ids.
    field("order", &["card_id", "card_number", "pan"], |rng| rng.number(16)),
    field("snowflake", &["card", "cc_number"], |rng| rng.number(19)),
    field("account-like", &["iban", "iban_reference"], |rng| format!("DE{}", rng.text(DIGITS, 20))),
    field("ean", &["national_id", "tax_id", "document_number"], ean),
    field("epoch", &["personal_id", "citizen_id"], |rng| format!("17{}", rng.text(DIGITS, 11))),
    field("id-like", &["cpf", "pesel", "identity_number"], |rng| rng.number(11)),
];

pub(crate) const WORDS: &[&str] = &[
    "amber", "basket", "cotton", "delta", "engine", "forest", "garden", "harbor", "island", "jacket", "kettle",
    "ladder", "market", "needle", "orange", "pepper", "quartz", "ribbon", "silver", "timber", "urban", "velvet",
    "window", "yellow", "zephyr",
];
const PEOPLE: &[&str] = &[
    "Anna", "Bruno", "Chloé", "Dmitri", "Elif", "Farah", "Goran", "Hana", "Ivan", "Jörg", "Kenji", "Leila", "Marta",
    "Noah", "Olga", "Priya", "Quinn", "Rosa", "Søren", "Tomás", "Uma", "Viktor", "Wei", "Ximena", "Yara", "Zoë",
];

fn email(rng: &mut Rng) -> String {
    let plain: String = rng.pick(PEOPLE).chars().filter(char::is_ascii_alphabetic).collect();
    let end = rng.pick(&["com", "org", "de", "co.uk", "io", "com.br"]);
    format!("{}.{}{}@{}.{end}", plain.to_lowercase(), rng.pick(WORDS), rng.within(1, 99), rng.pick(WORDS))
}

fn phone(rng: &mut Rng) -> String {
    match rng.within(0, 4) {
        0 => format!("+{}{}", rng.within(1, 99), rng.number(9)),
        1 => format!("({}) {}-{}", rng.number(3), rng.number(3), rng.number(4)),
        2 => format!("+44 {} {} {}", rng.number(2), rng.number(4), rng.number(4)),
        _ => format!("0{} {}", rng.number(3), rng.number(7)),
    }
}

fn name(rng: &mut Rng) -> String {
    if rng.one_in(3) { format!("{} {}", rng.pick(PEOPLE), rng.pick(PEOPLE)) } else { rng.pick(PEOPLE).to_owned() }
}

fn birth(rng: &mut Rng) -> String {
    let (year, month, day) = (rng.within(1930, 2012), rng.within(1, 13), rng.within(1, 29));
    match rng.within(0, 3) {
        0 => format!("{year}-{month:02}-{day:02}"),
        1 => format!("{day:02}.{month:02}.{year}"),
        _ => format!("{month:02}/{day:02}/{year}"),
    }
}

fn address(rng: &mut Rng) -> String {
    let kind = rng.pick(&["Street", "Road", "Avenue", "Lane"]);
    format!("{} {} {kind}", rng.within(1, 400), rng.pick(WORDS))
}

fn health(rng: &mut Rng) -> String {
    rng.pick(&["J45.20", "Type 2 diabetes", "A+", "penicillin", "ibuprofen 400 mg", "O negative", "asthma", "I10"])
        .to_owned()
}

/// The digit that makes the sum right: every second one doubled, from the right.
fn luhn_digit(digits: &str) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0') * if at % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    (10 - sum % 10) % 10
}

fn card(rng: &mut Rng) -> String {
    let (prefix, length) = rng.pick(&[
        ("4", 16),
        ("51", 16),
        ("55", 16),
        ("2221", 16),
        ("34", 15),
        ("37", 15),
        ("6011", 16),
        ("3530", 16),
    ]);
    let body = format!("{prefix}{}", rng.text(DIGITS, length - 1 - prefix.len()));
    format!("{body}{}", luhn_digit(&body))
}

fn grouped_card(rng: &mut Rng) -> String {
    let number = card(rng);
    let groups: &[usize] = if number.len() == 15 { &[4, 6, 5] } else { &[4, 4, 4, 4] };
    let mut rest = number.as_str();
    let mut parts = Vec::new();
    for length in groups {
        let (part, more) = rest.split_at(*length);
        parts.push(part);
        rest = more;
    }
    parts.join(" ")
}

fn iban(rng: &mut Rng) -> String {
    let (country, length) =
        rng.pick(&[("DE", 22), ("FR", 27), ("NL", 18), ("GB", 22), ("ES", 24), ("NO", 15), ("PL", 28)]);
    let bank = match country {
        "NL" | "GB" => rng.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 4),
        _ => rng.text(DIGITS, 4),
    };
    let body = format!("{bank}{}", rng.text(DIGITS, length - 8));
    let spelt: String = format!("{body}{country}00")
        .chars()
        .map(|c| c.to_digit(36).map_or_else(String::new, |value| value.to_string()))
        .collect();
    let rest = spelt.bytes().fold(0_u32, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    let plain = format!("{country}{:02}{body}", 98 - rest);
    if rng.one_in(3) {
        return plain.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    }
    plain
}

fn weighted(digits: &str, weights: &[u32]) -> u32 {
    digits.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum()
}

fn ssn(rng: &mut Rng) -> String {
    let (area, group, serial) = (rng.within(100, 600), rng.within(1, 100), rng.within(1, 10_000));
    if rng.one_in(2) { format!("{area:03}-{group:02}-{serial:04}") } else { format!("{area:03}{group:02}{serial:04}") }
}

fn cpf(rng: &mut Rng) -> String {
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    let body = rng.text(DIGITS, 9);
    let first = check(weighted(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]));
    let body = format!("{body}{first}");
    let second = check(weighted(&body, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]));
    format!("{body}{second}")
}

fn pesel(rng: &mut Rng) -> String {
    let body =
        format!("{:02}{:02}{:02}{}", rng.within(30, 99), rng.within(1, 13), rng.within(1, 29), rng.text(DIGITS, 4));
    format!("{body}{}", (10 - weighted(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10)
}

fn bsn(rng: &mut Rng) -> String {
    loop {
        let body = rng.number(8);
        let check = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        if check < 10 {
            return format!("{body}{check}");
        }
    }
}

fn dni(rng: &mut Rng) -> String {
    let number = rng.within(10_000_000, 99_999_999);
    format!("{number}{}", char::from(b"TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]))
}

fn nino(rng: &mut Rng) -> String {
    format!("{}{}{}", rng.pick(&["AB", "CE", "JM", "PW", "SR"]), rng.text(DIGITS, 6), rng.pick(&["A", "B", "C", "D"]))
}

/// Verhoeff's check by its definition: multiplication in the dihedral group of the pentagon.
fn aadhaar(rng: &mut Rng) -> String {
    fn times(a: u32, b: u32) -> u32 {
        let (turn, flip) = (|x: u32| x % 5, |x: u32| x / 5);
        let sum = if flip(a) == 0 { turn(a) + turn(b) } else { turn(a) + 5 - turn(b) };
        sum % 5 + 5 * (flip(a) ^ flip(b))
    }
    const FIRST: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let body = format!("{}{}", rng.within(2, 10), rng.text(DIGITS, 10));
    let permuted = |digit: u32, times: usize| (0..times % 8).fold(digit, |digit, _| FIRST[digit as usize]);
    let right = |text: &str| {
        let digits = text.bytes().rev().map(|byte| u32::from(byte - b'0')).enumerate();
        digits.fold(0, |sum, (at, digit)| times(sum, permuted(digit, at))) == 0
    };
    (0..10).map(|digit| format!("{body}{digit}")).find(|text| right(text)).unwrap_or(body)
}

fn personnummer(rng: &mut Rng) -> String {
    let date = format!("{:02}{:02}{:02}", rng.within(40, 99), rng.within(1, 13), rng.within(1, 29));
    let serial = rng.text(DIGITS, 3);
    format!("{date}-{serial}{}", luhn_digit(&format!("{date}{serial}")))
}

fn sin(rng: &mut Rng) -> String {
    let body = rng.number(8);
    format!("{body}{}", luhn_digit(&body))
}

fn ean(rng: &mut Rng) -> String {
    let body = format!("40{}", rng.text(DIGITS, 10));
    let sum = weighted(&body, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn guid(rng: &mut Rng) -> String {
    let part = |rng: &mut Rng, length| rng.text(HEX, length);
    format!("{}-{}-4{}-a{}-{}", part(rng, 8), part(rng, 4), part(rng, 3), part(rng, 3), part(rng, 12))
}

/// Bit by bit.
fn crc32(text: &str) -> u32 {
    let mut sum = u32::MAX;
    for byte in text.bytes() {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

fn with_checksum(prefix: &str, rng: &mut Rng) -> String {
    let body = rng.text(ALNUM, 30);
    let mut sum = crc32(&body);
    let mut digits = String::new();
    for _ in 0..6 {
        digits.insert(0, char::from(ALNUM.as_bytes()[(sum % 62) as usize]));
        sum /= 62;
    }
    format!("{prefix}{body}{digits}")
}

fn github(rng: &mut Rng) -> String {
    let prefix = rng.pick(&["ghp_", "gho_", "ghs_"]);
    with_checksum(prefix, rng)
}

fn npm(rng: &mut Rng) -> String {
    with_checksum("npm_", rng)
}

fn jwt(rng: &mut Rng) -> String {
    let header = rng.pick(&[
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "eyJhbGciOiJSUzI1NiJ9",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9",
    ]);
    format!("{header}.eyJ{}.{}", rng.text(URL64, 60), rng.text(URL64, 43))
}

fn private_key(rng: &mut Rng) -> String {
    let kind = rng.pick(&["RSA ", "EC ", "", "OPENSSH "]);
    let lines: Vec<String> = (0..6).map(|_| rng.text(BASE64, 64)).collect();
    format!("-----BEGIN {kind}PRIVATE KEY-----\\n{}\\n-----END {kind}PRIVATE KEY-----", lines.join("\\n"))
}
