//! `ambiguous-framing`: a client's request was answered although servers and proxies read its framing differently (request smuggling).
//!
//! Where a proxy and the server behind it disagree on where a request ends, the rest of it is taken for the next request, which is then
//! somebody else's. `wire` names each form ([`AmbiguityKind`]) as it meets it; this kind waits for the answer. Who refuses such a request,
//! as RFC 9112 §6.3 asks, is safe, and nothing is said. Forms that are merely unusual, or that sound clients use, are left out.

use apiscope_wire::{AmbiguityKind, ExchangeId, Side};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::setting::settings;
use super::{Case, Containment, Detector, Kind};
use crate::finding::{Finding, Severity};
use crate::secret::Masked;

/// What it is.
pub static KIND: Kind = Kind {
    name: "ambiguous-framing",
    summary: "Requests are answered whose framing servers and proxies read differently.",
    owasp: "API8:2023",
    cwe: 444,
    cwe_title: "Inconsistent Interpretation of HTTP Requests ('HTTP Request/Response Smuggling')",
    why: "What one server takes for a body another takes for the next request: so requests get past a gateway, or into the answers of others.",
    what_to_do: &[
        "Look at who sends it: a broken client library, or somebody who tries things out.",
        "Make the first server refuse it with 400 and close the connection; bring proxy and server up to date.",
        "Speak HTTP/2 between proxy and server, or let each request have a connection of its own, until both agree.",
    ],
    containment: Containment::Consumer(
        "Refuse the listed clients at the proxy until it is known what they send; others go on.",
    ),
};

settings! {
    /// Severity by what may be read differently.
    pub struct Config {
        /// Severity where it is the length of the body: lengths that contradict each other, odd codings, odd chunks.
        length: Option<Severity> = Some(Severity::High),
        /// Severity where it is a line of the head: bare line feeds, folded fields, odd names.
        line: Option<Severity> = Some(Severity::Low),
    }
}

/// Exchanges whose answer is waited for; past it all are forgotten, which loses a finding and invents none.
const WAITING_MAX: usize = 1024;
/// Forms kept of one exchange.
const FORMS_MAX: usize = 4;

/// The detector.
pub(super) type Judge = super::Judge<Config, Waiting>;

/// What was met and is not answered yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    forms: FxHashMap<ExchangeId, SmallVec<[AmbiguityKind; FORMS_MAX]>>,
}

impl Waiting {
    fn add(&mut self, exchange: ExchangeId, kind: AmbiguityKind) {
        if self.forms.len() >= WAITING_MAX && !self.forms.contains_key(&exchange) {
            self.forms.clear();
        }
        let forms = self.forms.entry(exchange).or_default();
        if forms.len() < FORMS_MAX && !forms.contains(&kind) {
            forms.push(kind);
        }
    }
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let sighting = match case {
            Case::Ambiguous(odd) if odd.side == Side::Client && form(odd.kind).is_some() => {
                return self.state.add(odd.exchange, odd.kind);
            }
            Case::Call(sighting) | Case::Ended(sighting) => sighting,
            _ => return,
        };
        if self.state.forms.is_empty() {
            return;
        }
        let exchange = sighting.exchange;
        let Some(status) = exchange.status else { return };
        let Some(forms) = self.state.forms.remove(&exchange.id).filter(|_| !is_refusal(status)) else { return };
        let of = |is_length: bool| if is_length { self.config.length } else { self.config.line };
        let graded =
            forms.iter().filter_map(|kind| form(*kind)).filter_map(|(is_length, name)| Some((of(is_length)?, name)));
        let Some((severity, name)) = graded.max_by_key(|(severity, _)| *severity) else { return };
        let more = if forms.len() > 1 { format!(", and {} more", forms.len() - 1) } else { String::new() };
        let what = format!("{name}{more}; answered {status}");
        let because = "servers read it differently, and this one did not refuse it";
        found(sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what)));
    }
}

