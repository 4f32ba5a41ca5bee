//! Hard cases of templates, each with a name: what is called, and which endpoints there are then.

use super::{Inventory, Pins};
use crate::detect::sample::call;
use crate::exchange::Exchange;
use crate::facts::Outline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    ("trailing slash behind an id", "/orders/4711/", "/orders/{id}"),
    ("doubled slash before an id", "/orders//4711//lines", "/orders/{id}/lines"),
    ("sha-256", "/layers/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "/layers/{id}"),
    ("base 62, 8", "/s/aZ3kQ9xB", "/s/{id}"),
    ("OData key before a name", "/Orders(4711)/Lines", "/Orders({key})/Lines"),
    ("verb on a uuid", "/jobs/3fa85f64-5717-4562-b3fc-2c963f66afa6:cancel", "/jobs/{id}:cancel"),
    ("verb behind a version", "/v1/text:translate", "/v1/text:translate"),
    ("file name with an extension in capitals", "/files/4711.PDF", "/files/{id}.PDF"),
    ("masked secret", "/reset/{secret}", "/reset/{secret}"),
    ("masked secret in part", "/reset/pre{secret}", "/reset/{secret}"),
];

/// What comes: a path with `#` for a value of its own each time (`<word>`, `<user>`, `<product>`, `<slug>`, `<file>`: such a one), how often,
/// and with which methods.
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
    (
        "English words are values",
        &[Traffic("/dictionary/<word>", 80, GET), Traffic("/about", 60, GET)],
        &["/about", "/dictionary/{name}"],
    ),
    (
        "user names are values",
        &[Traffic("/users/<user>", 60, CRUD), Traffic("/users/<user>/avatar", 60, GET), Traffic("/about", 60, GET)],
        &["/about", "/users/{name}", "/users/{name}/avatar"],
    ),
    (
        "product names are values",
        &[Traffic("/products/<product>", 60, GET), Traffic("/products", 60, GET), Traffic("/cart", 60, GET)],
        &["/cart", "/products", "/products/{name}"],
    ),
    (
        "slugs are values",
        &[Traffic("/posts/<slug>", 60, GET), Traffic("/posts/<slug>/comments", 60, GET), Traffic("/feed", 60, GET)],
        &["/feed", "/posts/{name}", "/posts/{name}/comments"],
    ),
    (
        "file names of several forms are values",
        &[Traffic("/files/<file>", 80, GET), Traffic("/files", 60, GET), Traffic("/about", 60, GET)],
        &["/about", "/files", "/files/{name}"],
    ),
    (
        "user names in the second segment, behind a version",
        &[Traffic("/v2/<user>/repos", 80, GET), Traffic("/v2/<user>/gists", 80, GET), Traffic("/v2/zen", 60, GET)],
        &["/v2/zen", "/v2/{name}/gists", "/v2/{name}/repos"],
    ),
    (
        "a few words among which one endpoint's calls are divided are values",
        &[
            Traffic("/stats/daily", 20, GET),
            Traffic("/stats/weekly", 20, GET),
            Traffic("/stats/monthly", 20, GET),
            Traffic("/about", 60, GET),
            Traffic("/health", 60, GET),
            Traffic("/login", 60, GET),
        ],
        &["/about", "/health", "/login", "/stats/{name}"],
    ),
    (
        "two words that are called half as often stay names",
        &[
            Traffic("/stats/daily", 30, GET),
            Traffic("/stats/weekly", 30, GET),
            Traffic("/about", 60, GET),
            Traffic("/health", 60, GET),
            Traffic("/login", 60, GET),
        ],
        &["/about", "/health", "/login", "/stats/daily", "/stats/weekly"],
    ),
    ("words with the same below, where there is nothing else", &[Traffic("/v1/#/send", 60, GET)], &["/v1/{name}/send"]),
    ("dates and ids at one place", &[Traffic("/x/2026-11-24", 1, GET), Traffic("/x/4711", 1, GET)], &["/x/{id}"]),
];

/// A word for a number, without digits and of no special shape.
fn word(n: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "co", "di", "fu", "ga", "ho", "ji", "ka", "lo", "mu", "na", "po", "ri", "sa", "to", "vu"];
    [n, n / 16, n / 256].iter().map(|n| SYLLABLES[n % 16]).collect()
}

