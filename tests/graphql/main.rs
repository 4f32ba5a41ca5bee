//! Operations of GraphQL as apiscope names them, beside what graphql-core reads of the same documents: random ones, with comments, strings
//! and escapes wherever they may stand, a third of them broken.

use apiscope_audit::operation::Ask;
use apiscope_audit::secret::FingerprintKey;
use apiscope_audit::{Gather, Record, Settings};
use apiscope_wire::{
    Body, Content, Event, ExchangeId, FlowId, Header, Headers, Hop, Message, Origin, Role, Start, Timestamp, Version,
};
use serde_json::Value;
use std::process::{Command, Output};
use std::sync::Arc;

/// Documents of the usual run.
const DOCUMENTS: usize = 900;
/// Fields that a name shows.
const SHOWN: usize = 4;

/// The name that apiscope gives to a request in JSON; `whole`: so many bytes were sent.
fn name(gather: &mut Gather, body: &[u8], total: usize) -> Option<String> {
    let origin = Origin {
        client: ([10, 0, 0, 1], 40_000).into(),
        server: ([10, 0, 0, 2], 80).into(),
        role: Role::Served,
        hop: Hop::Private,
        interface: None,
        workload: None,
        encrypted: false,
    };
    let flow = FlowId::new(1);
    let message = Message {
        exchange: ExchangeId { flow, index: 0 },
        origin: &origin,
        version: Version::Http11,
        start: Start::Request { method: "POST", target: b"/api" },
        headers: Headers(&[Header { name: "content-type", value: b"application/json" }]),
        body: Body { data: body, total: Some(total as u64) },
        trailers: Headers(&[]),
        content: Content::Plain,
        began: Timestamp::from_nanos(1),
        ended: Timestamp::from_nanos(2),
        complete: true,
    };
    let mut given = None;
    let mut keep = |record| {
        if let Record::Exchange(exchange) = record {
            given = exchange.operations;
        }
    };
    gather.handle(Event::Message(message), &mut keep);
    gather.handle(Event::Closed(flow, Timestamp::from_nanos(3)), &mut keep);
    let operations = given?;
    assert_eq!((operations.list.len(), operations.dropped), (1, 0));
    match &operations.list[0].ask {
        Ask::Named(name) => Some(name.to_string()),
        Ask::Request { .. } => panic!("a request"),
    }
}

/// What graphql-core's reading is called.
fn expected(read: &Value) -> String {
    let kind = read["kind"].as_str().expect("a kind");
    if let Some(name) = read["name"].as_str() {
        return format!("{kind} {name}");
    }
    let fields: Vec<&str> = read["fields"].as_array().expect("fields").iter().filter_map(Value::as_str).collect();
    let shown = fields.iter().take(SHOWN).copied().collect::<Vec<_>>().join(",");
    match fields.len() {
        // Nothing but fragments that are not there.
        0 => format!("{kind} (other)"),
        1..=SHOWN => format!("{kind} ({shown})"),
        _ => format!("{kind} ({shown},…)"),
    }
}

/// The set-up's own Python first; else whatever has graphql-core.
fn oracle() -> Option<Output> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let pinned = format!("{root}/target/tools/python/bin/python");
    let run = |python: &str| {
        let mut command = Command::new(python);
        command.arg(format!("{root}/tests/graphql/oracle.py")).args(["7", &DOCUMENTS.to_string()]);
        command.output().ok().filter(|output| output.status.success())
    };
    run(&pinned).or_else(|| run("python3"))
}

#[test]
fn apiscope_and_graphql_core_name_the_same_operations() {
    let Some(output) = oracle() else {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "this must run in CI: run cargo xtask setup");
        return eprintln!("\n*** SKIPPED: no python3 has graphql-core: run cargo xtask setup ***\n");
    };
    let mut gather = Gather::new(Arc::new(FingerprintKey::new([5; 32])), Arc::new(Settings::default()));
    let (mut named, mut broken, mut refused) = (0, 0, 0);
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let body = serde_json::json!({"operationName": case["wanted"], "query": case["text"]}).to_string();
        let ours = name(&mut gather, body.as_bytes(), body.len());
        match &case["read"] {
            Value::String(_) => {
                broken += 1;
                refused += usize::from(ours.is_none());
            }
            Value::Null => assert_eq!(ours.as_deref(), Some("(other)"), "{line}"),
            read => {
                named += 1;
                assert_eq!(ours.as_deref(), Some(&*expected(read)), "{line}");
                // Of a part of it the same, or less, and never another name.
                let cut = name(&mut gather, &body.as_bytes()[..body.len() * 2 / 3], body.len());
                let Some(cut) = cut.filter(|cut| !cut.contains("(other)")) else { continue };
                assert!(!cut.contains('(') && cut == expected(read), "{cut}: {line}");
            }
        }
    }
    println!("{named} named alike; {broken} broken, of which apiscope takes {} for operations", broken - refused);
    assert!(named > DOCUMENTS / 3 && broken > DOCUMENTS / 8 && refused * 2 > broken, "{named} {broken} {refused}");
}
