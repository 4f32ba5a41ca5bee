//! The inventory's templates on generated traffic: those of the document, whatever the order of the traffic and the noise in it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]
#![allow(dead_code, reason = "the bench uses the rest")]

mod traffic;

use apiscope_audit::ApiId;
use serde_json::{Map, Value, json};
use traffic::score::{Driver, Score, run, truth};
use traffic::values::Random;
use traffic::{Api, Request, blank};

/// `METHOD[,METHOD] /path`, one a line: a shop with words, names, products, slugs and ids in its paths.
const SHOP: &str = "
GET,POST /v1/orders
GET,PUT,DELETE /v1/orders/{order_id}
GET /v1/orders/{order_id}/lines/{line_number}
POST /v1/orders/{order_id}:cancel
GET,POST /v1/users
GET,PATCH,DELETE /v1/users/{username}
GET /v1/users/me
GET,PUT /v1/users/{username}/avatar
GET,POST /v1/users/{username}/addresses
GET,DELETE /v1/users/{username}/addresses/{address_id}
GET /v1/products
GET /v1/products/{product}
GET,POST /v1/products/{product}/reviews
GET /v1/products/{product}/reviews/{review_uuid}
GET /v1/products/search
GET /v1/articles/{slug}
GET /v1/articles/{slug}/comments
GET /v1/stock/{date}
GET /v1/stock/{date}/{sku}
GET /v1/files/{file}
GET /v1/exports/{export_id}.csv
GET /v1/health
GET /v1/docs/{locale}/terms
POST /v1/login
";

/// Two free parameters after another, as of owners and repositories.
const FORGE: &str = "
GET /search
GET,POST /repos
GET,PATCH,DELETE /repos/{owner}/{repo}
GET,POST /repos/{owner}/{repo}/issues
GET,PATCH /repos/{owner}/{repo}/issues/{number}
GET /repos/{owner}/{repo}/commits/{sha}
GET /repos/{owner}/{repo}/branches/{branch_name}
GET,PUT /repos/{owner}/{repo}/topics
GET /users/{login}
GET /users/{login}/followers
GET /health
POST /login
GET /version
";

fn api(name: &str, lines: &str, seed: u64) -> Api {
    let mut paths = Map::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (methods, path) = line.split_once(' ').unwrap();
        let operations: Map<String, Value> = methods.split(',').map(|m| (m.to_lowercase(), json!({}))).collect();
        paths.insert(path.to_owned(), Value::Object(operations));
    }
    Api::read(name, &json!({ "paths": paths }), seed).unwrap()
}

fn apis(seed: u64) -> [Api; 2] {
    [api("shop", SHOP, seed), api("forge", FORGE, seed)]
}

/// The worst of several seeds has to be good: a mean would hide it.
#[test]
fn templates_are_those_of_the_document() {
    let mut total = Score::default();
    for seed in 1..=8 {
        for api in apis(seed) {
            let (score, found) = run(&api, &api.requests(seed, 60, 0));
            assert!(score.f1() >= 0.8, "{} {seed}: {score:?} {found:#?}", api.name);
            total.add(&score);
        }
    }
    assert!(total.f1() >= 0.95, "{} of {total:?}", total.f1());
    assert!(total.late_share() >= 0.95, "{} of {total:?}", total.late_share());
}

#[test]
fn noise_makes_no_endpoint() {
    for seed in 1..=4 {
        for api in apis(seed) {
            let requests = api.requests(seed, 60, 20);
            let (score, found) = run(&api, &requests);
            let truth = truth(&api);
            let noise: Vec<&Request> = requests.iter().filter(|request| request.operation.is_none()).collect();
            assert!(noise.len() > 200, "there is noise");
            for request in noise {
                let endpoint = (request.method.clone(), blank(&request.path));
                assert!(!found.contains(&endpoint) || truth.contains(&endpoint), "{endpoint:?}");
            }
            assert!(score.recall() >= 0.8, "{} {seed}: {score:?}", api.name);
        }
    }
}

/// The same traffic in 100 orders.
#[test]
fn any_order_gives_the_same_templates() {
    let api = api("forge", FORGE, 1);
    let mut requests = api.requests(1, 30, 5);
    let (_, first) = run(&api, &requests);
    let mut differing = 0;
    for order in 0..100 {
        Random::of(&["order", &order.to_string()]).shuffle(&mut requests);
        let (_, found) = run(&api, &requests);
        differing += usize::from(found != first);
    }
    assert_eq!(differing, 0);
}

/// A name among values, called often, is found out although it was first taken for one of them, and stays a name.
#[test]
fn a_name_among_values_is_split_off_and_stays() {
    let mut driver = Driver::new();
    let id = ApiId::new("api");
    let get = |path: String| Request { operation: None, method: "GET".to_owned(), path, status: 200, outline: None };
    let word = |n: usize| {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        format!("{}{}{}x", letter(n), letter(n / 26), letter(n / 676))
    };
    for n in 0..400 {
        driver.call(&id, &get(format!("/users/{}", word(n))));
    }
    for n in 0..200 {
        driver.call(&id, &get("/users/me".to_owned()));
        driver.call(&id, &get(format!("/users/{}", word(400 + n))));
    }
    assert_eq!(driver.call(&id, &get("/users/me".to_owned())).as_deref(), Some("/users/me"));
    for n in 0..10_000 {
        driver.call(&id, &get(format!("/users/{}", word(600 + n))));
    }
    assert_eq!(driver.call(&id, &get("/users/me".to_owned())).as_deref(), Some("/users/me"));
    let routes: Vec<String> = driver.endpoints().into_iter().map(|(_, route)| route).collect();
    assert_eq!(routes, ["/users/me", "/users/{}"]);
}
