//! What is asked for in vain: in which form it is shown, who asks, and what a flood of it costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::detect::sample::call;
use crate::inventory::Inventory;
use crate::inventory::piece::{Path, split};
use crate::openapi::Document;
use crate::secret::Fingerprint;

fn inventory(lines: &[&str]) -> Inventory {
    let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
    observe(&mut inventory, lines);
    inventory
}

fn observe(inventory: &mut Inventory, lines: &[&str]) {
    for line in lines {
        inventory.observe(&call(line).done());
    }
}

fn lists(inventory: &mut Inventory) -> Vec<Probed> {
    inventory.settle();
    let mut lists = Vec::new();
    inventory.take_probed(&mut |list| lists.push(list));
    lists.sort_by(|a, b| a.api.cmp(&b.api));
    lists
}

fn told(inventory: &mut Inventory) -> String {
    let mut text = String::new();
    for list in lists(inventory) {
        let of = list.api.as_ref().map_or("others", ApiId::as_str);
        let _ = writeln!(text, "{of}: {} calls, {} displaced", list.calls, list.displaced);
        for path in &list.paths {
            let ProbedPath { api, method, path: form, calls_most, statuses, clients, .. } = path;
            let statuses = statuses.counts();
            let _ = writeln!(text, "  {api} {method} {form}: {calls_most}, {statuses:?}, {} clients", clients.size());
        }
        for prober in &list.probers {
            let _ = writeln!(text, "  {}: {}, {} paths", prober.consumer, prober.calls_most, prober.paths.size());
        }
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
fn check(inventory: &mut Inventory, expected: Expect) {
    expected.assert_eq(&told(inventory));
}

#[test]
fn what_scanners_ask_for_is_shown_and_values_are_not() {
    let shown = |path: &str| {
        let mut pieces = Path::new();
        split(path, &mut pieces);
        form(None, &pieces)
    };
    for same in [
        "/.env",
        "/.git/config",
        "/.aws/credentials",
        "/wp-login.php",
        "/wp-content/plugins/hello.php",
        "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
        "/phpmyadmin",
        "/actuator/heapdump",
        "/api/v1/pods",
        "/backup.sql",
        "/cgi-bin/.%2e".split('%').next().unwrap(),
        "/id_rsa",
        "/server-status",
        "/solr/admin/info/system",
        "/docker-compose.yml",
    ] {
        assert_eq!(shown(same), same.trim_end_matches('/'));
    }
    for (path, form) in [
        ("/", "/"),
        ("/orders/17", "/orders/{id}"),
        ("/orders/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/orders/{id}"),
        ("/users/a@b.example", "/users/{email}"),
        ("/t/{secret}", "/t/{secret}"),
        ("/files/k3J9xQ2w.pdf", "/files/{id}.pdf"),
        ("/x/4111111111111111", "/x/{id}"),
        ("/tel/+491701234567", "/tel/{phone}"),
        ("/notes/my-dear-diary-of-today", "/notes/{value}"),
        ("/notes/%3Cscript%3E", "/notes/{value}"),
        ("/q/a b", "/q/{value}"),
        ("/q/name='x'", "/q/{value}"),
        ("/q/Zm9vYmFy8", "/q/{id}"),
        ("/q/s3cretword", "/q/{value}"),
        ("/q/a{b}", "/q/{value}"),
    ] {
        assert_eq!(shown(path), form, "{path}");
    }
    let long = shown(&"/abcdefghijklmnopqrstuvwxyz".repeat(30));
    assert!(long.len() <= form::FORM_MAX + 8 && long.ends_with("/…"), "{long}");
    assert!(shown(&"/a".repeat(30)).ends_with("/a/…"));
}

#[test]
fn beside_values_only_what_is_sought_everywhere_is_a_name() {
    let mut inventory = inventory(&["GET /users/17 200", "GET /users/18/posts 200", "GET /about 200"]);
    observe(
        &mut inventory,
        &[
            "GET /users/alice 404",
            "GET /users/.env 404",
            "GET /users/17/secrets 404",
            "GET /users/17/posts/x 404",
            "DELETE /users/19 405",
            "GET /about/us 404",
        ],
    );
    let list = lists(&mut inventory).remove(0);
    let mut shown: Vec<_> = list.paths.iter().map(|path| format!("{} {}", path.method, path.path)).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "DELETE /users/{id}",
            "GET /about/us",
            "GET /users/.env",
            "GET /users/{id}/posts/x",
            "GET /users/{id}/secrets",
            "GET /users/{value}",
        ]
    );
}

