//! Precision and recall: what the facts find in a corpus against what was planted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use apiscope_audit::Facts;
use apiscope_audit::facts::{DataClass, Exposure, Grade, Place, What};
use apiscope_audit::secret::Fingerprint;

use crate::corpus::{self, Endpoint, Shape};
use crate::messages::Messages;
use crate::rng::Rng;
use crate::values::LOOK_ALIKES;

/// Right, wrong and missed.
#[derive(Clone, Copy, Default)]
struct Score {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Score {
    fn line(self, name: &str) -> String {
        let ratio = |part: usize, all: usize| if all == 0 { 1.0 } else { part as f64 / all as f64 };
        format!(
            "{name:<24} precision {:.4} recall {:.4}  ({} right, {} wrong, {} missed)",
            ratio(self.right, self.right + self.wrong),
            ratio(self.right, self.right + self.missed),
            self.right,
            self.wrong,
            self.missed
        )
    }
}

/// What counting over an endpoint's messages knows of a place.
#[derive(Default)]
struct Tally {
    count: u32,
    seen: u32,
    samples: BTreeSet<Fingerprint>,
}

/// Counts the exposures of one endpoint's messages and gives what is proven: grades A and B.
#[derive(Default)]
struct Proven {
    tallies: BTreeMap<(What, Place), Tally>,
    found: BTreeSet<(&'static str, String)>,
}

impl Proven {
    fn add(&mut self, facts: &Facts) {
        for exposure in &facts.exposures {
            let tally = self.tallies.entry((exposure.what, exposure.place.clone())).or_default();
            tally.count += exposure.count;
            tally.seen += exposure.seen;
            tally.samples.extend(exposure.samples.iter().copied());
            let by_field = exposure.need > 0
                && Exposure::is_proven_by(
                    exposure.need,
                    tally.samples.len().min(Exposure::SAMPLES_MAX),
                    tally.count,
                    tally.seen,
                );
            if exposure.grade <= Grade::B || by_field {
                self.found.insert((class(exposure.what), shown(&exposure.place)));
            }
        }
    }
}

fn class(what: What) -> &'static str {
    match what {
        What::Secret(_) => "secret",
        What::Data(class, _) => DataClass::name(class),
    }
}

fn shown(place: &Place) -> String {
    match place {
        Place::Header(name) | Place::Query(name) | Place::Form(name) | Place::Json(name) | Place::Element(name) => {
            name.to_string()
        }
        Place::Text => "text".to_owned(),
        Place::Path => "path".to_owned(),
    }
}

/// Prints precision and recall of each seed and in all; says what was wrong when `verbose`.
pub(crate) fn run(seeds: &[u64], endpoints: usize, verbose: bool) {
    let mut by_class: BTreeMap<&'static str, Score> = BTreeMap::new();
    let mut all = Score::default();
    let (mut look_alikes, mut planted) = (0, 0);
    for seed in seeds {
        let mut of_seed = Score::default();
        for endpoint in corpus::make(*seed, endpoints) {
            look_alikes += endpoint.look_alikes;
            planted += endpoint.planted.len();
            let found = found(&endpoint);
            for (class, place) in found.union(&endpoint.planted) {
                let (is_found, is_planted) =
                    (found.contains(&(*class, place.clone())), endpoint.planted.contains(&(*class, place.clone())));
                // A line of text has one place for all; a planted value also shows what else it holds.
                let score = Score {
                    right: usize::from(is_found && is_planted),
                    wrong: usize::from(is_found && !is_planted),
                    missed: usize::from(!is_found && is_planted),
                };
                if verbose && score.right == 0 {
                    let said = if score.wrong == 1 { "wrong" } else { "missed" };
                    println!("{said}: {class} {place} in {}", endpoint.bodies[0].chars().take(600).collect::<String>());
                }
                for sum in [&mut of_seed, &mut all, by_class.entry(class).or_default()] {
                    sum.right += score.right;
                    sum.wrong += score.wrong;
                    sum.missed += score.missed;
                }
            }
        }
        println!("{}", of_seed.line(&format!("seed {seed}")));
    }
    for (class, score) in by_class {
        println!("{}", score.line(class));
    }
    println!("{}", all.line("all"));
    println!("{look_alikes} values that only look like it, {planted} planted fields");
}

fn found(endpoint: &Endpoint) -> BTreeSet<(&'static str, String)> {
    let mut messages = Messages::default();
    let mut proven = Proven::default();
    for body in &endpoint.bodies {
        let (media, request) = match endpoint.shape {
            Shape::Json | Shape::Single | Shape::Nested => ("application/json", false),
            Shape::Xml => ("application/xml", false),
            Shape::Form => ("application/x-www-form-urlencoded", true),
            Shape::Text => ("text/plain", false),
        };
        proven.add(&messages.facts(media, body, request));
    }
    proven.found
}

/// So many of each value that only looks like it, in fields of cards, accounts, ids and its own: prints how many fields are taken for it.
pub(crate) fn look_alikes(count: usize) {
    const RECORDS: usize = 100;
    const FIELDS: usize = 50;
    let names = ["card_number", "pan", "iban", "national_id", "tax_id", "account", "id", "value"];
    let mut wrong = 0;
    for (number, field) in LOOK_ALIKES.iter().enumerate() {
        let mut rng = Rng::new(77 + number as u64);
        let mut found = BTreeSet::new();
        for _ in 0..FIELDS {
            let (mut messages, mut proven) = (Messages::default(), Proven::default());
            for _ in 0..count / FIELDS / RECORDS {
                let mut body = String::from("[");
                for _ in 0..RECORDS {
                    let value = (field.make)(&mut rng);
                    let name = names[rng.within(0, names.len())];
                    let _ = write!(body, "{{\"{}\":\"{value}\"}},{{\"{name}\":\"{value}\"}},", field.names[0]);
                }
                body.push_str("0]");
                proven.add(&messages.facts("application/json", &body, false));
            }
            found.extend(proven.found);
        }
        if !found.is_empty() {
            println!("{} under {}: {found:?}", field.class, field.names[0]);
        }
        wrong += found.len();
    }
    println!(
        "{count} of each of {} look-alikes in fields of cards, accounts and ids: {wrong} alerts",
        LOOK_ALIKES.len()
    );
}

/// Writes a corpus for other programs: a file a body, and the planted secrets, one a line with its file.
pub(crate) fn write(seed: u64, endpoints: usize, folder: &Path) -> std::io::Result<()> {
    let mut truth = String::new();
    for (number, endpoint) in corpus::make(seed, endpoints).into_iter().enumerate() {
        let end = match endpoint.shape {
            Shape::Json | Shape::Single | Shape::Nested => "json",
            Shape::Xml => "xml",
            Shape::Form | Shape::Text => "txt",
        };
        // A list's first body and a few of single records: other programs know no messages.
        for (body, text) in endpoint.bodies.iter().take(4).enumerate() {
            std::fs::write(folder.join(format!("{number:04}-{body}.{end}")), text)?;
        }
        let secret = endpoint.planted.iter().any(|(class, _)| *class == "secret");
        let found = found(&endpoint).iter().any(|(class, _)| *class == "secret");
        let _ = writeln!(truth, "{number:04} {} {}", u8::from(secret), u8::from(found));
    }
    std::fs::write(folder.join("../truth.txt"), truth)
}
