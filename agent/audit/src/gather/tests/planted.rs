//! 200 planted secrets, in every place of a message, appear in no record: raw, in part, hex, base64, percent-encoded.

use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

/// xorshift64*: the same secrets in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[(self.next() >> 33) as usize % alphabet.len()])).collect()
    }
}

const BASE62: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PASSWORD: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789!$()*,.~";

/// A place where any value goes unseen. `S` stands for the secret, `P` for its percent-encoded form, `B` for `admin:S` in base64.
const ANYWHERE: &[&str] = &[
    "GET /a HTTP/1.1\nAuthorization: Basic B",
    "GET /a HTTP/1.1\nAuthorization: Basic B\nX-Echo: S",
    "GET /a HTTP/1.1\nProxy-Authorization: Basic B",
    "GET /a HTTP/1.1\nAuthorization: Bearer S",
    "GET /a HTTP/1.1\nAuthorization: S",
    "GET /a HTTP/1.1\nAuthorization: Odd S",
    "GET /a HTTP/1.1\nAuthorization: Digest username=\"S\", response=\"S\"",
    "GET /a HTTP/1.1\nX-Api-Key: S",
    "GET /a HTTP/1.1\nX-Anything: S\nReferer: http://a/?k=S",
    "GET /a HTTP/1.1\nCookie: a=b; JSESSIONID=S; other=S",
    "GET /a?api_key=P HTTP/1.1",
    "GET /a?password=P&x=P HTTP/1.1",
    "GET /a?next=http://u:P@h/ HTTP/1.1",
    "GET /a#access_token=P HTTP/1.1",
    "GET /a;jsessionid=P/b HTTP/1.1",
    "GET /a/token=P HTTP/1.1",
    "GET http://admin:P@host/a HTTP/1.1",
    "GET http://P@host/a HTTP/1.1",
    "CONNECT admin:P@host:443 HTTP/1.1",
    "GET /a HTTP/1.1\nHost: admin:S@host",
    "GET /a?P HTTP/1.1",
    "GET /api/P?api_key=P HTTP/1.1",
    "GET /api/P/x HTTP/1.1\nX-Api-Key: S",
    "GET /api/P/x HTTP/1.1\nAuthorization: Basic B",
    "POST /a HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nuser=admin&password=P&other=P",
    "POST /a HTTP/1.1\nContent-Type: application/json\n\n{\"user\":\"a\",\"deep\":[{\"password\":\"S\",\"x\":\"S\"}]}",
    "POST /a HTTP/1.1\nContent-Type: application/json\n\n{\"a b S\":{\"password\":\"x\"}}",
    "POST /login/P HTTP/1.1\nContent-Type: application/json\n\n{\"password\":\"S\"}",
    "POST /a HTTP/1.1\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nS\r\n--x--",
    "POST /a HTTP/1.1\nContent-Type: text/plain\n\nS",
    "HTTP/1.1 200 OK\nSet-Cookie: sid=S\nContent-Type: application/json\n\n{\"token\":\"S\",\"S\":[1]}",
];

/// A place where only a value that proves itself is known: 24 random characters and more.
const PROVEN: &[&str] = &[
    "GET /S HTTP/1.1",
    "GET /reset/S/now HTTP/1.1",
    "GET /files/S.pdf HTTP/1.1",
    "GET /a/prefix-S HTTP/1.1",
    "GET /a;v=S HTTP/1.1",
    "GET /a?S=1 HTTP/1.1",
    "GET /a?filter[S]=1 HTTP/1.1",
    "GET /a HTTP/1.1\nHost: S.hooks.example.com",
    "S /a HTTP/1.1",
    "POST /a HTTP/1.1\n\n{\"S\":{\"password\":\"x\"}}",
    "POST /a HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nS[password]=x",
];

