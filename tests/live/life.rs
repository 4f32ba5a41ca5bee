//! kill -9: nothing of ours is left, and the server never noticed.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alone;
use crate::support::agent::Agent;
use crate::support::nginx::Nginx;
use crate::support::{can_run_live, run, wait_for};

type Object = (&'static str, u64);

/// The BPF programs, links and maps that a process holds, by the file descriptors it has open.
fn held_by(pid: u32) -> BTreeSet<Object> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the process lives");
    let texts = folder.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts.flat_map(|text| objects_in(&text)).collect()
}

fn objects_in(fdinfo: &str) -> Vec<Object> {
    let kinds = [("prog_id:", "prog"), ("link_id:", "link"), ("map_id:", "map")];
    let of =
        |line: &str| kinds.iter().find_map(|(mark, kind)| Some((*kind, line.strip_prefix(mark)?.trim().parse().ok()?)));
    fdinfo.lines().filter_map(of).collect()
}

/// Every BPF program, link and map of the host.
fn on_this_host() -> BTreeSet<Object> {
    let mut found = BTreeSet::new();
    for kind in ["prog", "link", "map"] {
        let text = run(Command::new("bpftool").args(["-j", kind, "show"]));
        let list: Value = serde_json::from_str(&text).expect("bpftool gives JSON");
        found.extend(
            list.as_array().into_iter().flatten().filter_map(|object| object["id"].as_u64()).map(|id| (kind, id)),
        );
    }
    found
}

/// What an agent at work holds: at least two programs, as many links, and a map.
fn ours(agent: &mut Agent) -> BTreeSet<Object> {
    let ours = held_by(agent.process().pid());
    let count = |kind: &str| ours.iter().filter(|object| object.0 == kind).count();
    assert!(count("prog") >= 2 && count("link") >= 2 && count("map") >= 1, "{ours:?}");
    assert!(ours.is_subset(&on_this_host()), "{ours:?}");
    ours
}

#[test]
fn killed_it_leaves_nothing_behind_and_no_request_fails() {
    if !can_run_live("killed_it_leaves_nothing_behind") {
        return;
    }
    let _alone = alone();
    let nginx = Nginx::start(None, "location /items/ { return 200 '{\"id\":1}'; }");
    let mut agent = Agent::start("");
    let ours = ours(&mut agent);

    let load = std::thread::spawn({
        let url = format!("{}/items/[1-20000]", nginx.url(Nginx::loopback()[0]));
        move || run(Command::new("curl").args(["-sS", "--fail", "-w", "%{response_code}\n", "-o", "/dev/null", &url]))
    });
    std::thread::sleep(Duration::from_millis(300));
    let killed = Instant::now();
    agent.kill();
    wait_for("no BPF object of ours is left", Duration::from_secs(1), || {
        on_this_host().is_disjoint(&ours).then_some(())
    });
    eprintln!("nothing left {:?} after kill -9", killed.elapsed());

    let answers = load.join().expect("the load ends");
    let (all, good) = (answers.lines().count(), answers.lines().filter(|line| *line == "200").count());
    assert_eq!((all, good), (20_000, 20_000), "every request succeeded");
}

#[test]
fn asked_to_end_it_detaches_and_ends_with_zero() {
    if !can_run_live("asked_to_end_it_detaches") {
        return;
    }
    let _alone = alone();
    let mut agent = Agent::start("");
    let ours = ours(&mut agent);
    let status = agent.stop();
    assert!(status.success(), "{status}\n{}", agent.log());
    // The kernel frees a process's programs and maps a moment after its end.
    wait_for("no BPF object of ours is left", Duration::from_secs(1), || {
        on_this_host().is_disjoint(&ours).then_some(())
    });
}