#[test]
fn each_path_tells_how_often_and_by_whom() {
    let mut inventory =
        inventory(&["GET /orders 200", "GET /.env 404", "GET /.env 404", "GET /.env -", "PUT /orders 405"]);
    for n in 0..40_u8 {
        let mut exchange = call("GET /old/feed 410").done();
        exchange.consumer = ConsumerId::Address([10, 0, 1, n].into());
        inventory.observe(&exchange);
    }
    let list = lists(&mut inventory).remove(0);
    assert_eq!((list.calls, list.paths.len(), list.probers.len()), (44, 3, PROBERS_MAX));
    let feed = &list.paths[0];
    assert_eq!((&*feed.path, feed.calls_most, feed.calls_least()), ("/old/feed", 40, 40));
    assert!((36..=44).contains(&feed.clients.size()), "{}", feed.clients.size());
    let env = &list.paths[1];
    assert_eq!((env.statuses.counts(), env.calls_most, env.clients.size()), (&[(404, 2)][..], 3, 1));
    assert_eq!(env.top.ranked()[0].key.to_string(), "10.0.4.2");
    assert!(list.displaced > 0, "more clients than are kept");
}

#[test]
fn what_is_an_endpoint_after_all_goes() {
    let mut inventory = inventory(&["GET /orders 404", "GET /orders/17 404", "GET /users/x 404", "GET /nothing 404"]);
    assert_eq!(lists(&mut inventory)[0].paths.len(), 4, "before any call was answered the API is none");
    observe(&mut inventory, &["GET /orders 200", "GET /orders/18 200", "GET /nothing 404"]);
    check(
        &mut inventory,
        expect![[r"
            others: 4 calls, 0 displaced
              10.0.4.2: 4, 4 paths
            orders: 1 calls, 0 displaced
              orders GET /nothing: 2, [(404, 2)], 1 clients
              orders GET /users/x: 1, [(404, 1)], 1 clients
              10.0.4.2: 1, 1 paths
        "]],
    );
    // A wall's answer to every path is none either.
    observe(&mut inventory, &["GET /admin 403", "GET /admin 403"]);
    let list = lists(&mut inventory).remove(0);
    assert_eq!(list.paths.iter().find(|path| &*path.path == "/admin").map(|path| path.calls_most), Some(2));
}

#[test]
fn what_was_an_endpoint_while_all_was_forbidden_is_told_with_its_callers() {
    let mut inventory = inventory(&["GET /admin 403", "GET /admin 403", "GET /orders 200"]);
    check(
        &mut inventory,
        expect![[r"
            orders: 2 calls, 0 displaced
              orders GET /admin: 2, [(403, 2)], 1 clients
              10.0.4.2: 2, 1 paths
        "]],
    );
    assert_eq!(inventory.counters().probed, 2);
}

#[test]
fn options_that_show_a_path_are_no_probe() {
    let mut inventory =
        inventory(&["GET /orders/7 200", "OPTIONS /orders/8 204", "OPTIONS /.env 404", "OPTIONS /x 204"]);
    check(
        &mut inventory,
        expect![[r"
            orders: 1 calls, 0 displaced
              orders OPTIONS /.env: 1, [(404, 1)], 1 clients
              10.0.4.2: 1, 1 paths
        "]],
    );
    let counters = inventory.counters();
    assert_eq!((counters.preflights, counters.endpoints), (2, 1));
    let about = |line: &str| inventory.asked_about(&call(line).done());
    assert_eq!(about("OPTIONS /orders/9 204").as_deref(), Some("/orders/{id}"));
    assert_eq!((about("OPTIONS /none 204"), about("GET /orders/9 204")), (None, None));
}

#[test]
fn a_documents_path_is_shown_as_the_document_has_it() {
    let text = "openapi: 3.1.0\ninfo: {title: T}\npaths:\n  /users/{login}: {get: {}}\n";
    let (document, _) = Document::read(text, "t.yaml").unwrap();
    let documents = [("orders".into(), std::sync::Arc::new(document))].into();
    let mut inventory = Inventory::new("test", &documents, Vec::new());
    observe(&mut inventory, &["PUT /users/alice 405", "GET /users/bob 404"]);
    let list = lists(&mut inventory).remove(0);
    assert_eq!(list.paths.iter().map(|path| &*path.path).collect::<Vec<_>>(), ["/users/{login}"]);
}

#[test]
fn methods_that_nobody_registered_are_one() {
    let mut inventory = inventory(&["GET /a 200"]);
    for n in 0..100 {
        observe(&mut inventory, &[&format!("X{n} /b 405"), "PROPFIND /b 405"]);
    }
    let list = lists(&mut inventory).remove(0);
    let mut methods: Vec<_> = list.paths.iter().map(|path| (path.method.as_str(), path.calls_most)).collect();
    methods.sort_unstable();
    assert_eq!(methods, [("(other)", 100), ("PROPFIND", 100)]);
}

#[test]
fn lists_of_apis_are_bounded_and_the_others_share_one() {
    let mut inventory = Inventory::default();
    for n in 0..LISTS_MAX + 10 {
        let api = format!("h{n}");
        for line in ["GET /a 200", "GET /.env 404"] {
            inventory.observe(&call(line).api(&api).done());
        }
        // No call has shown that this is one.
        inventory.observe(&call("GET /x 404").api(&format!("invented{n}")).done());
    }
    let lists = lists(&mut inventory);
    assert_eq!(lists.len(), LISTS_MAX + 1);
    let shared = lists.iter().find(|list| list.api.is_none()).unwrap();
    assert_eq!(shared.calls, LISTS_MAX as u64 + 20);
    assert_eq!((shared.paths.len(), shared.probers.len()), (PATHS_MAX, 1));
    assert!(shared.displaced > 0 && inventory.counters().probed_displaced == shared.displaced);
}

#[test]
fn an_api_that_goes_or_joins_others_takes_its_list_along() {
    let mut inventory = Inventory::default();
    for api in ["a.x.test", "b.x.test"] {
        for line in ["GET /a 200", "GET /.env 404"] {
            inventory.observe(&call(line).api(api).done());
        }
    }
    told(&mut inventory);
    for api in ["a.x.test", "b.x.test"] {
        inventory.join_api(&ApiId::new(api), &ApiId::new("*.x.test"));
    }
    check(
        &mut inventory,
        expect![[r"
            *.x.test: 2 calls, 0 displaced
              *.x.test GET /.env: 2, [(404, 2)], 1 clients
              10.0.4.2: 2, 1 paths
            a.x.test: 0 calls, 0 displaced
            b.x.test: 0 calls, 0 displaced
        "]],
    );
}

#[test]
fn what_was_stored_goes_on() {
    let mut before = inventory(&["GET /orders 200", "GET /.env 404"]);
    for n in 0..200 {
        observe(
            &mut before,
            &[&format!("GET /{}x{} 404", char::from(b'a' + n % 26), "y".repeat(usize::from(n / 26))), "GET /.env 404"],
        );
    }
    let stored: Vec<Vec<u8>> = lists(&mut before).iter().map(Probed::pack).collect();
    let mut after = inventory(&["GET /orders 200"]);
    after.restore_probed(stored.iter().filter_map(|bytes| Probed::unpack(bytes)).collect());
    observe(&mut before, &["GET /.env 404", "GET /new 404"]);
    observe(&mut after, &["GET /.env 404", "GET /new 404"]);
    let (before, after) = (lists(&mut before), lists(&mut after));
    assert_eq!(before, after);
    let list = &after[0];
    assert_eq!((&*list.paths[0].path, list.calls), ("/.env", 403));
    assert!(list.paths[0].calls_least() <= 202 && list.paths[0].calls_most >= 202);
}

#[test]
fn a_detector_sees_who_asked_and_for_how_much() {
    let mut inventory = inventory(&["GET /orders 200"]);
    for (n, path) in ["/.env", "/.git/config", "/.env"].into_iter().enumerate() {
        let exchange = call(&format!("GET {path} 404")).done();
        assert!(inventory.observe(&exchange).is_none());
        let probe = inventory.take_probe(&exchange).unwrap();
        assert_eq!((probe.path.0.as_str(), probe.path.1), ("GET", path));
        assert_eq!((probe.prober.calls_most, probe.prober.paths.size()), (n as u64 + 1, 2.min(n as u64 + 1)));
        assert!(inventory.take_probe(&exchange).is_none());
    }
    let exchange = call("GET /orders 200").done();
    inventory.observe(&exchange);
    assert!(inventory.take_probe(&exchange).is_none());
}

proptest! {
    /// Whatever comes in whatever order: each count lies within its bounds, and what came in more than one of 64 calls is there.
    #[test]
    fn counts_are_bounds_and_nothing_frequent_is_missing(calls in prop::collection::vec((0_u32..200, 0_u32..4, 0_u8..40), 0..1500)) {
        let mut inventory = inventory(&["GET /orders 200"]);
        let (mut paths, mut clients): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
        for (path, down, client) in calls {
            let path = path >> (2 * down);
            let form: String = path.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
            let mut exchange = call(&format!("GET /{form} 404")).done();
            exchange.consumer = ConsumerId::Credential(Fingerprint::from_stored(u64::from(client >> down)));
            inventory.observe(&exchange);
            *paths.entry(format!("/{form}")).or_default() += 1;
            *clients.entry(exchange.consumer.to_string()).or_default() += 1;
        }
        let Some(list) = lists(&mut inventory).pop() else { return Ok(()) };
        let all: u64 = paths.values().sum();
        prop_assert_eq!(list.calls, all);
        let known: BTreeMap<&str, &ProbedPath> = list.paths.iter().map(|path| (&*path.path, path)).collect();
        for (path, calls) in &paths {
            match known.get(&**path) {
                Some(known) => prop_assert!(known.calls_least() <= *calls && *calls <= known.calls_most),
                None => prop_assert!(*calls <= list.paths_unseen && *calls <= all / PATHS_MAX as u64),
            }
        }
        let known: BTreeMap<String, &Prober> = list.probers.iter().map(|one| (one.consumer.to_string(), one)).collect();
        for (client, calls) in &clients {
            match known.get(client) {
                Some(known) => prop_assert!(known.calls_least() <= *calls && *calls <= known.calls_most),
                None => prop_assert!(*calls <= list.probers_unseen && *calls <= all / PROBERS_MAX as u64),
            }
        }
        prop_assert_eq!(Probed::unpack(&list.pack()), Some(list));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), new in any::<u8>()) {
        let _ = Probed::unpack(&bytes);
        let mut packed = lists(&mut inventory(&["GET /orders 200", "GET /.env 404", "GET /a/7 405"]))[0].pack();
        let at = at.index(packed.len());
        packed[at] = new;
        if let Some(list) = Probed::unpack(&packed) {
            let mut inventory = inventory(&["GET /orders 200"]);
            inventory.restore_probed(vec![list]);
            observe(&mut inventory, &["GET /.env 404"]);
            prop_assert!(!lists(&mut inventory).is_empty());
        }
    }
}