/// Whether the length of the body is in doubt, and the form for people; `None` of what is left out.
const fn form(kind: AmbiguityKind) -> Option<(bool, &'static str)> {
    match kind {
        AmbiguityKind::LengthAndChunked => Some((true, "both Content-Length and Transfer-Encoding")),
        AmbiguityKind::SeveralLengths => Some((true, "several Content-Length values that differ")),
        AmbiguityKind::OddLength => Some((true, "a Content-Length that not every server reads")),
        AmbiguityKind::OddTransferEncoding => Some((true, "a Transfer-Encoding other than a single `chunked`")),
        AmbiguityKind::OddChunk => Some((true, "a chunk with an odd size or end")),
        AmbiguityKind::OddLineEnd => Some((false, "a line that ends otherwise than by CRLF")),
        AmbiguityKind::Folded => Some((false, "a field continued on the next line")),
        AmbiguityKind::OddName => Some((false, "a field whose name is no token")),
        AmbiguityKind::OddValue => Some((false, "a control byte in a field's value")),
        AmbiguityKind::OddFirstLine => Some((false, "a first line with odd spaces")),
        AmbiguityKind::EmptyLine
        | AmbiguityKind::OddVersion
        | AmbiguityKind::OddMethod
        | AmbiguityKind::OddTarget
        | AmbiguityKind::OddHost
        | AmbiguityKind::LongHead
        | AmbiguityKind::BehindSwitch
        | AmbiguityKind::UnaskedResponse
        | AmbiguityKind::ConflictingBytes => None,
    }
}

/// What a server answers that did not take the request as one.
const fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 408 | 411 | 413 | 414 | 417 | 431 | 501 | 505)
}

#[cfg(test)]
mod tests {
    use apiscope_wire::{Ambiguity, FlowId};
    use expect_test::expect;

    use super::*;
    use crate::detect::sample::{at, call, judge};

    fn odd(judge_: &mut Judge, side: Side, kind: AmbiguityKind) {
        let exchange = ExchangeId { flow: FlowId::new(1), index: 0 };
        judge_
            .judge(&Case::Ambiguous(&Ambiguity { exchange, side, kind, at: at(0) }), &mut |found| panic!("{found:?}"));
    }

    /// What is found when a client's request had these forms and got this answer.
    fn told(kinds: &[AmbiguityKind], status: &str) -> String {
        let mut judge_ = Judge::default();
        for kind in kinds {
            odd(&mut judge_, Side::Client, *kind);
        }
        let answered = [call(&format!("POST /orders {status}")).done()];
        let text = judge(&mut judge_, &answered);
        assert_eq!(judge(&mut judge_, &answered), "", "once");
        text
    }

    #[test]
    fn fires_on_what_was_answered_by_form() {
        use AmbiguityKind::{Folded, LengthAndChunked, OddChunk};
        expect![[r"
            high POST /orders: servers read it differently, and this one did not refuse it
                 both Content-Length and Transfer-Encoding; answered 200
        "]]
        .assert_eq(&told(&[LengthAndChunked], "200"));
        expect![[r"
            high POST /orders: servers read it differently, and this one did not refuse it
                 a chunk with an odd size or end, and 1 more; answered 404
        "]]
        .assert_eq(&told(&[Folded, OddChunk], "404"));
        expect![[r"
            low POST /orders: servers read it differently, and this one did not refuse it
                 a field continued on the next line; answered 200
        "]]
        .assert_eq(&told(&[Folded], "200"));
    }

    #[test]
    fn silent_on_what_was_refused_on_answers_and_on_the_unusual() {
        use AmbiguityKind::{LengthAndChunked, LongHead, OddMethod, OddTarget};
        assert_eq!(told(&[LengthAndChunked], "400") + &told(&[LengthAndChunked], "501"), "");
        assert_eq!(told(&[LengthAndChunked], "-") + &told(&[LongHead, OddMethod, OddTarget], "200"), "");
        let mut judge_ = Judge::default();
        odd(&mut judge_, Side::Server, LengthAndChunked);
        assert_eq!(judge(&mut judge_, &[call("POST /orders 200").done()]), "");
    }

    #[test]
    fn waiting_is_bounded() {
        let mut waiting = Waiting::default();
        for index in 0..3 * u32::try_from(WAITING_MAX).unwrap() {
            for kind in [AmbiguityKind::Folded, AmbiguityKind::OddChunk, AmbiguityKind::Folded] {
                waiting.add(ExchangeId { flow: FlowId::new(1), index }, kind);
            }
            assert!(waiting.forms.len() <= WAITING_MAX && waiting.forms.values().all(|forms| forms.len() <= 2));
        }
    }
}
