//! What goes on is held up to a bound, by the metrics and by the board that `running` and `endpoints` are made from; what is past
//! it is counted, and there is room again for each that ends.

use apiscope::metrics::Metrics;
use apiscope::view::Board;
use apiscope_audit::Change;
use apiscope_wire::{ExchangeId, FlowId};

use crate::made::call;
use crate::value;

/// Exchanges that the metrics follow.
const FOLLOWED: u64 = 32_768;

/// This event stream goes on, or has ended.
fn stream(number: u64, goes_on: bool) -> Change {
    let Change::Call(mut row) = call("prices", "GET", Some("/prices"), Some(200)) else { panic!("a call") };
    row.exchange.id = ExchangeId { flow: FlowId::new(number + 1), index: 0 };
    row.exchange.stage.response_so_far = goes_on.then_some(10);
    row.exchange.stage.counted = !goes_on;
    if goes_on { Change::Running(row) } else { Change::Call(row) }
}

#[test]
fn the_metrics_follow_so_many_and_count_the_others() {
    let metrics = Metrics::new();
    let past = 5;
    (0..FOLLOWED + past).for_each(|number| metrics.observe(&stream(number, true)));
    let told = || {
        let text = metrics.render();
        let running = value(&text, r#"apiscope_exchanges_running{api="prices"}"#);
        (running, value(&text, r#"apiscope_label_overflow_total{label="series"}"#))
    };
    assert_eq!(told(), (32_768.0, 5.0));
    metrics.observe(&stream(0, true));
    assert_eq!(told(), (32_768.0, 5.0), "news of one that is followed needs no room");
    (0..10).for_each(|number| metrics.observe(&stream(number, false)));
    metrics.observe(&stream(FOLLOWED, false));
    assert_eq!(told(), (32_758.0, 5.0), "the end of one that was not followed takes nothing away");
    metrics.observe(&stream(FOLLOWED + past, true));
    assert_eq!(told(), (32_759.0, 5.0), "there is room again");
}

#[test]
fn the_board_holds_so_many_and_counts_the_others() {
    let mut board = Board::default();
    let bound = Board::RUNNING_MAX as u64;
    (0..bound + 5).for_each(|number| board.apply(&stream(number, true)));
    let told = |board: &Board| (board.running_views().len() as u64, board.counts().running_over_bound);
    assert_eq!(told(&board), (bound, 5));
    assert_eq!(board.counts().running, bound);
    board.apply(&stream(0, true));
    assert_eq!(told(&board), (bound, 5), "news of one that is held needs no room");
    (0..10).for_each(|number| board.apply(&stream(number, false)));
    board.apply(&stream(bound, false));
    assert_eq!(told(&board), (bound - 10, 5));
    board.apply(&stream(bound + 5, true));
    assert_eq!(told(&board), (bound - 9, 5), "there is room again");
}
