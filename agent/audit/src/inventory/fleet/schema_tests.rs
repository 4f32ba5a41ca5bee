//! What many agents learnt of bodies beside what one learns that takes all of their samples.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::shuffle;
use super::*;
use crate::detect::sample::call;
use crate::exchange::{Exchange, Record};
use crate::schema::render::Style;
use crate::schema::words::Words;
use crate::schema::{Evidence, Part, Sample, Schema, Taker};
use crate::secret::FingerprintKey;
use crate::{Audit, Change, Restored};

const KEY: FingerprintKey = FingerprintKey::new([7; 32]);

/// A call of one of some endpoints, the bodies that it shows, and the agent that sees it.
#[derive(Clone, Debug)]
struct Seen {
    agent: usize,
    line: &'static str,
    message: u8,
    request: Option<Value>,
    response: Option<Value>,
}

fn taken(body: &Value, message: u8, key: &FingerprintKey, words: &mut Words, consumer: u16) -> Schema {
    let mut taker = Taker { key, place: 1, consumer, seen: Evidence::of(message), words };
    taker.json(body.to_string().as_bytes()).expect("whole")
}

fn sample(body: Option<&Value>, message: u8) -> Box<Sample> {
    let words = &mut Words::default();
    let body = body.map(|body| ("application/json".into(), taken(body, message, &KEY, words, 1)));
    let query = taken(&json!({"page": message}), message, &KEY, words, 1);
    Box::new(Sample { seen: Evidence::of(message), query: Some(query), headers: None, body })
}

impl Seen {
    fn call(&self) -> Box<Exchange> {
        let mut call = call(self.line).second(u64::from(self.message)).done();
        if let Some(request) = &mut call.request {
            request.sample = Some(sample(self.request.as_ref(), self.message));
        }
        if let Some(response) = &mut call.response {
            response.sample = Some(sample(self.response.as_ref(), self.message));
        }
        Box::new(call)
    }
}

fn seen() -> impl Strategy<Value = Seen> {
    const LINES: &[&str] = &[
        "GET /orders/17 200",
        "GET /orders/18 404",
        "GET /orders 200",
        "POST /orders 201",
        "HEAD /orders 200",
        "DELETE /orders/5f0c1d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f 500",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        prop::sample::select(vec!["PENDING", "DONE", "a b", "2024-02-29", "00000000-0000-4000-8000-000000000000"])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec!["state", "type", "id", "rows", "0017"]).prop_map(str::to_owned);
    let body = leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let body = prop::option::of(body);
    (0_usize..4, prop::sample::select(LINES), any::<u8>(), body.clone(), body)
        .prop_map(|(agent, line, message, request, response)| Seen { agent, line, message, request, response })
}

/// What an agent knows that sees these calls.
fn report<'s>(calls: impl Iterator<Item = &'s Seen>) -> Report {
    let mut audit = Audit::new(std::sync::Arc::default(), Restored::default());
    let (mut rows, mut schemas) = (BTreeMap::new(), BTreeMap::new());
    let mut take = |change| match change {
        Change::Endpoint(row) => drop(rows.insert(row.id, *row)),
        Change::EndpointGone { id, .. } => drop(rows.remove(&id)),
        Change::Schemas { id, packed } => match packed.and_then(|packed| EndpointSchemas::unpack(&packed)) {
            Some(packed) => drop(schemas.insert(id, packed)),
            None => drop(schemas.remove(&id)),
        },
        _ => {}
    };
    calls.for_each(|seen| audit.handle(Record::Exchange(seen.call()), &mut take));
    audit.flush(Timestamp::from_nanos(u64::MAX / 2), &mut take);
    Report::new(rows.into_values().collect()).with_schemas(schemas.into_iter().collect(), Some(KEY.mark()))
}

/// Each agent's last report, and one that it gave on the way.
fn reports(traffic: &[Seen], agents: usize) -> Vec<(Life, Report)> {
    let of = |agent: usize| traffic.iter().filter(move |seen| seen.agent % agents == agent);
    let both = |agent| {
        [of(agent).count() / 2, usize::MAX].map(|until| (Life(agent as u64 * 31), report(of(agent).take(until))))
    };
    (0..agents).flat_map(both).collect()
}

fn fleet(reports: &[(Life, Report)]) -> Fleet {
    let mut fleet = Fleet::default();
    for (life, report) in reports {
        assert!(fleet.report(*life, report.clone()));
    }
    fleet
}

/// Route, method, calls and the schemas' bytes.
type Known = Vec<(String, u64, Option<Vec<u8>>)>;

