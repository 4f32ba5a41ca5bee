//! The planted secrets: unique, seeded, and of the forms that real ones have; and the search for them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A planted secret and the request that carries it.
pub(crate) struct Canary {
    /// The secret.
    pub(crate) value: String,
    /// The request, whole.
    pub(crate) request: Vec<u8>,
    /// Sent one byte a segment around the secret.
    pub(crate) split: bool,
}

/// A small generator (Numerical Recipes' constants): the same secrets in each run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0)
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.next() % letters.len()]).collect()
    }
}

const WORDS: &str = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// The places: each is the way to carry a secret in a request.
const PLACES: usize = 25;

/// 250 of them, each place ten times, half of them split over segments.
pub(crate) fn all() -> Vec<Canary> {
    let mut seeded = Seeded(0x5eed);
    (0..PLACES * 10)
        .map(|number| {
            let value = secret(&mut seeded, number);
            Canary { request: request(number % PLACES, &value), value, split: number / PLACES % 2 == 1 }
        })
        .collect()
}

fn secret(seeded: &mut Seeded, number: usize) -> String {
    match number / PLACES % 3 {
        0 => seeded.text(WORDS, 24),
        1 => format!("sk_live_{}", seeded.text(WORDS, 24)),
        _ => format!(
            "eyJhbGciOiJIUzI1NiJ9.{}.{}",
            STANDARD.encode(format!("{{\"sub\":\"{}\"}}", seeded.text(WORDS, 12))).trim_end_matches('='),
            seeded.text(WORDS, 32)
        ),
    }
}

fn request(place: usize, value: &str) -> Vec<u8> {
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\nHost: api.example\r\n{headers}\r\n");
    let post = |target: &str, media: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: api.example\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let basic = STANDARD.encode(format!("alice:{value}"));
    let (form, json) = ("application/x-www-form-urlencoded", "application/json; charset=utf-8");
    let text = match place {
        0 => get("/a/1", &format!("Authorization: Basic {basic}\r\n")),
        1 => get("/a/2", &format!("Authorization: Bearer {value}\r\n")),
        2 => get("/a/3", &format!("X-Api-Key: {value}\r\n")),
        3 => get("/a/4", &format!("Cookie: theme=dark; session={value}; lang=en\r\n")),
        4 => get(&format!("/a/5?api_key={value}"), ""),
        5 => get(&format!("/a/6?page=2&access_token={value}&x=1"), ""),
        6 => get(&format!("/a/7?q={value}"), ""),
        7 => get(&format!("/reset/{value}/confirm"), ""),
        8 => post("/login", form, &format!("user=alice&password={value}")),
        9 => post("/login", json, &format!("{{\"user\":\"alice\",\"password\":\"{value}\"}}")),
        10 => post("/deep", json, &format!("{{\"a\":[{{\"b\":{{\"client_secret\":\"{value}\"}}}}]}}")),
        11 => post(
            "/multi",
            "multipart/form-data; boundary=b",
            &format!("--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{value}\r\n--b--\r\n"),
        ),
        12 => get(&format!("/echo?echo={value}"), ""),
        13 => get(&format!("/missing/x?echo={value}"), ""),
        14 => get("/refused/x", &format!("Authorization: Bearer {value}\r\n")),
        15 => get("/a/8", &format!("X-Custom-Thing: {value}\r\n")),
        16 => get(&format!("/a/9?{value}=1"), ""),
        17 => get(&format!("http://bob:{value}@api.example/a/10"), ""),
        18 => post("/odd", "text/plain", &format!("the token is {value}, keep it")),
        19 => post(
            "/xml",
            "application/xml",
            &format!("<login><password>{value}</password><note a=\"{value}\"/></login>"),
        ),
        20 => post("/nested", json, &format!("{{\"config\":\"{{\\\"api_key\\\":\\\"{value}\\\"}}\"}}")),
        21 => post(
            "/graphql",
            json,
            &format!(
                "{{\"query\":\"mutation {{ login(token: \\\"{value}\\\") }}\",\"variables\":{{\"secret\":\"{value}\"}}}}"
            ),
        ),
        // Under names of personal data.
        22 => post("/person", json, &format!("{{\"ssn\":\"{value}\",\"iban\":\"{value}\",\"diagnosis\":\"{value}\"}}")),
        23 => post("/pay", form, &format!("card_number={value}&cvv=123&address=1%20{value}%20Street")),
        _ => get("/a/11", &format!("Authorization: Token token=\"{value}\"\r\nProxy-Authorization: Basic {basic}\r\n")),
    };
    text.into_bytes()
}

/// Sends a canary's request on a connection of its own and reads the answer. Gives how many requests that were.
pub(crate) fn plant(canary: &Canary, server: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(server).expect("nginx accepts");
    stream.set_nodelay(true).expect("TCP has no delay");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out can be set");
    if canary.split {
        for part in canary.request.chunks(canary.request.len() / 12 + 1) {
            stream.write_all(part).expect("nginx reads");
            std::thread::sleep(Duration::from_millis(1));
        }
    } else {
        stream.write_all(&canary.request).expect("nginx reads");
    }
    let mut answer = [0; 4096];
    assert_ne!(stream.read(&mut answer).expect("nginx answers"), 0);
    assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
    1
}

/// The ways in which a value may stand in an output.
pub(crate) fn codings(text: &str) -> Vec<String> {
    let hex = text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let percent = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    vec![text.to_owned(), hex, percent, STANDARD.encode(text)]
}

/// All forms of all canaries in one search.
pub(crate) struct Needles {
    search: AhoCorasick,
    names: Vec<String>,
}

impl Needles {
    /// Bytes of a secret that must not stand together: a mask may show its ends, never this much.
    const LENGTH: usize = 12;

    /// The forms of these canaries.
    pub(crate) fn of(canaries: &[Canary]) -> Self {
        let (mut needles, mut names) = (Vec::new(), Vec::new());
        for (number, canary) in canaries.iter().enumerate() {
            for needle in Self::forms(Self::heart(&canary.value)) {
                names.push(format!("canary {number} as {needle}"));
                needles.push(needle);
            }
        }
        let search = AhoCorasick::builder().ascii_case_insensitive(false).build(&needles).expect("the needles are few");
        Self { search, names }
    }

    /// The part of a secret that is its own: not the fixed head that real formats have.
    fn heart(value: &str) -> &str {
        &value[value.len() - Self::LENGTH..]
    }

    fn forms(heart: &str) -> Vec<String> {
        let mut forms = codings(heart);
        forms.pop();
        forms.push(forms[1].to_uppercase());
        // base64 at each alignment: the inner characters do not depend on what stands around.
        for pad in 0..3 {
            let coded = STANDARD.encode(format!("{}{heart}", "x".repeat(pad)));
            let from = [0, 2, 3][pad];
            let whole = (pad + heart.len()) / 3 * 4;
            forms.push(coded[from..whole].to_owned());
        }
        forms
    }

    /// What was found.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found: Vec<String> =
            self.search.find_iter(bytes).map(|hit| self.names[hit.pattern().as_usize()].clone()).collect();
        found.sort();
        found.dedup();
        found
    }
}
