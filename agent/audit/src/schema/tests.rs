//! Samples and their joins: laws on random bodies, then what is kept of a value and what is not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::words::Words;
use super::*;
use crate::facts::Place;
use crate::secret::FingerprintKey;

const KEY: FingerprintKey = FingerprintKey::new([7; 32]);
const MODERN: render::Style = render::Style { modern: true, strict: true };

fn sampled(words: &mut Words, body: &Value, message: u8, consumer: u16) -> Schema {
    let text = serde_json::to_vec(body).unwrap();
    let mut taker = Taker { key: &KEY, place: 1, consumer, seen: Evidence::of(message), words };
    taker.json(&text).expect("a whole body")
}

fn sample(body: &Value, message: u8) -> Schema {
    sampled(&mut Words::default(), body, message, 1)
}

/// Of many bodies that three consumers get, each several times.
fn learnt(bodies: impl Iterator<Item = Value>) -> Schema {
    let mut words = Words::default();
    let mut schema = Schema::unknown();
    for (at, body) in bodies.enumerate() {
        let (message, consumer) = (u8::try_from(at % 64).unwrap(), u16::try_from(at / 7 % 3).unwrap() + 1);
        schema.join(sampled(&mut words, &body, message, consumer));
    }
    schema
}

/// Bodies with few names, so that they meet.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6).prop_map(Value::from),
        prop::sample::select(vec!["PENDING", "DONE", "a b", "2024-02-29", "550e8400-e29b-41d4-a716-446655440000", ""])
            .prop_map(Value::from),
        "[a-zA-Z0-9 @._-]{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec!["a", "type", "kind", "id", "items", "email", "x1", "0017", "na/me"])
            .prop_map(str::to_owned),
        "[a-z]{1,3}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn join(a: &Schema, b: &Schema) -> Schema {
    let mut joined = a.clone();
    joined.join(b.clone());
    joined
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_join_is_commutative_associative_and_idempotent(
        [a, b, c] in [body(), body(), body()],
        messages in any::<[u8; 3]>(),
    ) {
        let [a, b, c] = [(a, messages[0]), (b, messages[1]), (c, messages[2])].map(|(body, message)| sample(&body, message));
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        let all = join(&join(&a, &b), &c);
        prop_assert_eq!(join(&all, &b), all.clone());
        prop_assert_eq!(join(&all, &all), all);
    }

    #[test]
    fn any_order_and_any_split_give_the_same_bytes(
        bodies in prop::collection::vec((body(), any::<u8>()), 1..12),
        order in any::<[u64; 12]>(),
        border in 0_usize..12,
    ) {
        let samples: Vec<_> = bodies.iter().map(|(body, message)| sample(body, *message)).collect();
        let all = |samples: &mut dyn Iterator<Item = &Schema>| {
            let mut all = Schema::unknown();
            samples.for_each(|sample| all.join(sample.clone()));
            all
        };
        let one = all(&mut samples.iter());
        let mut shuffled: Vec<_> = samples.iter().zip(order).collect();
        shuffled.sort_by_key(|(_, at)| *at);
        prop_assert_eq!(one.pack(), all(&mut shuffled.into_iter().map(|(sample, _)| sample)).pack());
        // Two hosts, of which one is told twice and late.
        let (left, right) = samples.split_at(border.min(samples.len()));
        let (left, right) = (all(&mut left.iter()), all(&mut right.iter()));
        prop_assert_eq!(one.pack(), join(&join(&join(&right, &left), &left), &right).pack());
    }

    #[test]
    fn what_is_packed_is_read_back(bodies in prop::collection::vec(body(), 1..8)) {
        let schema = learnt(bodies.into_iter());
        let packed = schema.pack();
        prop_assert_eq!(Schema::unpack(&packed), Some(schema));
        for end in 0..packed.len() {
            prop_assert_eq!(Schema::unpack(&packed[..end]), None);
        }
    }

    #[test]
    fn other_bytes_give_nothing_or_a_schema_that_works(mut bytes in prop::collection::vec(any::<u8>(), 0..200), bodies in prop::collection::vec(body(), 1..4), at in any::<usize>()) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let mut changed = learnt(bodies.into_iter()).pack();
        let at = at % changed.len();
        changed[at] = bytes.last().copied().unwrap_or(1);
        for bytes in [bytes, changed] {
            if let Some(mut schema) = Schema::unpack(&bytes) {
                schema.join(sample(&json!({"a": 1, "type": "x"}), 3));
                schema.render(MODERN);
                prop_assert!(Schema::unpack(&schema.pack()).is_some());
            }
        }
    }

    #[test]
    fn nothing_free_is_kept(texts in prop::collection::vec("[a-z]{2,8} [a-z]{2,8}[!-~]{4}", 40)) {
        let schema = learnt(texts.iter().map(|text| json!({"text": text, "list": [text], text: 1})));
        let shown = format!("{schema:?} {}", schema.render(MODERN));
        let packed = schema.pack();
        for text in &texts {
            prop_assert!(!shown.contains(text.as_str()));
            prop_assert!(memchr::memmem::find(&packed, text.as_bytes()).is_none());
        }
    }
}

