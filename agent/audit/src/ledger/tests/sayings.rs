//! What people say, as transcripts: who hears of a finding when, and what is kept.

use std::fmt::Write;

use proptest::prelude::*;

use super::super::people::{DECISIONS_MAX, LEARNING_MAX, SILENCES_MAX};
use super::*;
use crate::finding::class_of;

const DAY: u64 = 24 * HOUR;

/// A ledger, what receivers hear of it, and what is kept.
struct Desk {
    ledger: Ledger,
    /// One line for each transition that receivers hear of.
    heard: String,
    /// One line for each line of history that people made, or that ends what they said.
    history: String,
    rows: BTreeMap<Arc<str>, FindingRow>,
    kept: RestoredSayings,
}

impl Desk {
    fn new(learning_days: u64, rules: &[AcceptRule]) -> Self {
        Self::restored(Vec::new(), RestoredSayings::default(), learning_days, rules)
    }

    fn restored(rows: Vec<FindingRow>, sayings: RestoredSayings, learning_days: u64, rules: &[AcceptRule]) -> Self {
        let known = rows.iter().map(|row| (row.route.clone(), row.clone())).collect();
        let mut ledger = Ledger::new("test", rows, sayings.clone());
        // Nothing resolves in these, but where it is said.
        ledger.configure(Duration::from_hours(24 * 1_000), rules, Duration::from_secs(learning_days * DAY));
        Self { ledger, heard: String::new(), history: String::new(), rows: known, kept: sayings }
    }

    /// As after a restart: what was kept, and nothing else.
    fn again(self, learning_days: u64, rules: &[AcceptRule]) -> Self {
        Self::restored(self.rows.into_values().collect(), self.kept, learning_days, rules)
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Ledger, &mut dyn FnMut(Change)) -> T) -> T {
        let Self { ledger, heard, history, rows, kept } = self;
        work(ledger, &mut |change| match change {
            Change::Finding(row) => {
                rows.insert(row.route.clone(), *row);
            }
            Change::Alert(alert) => {
                let row = &alert.finding;
                // As the store does: of what is quiet nobody hears, but that it is from now on.
                if row.quiet.is_none() || alert.transition == Transition::Quieted {
                    let _ = writeln!(heard, "{} {:?} {}", row.route, alert.transition, row.severity);
                }
            }
            Change::Kept(kept_now) => keep(kept_now, history, kept),
            other => panic!("{other:?}"),
        })
    }

    fn seen(&mut self, route: &str, severity: Severity, second: u64) {
        self.seen_of(route, severity, second, &[]);
    }

    fn seen_of(&mut self, route: &str, severity: Severity, second: u64, classes: &[&str]) {
        let mut finding = finding(route, severity, second, 1);
        finding.classes.extend(classes.iter().map(|name| class_of(name)));
        self.with(|ledger, emit| ledger.record(finding, None, emit));
    }

    fn tick(&mut self, second: u64) {
        self.with(|ledger, emit| ledger.tick(at(second), emit));
    }

    fn say(&mut self, second: u64, act: Act) -> Result<Done, Refusal> {
        let command = Command { at: at(second), by: said("ann"), act };
        self.with(|ledger, emit| ledger.command(command, emit))
    }

    fn heard(&mut self) -> String {
        std::mem::take(&mut self.heard)
    }

    fn quiet(&self, route: &str) -> Option<Why> {
        self.rows[route].quiet.as_ref().map(|quiet| quiet.why)
    }
}

fn keep(kept_now: Kept, history: &mut String, kept: &mut RestoredSayings) {
    match kept_now {
        Kept::Decision(row) => {
            kept.decisions.retain(|known| known.finding != row.finding);
            kept.decisions.push(*row);
        }
        Kept::DecisionGone(finding) => kept.decisions.retain(|known| known.finding != finding),
        Kept::Silence(row) => kept.silences.push(*row),
        Kept::SilenceGone(id) => kept.silences.retain(|known| known.id != id),
        Kept::Learning(api, row) => {
            kept.learning.retain(|(known, _)| *known != api);
            kept.learning.push((api, row));
        }
        Kept::LearningGone(api) => kept.learning.retain(|(known, _)| *known != api),
        Kept::History(event) => {
            let by = event.by.as_ref().map_or("-", Said::as_str);
            let _ = writeln!(
                history,
                "{} {} by {by}: {}",
                event.at.as_nanos() / 1_000_000_000 % 1_000_000,
                event.what.name(),
                event.note
            );
        }
    }
}

