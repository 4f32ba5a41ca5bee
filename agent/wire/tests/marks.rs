//! Each marked edge in the code has a case that reaches it.

mod common;

use apiscope_wire::Limits;
use common::{Step, Transcript, play, steps};

fn reach(text: &str) {
    play(Limits::default(), &steps(&Transcript::parse(text), &mut |n| n));
}

const GET: &str = ">>>\nGET /a HTTP/1.1\n\n";

#[test]
fn garbage_after_http() {
    cov_mark::check!(garbage_after_http);
    reach(&format!("{GET}<<<\nHTTP/1.1 204 Fine\n\n>>>\n\\x01\n"));
}

#[test]
fn closed_in_head() {
    cov_mark::check!(closed_in_head);
    reach(">>>\nGET /a HTT\\\n... fin\n");
}

#[test]
fn no_head_by_turn() {
    cov_mark::check!(no_head_by_turn);
    reach("... late\n>>>\nGET perhaps\\\n<<<\nHTTP/1.1 204 Fine\n\n>>>\nGET /a HTTP/1.1\n\n");
}

#[test]
fn switched() {
    cov_mark::check!(switched);
    reach(&format!("{GET}<<<\nHTTP/1.1 101 Switching\n\n\\x81\\0\\\n"));
}

#[test]
fn unsure_framing() {
    cov_mark::check!(unsure_framing);
    reach("<<<\nHTTP/1.1 200 Fine\nContent-Length: 2\n\nok\\\n");
}

#[test]
fn body_never_came() {
    cov_mark::check!(body_never_came);
    reach(
        ">>>\nPUT /a HTTP/1.1\nExpect: 100-continue\nContent-Length: 9\n\n<<<\nHTTP/1.1 403 No\nContent-Length: 0\n\n>>>\nGET /b HTTP/1.1\n\n",
    );
}

#[test]
fn hole_past_the_body() {
    cov_mark::check!(hole_past_the_body);
    reach(">>>\nPUT /a HTTP/1.1\nContent-Length: 9\n\nhe\\\n... 50 bytes skipped\n");
}

#[test]
fn hole_across_chunks() {
    cov_mark::check!(hole_across_chunks);
    reach(">>>\nPUT /a HTTP/1.1\nTransfer-Encoding: chunked\n\n5\nhe\\\n... 50 bytes skipped\n");
}

#[test]
fn joined_late() {
    cov_mark::check_count!(joined_late, 1);
    reach(&format!("... late\n{GET}"));
}

#[test]
fn reused_without_close() {
    cov_mark::check!(reused_without_close);
    reach(&format!("{GET}... open\n{GET}"));
}

#[test]
fn past_the_end() {
    cov_mark::check!(past_the_end);
    reach(&format!("{GET}... fin\n{GET}"));
}

#[test]
fn answered_gap() {
    cov_mark::check!(answered_gap);
    reach(">>>\nPOST /a HTTP/1.1\n\\\n... 20 bytes lost\nx: y\n<<<\nHTTP/1.1 204 Fine\n\n");
}

#[test]
fn old_gap() {
    cov_mark::check!(old_gap);
    let mut all = steps(&Transcript::parse(&format!("{GET}... 20 bytes lost\nlater\n")), &mut |n| n);
    all.push(Step::Seconds(3));
    play(Limits::default(), &all);
}