/// A value of a kind for a number.
fn value(kind: &str, n: usize) -> String {
    const WORDS: [&str; 24] = [
        "apple", "basket", "copper", "dinner", "engine", "forest", "guitar", "harbor", "island", "jacket", "kettle",
        "lemon", "magnet", "needle", "orange", "pencil", "queen", "rabbit", "silver", "tomato", "umbrella", "velvet",
        "window", "yellow",
    ];
    const NAMES: [&str; 10] = ["ann", "bob", "carla", "david", "emma", "felix", "grace", "henry", "irene", "jack"];
    let word = |n: usize| WORDS[n % WORDS.len()];
    let (one, two) = (word(n), word(n / WORDS.len() + n * 5));
    match kind {
        "word" => word(n * 7).to_owned(),
        "user" => [format!("{}.{one}", NAMES[n % 10]), format!("{}_{one}", NAMES[n % 10]), format!("{one}{two}")]
            [n % 3]
            .clone(),
        "product" => [format!("{}{one}", one[..1].to_uppercase()), format!("{two}%20{one}"), format!("{one}-{two}")]
            [n % 3]
            .clone(),
        "slug" => format!("{one}-of-the-{two}"),
        _ => format!("{one}-{two}.{}", ["pdf", "jpg", "txt", "csv"][n % 4]),
    }
}

/// The path with a value in each place of one.
fn filled(path: &str, n: &mut usize) -> String {
    let mut path = path.to_owned();
    while path.contains('#') {
        *n += 1;
        let value = if path.contains("4#") { (1_000 + *n).to_string() } else { word(*n * 7) };
        path = path.replacen('#', &value, 1);
    }
    while let Some((before, (kind, after))) = path.split_once('<').and_then(|(a, b)| Some((a, b.split_once('>')?))) {
        *n += 1;
        path = format!("{before}{}{after}", value(kind, *n));
    }
    path
}

fn routes(lines: &[String]) -> BTreeSet<String> {
    let calls: Vec<_> = lines.iter().map(|line| call(line).done()).collect();
    routes_of(Inventory::new("test", &BTreeMap::new(), Vec::new()), &calls)
}