fn said(text: &str) -> Said {
    Said::new(text).unwrap()
}

fn id(route: &str) -> FindingId {
    let kind = finding(route, Severity::Low, 0, 1).kind;
    FindingId::of("test", &ApiId::new("orders"), kind.name, &Method::new("GET"), route)
}

fn ack(route: &str, until: u64) -> Act {
    Act::Acknowledge { finding: id(route), until: at(until), note: None }
}

fn accept(route: &str, until: u64) -> Act {
    Act::Accept { finding: id(route), until: at(until), reason: said("a lab"), up_to: None }
}

fn silence(matcher: Matcher, until: u64) -> Act {
    Act::Silence { matcher, until: at(until), reason: said("deployment") }
}

fn baseline(until: u64) -> Act {
    Act::Baseline { api: None, until: at(until) }
}

#[test]
fn an_acknowledgement_ends_with_its_time_or_when_it_gets_worse() {
    let mut desk = Desk::new(0, &[]);
    desk.seen("/a", Severity::Low, 0);
    desk.seen("/b", Severity::Low, 0);
    desk.say(10, ack("/a", HOUR)).unwrap();
    desk.say(10, ack("/b", HOUR)).unwrap();
    desk.seen("/a", Severity::Low, 20);
    desk.seen("/b", Severity::High, 20);
    desk.tick(HOUR - 1);
    assert_eq!((desk.quiet("/a"), desk.quiet("/b")), (Some(Why::Acknowledged), None));
    desk.tick(HOUR);
    expect![[r"
        /a Opened low
        /b Opened low
        /a Quieted low
        /b Quieted low
        /b Escalated high
        /a Resumed low
    "]]
    .assert_eq(&desk.heard());
    assert!(desk.kept.decisions.is_empty(), "both are over");
    assert!(
        desk.history.contains("acknowledged by ann")
            && desk.history.contains("lapsed by -: acknowledged: it got worse"),
        "{}",
        desk.history
    );
}

#[test]
fn an_acknowledgement_ends_when_the_finding_resolves_and_it_opens_aloud() {
    let mut desk = Desk::new(0, &[]);
    desk.ledger.configure(Duration::from_hours(1), &[], Duration::ZERO);
    desk.seen("/a", Severity::Low, 0);
    desk.say(1, ack("/a", DAY)).unwrap();
    desk.tick(HOUR);
    assert_eq!(desk.say(HOUR, ack("/a", DAY)).unwrap_err(), Refusal::Resolved);
    desk.seen("/a", Severity::Low, 2 * HOUR);
    assert_eq!(desk.heard(), "/a Opened low\n/a Quieted low\n/a Reopened low\n");
}

#[test]
fn an_acceptance_holds_over_resolving_and_a_restart_warns_and_ends() {
    let mut desk = Desk::new(0, &[]);
    desk.ledger.configure(Duration::from_hours(1), &[], Duration::ZERO);
    desk.seen("/a", Severity::Medium, 0);
    let done = desk.say(0, accept("/a", 90 * DAY)).unwrap();
    assert!(matches!(done, Done::Decided { before: None, .. }), "{done:?}");
    desk.tick(HOUR);
    let mut desk = desk.again(0, &[]);
    desk.seen("/a", Severity::Medium, 2 * DAY);
    desk.tick(76 * DAY - 1);
    assert!(!desk.history.contains("ending"));
    desk.tick(76 * DAY);
    desk.tick(77 * DAY);
    assert_eq!(
        desk.history.matches("ending by -: accepted by ann: it ends within 14 days").count(),
        1,
        "{}",
        desk.history
    );
    assert_eq!((desk.heard(), desk.quiet("/a")), (String::new(), Some(Why::Accepted)));
    desk.tick(90 * DAY);
    assert_eq!((desk.heard().as_str(), desk.quiet("/a")), ("/a Resumed medium\n", None));
    assert!(desk.history.contains("lapsed by -: accepted: its time is over"), "{}", desk.history);
}

#[test]
fn an_acceptance_covers_what_was_accepted_and_nothing_worse() {
    let mut desk = Desk::new(0, &[]);
    desk.seen("/a", Severity::Info, 0);
    desk.seen("/b", Severity::Info, 0);
    desk.say(1, accept("/a", DAY)).unwrap();
    desk.say(1, Act::Accept { finding: id("/b"), until: at(DAY), reason: said("x"), up_to: Some(Severity::High) })
        .unwrap();
    desk.heard();
    desk.seen("/a", Severity::Critical, 2);
    desk.seen("/b", Severity::High, 2);
    assert_eq!(desk.heard(), "/a Escalated critical\n");
    assert_eq!(desk.kept.decisions.len(), 2, "it is still there, and shown as not covering");
    desk.say(3, Act::Withdraw { finding: id("/b"), choice: Choice::Accepted }).unwrap();
    assert_eq!(desk.heard(), "/b Resumed high\n");
}

#[test]
fn what_is_wrong_is_refused_and_changes_nothing() {
    let mut desk = Desk::new(0, &[]);
    desk.seen("/a", Severity::Low, 0);
    desk.heard();
    let year = 365 * DAY;
    let mut refused = |act| desk.say(100, act).unwrap_err();
    assert_eq!(refused(accept("/none", DAY)), Refusal::UnknownFinding);
    assert_eq!(refused(accept("/a", 100)), Refusal::Late);
    assert_eq!(refused(accept("/a", 100 + year + 1)), Refusal::TooLong(365));
    assert_eq!(refused(ack("/a", 100 + 30 * DAY + 1)), Refusal::TooLong(30));
    assert_eq!(
        refused(Act::Withdraw { finding: id("/a"), choice: Choice::Accepted }),
        Refusal::NotDecided(Choice::Accepted)
    );
    assert_eq!(refused(Act::UndoBaseline { api: None }), Refusal::NotDecided(Choice::Baseline));
    assert_eq!(refused(Act::EndSilence { id: 1 }), Refusal::UnknownSilence);
    assert_eq!(refused(Act::EndLearning { api: None }), Refusal::NotLearning);
    assert_eq!(refused(Act::Baseline { api: Some(ApiId::new("none")), until: at(DAY) }), Refusal::UnknownApi);
    desk.say(100, accept("/a", 100 + year)).unwrap();
    assert_eq!(desk.say(101, ack("/a", DAY)).unwrap_err(), Refusal::IsQuiet(Why::Accepted));
    assert_eq!(desk.heard(), "/a Quieted low\n");
}

#[test]
fn a_silence_is_a_window() {
    let mut desk = Desk::new(0, &[]);
    desk.seen("/orders/{id}", Severity::Critical, 0);
    let matcher = Matcher { endpoint: Some("GET /orders/*".into()), ..Matcher::default() };
    let done = desk.say(10, silence(matcher, HOUR)).unwrap();
    let Done::Silenced { silence: made, matching: 1 } = done else { panic!("{done:?}") };
    desk.seen("/orders/new", Severity::Critical, 20);
    desk.seen("/users", Severity::Low, 20);
    let mut desk = desk.again(0, &[]);
    desk.tick(HOUR);
    assert_eq!(desk.heard(), "/orders/{id} Resumed critical\n/orders/new Resumed critical\n", "by their ids");
    assert!(desk.kept.silences.is_empty());
    let done = desk.say(HOUR, silence(Matcher::default(), 2 * HOUR)).unwrap();
    let Done::Silenced { silence: second, matching: 3 } = done else { panic!("{done:?}") };
    assert_ne!(made.id, second.id);
    desk.heard();
    desk.say(HOUR + 1, Act::EndSilence { id: second.id }).unwrap();
    assert_eq!(desk.heard().matches("Resumed").count(), 3, "ended early");
}

#[test]
fn silences_match_what_they_say() {
    let row = |desk: &Desk| desk.rows["/a/{id}"].clone();
    let mut desk = Desk::new(0, &[]);
    desk.seen("/a/{id}", Severity::Low, 0);
    let row = row(&desk);
    let matches = |kind: &str, api: &str, endpoint: &str| {
        let part = |text: &str| (!text.is_empty()).then(|| text.into());
        Matcher { kind: part(kind), api: part(api), endpoint: part(endpoint) }.matches(&row)
    };
    for (kind, api, endpoint) in [
        ("", "", ""),
        ("cleartext-card-number", "orders", "/a/{id}"),
        ("", "ord*", ""),
        ("", "", "/a/*"),
        ("", "", "* /a/{id}"),
        ("", "", "get /a*"),
    ] {
        assert!(matches(kind, api, endpoint), "{kind} {api} {endpoint}");
    }
    for (kind, api, endpoint) in
        [("cleartext-credential", "", ""), ("", "order", ""), ("", "", "/a"), ("", "", "POST /a/*"), ("", "", "GET")]
    {
        assert!(!matches(kind, api, endpoint), "{kind} {api} {endpoint}");
    }
}

#[test]
fn a_baseline_takes_what_is_there_and_news_are_loud() {
    let mut desk = Desk::new(7, &[]);
    desk.seen_of("/a", Severity::Low, 0, &["IBAN"]);
    desk.seen("/b", Severity::Medium, 0);
    desk.seen("/c", Severity::Low, 0);
    desk.say(5, accept("/c", DAY)).unwrap();
    let done = desk.say(10, baseline(100 * DAY)).unwrap();
    let Done::Baseline { taken, already: 0, accepted: 1, learnt } = done else { panic!("{done:?}") };
    assert_eq!(taken.iter().map(|row| &*row.about.route).collect::<Vec<_>>(), ["/b", "/a"], "worst first");
    assert_eq!(learnt, [ApiId::new("orders")]);
    let done = desk.say(11, baseline(100 * DAY)).unwrap();
    let Done::Baseline { taken, already: 2, accepted: 1, learnt } = done else { panic!("{done:?}") };
    assert!(taken.is_empty() && learnt.is_empty(), "said again, nothing changes");
    assert_eq!(desk.heard(), "", "it was quiet before, by the first week");
    let mut desk = desk.again(7, &[]);
    desk.seen("/new", Severity::Low, 20);
    desk.seen_of("/a", Severity::Low, 20, &["IBAN"]);
    desk.seen("/b", Severity::Low, 20);
    assert_eq!(desk.heard(), "/new Opened low\n");
    desk.seen_of("/a", Severity::Low, 30, &["e-mail"]);
    desk.seen("/b", Severity::High, 30);
    assert_eq!(desk.heard(), "/a Resumed low\n/b Escalated high\n");
    assert!(desk.history.contains("new evidence by -: seen"), "{}", desk.history);
    let done = desk.say(40, baseline(100 * DAY)).unwrap();
    let Done::Baseline { taken, already: 0, accepted: 1, .. } = done else { panic!("{done:?}") };
    assert_eq!((taken.len(), desk.heard().matches("Quieted").count()), (3, 3));
    desk.say(50, Act::UndoBaseline { api: Some(ApiId::new("orders")) }).unwrap();
    assert_eq!(desk.heard().matches("Resumed").count(), 3);
    assert_eq!(desk.kept.decisions.len(), 1, "what was accepted stays");
}

#[test]
fn in_the_first_week_only_what_is_critical_is_told() {
    let mut desk = Desk::new(7, &[]);
    desk.seen("/a", Severity::High, 0);
    desk.seen("/b", Severity::Critical, 0);
    desk.seen("/c", Severity::Low, 10);
    desk.seen("/c", Severity::Critical, 20);
    assert_eq!(desk.heard(), "/b Opened critical\n/c Escalated critical\n");
    let mut desk = desk.again(7, &[]);
    desk.tick(7 * DAY - 1);
    assert_eq!((desk.heard(), desk.quiet("/a")), (String::new(), Some(Why::Learning)));
    desk.tick(7 * DAY);
    assert_eq!(desk.heard(), "/a Resumed high\n");
}

#[test]
fn the_first_week_ends_early_when_said_and_another_api_has_a_seventh() {
    let mut desk = Desk::new(7, &[]);
    let meet = |desk: &mut Desk, api: &str, second: u64| {
        desk.with(|ledger, emit| ledger.meet(&ApiId::new(api), at(second), emit));
    };
    let until = |desk: &Desk, api: &str, now: u64| desk.ledger.people.learning_until(&ApiId::new(api), at(now));
    meet(&mut desk, "first", 0);
    meet(&mut desk, "second", 3 * DAY);
    meet(&mut desk, "late", 20 * DAY);
    assert_eq!(until(&desk, "first", 1), Some(at(7 * DAY)));
    assert_eq!(until(&desk, "second", 3 * DAY), Some(at(7 * DAY)));
    assert_eq!(until(&desk, "late", 20 * DAY), Some(at(21 * DAY)));
    assert_eq!(until(&desk, "late", 21 * DAY), None);
    let end = |desk: &mut Desk, api: Option<&str>| desk.say(2 * DAY, Act::EndLearning { api: api.map(ApiId::new) });
    assert!(
        matches!(end(&mut desk, Some("second")).unwrap(), Done::LearningEnded(apis) if apis == [ApiId::new("second")])
    );
    let mut desk = desk.again(7, &[]);
    assert_eq!((until(&desk, "second", 2 * DAY), until(&desk, "first", 2 * DAY)), (None, Some(at(7 * DAY))));
    desk.with(|ledger, emit| ledger.api_joined(&ApiId::new("first"), &ApiId::new("*.x"), emit));
    assert_eq!((until(&desk, "first", 1), until(&desk, "*.x", 1)), (None, Some(at(7 * DAY))));
    assert_eq!(end(&mut desk, Some("none")).unwrap_err(), Refusal::UnknownApi);
}

fn rule(kind: Option<&str>, until: u64, up_to: Severity) -> AcceptRule {
    let matcher = Matcher { kind: kind.map(Into::into), ..Matcher::default() };
    AcceptRule { matcher, reason: said("in git"), author: said("team"), until: at(until), up_to }
}

#[test]
fn acceptances_of_the_configuration_come_and_go() {
    let rules = [rule(Some("cleartext-card-number"), DAY, Severity::Medium)];
    let mut desk = Desk::new(0, &rules);
    desk.seen("/a", Severity::Medium, 0);
    desk.seen("/b", Severity::High, 0);
    assert_eq!((desk.heard().as_str(), desk.quiet("/a")), ("/b Opened high\n", Some(Why::Accepted)));
    desk.tick(DAY);
    assert_eq!(desk.heard(), "/a Resumed medium\n", "its time is over");
    desk.ledger.configure(Duration::from_hours(240), &[rule(None, 2 * DAY, Severity::Critical)], Duration::ZERO);
    desk.tick(DAY + 1);
    assert_eq!(desk.heard().matches("Quieted").count(), 2, "after a reload");
    desk.ledger.configure(Duration::from_hours(240), &[], Duration::ZERO);
    desk.tick(DAY + 2);
    assert_eq!(desk.heard().matches("Resumed").count(), 2);
}

#[test]
fn what_was_decided_goes_along_when_endpoints_are_joined() {
    let mut desk = Desk::new(0, &[]);
    desk.seen("/users/ann", Severity::Low, 0);
    desk.say(1, accept("/users/ann", DAY)).unwrap();
    desk.heard();
    desk.with(|ledger, emit| ledger.joined(endpoint("/users/ann").id, &endpoint("/users/{name}"), emit));
    assert_eq!((desk.heard().as_str(), desk.quiet("/users/{name}")), ("", Some(Why::Accepted)));
    assert_eq!(desk.kept.decisions.iter().map(|row| row.finding).collect::<Vec<_>>(), [id("/users/{name}")]);
    assert_eq!(&*desk.kept.decisions[0].about.route, "/users/{name}");
}

#[test]
fn decisions_silences_and_first_weeks_are_bounded() {
    let mut desk = Desk::new(0, &[]);
    for n in 0..SILENCES_MAX as u64 {
        desk.say(n, silence(Matcher::default(), DAY)).unwrap();
    }
    assert_eq!(desk.say(9, silence(Matcher::default(), DAY)).unwrap_err(), Refusal::TooMany(SILENCES_MAX));
    for n in 0..LEARNING_MAX as u64 + 5 {
        desk.with(|ledger, emit| ledger.meet(&ApiId::new(&format!("api{n}")), at(n), emit));
    }
    assert_eq!((desk.kept.learning.len(), desk.ledger.counters().unlearnt), (LEARNING_MAX, 5));
    let mut desk = Desk::new(0, &[]);
    desk.seen("/a", Severity::Low, 0);
    desk.say(1, accept("/a", DAY)).unwrap();
    let one = desk.kept.decisions[0].clone();
    let decisions = (0..DECISIONS_MAX as u64 + 9)
        .map(|n| Decision { finding: FindingId::parse(&format!("{n:016x}")).unwrap(), ..one.clone() });
    let sayings = RestoredSayings { decisions: decisions.collect(), ..RestoredSayings::default() };
    let mut desk = Desk::restored(desk.rows.into_values().collect(), sayings, 0, &[]);
    assert_eq!(desk.say(2, accept("/a", DAY)).unwrap_err(), Refusal::TooMany(DECISIONS_MAX));
    assert_eq!(desk.say(2, baseline(DAY)).unwrap_err(), Refusal::TooMany(DECISIONS_MAX));
}

#[test]
fn what_is_said_is_one_bounded_line() {
    for text in ["", "  ", "two\nlines", "\u{1b}[31m", &"x".repeat(Said::LENGTH_MAX + 1)] {
        assert_eq!(Said::new(text), None, "{text:?}");
    }
    assert_eq!(said("  a reason ").as_str(), "a reason");
}

#[derive(Clone, Debug)]
enum Deed {
    Seen(usize, Severity),
    Pass(u64),
    Ack(usize),
    Accept(usize),
    Withdraw(usize),
    Silence(u64),
    Baseline,
    Undo,
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        5 => (0_usize..3, prop::sample::select(Severity::ALL.to_vec())).prop_map(|(route, severity)| Deed::Seen(route, severity)),
        4 => (1_u64..40_000).prop_map(Deed::Pass),
        2 => (0_usize..3).prop_map(Deed::Ack),
        2 => (0_usize..3).prop_map(Deed::Accept),
        1 => (0_usize..3).prop_map(Deed::Withdraw),
        1 => (1_u64..40_000).prop_map(Deed::Silence),
        1 => Just(Deed::Baseline),
        1 => Just(Deed::Undo),
        1 => Just(Deed::Restart),
    ]
}

proptest! {
    /// Whatever is said and seen in whatever order, over restarts: who follows what is heard knows exactly which findings are open and not
    /// quiet, and with which severity.
    #[test]
    fn whoever_hears_the_transitions_knows_what_stands(deeds in prop::collection::vec(deed(), 0..60)) {
        const ROUTES: [&str; 3] = ["/a", "/b", "/c"];
        let mut desk = Desk::new(1, &[]);
        let (mut now, mut stands) = (10, BTreeMap::<String, String>::new());
        for deed in deeds {
            now += 1;
            match deed {
                Deed::Seen(route, severity) => desk.seen(ROUTES[route], severity, now),
                Deed::Pass(seconds) => now += seconds,
                Deed::Ack(route) => drop(desk.say(now, ack(ROUTES[route], now + HOUR))),
                Deed::Accept(route) => drop(desk.say(now, accept(ROUTES[route], now + 2 * HOUR))),
                Deed::Withdraw(route) => drop(desk.say(now, Act::Withdraw { finding: id(ROUTES[route]), choice: Choice::Accepted })),
                Deed::Silence(seconds) => drop(desk.say(now, silence(Matcher::default(), now + seconds))),
                Deed::Baseline => drop(desk.say(now, baseline(now + 4 * HOUR))),
                Deed::Undo => drop(desk.say(now, Act::UndoBaseline { api: None })),
                Deed::Restart => desk = desk.again(1, &[]),
            }
            desk.ledger.configure(Duration::from_hours(3), &[], Duration::from_secs(DAY));
            desk.tick(now);
            for line in desk.heard().lines() {
                let [route, what, severity] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
                match what {
                    "Resolved" | "Quieted" => stands.remove(route),
                    _ => stands.insert(route.to_owned(), severity.to_owned()),
                };
            }
            let told: BTreeMap<String, String> = desk.rows.values().filter(|row| row.is_told())
                .map(|row| (row.route.to_string(), row.severity.to_string())).collect();
            prop_assert_eq!(&stands, &told);
        }
    }
}
