//! The shared captures: as files, and the connections in them as streams.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use apiscope::capture::replay::Replay;
use apiscope_wire::{Event, Input, Limits, Payload, Side, Version, Wire};

use super::streams::{Reading, Seen, Stream};

/// The folder `shared/captures` beside the checkout or one of the folders around it. Its absence fails in CI and is loud
/// elsewhere.
fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|above| above.join("shared/captures")).find(|path| path.is_dir());
    if found.is_none() {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "CI must have shared/captures beside the checkout");
        eprintln!("SKIPPED: no shared/captures beside the checkout ({})", here.display());
    }
    found
}

fn in_folder(name: &str) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder()?.join(name)).expect("a folder of captures");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("pcap")));
    files.sort();
    Some(files)
}

/// The captures of real traffic. HTTP/2 is compared elsewhere (`wire/tests/h2_differential.rs`).
pub(crate) fn files() -> Option<Vec<PathBuf>> {
    let folders = ["zeek", "deepflow", "arkime"].map(in_folder);
    Some(folders.into_iter().collect::<Option<Vec<_>>>()?.concat())
}

/// What wire reads in a file.
pub(crate) fn read(path: &Path) -> Seen {
    let mut reading = Reading::default();
    let mut wire = Wire::new(Limits::default());
    each_input(path, &mut |input| {
        wire.handle(input, &mut |event| {
            if let Event::Message(message) = event
                && message.version != Version::H2
            {
                reading.add(&message);
            }
        });
    });
    reading.seen
}

fn each_input(path: &Path, take: &mut dyn FnMut(Input<'_>)) {
    let mut replay = Replay::open(&[path.to_path_buf()]).expect("opens");
    while replay.next_inputs(take).expect("reads") {}
}

/// Every connection in the captures of HTTP/1 whose bytes are all there, in order.
pub(crate) fn streams() -> Vec<Stream> {
    let files = [files(), in_folder("llhttp")].into_iter().flatten().flatten();
    files.flat_map(|path| connections(&path)).filter(|stream| !stream.holds(b"PRI * HTTP/2.0\r\n")).collect()
}

/// Bytes of both sides in order, the next sequence numbers, and whether nothing is missing.
type Connection = (Vec<(Side, Vec<u8>)>, [Option<u32>; 2], bool);

fn connections(path: &Path) -> Vec<Stream> {
    let mut flows: BTreeMap<u64, Connection> = BTreeMap::new();
    each_input(path, &mut |input| {
        let Input::Segment(segment) = input else { return };
        let (parts, next, whole) = flows.entry(segment.flow.get()).or_insert((Vec::new(), [None; 2], true));
        let next = &mut next[usize::from(segment.side == Side::Server)];
        match segment.payload {
            Payload::Open => *next = Some(segment.seq.0),
            Payload::Bytes(bytes) => {
                *whole &= *next == Some(segment.seq.0);
                *next = Some(segment.seq.0.wrapping_add(u32::try_from(bytes.len()).expect("a packet")));
                parts.push((segment.side, bytes.to_vec()));
            }
            Payload::Skipped(_) => *whole = false,
            Payload::Close(_) => {}
        }
    });
    let is_whole = |(parts, _, whole): &Connection| *whole && !parts.is_empty();
    let whole = flows.into_iter().filter(|(_, flow)| is_whole(flow));
    whole.map(|(n, (parts, ..))| Stream { name: format!("{} {n}", path.display()), parts }).collect()
}
