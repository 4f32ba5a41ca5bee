//! Messages as the specifications show them, and what looks like them and is none: through `Gather`, as the agent reads them.

#![expect(clippy::needless_pass_by_value, reason = "so that a check ends in expect![..]")]

mod batches;
mod calls;
mod graphql;

use std::fmt::Write as _;
use std::sync::Arc;

use apiscope_wire::Event;
use expect_test::Expect;

use super::{Ask, Operations};
use crate::exchange::Record;
use crate::facts::sample::Sample;
use crate::secret::FingerprintKey;
use crate::{Gather, Settings};

/// The operations of an exchange. A request without a response is given when its flow ends.
fn operations(request: &Sample, response: Option<&Sample>) -> Option<Box<Operations>> {
    let mut gather = Gather::new(Arc::new(FingerprintKey::new([5; 32])), Arc::new(Settings::default()));
    let mut found = None;
    let mut keep = |record| {
        if let Record::Exchange(exchange) = record {
            found = exchange.operations;
        }
    };
    for sample in std::iter::once(request).chain(response) {
        sample.with(|message| gather.handle(Event::Message(*message), &mut keep));
    }
    gather.handle(Event::Closed(request.exchange.flow, apiscope_wire::Timestamp::from_nanos(9)), &mut keep);
    found
}

fn shown(operations: Option<&Operations>) -> String {
    let Some(operations) = operations else { return "none\n".to_owned() };
    let mut text = String::new();
    for operation in &operations.list {
        let flag = if operation.introspects { ", introspects" } else { "" };
        match &operation.ask {
            Ask::Named(name) => write!(text, "{:?} {name}", operation.protocol),
            Ask::Request { method, path } => write!(text, "{:?} {method} {path}", operation.protocol),
        }
        .unwrap();
        writeln!(text, ": {:?}{flag}", operation.answer).unwrap();
    }
    if operations.dropped > 0 {
        writeln!(text, "and {} dropped", operations.dropped).unwrap();
    }
    text
}

/// A request, `===` and its response; lines end as in the file, in bodies as HTTP's where the type is multipart.
fn check(exchange: &str, expected: Expect) {
    let (request, response) = exchange.split_once("\n===\n").map_or((exchange, None), |(ask, give)| (ask, Some(give)));
    let sample = |text: &str| {
        let (head, body) = text.trim_start().split_once("\n\n").unwrap_or((text.trim_start(), ""));
        let is_multipart = head.contains("multipart/");
        let body = if is_multipart { body.replace('\n', "\r\n") } else { body.trim_end().to_owned() };
        Sample::new(head).body(body.as_bytes())
    };
    let (request, response) = (sample(request), response.map(sample));
    expected.assert_eq(&shown(operations(&request, response.as_ref()).as_deref()));
}

/// A body of JSON, sent to a path, is none of these.
fn check_none(path: &str, body: &str) {
    let head = format!("POST {path} HTTP/1.1\nContent-Type: application/json\n");
    let found = operations(&Sample::new(&head).body(body.as_bytes()), None);
    assert_eq!(shown(found.as_deref()), "none\n", "{path} {body}");
}
