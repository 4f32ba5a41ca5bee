//! Pins: what the user says of templates outranks what is learnt, before and after.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::piece::Piece;
use super::tree::{Answer, Endpoints, Tree};
use super::*;
use crate::detect::sample::call;

fn pins(patterns: &[&str]) -> Arc<Pins> {
    let mut pins = Pins::default();
    for pattern in patterns {
        assert!(pins.add(pattern), "{pattern}");
    }
    Arc::new(pins)
}

fn by_api(patterns: &[&str]) -> BTreeMap<Box<str>, Arc<Pins>> {
    [("orders".into(), pins(patterns))].into()
}

/// A word without digits.
fn word(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("{}{}{}{}x", letter(n / 17_576), letter(n / 676), letter(n / 26), letter(n))
}

/// Endpoints that were called, with state and calls.
fn told(inventory: &mut Inventory) -> Vec<String> {
    inventory.settle();
    for id in inventory.book.of_api(&ApiId::new("orders")) {
        inventory.book.touch(id);
    }
    let mut rows = Vec::new();
    inventory
        .take_changed(&mut |row| rows.push(format!("{} {} {:?} {}", row.method, row.route, row.template, row.calls)));
    rows.sort();
    rows
}

fn get(inventory: &mut Inventory, path: &str) {
    inventory.observe(&call(&format!("GET {path} 200")).done());
}

#[test]
fn what_is_no_pattern_is_refused() {
    for wrong in ["users", "/users/{}", "/users/{a}{b}", "/users/x{a}", "/a*", "/a?b"] {
        assert!(Pins::check(wrong).is_err(), "{wrong}");
    }
    assert!(Pins::check(&"/a".repeat(25)).is_err());
    let mut both = Pins::default();
    assert!(both.add("/users/{name}") && both.add("/users/me"));
    assert!(!both.add("/users/*"), "a value here cannot be a name, whatever it is");
    let fell = (0..200_000).filter(|n| !both.add(&format!("/x/{n}"))).count();
    assert!(fell > 100_000, "patterns are bounded");
}

#[test]
fn a_pinned_template_is_known_on_the_first_request() {
    let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
    inventory.pin(&by_api(&["/users/{name}", "/users/me", "/rpc/*", "/v1/7"]));
    for path in ["/users/ann", "/users/bob/cart", "/users/me", "/rpc/4711", "/rpc/4712", "/v1/7", "/v1/4711"] {
        get(&mut inventory, path);
    }
    let expected = [
        "GET /rpc/4711 Pinned 1",
        "GET /rpc/4712 Pinned 1",
        "GET /users/me Pinned 1",
        "GET /users/{name} Pinned 1",
        "GET /users/{name}/cart Pinned 1",
        "GET /v1/7 Pinned 1",
        "GET /v1/{id} Shape 1",
    ];
    assert_eq!(told(&mut inventory), expected);
}

#[test]
fn a_merge_is_split_again_and_no_call_is_lost() {
    let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
    for n in 0..600 {
        get(&mut inventory, &format!("/org/{}", word(n)));
        get(&mut inventory, "/about");
    }
    inventory.observe(&call("PUT /org/settings 200").done());
    assert_eq!(told(&mut inventory)[1], "GET /org/{name} Learnt 600");
    inventory.pin(&by_api(&["/org/settings"]));
    for n in 0..600 {
        get(&mut inventory, &format!("/org/{}", word(n)));
        get(&mut inventory, "/org/settings");
        inventory.observe(&call("PUT /org/settings 200").done());
    }
    let expected = [
        "GET /about Literal 600",
        "GET /org/settings Pinned 600",
        "GET /org/{name} Learnt 1200",
        "PUT /org/settings Pinned 601",
    ];
    assert_eq!(told(&mut inventory), expected);
    inventory.pin(&by_api(&["/org/*"]));
    for _ in 0..3 {
        get(&mut inventory, "/org/one");
        get(&mut inventory, "/org/two");
    }
    let rows = told(&mut inventory);
    assert!(rows.contains(&"GET /org/one Pinned 3".to_owned()) && rows.contains(&"GET /org/two Pinned 3".to_owned()));
    assert!(rows.contains(&"GET /org/{name} Learnt 1200".to_owned()), "what was counted stays where it was: {rows:?}");
}

#[test]
fn names_become_values_when_a_template_is_pinned_and_learning_goes_on_when_it_is_not() {
    let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
    for path in ["/plans/free", "/plans/pro", "/plans/pro/limits", "/plans/list"] {
        get(&mut inventory, path);
    }
    inventory.pin(&by_api(&["/plans/{plan}", "/plans/list"]));
    get(&mut inventory, "/plans/team");
    let pinned = ["GET /plans/list Pinned 1", "GET /plans/{plan} Pinned 3", "GET /plans/{plan}/limits Pinned 1"];
    assert_eq!(told(&mut inventory), pinned);
    inventory.pin(&BTreeMap::new());
    get(&mut inventory, "/plans/new");
    assert!(told(&mut inventory).iter().any(|row| row.starts_with("GET /plans/{plan} Learnt")), "values stay values");
}

#[test]
fn a_pin_outlives_a_restart() {
    let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
    for n in 0..100 {
        get(&mut inventory, &format!("/org/{}", word(n)));
    }
    inventory.settle();
    let mut rows = Vec::new();
    inventory.take_changed(&mut |row| rows.push(row));
    let mut inventory = Inventory::new("test", &BTreeMap::new(), rows);
    inventory.pin(&by_api(&["/org/me"]));
    get(&mut inventory, "/org/me");
    assert!(told(&mut inventory).contains(&"GET /org/me Pinned 1".to_owned()));
}

/// Akto merges again ten minutes after a user has split (its pull request 2675): here a split outlives a million calls.
#[test]
fn a_pinned_split_survives_a_million_calls() {
    struct Nobody;
    impl Endpoints for Nobody {
        fn moved(&mut self, id: EndpointId, _: &Method, _: &str) -> EndpointId {
            id
        }
    }
    let (mut tree, get) = (Tree::default(), Method::new("GET"));
    tree.pin(&pins(&["/tools/call/search", "/tools/list/*"]), &mut Nobody);
    let mut split = 0;
    for n in 0..1_000_000_usize {
        let text = word(n.wrapping_mul(7_919) % 450_000);
        let texts: [&str; 3] = match n % 8 {
            0 => ["tools", "call", "search"],
            1 => ["tools", "list", ["a", "b", "c", "4711"][n / 8 % 4]],
            _ => ["tools", "call", &text],
        };
        let path = texts.map(Piece::new);
        let way = tree.find(&path, &["GET"]).unwrap_or_else(|| {
            let way = tree.insert(&path, 1_000).unwrap();
            if tree.endpoint(&way, "GET").is_none() {
                tree.add_leaf(&way, &get, EndpointId(n as u64), false);
            }
            way
        });
        tree.count(&way, &path, "GET", Answer::default());
        tree.review(&way, &mut Nobody);
        split += usize::from(n % 8 < 2 && tree.route(&way) == format!("/{}", texts.join("/")));
    }
    assert_eq!(split, 250_000);
    assert!(tree.find(&["tools", "call", "whatever"].map(Piece::new), &["GET"]).is_some(), "the others were merged");
}
