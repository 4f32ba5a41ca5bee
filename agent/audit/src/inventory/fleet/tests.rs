//! Any number of agents beside one that saw all of their traffic.

use std::time::Duration;

use apiscope_wire::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::detect::sample::call;
use crate::exchange::{ConsumerId, Exchange};
use crate::facts::{DataClass, Exposure, Grade, Place as Where, What};
use crate::inventory::Inventory;
use crate::secret::Fingerprint;

const HOUR: u64 = 3_600;
// Consumers below are as many as are counted one by one: past it the most frequent are known within bounds only.

/// A call of one of some endpoints, and the agent that sees it.
#[derive(Clone, Debug)]
struct Seen {
    agent: usize,
    call: Exchange,
}

fn exposure(number: u64) -> Exposure {
    let (what, place) = match number % 4 {
        0 => (What::Data(DataClass::Card, "payment card number"), Where::Json(format!("/cards/-/{number}").into())),
        1 => (What::Data(DataClass::Email, "e-mail address"), Where::Query("mail".into())),
        2 => (What::Secret("GitHub personal access token"), Where::Header("x-token".into())),
        _ => (
            What::Data(DataClass::Phone, "phone number"),
            Where::Json("x".repeat(usize::try_from(number).unwrap()).into()),
        ),
    };
    let (count, seen) = (u32::try_from(number % 3).unwrap(), 3);
    Exposure {
        what,
        grade: [Grade::C, Grade::B, Grade::A][count as usize],
        place,
        count,
        seen,
        need: 0,
        samples: Vec::new().into(),
    }
}

fn seen() -> impl Strategy<Value = Seen> {
    const LINES: &[&str] = &[
        "GET /orders/17 200",
        "GET /orders/18 409",
        "GET /orders 200",
        "POST /orders 201",
        "HEAD /orders 200",
        "DELETE /orders/5f0c1d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f 500",
        "GET /health 204",
        "GET / 301",
    ];
    let line = prop::sample::select(LINES);
    (0_usize..5, line, 0..40 * 24 * HOUR, any::<u32>(), 0_u64..11, vec(0_u64..200, 0..3), any::<[bool; 2]>()).prop_map(
        |(agent, line, second, size, consumer, exposures, [is_credential, is_cut])| {
            let mut call = call(line).second(second).done();
            call.ended = call.began.plus(Duration::from_nanos(u64::from(size) * 7));
            if is_credential {
                call.consumer =
                    ConsumerId::Credential(Fingerprint::from_stored(consumer.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            }
            if let Some(request) = &mut call.request {
                request.body.total = Some(u64::from(size % 5_000));
                request.complete = !is_cut;
            }
            if let Some(response) = &mut call.response {
                response.body.total = Some(u64::from(size).pow(2) >> (size % 40));
                response.records = (size % 3 > 0).then(|| u64::from(size % 101));
                response.exposures = exposures.into_iter().map(exposure).collect();
            }
            Seen { agent, call }
        },
    )
}

fn rows(inventory: &mut Inventory) -> Vec<EndpointRow> {
    let mut rows = Vec::new();
    inventory.settle();
    inventory.take_changed(&mut |row| rows.push(EndpointRow { reason: None, ..row }));
    rows
}

/// The reports of agents that share the traffic: each agent's last, and one that it gave on the way.
fn reports(traffic: &[Seen], agents: usize) -> Vec<(Life, Report)> {
    let mut reports = Vec::new();
    for agent in 0..agents {
        let of_agent: Vec<_> = traffic.iter().filter(|seen| seen.agent % agents == agent).collect();
        let life = Life(agent as u64 * 77);
        for until in [of_agent.len() / 2, of_agent.len()] {
            let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
            for seen in &of_agent[..until] {
                inventory.observe(&seen.call);
            }
            reports.push((life, Report::new(rows(&mut inventory))));
        }
    }
    reports
}

fn fleet(reports: &[(Life, Report)]) -> Fleet {
    let mut fleet = Fleet::default();
    for (life, report) in reports {
        assert!(fleet.report(*life, report.clone()));
    }
    fleet
}

fn joined(a: &Fleet, b: &Fleet) -> Fleet {
    let mut fleet = a.clone();
    assert_eq!(fleet.join(b.clone()), 0);
    fleet
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn many_agents_know_what_one_would(traffic in vec(seen(), 0..120), agents in 1_usize..6, order in any::<u64>()) {
        let mut one = Inventory::new("test", &BTreeMap::new(), Vec::new());
        for seen in &traffic {
            one.observe(&seen.call);
        }
        let mut expected = rows(&mut one);
        expected.sort_by(|a, b| (&a.api, &a.route, &a.method).cmp(&(&b.api, &b.route, &b.method)));
        let mut reports = reports(&traffic, agents);
        // Each twice, in any order.
        reports.extend(reports.clone());
        shuffle(&mut reports, order);
        prop_assert_eq!(fleet(&reports).endpoints(), expected);
    }

    #[test]
    fn joining_is_a_join(traffic in vec(seen(), 0..60), cut in any::<[prop::sample::Index; 2]>()) {
        let reports = reports(&traffic, 4);
        let mut cut = cut.map(|cut| cut.index(reports.len() + 1));
        cut.sort_unstable();
        let [a, b, c] = [&reports[..cut[0]], &reports[cut[0]..cut[1]], &reports[cut[1]..]].map(fleet);
        prop_assert_eq!(joined(&a, &b).pack(), joined(&b, &a).pack(), "commutative");
        prop_assert_eq!(joined(&joined(&a, &b), &c).pack(), joined(&a, &joined(&b, &c)).pack(), "associative");
        prop_assert_eq!(joined(&b, &b).pack(), b.pack(), "idempotent");
        prop_assert_eq!(joined(&joined(&a, &b), &b).pack(), joined(&a, &b).pack(), "late and twice");
    }
}

pub(super) fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for at in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, usize::try_from(seed >> 33).unwrap() % (at + 1));
    }
}

