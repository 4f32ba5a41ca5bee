//! How fast a capture file is read, beside programs that read the same file in the same run.

use super::{
    load::{Load, Protocol},
    measure::{Took, median, timed},
};
use crate::{children::Running, interrupt::Interrupt, nginx::bound_to_us, paths, process};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// Measures and prints a table for each protocol.
pub(super) fn run(folder: &Path, rounds: u8, interrupt: &Interrupt) -> Result<()> {
    for traffic in [&HTTP1, &HTTP2] {
        let file = capture(folder, traffic, interrupt)?;
        let bytes = fs::metadata(&file)?.len();
        let exchanges = exchanges(&file)?;
        let mut readers = readers(&file, folder)?;
        // The others do not know HTTP/2 on a port of its own without being told.
        readers.truncate(if traffic.protocol == Protocol::Http1 { readers.len() } else { 3 });
        let mut took = vec![Vec::new(); readers.len()];
        for round in 1..=rounds {
            eprintln!("replay, {}: round {round} of {rounds}", traffic.name);
            for (reader, took) in readers.iter().zip(&mut took) {
                interrupt.check()?;
                took.push(timed(&reader.command)?);
                let _ = fs::remove_dir_all(folder.join(FLOWS));
            }
        }
        print(traffic.name, &readers, &took, bytes, exchanges);
    }
    Ok(())
}

/// Whose capture is read.
struct Traffic {
    name: &'static str,
    protocol: Protocol,
    file: &'static str,
    bytes: u64,
}

/// At least this much, so that a run takes long enough to be measured.
const HTTP1: Traffic = Traffic { name: "HTTP/1.1", protocol: Protocol::Http1, file: "replay.pcap", bytes: 160_000_000 };
const HTTP2: Traffic =
    Traffic { name: "HTTP/2", protocol: Protocol::Http2, file: "replay-h2.pcap", bytes: 130_000_000 };

/// Someone who reads the file.
struct Reader {
    name: &'static str,
    does: &'static str,
    command: Command,
}

fn readers(file: &Path, folder: &Path) -> Result<Vec<Reader>> {
    let reader = |name, does, program: &Path, words: &[&str]| {
        let mut command = process::command(&program.to_string_lossy());
        command.args(words);
        Reader { name, does, command }
    };
    let off = folder.join("without-schemas.toml");
    fs::write(&off, "schemas = \"off\"\n")?;
    let off = off.to_string_lossy();
    let (file, flows) = (file.to_string_lossy(), folder.join(FLOWS));
    let (file, flows) = (file.as_ref(), flows.to_string_lossy());
    let fields = ["-T", "fields", "-e", "http.request.method", "-e", "http.request.uri", "-e", "http.response.code"];
    let tshark = ["-n", "-r", file, "-Y", "http"].into_iter().chain(fields).collect::<Vec<_>>();
    let without = ["replay", file, "-o", "json", "--config", &off];
    Ok(vec![
        reader("tcpdump", "copies the packets", Path::new("tcpdump"), &["-r", file, "-w", "/dev/null"]),
        reader("apiscope", "inventory and findings", &apiscope(), &["replay", file, "-o", "json"]),
        reader("  no schemas", "the same, but for what export needs", &apiscope(), &without),
        reader("tcpflow", "one file a direction", Path::new("tcpflow"), &["-r", file, "-o", &flows]),
        reader("tshark", "one line a message", Path::new("tshark"), &tshark),
    ])
}