fn percent(secret: &str) -> String {
    secret
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Forms in which `secret` must not be found, in lower case: a run of eight characters is as good as the whole.
fn forms(secret: &str) -> Vec<String> {
    let mut forms: Vec<String> =
        secret.as_bytes().windows(8).map(|part| String::from_utf8_lossy(part).to_lowercase()).collect();
    forms.push(percent(secret).to_lowercase());
    forms.push(secret.bytes().fold(String::new(), |hex, b| hex + &format!("{b:02x}")));
    forms.push(secret.bytes().fold(String::new(), |hex, b| hex + &format!("%{b:02x}")));
    for before in ["", "a", "ab", "admin:"] {
        let coded = STANDARD.encode(format!("{before}{secret}"));
        // The first and the last group mix with what stands beside the secret.
        forms.extend(coded.get(8..coded.len() - 4).map(str::to_lowercase));
    }
    forms
}

fn is_shown(records: &[Record], secret: &str) -> bool {
    let output = format!("{records:?}{}", records.iter().map(shown).collect::<String>()).to_lowercase();
    forms(secret).iter().any(|form| output.contains(form))
}

fn records_of(place: &str, secret: &str) -> Vec<Record> {
    let basic = STANDARD.encode(format!("admin:{secret}"));
    let mut text = String::new();
    // `S`, `P` and `B` only where they stand alone.
    let mut letters = place.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let alone = !before.is_alphanumeric() && !letters.peek().is_some_and(|next| next.is_alphanumeric());
        match letter {
            'S' if alone => text.push_str(&secret.replace('\\', "")),
            'P' if alone => text.push_str(&percent(secret)),
            'B' if alone => text.push_str(&basic),
            other => text.push(other),
        }
        before = letter;
    }
    let mut gather = gather();
    let mut records = feed(&mut gather, &Sample::new(&text));
    records.extend(event(&mut gather, Event::Closed(FlowId::new(1), Timestamp::EPOCH)));
    assert_eq!(records.len(), 2, "{place}");
    records
}

fn secret(random: &mut Random, n: usize, proven: bool) -> String {
    let length = 24 + n % 40;
    match n % 4 {
        0 => random.text(BASE62, length),
        1 => random.text(BASE64URL, length),
        2 => {
            let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
            // The header is the same in each token: only what follows it is looked for.
            format!("{header}.{}.{}", random.text(BASE62, 40), random.text(BASE62, 43))
        }
        _ if proven => format!("sk_live_{}", random.text(BASE62, length)),
        _ => random.text(PASSWORD, 9 + n % 12),
    }
}

fn looked_for(secret: &str) -> &str {
    secret
        .split_once('.')
        .filter(|_| secret.starts_with("eyJ"))
        .map_or(secret, |(_, rest)| rest)
        .trim_start_matches("sk_live_")
}

#[test]
fn two_hundred_secrets_in_every_place_are_nowhere() {
    let mut random = Random(0x5eed_0001);
    for n in 0..200 {
        let (any, proven) = (secret(&mut random, n, false), secret(&mut random, n, true));
        for place in ANYWHERE {
            let records = records_of(place, &any);
            assert!(!is_shown(&records, looked_for(&any)), "{any} in {place}: {records:?}");
        }
        for place in PROVEN {
            let records = records_of(place, &proven);
            assert!(!is_shown(&records, looked_for(&proven)), "{proven} in {place}: {records:?}");
        }
    }
}

#[test]
fn the_search_finds_what_does_leak() {
    let secret = "Zk3vQ9xLw2Pd8RtY5nBc";
    for leak in [
        secret.to_owned(),
        format!("x{}y", &secret[3..12]),
        STANDARD.encode(format!("admin:{secret}")),
        percent("a!b(c)d*e"),
    ] {
        let mut gather = gather();
        feed(&mut gather, &Sample::new("GET / HTTP/1.1"));
        let mut records = feed(&mut gather, &Sample::new("HTTP/1.1 200 OK"));
        if let Some(Record::Exchange(exchange)) = records.last_mut() {
            exchange.path = Masked::vouched(&leak);
        }
        assert!(is_shown(&records, if leak.contains('%') { "a!b(c)d*e" } else { secret }), "{leak}");
    }
}
