//! Two peers of the `h2` crate over a pipe that remembers what each wrote, and what they were told to say.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part")]

pub mod read;
mod talk;

use crate::common::{Random, Transcript};
pub use talk::record;

/// A name and its value.
pub type Field = (String, Vec<u8>);

/// A message as its sender was told to send it.
#[derive(Clone, Debug)]
pub struct Said {
    pub start: String,
    pub headers: Vec<Field>,
    pub body: Vec<u8>,
    pub trailers: Vec<Field>,
}

impl Said {
    /// Whether what was read is this, or honestly less.
    pub fn check(&self, read: &read::Read) -> Result<(), String> {
        if read.start != self.start {
            return Err(format!("the start is {} and not {}", read.start, self.start));
        }
        if read.complete {
            let same = read.headers == self.headers && read.trailers == self.trailers;
            let whole = read.body == self.body && read.total == Some(self.body.len() as u64);
            return if same && whole { Ok(()) } else { Err(format!("{read:?}\nis not\n{self:?}")) };
        }
        let known = |read: &[Field], said: &[Field]| read.iter().all(|field| said.contains(field));
        if !known(&read.headers, &self.headers) || !known(&read.trailers, &self.trailers) {
            return Err(format!("fields that were not sent: {read:?}\n{self:?}"));
        }
        if self.body.starts_with(&read.body) { Ok(()) } else { Err("bytes that were not sent".to_owned()) }
    }
}

/// What one exchange is to be.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all of them combine")]
pub struct Spec {
    pub id: usize,
    pub request: Said,
    pub response: Said,
    /// One of the two resets the stream: the client after so many bytes, or the server instead of its body.
    pub torn: bool,
    pub by_client: bool,
    /// An interim response comes first.
    pub interim: bool,
    /// The server promises something that nobody asked for.
    pub pushes: bool,
    /// In what pieces bodies are sent.
    pub piece: usize,
}

/// A recorded connection.
#[derive(Debug)]
pub struct Session {
    pub seed: u64,
    pub specs: Vec<Spec>,
    pub transcript: Transcript,
}

impl Session {
    /// Interim responses sent.
    pub fn interim(&self) -> u64 {
        self.specs.iter().filter(|spec| spec.interim && !spec.torn).count() as u64
    }
}

fn body(random: &mut Random) -> Vec<u8> {
    let length = match random.below(8) {
        0..3 => 0,
        3..6 => random.below(300),
        6 => random.below(5000),
        _ => random.below(60_000),
    };
    (0..length).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect()
}

fn fields(random: &mut Random, most: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = (0..random.below(most))
        .map(|_| {
            let name = format!("x-{}", random.below(30));
            // Many are the same, for the table's sake; few are long, for CONTINUATION's.
            let length = if random.chance(60) { 17_000 } else { random.below(40) };
            let value = if random.chance(2) { b"the same".to_vec() } else { text(random, length) };
            (name, value)
        })
        .collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields.dedup_by(|a, b| a.0 == b.0);
    fields
}

fn text(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| b"abcdefghijklmnopqrstuvwxyz0123456789{}|~#"[random.below(41)]).collect()
}

fn spec(id: usize, random: &mut Random) -> Spec {
    let method = ["GET", "POST", "PUT", "DELETE", "PATCH"][random.below(5)];
    let query = if random.chance(3) { format!("?q={}", random.below(1000)) } else { String::new() };
    let host = format!("api{}.example", random.below(3));
    let with = |mut fields: Vec<Field>, name: &str, value: String| {
        fields.push((name.to_owned(), value.into_bytes()));
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields
    };
    let request = Said {
        start: format!("{method} /r/{id}{query}"),
        headers: with(fields(random, 8), "host", host),
        body: body(random),
        trailers: if random.chance(5) { fields(random, 3) } else { Vec::new() },
    };
    let grpc = |random: &mut Random| with(fields(random, 2), "grpc-status", random.below(17).to_string());
    let response = Said {
        start: ["200", "200", "201", "202", "404", "500", "503"][random.below(7)].to_owned(),
        headers: with(fields(random, 8), "x-id", id.to_string()),
        body: body(random),
        trailers: if random.chance(3) { grpc(random) } else { Vec::new() },
    };
    let most = [20, 1000, 20_000][random.below(3)];
    Spec {
        id,
        request,
        response,
        torn: random.chance(8),
        by_client: random.chance(2),
        interim: random.chance(6),
        pushes: random.chance(12),
        piece: 1 + random.below(most),
    }
}
