//! What goes on: heads, progress, sessions, in any order with what ends.

use apiscope_wire::{Content, Progress, Sent, Session, SessionKind};

use super::*;
use crate::gather::flows::WAITING_PER_FLOW_MAX;

/// What a second of a stream brings.
enum Step<'a> {
    Whole(&'a Sample, Content),
    Head(&'a Sample),
    Body(u32, Side, u64),
    Runs(u32, u64),
    Over(u32, u64),
    Closed,
}

fn session(index: u32, text: u64) -> Session {
    Session {
        exchange: ExchangeId { flow: FlowId::new(1), index },
        kind: SessionKind::WebSocket,
        deflate: false,
        began: Timestamp::from_nanos(5),
        latest: Timestamp::from_nanos(50),
        client: Sent::default(),
        server: Sent { text, ..Sent::default() },
        closed_first: None,
    }
}

fn take(gather: &mut Gather, step: &Step<'_>) -> Vec<Record> {
    let mut records = Vec::new();
    let mut emit = |record| records.push(record);
    match *step {
        Step::Whole(sample, content) => {
            sample.with(|message| gather.handle(Event::Message(Message { content, ..*message }), &mut emit));
        }
        Step::Head(sample) => sample.with(|message| gather.handle(Event::Head(*message), &mut emit)),
        Step::Body(index, side, bytes) => {
            let exchange = ExchangeId { flow: FlowId::new(1), index };
            let (content, at) = (Content::Plain, Timestamp::from_nanos(7));
            gather.handle(Event::Progress(Progress::Body { exchange, side, bytes, content, at }), &mut emit);
        }
        Step::Runs(index, text) => gather.handle(Event::Progress(Progress::Session(session(index, text))), &mut emit),
        Step::Over(index, text) => gather.handle(Event::Session(session(index, text), &origin()), &mut emit),
        Step::Closed => gather.handle(Event::Closed(FlowId::new(1), Timestamp::from_nanos(9)), &mut emit),
    }
    records
}

fn check_steps(steps: &[Step<'_>], expected: Expect) {
    let (mut gather, mut out) = (gather(), String::new());
    for record in steps.iter().flat_map(|step| take(&mut gather, step)) {
        writeln!(out, "{}", shown(&record)).unwrap();
    }
    assert_eq!(gather.counters().waiting, 0);
    expected.assert_eq(&out);
}

#[test]
fn a_response_that_goes_on_is_told_and_ends_once() {
    check_steps(
        &[
            Step::Whole(&get(0), Content::Plain),
            Step::Head(&ok(0)),
            Step::Body(0, Side::Server, 10),
            Step::Body(0, Side::Server, 20),
            Step::Whole(&ok(0), Content::Events(Some(3))),
            Step::Closed,
        ],
        expect![[r#"
            #0 runs /0: None Some(10) counted false, session 0
            #0 runs /0: None Some(20) counted true, session 0
            #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
            closed 1
        "#]],
    );
}

#[test]
fn a_request_that_goes_on_is_counted_only_when_its_status_is_known() {
    check_steps(
        &[
            Step::Head(&get(0)),
            Step::Body(0, Side::Client, 10),
            Step::Head(&ok(0)),
            Step::Body(0, Side::Server, 1),
            Step::Body(0, Side::Client, 20),
            Step::Whole(&ok(0), Content::Plain),
            Step::Body(0, Side::Client, 30),
            Step::Closed,
        ],
        expect![[r#"
            #0 runs /0: Some(10) None counted false, session 0
            #0 runs /0: Some(10) Some(1) counted false, session 0
            #0 runs /0: Some(20) Some(1) counted true, session 0
            #0 runs /0: Some(30) None counted true, session 0
            #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
            closed 1
        "#]],
    );
}

#[test]
fn a_handshake_is_an_exchange_and_its_session_comes_after_it() {
    check_steps(
        &[
            Step::Whole(&get(0), Content::Plain),
            Step::Whole(&ok(0), Content::Session(SessionKind::WebSocket)),
            Step::Runs(0, 1),
            Step::Runs(0, 2),
            Step::Over(0, 3),
            Step::Closed,
        ],
        expect![[r#"
            #0 api: GET api /0 ["q"] -> 200, by 10.0.0.1
            #0 runs /0: None None counted true, session 1
            #0 runs /0: None None counted true, session 2
            #0 session /0 3
            closed 1
        "#]],
    );
}

#[test]
fn a_session_without_its_request_is_told_all_the_same() {
    check_steps(
        &[
            Step::Whole(&ok(0), Content::Session(SessionKind::WebSocket)),
            Step::Runs(0, 1),
            Step::Over(0, 3),
            Step::Closed,
        ],
        expect![[r"
            #0 10.0.0.2:8080: - -  [] -> 200, by 10.0.0.1
            #0 session  3
            closed 1
        "]],
    );
}

#[test]
fn what_goes_on_waits_within_the_bounds() {
    let mut gather = gather();
    let many = u32::try_from(WAITING_PER_FLOW_MAX).unwrap();
    let mut given = 0;
    for index in 0..=many {
        take(&mut gather, &Step::Whole(&get(index), Content::Plain));
        let records = take(&mut gather, &Step::Whole(&ok(index), Content::Session(SessionKind::WebSocket)));
        given += records.len();
    }
    // The oldest handshake was forgotten, and not given twice.
    assert_eq!((given, gather.counters().waiting, gather.counters().halves_evicted), (1025, WAITING_PER_FLOW_MAX, 1));
    assert_eq!(take(&mut gather, &Step::Runs(0, 1)).len(), 0);
    let last = take(&mut gather, &Step::Over(0, 9));
    assert_eq!(last.iter().map(shown).collect::<Vec<_>>(), ["#0 session  9"], "its totals are told all the same");
}