#[test]
fn a_hundred_orders_give_the_same_bytes() {
    let lines = ["GET /a/1 200", "GET /a/2 200", "POST /b 201", "GET /c/x 404", "GET /c/x 200", "PUT /a/3 500"];
    let traffic: Vec<_> = (0_u64..300)
        .map(|n| {
            let at = usize::try_from(n * n % 6).unwrap();
            let mut call = call(lines[at]).second(n * 611).done();
            call.ended = call.began.plus(Duration::from_micros(n * n * 31 % 90_001));
            Seen { agent: usize::try_from(n * 7 % 5).unwrap(), call }
        })
        .collect();
    let mut reports = reports(&traffic, 5);
    let expected = (fleet(&reports).pack(), Report::new(fleet(&reports).endpoints()).pack());
    assert!(expected.1.len() > 500, "{}", expected.1.len());
    for seed in 0..100 {
        shuffle(&mut reports, seed);
        let again = fleet(&reports);
        assert_eq!((again.pack(), Report::new(again.endpoints()).pack()), expected, "order {seed}");
    }
}

fn row(line: &str, calls: u64) -> EndpointRow {
    let (method, route) = line.split_once(' ').unwrap();
    let mut row = EndpointRow::new("test", &ApiId::new("users"), &Method::new(method), route);
    (row.calls, row.last) = (calls, Some(Timestamp::from_nanos(calls)));
    row
}

fn told(reports: &[&[EndpointRow]]) -> Vec<(String, u64)> {
    let reports: Vec<_> = (0..).zip(reports).map(|(life, rows)| (Life(life), Report::new(rows.to_vec()))).collect();
    let rows = fleet(&reports).endpoints();
    rows.into_iter().map(|row| (format!("{} {}", row.method, row.route), row.calls)).collect()
}

#[test]
fn what_is_narrower_elsewhere_counts_at_the_wider_template() {
    let wide = [row("GET /users/{name}", 100), row("GET /users/{name}/pets/{id}", 10)];
    let narrow = [
        row("GET /users/anna", 1),
        row("GET /users/anna/pets/{id}", 2),
        row("POST /users/anna", 3),
        row("GET /teams/red", 4),
    ];
    assert_eq!(
        told(&[&wide, &narrow]),
        [
            ("GET /teams/red", 4),
            ("POST /users/anna", 3),
            ("GET /users/{name}", 101),
            ("GET /users/{name}/pets/{id}", 12)
        ]
        .map(|(line, calls)| (line.to_owned(), calls))
    );
    assert_eq!(told(&[&wide, &narrow]), told(&[&narrow, &wide]));
    let [get, head, other] = ["GET /users/{name}", "HEAD /users/{name}", "HEAD /users/anna"].map(|line| [row(line, 7)]);
    let all = told(&[&get, &head, &other]);
    assert_eq!(all, [("GET /users/{name}".to_owned(), 21)], "HEAD belongs to its path's GET");
}

#[test]
fn what_an_agent_tells_apart_stays_apart() {
    let both = [row("GET /users/{name}", 100), row("GET /users/me", 50)];
    let one = [row("GET /users/me", 5), row("GET /users/you", 6)];
    assert_eq!(
        told(&[&both, &one]),
        [("GET /users/me", 55), ("GET /users/{name}", 106)].map(|(l, n)| (l.to_owned(), n))
    );
    let names = [row("GET /users/{id}", 5)];
    assert_eq!(
        told(&[&both, &names]),
        [("GET /users/me", 50), ("GET /users/{id}", 105)].map(|(l, n)| (l.to_owned(), n))
    );
}

#[test]
fn a_life_counts_once_and_lives_are_bounded() {
    let mut fleet = Fleet::default();
    for (life, calls) in [(1, 5), (1, 9), (2, 1), (1, 7)] {
        assert!(fleet.report(Life(life), Report::new(vec![row("GET /a", calls)])));
    }
    assert_eq!(fleet.endpoints().iter().map(|row| row.calls).collect::<Vec<_>>(), [10]);
    for life in 3..=Fleet::LIVES_MAX as u64 {
        assert!(fleet.report(Life(life), Report::new(Vec::new())));
    }
    assert!(!fleet.report(Life(0), Report::new(Vec::new())), "one found no room");
    assert_eq!((fleet.lives(), fleet.clone().join(fleet.clone())), (Fleet::LIVES_MAX, 0));
}
