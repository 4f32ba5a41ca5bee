//! Hard cases of templates, each with a name: what is called, and which endpoints there are then.

use super::Inventory;
use crate::detect::sample::call;
use std::collections::{BTreeMap, BTreeSet};

/// By shape: a path called once, and its template.
const SHAPES: &[(&str, &str, &str)] = &[
    ("root", "/", "/"),
    ("doubled and trailing slashes", "//orders///", "/orders"),
    ("integer", "/orders/7", "/orders/{id}"),
    ("negative integer", "/offsets/-700", "/offsets/{id}"),
    ("zero", "/pages/0", "/pages/{id}"),
    ("very long integer", "/tweets/1745678901234567890", "/tweets/{id}"),
    ("uuid", "/orders/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/orders/{id}"),
    ("uuid in capitals", "/orders/3FA85F64-5717-4562-B3FC-2C963F66AFA6", "/orders/{id}"),
    ("ulid", "/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/orders/{id}"),
    ("ObjectId", "/orders/507f1f77bcf86cd799439011", "/orders/{id}"),
    ("md5", "/blobs/d41d8cd98f00b204e9800998ecf8427e", "/blobs/{id}"),
    ("sha-1", "/commits/da39a3ee5e6b4b0d3255bfef95601890afd80709", "/commits/{id}"),
    ("short commit", "/commits/4a3f9b21", "/commits/{id}"),
    ("hexadecimal word", "/deadbeef", "/deadbeef"),
    ("hexadecimal word, long", "/x/deadbeefdeadbeefdeadbeef", "/x/deadbeefdeadbeefdeadbeef"),
    ("base 62, 11", "/videos/dQw4w9WgXcQ", "/videos/{id}"),
    ("base 62, 22", "/tracks/4uLU6hMCjMI75M1A2tKUQC", "/tracks/{id}"),
    ("base 62 without digits", "/items/CYcIaxBvAz", "/items/{id}"),
    ("base 64url", "/t/eyJhbGciOi9-x_J1NiJ9", "/t/{id}"),
    ("prefixed id", "/customers/cus_9s6XKzkNRiz8i3", "/customers/{id}"),
    ("prefixed id without digits", "/customers/sub_NupPTpjKrCCXyX", "/customers/{id}"),
    ("key of an issue", "/issues/PROJ-123", "/issues/{id}"),
    ("order number", "/orders/order-48213", "/orders/{id}"),
    ("name of a standard", "/formats/iso-8601", "/formats/iso-8601"),
    ("top ten", "/lists/top-10", "/lists/top-10"),
    ("slug with a year", "/posts-of/top-10-of-2026", "/posts-of/top-10-of-2026"),
    ("date", "/stock/2026-11-24", "/stock/{date}"),
    ("date and time", "/stock/2026-11-24T10:30:00Z", "/stock/{date}"),
    ("date and time, encoded", "/stock/2026-11-24T10%3A30%3A00Z", "/stock/{date}"),
    ("no date", "/stock/2026-13-40x", "/stock/2026-13-40x"),
    ("e-mail", "/users/a.b@example.com", "/users/{email}"),
    ("e-mail, encoded", "/users/a.b%40example.com", "/users/{email}"),
    ("scope, no e-mail", "/@scope", "/@scope"),
    ("phone", "/calls/+4915112345678", "/calls/{phone}"),
    ("locale", "/docs/en-US/intro", "/docs/{locale}/intro"),
    ("locale with an underscore", "/docs/pt_BR/intro", "/docs/{locale}/intro"),
    ("language alone", "/docs/en", "/docs/en"),
    ("flag", "/subscribe/true", "/subscribe/{flag}"),
    ("IPv4 address", "/hosts/10.0.4.217", "/hosts/{value}"),
    ("coordinates", "/near/52.5200,13.4050", "/near/{a},{b}"),
    ("three-part version of a package", "/packages/11.22.33", "/packages/{value}"),
    ("version", "/v1/orders", "/v1/orders"),
    ("version with a stage", "/v2beta1/orders", "/v2beta1/orders"),
    ("version with a dot", "/v1.2/orders", "/v1.2/orders"),
    ("version in capitals", "/V3/orders", "/V3/orders"),
    ("integer right after a version", "/v1/4711", "/v1/{id}"),
    ("uuid right at the root", "/3fa85f64-5717-4562-b3fc-2c963f66afa6/x", "/{id}/x"),
    ("parameter in the second segment", "/orders/4711/lines", "/orders/{id}/lines"),
    ("date as version of the API", "/2015-03-31/functions", "/2015-03-31/functions"),
    ("number as version of the API", "/2/tweets", "/2/tweets"),
    ("decimal as version of the API", "/1.1/statuses", "/1.1/statuses"),
    ("version behind api", "/api/3/issues", "/api/3/issues"),
    ("version behind a name", "/assets.xro/1.0/Assets", "/assets.xro/1.0/Assets"),
    ("name with digits", "/oauth2/token", "/oauth2/token"),
    ("camel case", "/getUserByIdV2", "/getUserByIdV2"),
    ("camel case with short words", "/getItemByIdOrName", "/getItemByIdOrName"),
    ("acronyms", "/exportCSVToPDF", "/exportCSVToPDF"),
    ("long name", "/internationalization-configuration-settings", "/internationalization-configuration-settings"),
    ("file name", "/robots.txt", "/robots.txt"),
    ("well-known", "/.well-known/openid-configuration", "/.well-known/openid-configuration"),
    ("id with an extension", "/orders/7.json", "/orders/{id}.json"),
    ("uuid with an extension", "/files/3fa85f64-5717-4562-b3fc-2c963f66afa6.pdf", "/files/{id}.pdf"),
    ("two numbers", "/ranges/10-20", "/ranges/{a}-{b}"),
    ("comparison", "/compare/main...feature", "/compare/{a}...{b}"),
    ("verb on an id", "/orders/4711:cancel", "/orders/{id}:cancel"),
    ("verb on a name", "/orders:search", "/orders:search"),
    ("OData key", "/Orders(4711)", "/Orders({key})"),
    ("OData key in quotes", "/Products('chair')", "/Products('{key}')"),
    ("OData keys with names", "/Lines(Order=4711,Line=2)", "/Lines(Order={Order},Line={Line})"),
    ("OData function without arguments", "/users/delta()", "/users/delta()"),
    ("OData function", "/x.getCount(status='open')", "/x.getCount(status='{status}')"),
    ("matrix parameter", "/cars;color=red", "/cars;color={color}"),
    ("matrix parameters", "/cars;color=red;doors=4", "/cars;color={color};doors={doors}"),
    ("name and value", "/entries/regions=gb", "/entries/regions={regions}"),
    ("needless encoding", "/%6Frders/list", "/orders/list"),
    ("encoding in small letters", "/caf%c3%a9", "/caf%C3%A9"),
    ("encoded slash stays", "/a%2Fb", "/a%2Fb"),
    ("broken encoding", "/100%/x", "/100%/x"),
    ("brace of a client", "/{name}/x", "/%7Bname%7D/x"),
    ("masked secret", "/reset/{secret}", "/reset/{secret}"),
    ("masked secret in part", "/reset/pre{secret}", "/reset/{secret}"),
];