fn numbered(make: impl Fn(usize) -> Value) -> impl Iterator<Item = Value> {
    (0..200).map(make)
}

#[test]
fn members_types_formats_and_words() {
    let schema = learnt(numbered(|at| {
        let mut body = json!({
            "id": format!("{at:08x}-e29b-41d4-a716-446655440000"),
            "status": (["PENDING", "PAID", "SHIPPED"][at % 3]),
            "total": at * 7,
            "rate": 0.5,
            "note": if at % 5 == 0 { Value::Null } else { json!(format!("free text {at}")) },
            "items": [{"sku": format!("s {at}"), "count": 1}],
        });
        if at % 3 == 0 {
            body["paid_on"] = json!("2024-02-29");
        }
        body
    }));
    expect_test::expect![[r#"
        {"additionalProperties":false,"properties":{"id":{"format":"uuid","type":"string"},"items":{"items":{"additionalProperties":false,"properties":{"count":{"maximum":32,"minimum":0,"type":"integer"},"sku":{"maxLength":128,"type":"string"}},"required":["count","sku"],"type":"object"},"maxItems":32,"type":"array"},"note":{"maxLength":256,"type":["string","null"]},"paid_on":{"format":"date","type":"string"},"rate":{"maximum":32,"minimum":0,"type":"number"},"status":{"enum":["PAID","PENDING","SHIPPED"],"type":"string"},"total":{"maximum":32768,"minimum":0,"type":"integer"}},"required":["id","items","note","rate","status","total"],"type":"object"}"#]]
    .assert_eq(&schema.render(MODERN).to_string());
}

#[test]
fn a_tag_tells_kinds_apart() {
    let schema = learnt(numbered(|at| match at % 3 {
        0 => json!({"type": "card", "last4": "0042", "brand": "x y"}),
        1 => json!({"type": "iban", "bank": "a b"}),
        _ => json!({"type": "cash"}),
    }));
    let shown = schema.render(render::Style { modern: false, strict: false });
    let kinds: Vec<_> = shown["oneOf"].as_array().unwrap().iter().map(|kind| kind["required"].clone()).collect();
    assert_eq!(kinds.len(), 3, "{shown}");
    for required in [json!(["brand", "last4", "type"]), json!(["bank", "type"]), json!(["type"])] {
        assert!(kinds.contains(&required), "{shown}");
    }
}

#[test]
fn keys_that_are_values_make_a_map() {
    for key in [
        |at: usize| format!("{at}"),
        |at| format!("550e8400-e29b-41d4-a716-{at:012}"),
        |at: usize| {
            let mixed = (at + 1).wrapping_mul(2_654_435_761);
            (0..7).map(|n| char::from(b'a' + u8::try_from(mixed >> (4 * n) & 15).unwrap())).collect()
        },
    ] {
        let schema = learnt(numbered(|at| json!({key(at): {"n": at}, key(at + 1_000): {"n": 1}})));
        let shown = schema.render(MODERN);
        assert!(shown.get("properties").is_none(), "{shown}");
        assert_eq!(shown["additionalProperties"]["required"], json!(["n"]), "{shown}");
    }
}

#[test]
fn of_telling_fields_only_type_and_format_are_kept() {
    let schema = learnt(numbered(|at| {
        let who = ["alice", "bob", "carol"][at % 3];
        json!({"firstName": who, "email": format!("{who}@mail.example"), "password": "hunter", "salary": 1, "owner": who, "iban": at,
               "card": {"holder": who, "number": 4_111_111_111_111_111_u64}})
    }));
    let shown = format!("{:?}{}", schema, schema.render(MODERN));
    for value in ["alice", "bob", "carol", "hunter"] {
        assert!(!shown.contains(value), "{value}: {shown}");
    }
    assert_eq!(schema.render(MODERN)["properties"]["email"], json!({"type": "string", "format": "email"}));
    assert_eq!(schema.render(MODERN)["properties"]["iban"], json!({"type": "integer"}), "no bounds");
}

#[test]
fn what_facts_found_is_silenced_at_its_place() {
    let body = json!({"rows": [{"memo": 4_111_111_111_111_111_u64, "other": 5}], "plain": 3});
    let mut sample = Sample {
        seen: Evidence::of(1),
        query: None,
        headers: None,
        body: Some(("application/json".into(), sample(&body, 1))),
    };
    sample.silence(&Place::Json("/rows/-/memo".into()));
    let (_, schema) = sample.body.as_ref().unwrap();
    let shown = schema.render(MODERN);
    let row = &shown["properties"]["rows"]["items"]["properties"];
    assert_eq!(row["memo"], json!({"type": "integer"}));
    assert!(row["other"].get("maximum").is_some() && shown["properties"]["plain"].get("maximum").is_some());
    sample.silence(&Place::Json("/…/other".into()));
    let shown = sample.body.unwrap().1.render(MODERN).to_string();
    assert!(!shown.contains("maximum"), "{shown}");
}

#[test]
fn a_query_is_typed_by_what_its_text_looks_like() {
    let mut words = Words::default();
    let mut schema = Schema::unknown();
    for at in 0..30_u8 {
        let query =
            format!("page={at}&tag=a+b&tag=c%20d&flag=true&since=2024-02-29&code=00{at}&ratio=0.5&empty=&x%5By%5D=1");
        let mut taker = Taker { key: &KEY, place: 1, consumer: 1, seen: Evidence::of(at), words: &mut words };
        let pairs: Vec<_> = fields(query.as_bytes()).collect();
        schema.join(taker.fields(pairs.iter().map(|(name, value)| (&**name, Field::Text(value))), FIELDS_MAX).unwrap());
    }
    let shown = schema.render(render::Style { modern: true, strict: false });
    let expected = json!({
        "page": {"type": "integer"}, "tag": {"type": "array", "items": {"type": "string"}}, "flag": {"type": "boolean"},
        "since": {"type": "string", "format": "date"}, "code": {"type": "string", "pattern": "^[0-9]+$"},
        "ratio": {"type": "number"}, "empty": {"type": "string"}, "x[y]": {"type": "integer"},
    });
    assert_eq!(shown["properties"], expected);
}

#[test]
fn places_depth_and_elements_are_bounded() {
    // Wide, with names that never come twice: as many places as are kept, and it says so.
    let wide = |from: usize| {
        let list = |outer: usize| (0..60).map(|at| (format!("m_{}", name(from + outer * 60 + at)), json!(1))).collect();
        Value::Object((0..40).map(|outer| (format!("o_{}", name(outer)), Value::Object(list(outer)))).collect())
    };
    let schema = join(&sample(&wide(0), 1), &sample(&wide(5_000), 2));
    assert!(schema.is_cut() && schema.root.places() <= PLACES_MAX, "{}", schema.root.places());
    assert_eq!(Schema::unpack(&schema.pack()), Some(schema));
    // Deep.
    let deep = (0..50).fold(json!(1), |inner, _| json!({"a": [inner]}));
    let schema = sample(&deep, 1);
    assert!(schema.root.places() <= node::DEPTH_MAX + 1);
    assert_eq!(Schema::unpack(&schema.pack()), Some(schema));
    // Long.
    let long = json!((0..10_000).map(|at| if at < 300 { json!(1) } else { json!("x y") }).collect::<Vec<_>>());
    assert_eq!(
        sample(&long, 1).render(MODERN),
        json!({"type": "array", "maxItems": 1 << 18, "items": {"type": "integer", "minimum": 0, "maximum": 32}})
    );
    // Broken: nothing.
    let mut words = Words::default();
    let mut taker = Taker { key: &KEY, place: 1, consumer: 1, seen: Evidence::of(1), words: &mut words };
    for broken in ["{\"a\":1", "{]", "[1,]", "", "nul", "{\"a\":1} x", &"[".repeat(1_000)] {
        assert_eq!(taker.json(broken.as_bytes()), None, "{broken}");
    }
}

fn name(mut at: usize) -> String {
    let mut name = String::new();
    for _ in 0..4 {
        name.push(char::from(b'a' + u8::try_from(at % 26).unwrap()));
        at /= 26;
    }
    name
}

/// What an endpoint shows when its responses have this body.
fn endpoint(body: &Value) -> EndpointSchemas {
    let mut packed = vec![1, 0, 0, 1, Part::ResponseBody as u8];
    packed.extend(200_u16.to_be_bytes());
    packed.push(0);
    let schema = sample(body, 1).pack();
    codec::number(schema.len() as u64, &mut packed);
    packed.extend(schema);
    EndpointSchemas::unpack(&packed).unwrap()
}

#[test]
fn all_endpoints_share_a_budget_and_the_one_sampled_longest_ago_goes() {
    let body: Value =
        (0..60).map(|at| (format!("member_{}", name(at)), json!("x y"))).collect::<serde_json::Map<_, _>>().into();
    let one = endpoint(&body);
    let ids = (0..40_000).map(crate::inventory::EndpointId);
    let mut book = Book::new(ids.map(|id| (id, one.clone())).collect());
    let counters = book.counters();
    assert!(counters.bytes <= 4 << 20 && counters.bytes > 3 << 20, "{counters:?}");
    assert!(counters.forgotten > 0 && counters.endpoints + counters.forgotten == 40_000, "{counters:?}");
    let gone = book.take_gone();
    assert_eq!(gone.len() as u64, counters.forgotten);
    assert_eq!(gone.iter().map(|id| id.0).max(), Some(counters.forgotten - 1), "the first ones");
    // Nothing changed since the store held it; a join of two endpoints does.
    book.take_changed(&mut |_, _| panic!("nothing changed"));
    let other = crate::inventory::EndpointId(39_999);
    book.joined(crate::inventory::EndpointId(39_998), Some(other));
    book.take_changed(&mut |_, _| panic!("the same"));
    assert_eq!(book.take_gone(), [crate::inventory::EndpointId(39_998)]);
}

#[test]
fn parts_of_an_endpoint_are_bounded_and_read_back() {
    let mut all = EndpointSchemas::default();
    let mut dropped = 0;
    for status in 200..300_u16 {
        let mut one = endpoint(&json!({"a": status})).pack();
        one[5..7].copy_from_slice(&status.to_be_bytes());
        dropped += all.join(EndpointSchemas::unpack(&one).unwrap()).dropped;
    }
    assert_eq!((all.parts().count(), dropped), (40, 60));
    let packed = all.pack();
    assert_eq!(EndpointSchemas::unpack(&packed), Some(all));
    assert_eq!(EndpointSchemas::unpack(&packed[..packed.len() - 1]), None);
}
