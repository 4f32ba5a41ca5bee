//! The reader of capture files. `agent/tests/replay/hostile.rs` tries changed files in the usual test run.

use std::time::Duration;

use apiscope::capture::replay::Replay;
use apiscope_wire::{Event, Limits, Verdict, Wire};

use crate::meter::Allowance;

/// Packers of the files have windows of their own (zstd: up to 8 MiB), and a file's window grows with its longest packet.
const FILE: Allowance =
    Allowance { memory_bytes: 64 << 20, fixed: Duration::from_millis(500), per_byte: Duration::from_micros(40) };

/// A capture file, through wire: every packet is accounted for.
pub(crate) fn replay(data: &[u8]) {
    let path = std::path::Path::new("/dev/shm").join(format!("apiscope-fuzz-{}.pcap", std::process::id()));
    std::fs::write(&path, data).expect("a file in memory");
    FILE.check(data.len(), || {
        let Ok(mut replay) = Replay::open(&[path.clone()]) else { return };
        let mut wire = Wire::new(Limits::default());
        loop {
            let mut verdicts: Vec<(apiscope_wire::FlowId, Verdict)> = Vec::new();
            let more = replay.next_inputs(&mut |input| {
                wire.handle(input, &mut |event| {
                    if let Event::Verdict(flow, verdict) = event {
                        verdicts.push((flow, verdict));
                    }
                });
            });
            verdicts.into_iter().for_each(|(flow, verdict)| replay.apply(flow, verdict));
            if let Ok(false) = more {
                break;
            }
        }
        let stats = replay.stats();
        let unread = stats.unread;
        let counted = unread.not_ip + unread.not_tcp + unread.fragments + unread.header_cut + unread.bad_header;
        assert_eq!(stats.packets, stats.segments + counted + unread.link + unread.too_deep);
        assert_eq!((wire.counters().flows_open, wire.counters().buffered_bytes), (0, 0));
    });
}