fn known(fleet: &Fleet) -> Known {
    let all = fleet.api(&ApiId::new("orders")).into_iter();
    all.map(|(row, schemas)| (format!("{} {}", row.method, row.route), row.calls, schemas.map(|known| known.pack())))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn many_agents_learn_what_one_would(traffic in vec(seen(), 0..40), agents in 1_usize..5, order in any::<u64>()) {
        // A 404 before its endpoint is known counts nowhere: the one agent knows earlier.
        let traffic: Vec<_> = traffic.into_iter().filter(|seen| !seen.line.ends_with("404")).collect();
        let one = fleet(&[(Life(9), report(traffic.iter()))]);
        let mut reports = reports(&traffic, agents);
        reports.extend(reports.clone());
        shuffle(&mut reports, order);
        prop_assert_eq!(known(&fleet(&reports)), known(&one));
    }

    #[test]
    fn joining_what_was_learnt_is_a_join(traffic in vec(seen(), 0..40), cut in any::<[prop::sample::Index; 2]>()) {
        let reports = reports(&traffic, 4);
        let mut cut = cut.map(|cut| cut.index(reports.len() + 1));
        cut.sort_unstable();
        let [a, b, c] = [&reports[..cut[0]], &reports[cut[0]..cut[1]], &reports[cut[1]..]].map(fleet);
        let join = |a: &Fleet, b: &Fleet| {
            let mut fleet = a.clone();
            assert_eq!(fleet.join(b.clone()), 0);
            fleet
        };
        let same = |a: &Fleet, b: &Fleet| a.pack() == b.pack() && known(a) == known(b);
        prop_assert!(same(&join(&a, &b), &join(&b, &a)), "commutative");
        prop_assert!(same(&join(&join(&a, &b), &c), &join(&a, &join(&b, &c))), "associative");
        prop_assert!(same(&join(&b, &b), &b), "idempotent");
        prop_assert!(same(&join(&join(&a, &b), &b), &join(&a, &b)), "late and twice");
    }
}

#[test]
fn a_hundred_orders_of_agents_give_the_same_schemas() {
    let traffic: Vec<_> = (0..200_u8)
        .map(|at| Seen {
            agent: usize::from(at) % 5,
            line: ["GET /orders 200", "POST /orders 201", "GET /orders/17 200"][usize::from(at) % 3],
            message: at,
            request: (at % 2 == 0).then(|| json!({"state": (["PENDING", "DONE"][usize::from(at) % 4 / 2]), "n": at})),
            response: Some(json!([{"type": (["card", "bank"][usize::from(at) % 2]), "at": at, "since": "2024-02-29"}])),
        })
        .collect();
    let mut reports = reports(&traffic, 5);
    let expected = known(&fleet(&reports));
    assert!(expected.len() == 3 && expected.iter().all(|(.., schemas)| schemas.is_some()), "{expected:?}");
    for seed in 0..100 {
        shuffle(&mut reports, seed);
        assert_eq!(known(&fleet(&reports)), expected, "order {seed}");
    }
}

/// An agent with a key of its own that saw orders of these kinds, often enough to know the words.
fn agent(key: [u8; 32], kinds: &[&str], times: u8) -> Report {
    let (key, mut words) = (FingerprintKey::new(key), Words::default());
    let mut schemas = EndpointSchemas::default();
    for at in 0..times {
        let kind = kinds[usize::from(at) % kinds.len()];
        let body = json!({"type": kind, kind: 1, "state": (["PENDING", "DONE"][usize::from(at) / kinds.len() % 2])});
        let schema = taken(&body, at, &key, &mut words, u16::from(at / 4 % 4) + 1);
        schemas.join(EndpointSchemas::of(Part::ResponseBody, 200, "application/json", &schema));
    }
    let mut row = EndpointRow::new("test", &ApiId::new("orders"), &Method::new("GET"), "/orders");
    (row.calls, row.last) = (u64::from(times), Some(Timestamp::from_nanos(1)));
    let id = row.id;
    Report::new(vec![row]).with_schemas(vec![(id, schemas)], Some(key.mark()))
}

fn rendered(reports: &[Report]) -> Value {
    let all: Vec<_> = (0..).map(Life).zip(reports.iter().cloned()).collect();
    let (_, schemas) = fleet(&all).api(&ApiId::new("orders")).remove(0);
    let schemas = schemas.expect("learnt");
    let (_, schema) = schemas.parts().next().expect("a body");
    schema.render(Style { modern: true, strict: true })
}

#[test]
fn agents_without_a_shared_key_agree_on_words_that_each_has_proven() {
    const KINDS: [&str; 6] = ["card", "bank", "cash", "gift", "points", "credit"];
    let one = rendered(&[agent([1; 32], &KINDS, 200)]);
    assert_eq!(one["oneOf"].as_array().map(Vec::len), Some(6), "{one}");
    // With hashes compared as they are it would be twelve kinds, which is more than are told apart.
    assert_eq!(rendered(&[agent([1; 32], &KINDS, 200), agent([2; 32], &KINDS, 200)]), one);
    assert_eq!(rendered(&[agent([1; 32], &KINDS[..3], 200), agent([2; 32], &KINDS[3..], 200)]), one);
    assert_eq!(rendered(&[agent([1; 32], &KINDS[..3], 200), agent([1; 32], &KINDS[3..], 200)]), one);
}

#[test]
fn words_that_one_agent_has_not_proven_are_claimed_only_under_its_key() {
    let state = |reports: &[Report]| rendered(reports)["properties"]["state"].clone();
    let words = json!({"type": "string", "enum": ["DONE", "PENDING"]});
    let (much, little) = (|key| agent(key, &["card"], 200), |key| agent(key, &["card"], 5));
    assert_eq!(state(&[much([1; 32]), little([1; 32])]), words, "the same hashes: nothing new");
    let other = state(&[much([1; 32]), little([2; 32])]);
    assert_eq!(other.get("enum"), None, "it may be another word: {other}");
}