fn routes_of(mut inventory: Inventory, calls: &[Exchange]) -> BTreeSet<String> {
    // Twice: a value that turned out to be a name becomes one when it comes again.
    for _ in 0..2 {
        for call in calls {
            inventory.observe(call);
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
                    lines.push((round, format!("{method} {} 200", filled(path, &mut n))));
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

/// Path, calls and what each is answered.
type Answered = (&'static str, usize, &'static str);

const USER: &str = r#"{"id":1,"login":"x","mail":"x","since":"x","plan":"x"}"#;

/// By the form of the answers, which decides where the calls alone leave it open.
const ANSWERED: &[(&str, &[Answered], &[&str])] = &[
    (
        "what is answered in another form than its siblings stays a name",
        &[
            ("/users/stats", 3, r#"{"total":1,"active":1,"invited":1,"growth":1}"#),
            ("/users/<user>", 60, USER),
            ("/about", 60, "{}"),
        ],
        &["/about", "/users/stats", "/users/{name}"],
    ),
    (
        "a few words that are all answered in one form of their own are values",
        &[
            ("/plans/free", 9, USER),
            ("/plans/team", 9, USER),
            ("/plans/pro", 9, USER),
            ("/plans/edu", 9, USER),
            ("/about", 60, r#"{"name":1,"version":1,"build":1}"#),
            ("/health", 60, r#"{"ok":1,"uptime":1,"load":1}"#),
            ("/stats", 60, r#"{"total":1,"active":1,"growth":1}"#),
        ],
        &["/about", "/health", "/plans/{name}", "/stats"],
    ),
    (
        "names of resources that are answered in forms of their own stay",
        &[
            ("/plans/free", 9, r#"{"price":1,"seats":1,"trial":1}"#),
            ("/plans/team", 9, r#"{"members":1,"owner":1,"rate":1}"#),
            ("/plans/pro", 9, r#"{"quota":1,"limit":1,"sla":1}"#),
            ("/plans/edu", 9, r#"{"school":1,"proof":1,"until":1}"#),
            ("/about", 60, r#"{"name":1,"version":1,"build":1}"#),
        ],
        &["/about", "/plans/edu", "/plans/free", "/plans/pro", "/plans/team"],
    ),
    (
        "optional members make no other form",
        &[
            ("/users/<user>", 40, USER),
            ("/users/<user>", 40, r#"{"id":1,"login":"x","mail":"x","plan":"x","company":"x"}"#),
            ("/about", 60, "{}"),
        ],
        &["/about", "/users/{name}"],
    ),
];

#[test]
fn by_the_form_of_the_answers() {
    let mut wrong = Vec::new();
    for (name, traffic, expected) in ANSWERED {
        let (mut calls, mut n) = (Vec::new(), 0);
        for (path, times, body) in *traffic {
            for round in 0..*times {
                let mut exchange = call(&format!("GET {} 200", filled(path, &mut n))).done();
                exchange.response.as_mut().unwrap().outline = Outline::of(body.as_bytes());
                calls.push((round, exchange));
            }
        }
        let in_order: Vec<Exchange> = calls.iter().map(|(_, call)| call.clone()).collect();
        calls.sort_by_key(|(round, _)| *round);
        let interleaved: Vec<Exchange> = calls.into_iter().map(|(_, call)| call).collect();
        for (order, calls) in [("in order", in_order), ("interleaved", interleaved)] {
            let found = routes_of(Inventory::new("test", &BTreeMap::new(), Vec::new()), &calls);
            if found.iter().ne(*expected) {
                wrong.push(format!("{name}, {order}: {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What the user pins, the paths that are called, and the templates then.
type PinnedCase = (&'static str, &'static [&'static str], &'static [Traffic], &'static [&'static str]);

/// A pin or a ban outranks shape and learning.
const PINNED: &[PinnedCase] = &[
    ("a word that is pinned as a value", &["/tags/{tag}"], &[Traffic("/tags/red", 1, GET)], &["/tags/{tag}"]),
    ("a name beside a pinned value", &["/tags/{tag}", "/tags/all"], &[Traffic("/tags/all", 1, GET)], &["/tags/all"]),
    ("a number that is pinned as a name", &["/codes/404"], &[Traffic("/codes/404", 9, GET)], &["/codes/404"]),
    (
        "a ban: whatever stands there is a name",
        &["/org/*"],
        &[Traffic("/org/#", 30, GET), Traffic("/about", 60, GET)],
        &["/about", "/org/*"],
    ),
    ("a ban: numbers are names, too", &["/codes/*"], &[Traffic("/codes/404", 3, GET)], &["/codes/404"]),
    (
        "a pinned value right behind a version",
        &["/v1/{tenant}"],
        &[Traffic("/v1/acme/orders", 3, GET), Traffic("/v1/umbrella/orders", 3, GET)],
        &["/v1/{tenant}/orders"],
    ),
    (
        "a pinned name among learnt values",
        &["/users/search"],
        &[Traffic("/users/search", 2, GET), Traffic("/users/#", 60, GET), Traffic("/about", 60, GET)],
        &["/about", "/users/search", "/users/{name}"],
    ),
];

#[test]
fn by_what_the_user_pins() {
    let mut wrong = Vec::new();
    for (name, patterns, traffic, expected) in PINNED {
        let (mut calls, mut n, mut pins) = (Vec::new(), 0, Pins::default());
        assert!(patterns.iter().all(|pattern| pins.add(pattern)), "{name}");
        for Traffic(path, times, methods) in *traffic {
            for _ in 0..*times {
                let path = filled(path, &mut n);
                calls.extend(methods.iter().map(|method| call(&format!("{method} {path} 200")).done()));
            }
        }
        let mut inventory = Inventory::new("test", &BTreeMap::new(), Vec::new());
        inventory.pin(&[("orders".into(), Arc::new(pins))].into());
        // What is banned stands for itself: each such name in the place of its pattern.
        let banned = |route: String| match expected.iter().find_map(|expected| expected.strip_suffix('*')) {
            Some(place) if route.starts_with(place) && !route.contains('{') => format!("{place}*"),
            Some(_) | None => route,
        };
        let found: BTreeSet<String> = routes_of(inventory, &calls).into_iter().map(banned).collect();
        if found.iter().ne(*expected) {
            wrong.push(format!("{name}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
