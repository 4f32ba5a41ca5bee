//! wire's reading of an answer, beside a client's own.

use std::collections::BTreeSet;

use apiscope_wire::{AmbiguityKind, CloseReason, Event, Payload, Side, Start};

use super::answers::Answer;
use super::clients::Got;
use super::feed::Feed;
use super::judge::Match;

/// What wire gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Status, content, and whether it is complete.
    answer: Option<(u16, Vec<u8>, bool)>,
    pub(crate) kinds: BTreeSet<String>,
    /// Of these, those of the answer itself.
    first: BTreeSet<String>,
}

/// Reads the exchange with the server's bytes in pieces of `piece`.
pub(crate) fn read(answer: &Answer, piece: usize) -> Reading {
    let mut reading = Reading::default();
    let mut feed = Feed::new();
    let ask = format!("{} /x HTTP/1.1\r\nHost: a\r\n\r\n", answer.method);
    let mut take = |event: &Event<'_>| reading.take(event);
    feed.segment(Side::Client, 0, Payload::Open, &mut take);
    feed.segment(Side::Server, 0, Payload::Open, &mut take);
    feed.segment(Side::Client, 0, Payload::Bytes(ask.as_bytes()), &mut take);
    for (n, part) in answer.bytes.chunks(piece).enumerate() {
        feed.segment(Side::Server, n * piece, Payload::Bytes(part), &mut take);
    }
    feed.segment(Side::Server, answer.bytes.len(), Payload::Close(CloseReason::Fin), &mut take);
    feed.segment(Side::Client, ask.len(), Payload::Close(CloseReason::Fin), &mut take);
    reading
}

impl Reading {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Message(message) if message.exchange.index == 0 => {
                if let Start::Response { status } = message.start {
                    let whole = message.complete && message.body.is_whole();
                    self.answer = Some((status, message.body.data.to_vec(), whole));
                }
            }
            // What follows the answer is no part of it; that the client thinks so, too, is compared.
            Event::Ambiguous(odd) if odd.kind == AmbiguityKind::UnaskedResponse => {}
            Event::Ambiguous(odd) => {
                self.kinds.insert(format!("{:?}", odd.kind));
                if odd.exchange.index == 0 {
                    self.first.insert(format!("{:?}", odd.kind));
                }
            }
            _ => {}
        }
    }

    /// Whether what is told of the answer is of one of these kinds, or nothing is told, or there are none.
    pub(crate) fn is_of(&self, kinds: &[AmbiguityKind]) -> bool {
        let of = |told: &String| kinds.iter().any(|kind| format!("{kind:?}") == *told);
        kinds.is_empty() || self.first.is_empty() || self.first.iter().any(of)
    }

    /// Compares it with what the client got, as if no ambiguity had been told.
    pub(crate) fn compare(&self, got: &Got) -> Match {
        let show = |got: Option<(u16, &[u8])>| match got {
            Some((status, content)) => format!("{status} \"{}\"", content.escape_ascii()),
            None => "nothing whole".to_owned(),
        };
        let got = got.as_ref().map(|(status, content)| (*status, &content[..]));
        let mine =
            self.answer.as_ref().filter(|(_, _, whole)| *whole).map(|(status, content, _)| (*status, &content[..]));
        match (mine, got) {
            (None, None) => Match::Cut,
            (mine, got) if mine == got => Match::Same,
            (mine, got) => Match::Differs(format!("wire reads {}, the client {}", show(mine), show(got))),
        }
    }
}