/// The speeds are by processor time: what other work takes of a busy machine is nobody's here.
fn print(name: &str, readers: &[Reader], took: &[Vec<Took>], bytes: u64, exchanges: u64) {
    #[expect(clippy::cast_precision_loss, reason = "for people, to three digits")]
    let (mb, count) = (bytes as f64 / 1e6, exchanges as f64);
    println!("\nreplay, {name}: {mb:.0} MB, {exchanges} exchanges, medians of {} interleaved rounds", took[0].len());
    println!(
        "{:<12} {:>7} {:>7} {:>15} {:>7} {:>12} {:>9}  what it does",
        "", "wall s", "cpu s", "(least, most)", "MB/s", "exchanges/s", "apiscope"
    );
    let cpu = |took: &[Took]| median(took.iter().map(|took| took.cpu_s).collect());
    let ours =
        readers.iter().zip(took).find(|(reader, _)| reader.name == "apiscope").map_or(0.0, |(_, took)| cpu(took));
    for (reader, took) in readers.iter().zip(took) {
        let wall = median(took.iter().map(|took| took.wall_s).collect());
        let each = cpu(took);
        let (least, most) =
            took.iter().fold((f64::MAX, 0.0_f64), |(a, b), took| (a.min(took.cpu_s), b.max(took.cpu_s)));
        println!(
            "{:<12} {wall:>7.2} {each:>7.3} {:>15} {:>7.0} {:>12.0} {:>8.2}x  {}",
            reader.name,
            format!("({least:.3}, {most:.3})"),
            mb / each,
            count / each,
            each / ours,
            reader.does
        );
    }
}

/// How many exchanges apiscope reads in the file. A bench of a program that reads nothing would be worth nothing.
fn exchanges(file: &Path) -> Result<u64> {
    let mut replay = process::command(&apiscope().to_string_lossy());
    let text =
        process::output(replay.arg("replay").arg(file).args(["-o", "json"])).context("`apiscope replay` fails")?;
    let value: Value = serde_json::from_str(&text).context("`apiscope replay -o json` is not JSON")?;
    let endpoints = value["endpoints"].as_array().context("`apiscope replay -o json` tells no endpoints")?;
    let calls = endpoints.iter().filter_map(|endpoint| endpoint["calls"].as_u64()).sum();
    if calls == 0 {
        bail!("apiscope reads no exchange in {}", file.display());
    }
    Ok(calls)
}

fn apiscope() -> PathBuf {
    paths::target().join("release/apiscope")
}

/// The file, made once: real nginx and its load on loopback, written by tcpdump.
fn capture(folder: &Path, traffic: &Traffic, interrupt: &Interrupt) -> Result<PathBuf> {
    let file = folder.join(traffic.file);
    if fs::metadata(&file).is_ok_and(|file| file.len() >= traffic.bytes) {
        return Ok(file);
    }
    eprintln!("replay: making {} ({} MB)", file.display(), traffic.bytes / 1_000_000);
    let load = Load::start(folder, traffic.protocol)?;
    let (new, told) = (folder.join("new.pcap"), folder.join("tcpdump.log"));
    let mut command = bound_to_us("tcpdump");
    command.args(["-i", "lo", "-s", "0", "-B", "65536", "-Z", "root", "-w"]).arg(&new);
    command.arg(format!("tcp port {}", load.port())).stdin(Stdio::null()).stderr(fs::File::create(&told)?);
    let mut tcpdump = Running::start(&mut command)?;
    wait_until_it_listens(&told)?;
    for _ in 0..LOAD_RUNS_MAX {
        interrupt.check()?;
        load.fill()?;
        if fs::metadata(&new)?.len() >= traffic.bytes {
            break;
        }
    }
    tcpdump.end();
    let told = fs::read_to_string(&told).unwrap_or_default();
    told.lines().filter(|line| line.contains("dropped")).for_each(|line| eprintln!("replay: tcpdump: {line}"));
    if fs::metadata(&new)?.len() < traffic.bytes {
        bail!("the load made too little traffic in {LOAD_RUNS_MAX} runs");
    }
    fs::rename(&new, &file)?;
    Ok(file)
}

fn wait_until_it_listens(told: &Path) -> Result<()> {
    for _ in 0..100 {
        if fs::read_to_string(told).is_ok_and(|text| text.contains("listening on")) {
            return Ok(());
        }
        sleep(Duration::from_millis(50));
    }
    bail!("tcpdump does not start: {}", fs::read_to_string(told).unwrap_or_default());
}

const LOAD_RUNS_MAX: u32 = 60;
const FLOWS: &str = "tcpflow";