/// What comes: a path with `#` for a value of its own each time, how often, and with which methods.
struct Traffic(&'static str, usize, &'static [&'static str]);

const GET: &[&str] = &["GET"];
const CRUD: &[&str] = &["GET", "PUT", "DELETE"];

/// By what is seen: the traffic, and the endpoints' templates.
const LEARNT: &[(&str, &[Traffic], &[&str])] = &[
    (
        "words are values of a variable",
        &[Traffic("/users/#", 60, GET), Traffic("/about", 60, GET)],
        &["/about", "/users/{name}"],
    ),
    (
        "a name stays beside values",
        &[Traffic("/users/#", 60, CRUD), Traffic("/users/search", 60, GET)],
        &["/users/search", "/users/{name}"],
    ),
    (
        "names below values",
        &[Traffic("/users/#/cart", 60, GET), Traffic("/users/#/likes", 60, GET)],
        &["/users/{name}/cart", "/users/{name}/likes"],
    ),
    (
        "two free parameters",
        &[Traffic("/repos/#/#/issues", 80, GET), Traffic("/repos/#/#/topics", 80, GET)],
        &["/repos/{name}/{name}/issues", "/repos/{name}/{name}/topics"],
    ),
    ("a free parameter behind a version", &[Traffic("/v1/#", 80, GET)], &["/v1/{name}"]),
    ("a free parameter at the root", &[Traffic("/#/cart", 80, GET)], &["/{name}/cart"]),
    (
        "words and ids at one place",
        &[Traffic("/users/4#", 30, GET), Traffic("/users/#", 60, GET), Traffic("/about", 60, GET)],
        &["/about", "/users/{name}"],
    ),
    (
        "names of resources stay",
        &[
            Traffic("/v1/users", 9, CRUD),
            Traffic("/v1/orders", 9, CRUD),
            Traffic("/v1/items", 9, CRUD),
            Traffic("/v1/carts", 9, CRUD),
            Traffic("/v1/likes", 9, CRUD),
        ],
        &["/v1/carts", "/v1/items", "/v1/likes", "/v1/orders", "/v1/users"],
    ),
    (
        "verbs stay",
        &[
            Traffic("/orders/7/cancel", 20, GET),
            Traffic("/orders/8/refund", 20, GET),
            Traffic("/orders/9/ship", 20, GET),
            Traffic("/orders/1/pay", 20, GET),
            Traffic("/orders/1/hold", 20, GET),
            Traffic("/orders/1/pack", 20, GET),
        ],
        &[
            "/orders/{id}/cancel",
            "/orders/{id}/hold",
            "/orders/{id}/pack",
            "/orders/{id}/pay",
            "/orders/{id}/refund",
            "/orders/{id}/ship",
        ],
    ),
    ("a name in several formats", &[Traffic("/list.json", 9, GET), Traffic("/list.xml", 9, GET)], &["/list.{format}"]),
    (
        "an id in several formats",
        &[Traffic("/orders/7.json", 9, GET), Traffic("/orders/8.xml", 9, GET)],
        &["/orders/{id}.{format}"],
    ),
    (
        "a format is chosen",
        &[Traffic("/stats/json/teams", 9, GET), Traffic("/stats/xml/teams", 9, GET)],
        &["/stats/{id}/teams"],
    ),
    (
        "words with one extension",
        &[Traffic("/days/#.json", 60, GET), Traffic("/about", 60, GET)],
        &["/about", "/days/{name}.json"],
    ),
    (
        "verbs on words",
        &[Traffic("/v1/jobs/#:cancel", 60, GET), Traffic("/v1/about", 60, GET)],
        &["/v1/about", "/v1/jobs/{name}:cancel"],
    ),
    (
        "a constant number is a version",
        &[Traffic("/rpc-of/1/a", 20, GET), Traffic("/rpc-of/1/b", 20, GET), Traffic("/rpc-of/1/c", 20, GET)],
        &["/rpc-of/1/a", "/rpc-of/1/b", "/rpc-of/1/c"],
    ),
    (
        "two versions are names",
        &[Traffic("/v1/users", 20, GET), Traffic("/v2/users", 20, GET)],
        &["/v1/users", "/v2/users"],
    ),
    (
        "many small numbers at the root are ids",
        &[
            Traffic("/1", 1, GET),
            Traffic("/2", 1, GET),
            Traffic("/3", 1, GET),
            Traffic("/4", 1, GET),
            Traffic("/5", 1, GET),
            Traffic("/6", 1, GET),
        ],
        &["/{id}"],
    ),
    ("dates and ids at one place", &[Traffic("/x/2026-11-24", 1, GET), Traffic("/x/4711", 1, GET)], &["/x/{id}"]),
];

/// A word for a number, without digits and of no special shape.
fn word(n: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "co", "di", "fu", "ga", "ho", "ji", "ka", "lo", "mu", "na", "po", "ri", "sa", "to", "vu"];
    [n, n / 16, n / 256].iter().map(|n| SYLLABLES[n % 16]).collect()
}

fn routes(lines: &[String]) -> BTreeSet<String> {
    let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
    // Twice: a value that turned out to be a name becomes one when it comes again.
    for _ in 0..2 {
        for line in lines {
            inventory.observe(&call(line).done());
        }
        inventory.settle();
    }
    let mut routes = BTreeSet::new();
    inventory.take_gone();
    inventory.take_changed(&mut |row| {
        routes.insert(row.route.to_string());
    });
    routes
}

#[test]
fn by_shape() {
    let mut wrong = Vec::new();
    for (name, path, expected) in SHAPES {
        let found = routes(&[format!("GET {path} 200")]);
        if found.iter().ne([*expected]) {
            wrong.push(format!("{name}: {path} gives {found:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// In the order of the table, from the end, and interleaved.
#[test]
fn by_what_is_seen() {
    let mut wrong = Vec::new();
    for (name, traffic, expected) in LEARNT {
        let mut lines = Vec::new();
        let mut n = 0;
        for Traffic(path, times, methods) in *traffic {
            for round in 0..*times {
                for method in *methods {
                    let mut path = (*path).to_owned();
                    while path.contains('#') {
                        n += 1;
                        let value = if path.contains("4#") { (1_000 + n).to_string() } else { word(n * 7) };
                        path = path.replacen('#', &value, 1);
                    }
                    lines.push((round, format!("{method} {path} 200")));
                }
            }
        }
        let in_order: Vec<String> = lines.iter().map(|(_, line)| line.clone()).collect();
        let reversed: Vec<String> = in_order.iter().rev().cloned().collect();
        lines.sort_by_key(|(round, _)| *round);
        let interleaved: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        for (order, lines) in [("in order", in_order), ("reversed", reversed), ("interleaved", interleaved)] {
            let found = routes(&lines);
            if found.iter().ne(*expected) {
                wrong.push(format!("{name}, {order}: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
