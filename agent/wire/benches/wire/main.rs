//! What reading costs: `cargo xtask bench wire`, or `cargo bench -p apiscope-wire --bench wire`.
//!
//! Each number is the best of many short rounds, since other work on the machine only ever adds. Lines are
//! `name | value | goal`, which `cargo xtask bench` prints as they are. With a part's name as argument: only that part.

mod count;
mod hostile;
mod measure;
mod talk;

use measure::{Line, nanos};
use talk::{Exchange, Talk};

#[global_allocator]
static ALLOCATOR: count::Counting = count::Counting;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let parts: [(&str, fn()); 6] = [
        ("exchanges", exchanges),
        ("heads", heads),
        ("allocations", allocations),
        ("flows", flows),
        ("hostile", hostile::run),
        ("profile", || ()),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part();
        }
    }
    if wanted.iter().any(|wanted| wanted == "profile") {
        // For callgrind and perf: one thing, often, and nothing else.
        let rounds = wanted.iter().find_map(|word| word.parse().ok()).unwrap_or(200);
        let talk = Talk::http1(&Exchange::benign(), 8, 1000);
        for _ in 0..rounds {
            talk.play();
        }
    }
}

/// Exchanges a second, of wire alone.
fn exchanges() {
    let one = Exchange::benign();
    for (name, talk, goal) in [
        ("HTTP/1.1, 1 KiB of JSON, one connection", Talk::http1(&one, 1, 4000), None),
        ("HTTP/1.1, 1 KiB of JSON, 64 connections", Talk::http1(&one, 64, 4000), None),
        ("HTTP/1.1, small", Talk::http1(&Exchange::small(), 8, 4000), None),
        ("HTTP/2, as the h2 crate's peers write it", Talk::http2(500), Some(300_000.0)),
    ] {
        let each = nanos(|| talk.play()) / talk.exchanges;
        Line::new(name, 1e9 / each, "exchanges/s").at_least(goal).print();
        Line::new(name, talk.bytes / (each * talk.exchanges) * 1000.0, "MB/s").print();
    }
}

/// Heads beside bare httparse, on the same bytes.
fn heads() {
    let mut sum = [0.0; 2];
    for (name, head, side) in talk::heads() {
        let ours = nanos(|| talk::read_ours(head, side));
        let bare = nanos(|| talk::read_bare(head, side));
        sum[0] += ours;
        sum[1] += bare;
        println!("head: {name} | {ours:.0} ns, httparse {bare:.0} ns, {:.2} times |", ours / bare);
    }
    Line::new("head: all, times httparse", sum[0] / sum[1], "times").at_most(Some(1.3)).print();
}

/// Allocations of a reader that is warm.
fn allocations() {
    for (name, talk) in [
        ("HTTP/1.1", Talk::http1(&Exchange::benign(), 8, 4000)),
        ("HTTP/1.1 in pieces of 100 bytes", Talk::http1(&Exchange::benign(), 8, 1000).in_pieces(100)),
        ("HTTP/2", Talk::http2(500)),
    ] {
        let each = talk.allocations_when_warm();
        Line::new(&format!("allocations for 1,000 exchanges: {name}"), each * 1000.0, "").at_most(Some(1.0)).print();
    }
}

/// What flows cost that do nothing, and what a flood of them costs.
fn flows() {
    let idle = talk::idle_flow_bytes(100_000);
    Line::new("100,000 idle flows", idle / 1024.0 / 1024.0, "MiB").at_most(Some(40.0)).print();
    let (peak, kept) = talk::attempted_flow_bytes(1_000_000);
    Line::new("1,000,000 attempted flows, peak", peak / 1024.0 / 1024.0, "MiB")
        .at_most(Some(kept / 1024.0 / 1024.0))
        .print();
}
