//! What the facts find and what they cost, on bodies made from a seed. `cargo xtask bench detect` runs it beside other programs.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a measurement from outside: it has a clock and arguments"
)]
#![expect(clippy::cast_precision_loss, reason = "times for people, to three digits")]

mod corpus;
mod learn;
mod messages;
mod rng;
mod score;
mod speed;
mod values;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: detect speed [NAME] | learn | score FIRST_SEED SEEDS ENDPOINTS [verbose] | look-alikes COUNT | write SEED ENDPOINTS FOLDER";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse::<u32>().ok();
    match words.as_slice() {
        ["learn"] => learn::run(),
        ["speed"] => speed::run(None),
        ["speed", only] => speed::run(Some(only)),
        ["score", first, seeds, endpoints, verbose @ ..] => {
            let (Some(first), Some(seeds), Some(endpoints)) = (number(first), number(seeds), number(endpoints)) else {
                return usage();
            };
            let seeds: Vec<u64> = (first..first + seeds).map(u64::from).collect();
            score::run(&seeds, endpoints as usize, !verbose.is_empty());
        }
        ["look-alikes", count] => {
            let Some(count) = number(count) else { return usage() };
            score::look_alikes(count as usize);
        }
        ["write", seed, endpoints, folder] => {
            let (Some(seed), Some(endpoints)) = (number(seed), number(endpoints)) else { return usage() };
            if let Err(error) = score::write(u64::from(seed), endpoints as usize, Path::new(folder)) {
                eprintln!("{folder}: {error}");
                return ExitCode::FAILURE;
            }
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
