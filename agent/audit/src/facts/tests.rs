//! Examples: a message as text, its facts as text.

#![expect(clippy::needless_pass_by_value, reason = "so that a check ends in expect![..]")]

use std::fmt::Write as _;

use apiscope_wire::Start;
use expect_test::{Expect, expect};
use proptest::prelude::*;

use apiscope_wire::http::coding::Decoder;

use super::sample::Sample;
use super::*;

const KEYS: [&str; 1] = ["x-company-key"];

pub(super) fn taken(sample: &Sample) -> Taken {
    let key = FingerprintKey::new([9; 32]);
    let headers: Vec<Box<str>> = KEYS.iter().map(|name| Box::from(*name)).collect();
    sample.with(|message| {
        let target = match message.start {
            Start::Request { method, target } => target::split(method, target),
            Start::Response { .. } => Target::default(),
        };
        take(
            message,
            Decoder::default().decode(message.headers, message.body),
            &target,
            &key,
            &headers,
            &mut None,
            &mut Tokens::default(),
        )
    })
}

fn shown(taken: &Taken) -> String {
    let facts = &taken.facts;
    let mut out = format!("{:?} {} of {:?}", facts.media, facts.body.scanned, facts.body.total);
    if let Some(records) = facts.records {
        write!(out, ", {records} records").unwrap();
    }
    writeln!(out, ", auth {:?}, consumer {}", facts.auth, taken.consumer.is_some()).unwrap();
    for credential in &facts.credentials {
        writeln!(out, "{:?} in {:?}: {}", credential.kind, credential.place, credential.masked).unwrap();
    }
    out
}

fn check_sample(sample: &Sample, expected: Expect) {
    expected.assert_eq(&shown(&taken(sample)));
}

fn check(http: &str, expected: Expect) {
    check_sample(&Sample::new(http), expected);
}

/// As `check`, of many request heads: one line each, without those that have nothing.
fn heads(lines: &[&str], expected: Expect) {
    let mut out = String::new();
    for line in lines {
        let taken = taken(&Sample::new(&format!("GET / HTTP/1.1\n{line}")));
        let kinds: Vec<_> = taken.facts.credentials.iter().map(|c| format!("{:?} {}", c.kind, c.masked)).collect();
        writeln!(out, "{:?} {kinds:?} {}", taken.facts.auth, if taken.consumer.is_some() { "known" } else { "-" })
            .unwrap();
    }
    expected.assert_eq(&out);
}

#[test]
fn basic() {
    heads(
        &[
            "Authorization: Basic YWRtaW46aHVudGVyMg==",
            "authorization: BASIC   YWRtaW46aHVudGVyMg",
            "Authorization: Basic am9lOmh1bnRlcjI",
            "Authorization: Basic\n YWRtaW46aHVudGVyMg==",
            "Authorization: Basic YWRtaW4=",
            "Authorization: Basic !!!",
            "Authorization: Basic",
            "Authorization: Basic {{credentials}}",
            "Proxy-Authorization: Basic YWRtaW46aHVudGVyMg==",
        ],
        expect![[r#"
            [Basic] ["Basic Basic ****, user a***n"] known
            [Basic] ["Basic Basic ****, user a***n"] known
            [Basic] ["Basic Basic ****, user ***"] known
            [Basic] ["Basic Basic ****, user a***n"] known
            [Basic] [] -
            [Basic] [] -
            [] [] -
            [] [] -
            [] ["Basic Basic ****, user a***n"] -
        "#]],
    );
}

#[test]
fn bearer_and_other_schemes() {
    heads(
        &[
            "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
            "Authorization: Bearer mF_9.B5f-4.1JqM",
            "Authorization: Bearer Zk3vQ9xLw2Pd8RtY5nBc",
            "Authorization: Bearer abc123",
            "Authorization: Bearer null",
            "Authorization: Bearer undefined",
            "Authorization: Bearer {{token}}",
            "Authorization: Bearer xxxxxxxxxxxxxxxxxxxxxxxx",
            "Authorization: Bearer ****",
            "Authorization: Bearer YOUR_ACCESS_TOKEN_HERE_1",
            "Authorization: Bearer",
            "Authorization: eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            "Authorization: Token Zk3vQ9xLw2Pd8RtY5nBc",
            "Authorization: Token token=\"Zk3vQ9xLw2Pd8RtY5nBc\", nonce=\"1\"",
            "Authorization: Digest username=\"admin\", realm=\"a\", response=\"6629fae49393a05397450978507c4ef1\"",
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request",
            "Authorization: Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa",
            "Authorization:",
        ],
        expect![[r#"
            [Bearer] ["Bearer Bearer ****, a JWT signed with HS256"] known
            [Bearer] ["Bearer Bearer ****, a JWT without a signature"] known
            [Bearer] [] known
            [Bearer] ["Bearer Bearer ****"] known
            [Bearer] [] known
            [] [] -
            [] [] -
            [] [] -
            [] [] -
            [] [] -
            [Bearer] [] known
            [] [] -
            [OtherScheme] ["Bearer Bearer ****, a JWT signed with RS256"] known
            [OtherScheme] ["ApiKey API key ****"] known
            [OtherScheme] ["ApiKey API key ****"] known
            [Digest] [] known
            [OtherScheme] [] -
            [OtherScheme] [] -
            [] [] -
        "#]],
    );
}

#[test]
fn keys_in_headers() {
    heads(
        &[
            "X-API-Key: Zk3vQ9xLw2Pd8RtY5nBc",
            "apikey: 550e8400-e29b-41d4-a716-446655440000",
            "X-Auth-Token: short",
            "X-Api-Key: your-api-key-goes-here-1",
            "X-Api-Key: null",
            "X-Api-Key:",
            "X-Company-Key: abc12345",
            "X-Company-Key: abc",
            "X-Request-Id: Zk3vQ9xLw2Pd8RtY5nBc",
            "X-Public-Key: Zk3vQ9xLw2Pd8RtY5nBc",
            "Authorization: Basic YWRtaW46aHVudGVyMg==\nX-Api-Key: Zk3vQ9xLw2Pd8RtY5nBc",
        ],
        expect![[r#"
            [ApiKeyHeader] ["ApiKey API key ****"] known
            [ApiKeyHeader] ["ApiKey API key ****"] known
            [ApiKeyHeader] [] known
            [ApiKeyHeader] [] known
            [] [] -
            [] [] -
            [ApiKeyHeader] ["ApiKey API key ****"] known
            [ApiKeyHeader] [] known
            [] [] -
            [] [] -
            [Basic, ApiKeyHeader] ["Basic Basic ****, user a***n", "ApiKey API key ****"] known
        "#]],
    );
}

#[test]
fn cookies() {
    heads(
        &[
            "Cookie: theme=dark; JSESSIONID=1A2B3C4D5E6F7890",
            "Cookie: sid=\"1A2B3C4D5E6F7890\"",
            "Cookie: connect.sid=s%3Aabcdefgh.ijkl=",
            "Cookie: sid=; session=null; PHPSESSID=short",
            "Cookie: _ga=GA1.2.1234567890.1234567890",
            "Cookie: pref=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        ],
        expect![[r"
            [SessionCookie] [] known
            [SessionCookie] [] known
            [SessionCookie] [] known
            [] [] -
            [] [] -
            [SessionCookie] [] known
        "]],
    );
}

#[test]
fn queries() {
    check(
        "GET /a?api_key=Zk3vQ9xLw2Pd8RtY5nBc&access_token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln&password=hunter%32&key=products HTTP/1.1\n",
        expect![[r#"
            None 0 of Some(0), auth [ApiKeyQuery], consumer true
            ApiKey in Query("api_key"): API key ****
            Bearer in Query("access_token"): Bearer ****, a JWT signed with HS256
            Password in Query("password"): password ****
        "#]],
    );
    check(
        "GET /a?key=AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY HTTP/1.1\n",
        expect![[r#"
        None 0 of Some(0), auth [ApiKeyQuery], consumer true
        ApiKey in Query("key"): API key ****
    "#]],
    );
    for harmless in [
        "key=products",
        "key=550e8400-e29b-41d4-a716-446655440000",
        "key=d41d8cd98f00b204e9800998ecf8427e",
        "token=1590632942",
        "api_key=",
        "api_key=null",
        "password=",
        "password=***",
        "q=password",
        "pass",
        "monkey=Zk3vQ9xLw2Pd8RtY5nBc",
        "=",
        "&&",
        "%",
        "page_token=Zk3vQ9xLw2Pd8RtY5nBc",
        "public_key=Zk3vQ9xLw2Pd8RtY5nBc",
    ] {
        let taken = taken(&Sample::new(&format!("GET /a?{harmless} HTTP/1.1\n")));
        assert!(taken.facts.credentials.is_empty() && taken.facts.auth.is_empty(), "{harmless}");
    }
}

#[test]
fn forms() {
    check(
        "POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\n\nuser=a%40b.c&pass%77ord=p%26w+d&remember=1",
        expect![[r#"
            Form 42 of Some(42), auth [], consumer false
            Password in Form("password"): password ****
        "#]],
    );
    check(
        "POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nuser[password]=x&client_secret=Zk3vQ9xLw2Pd8RtY5nBc&pwd=/home/me&pass=yes&pass=gold&pass=2&pass=hunter2",
        expect![[r#"
            Form 103 of Some(103), auth [], consumer false
            Password in Form("user[password]"): password ****
            Password in Form("client_secret"): password ****
            Password in Form("pass"): password ****
        "#]],
    );
    let cut =
        "POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\npassword=hunter2&passphrase=cor";
    check_sample(
        &Sample::new(cut).total(Some(5000)),
        expect![[r#"
        Form 31 of Some(5000), auth [], consumer false
        Password in Form("password"): password ****
    "#]],
    );
    check(
        "POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\npassword=&passwd=***&pwd=null",
        expect![[r"
            Form 29 of Some(29), auth [], consumer false
        "]],
    );
}

#[test]
fn multipart() {
    let head = "POST /login HTTP/1.1\nContent-Type: multipart/form-data; boundary=\"-x-\"\n\n";
    let body = "---x-\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nme\r\n\
        ---x-\r\ncontent-disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n\
        ---x-\r\nContent-Disposition: form-data; name=\"secret\"; filename=\"a\"\r\n\r\nZk3vQ9xLw2Pd8RtY5nBc\r\n\
        ---x---\r\n";
    check_sample(
        &Sample::new(head).body(body.as_bytes()),
        expect![[r#"
        Other 226 of Some(226), auth [], consumer false
        Password in Form("password"): password ****
    "#]],
    );
    let cut = body.find("hunter2").unwrap() + 3;
    check_sample(
        &Sample::new(head).body(&body.as_bytes()[..cut]).total(Some(9000)),
        expect![[r"
        Other 119 of Some(9000), auth [], consumer false
    "]],
    );
}

#[test]
fn json_members() {
    check(
        r#"POST /users HTTP/1.1
Content-Type: application/vnd.api+json

{"users":[{"name":"a","password":"one"},{"p\u0061ssword":"t\u0077o"}],"password":"three","password":"four","pin":1,"deep":{"access_token":"Zk3vQ9xLw2Pd8RtY5nBc"}}"#,
        expect![[r#"
            Json 162 of Some(162), auth [], consumer false
            Password in Json("/users/-/password"): password ****
            Password in Json("/users/-/password"): password ****
            Password in Json("/password"): password ****
            Password in Json("/password"): password ****
            Bearer in Json("/deep/access_token"): Bearer ****
        "#]],
    );
    check(
        r#"POST / HTTP/1.1
Content-Type: application/json

{"password":123456,"passwd":true,"pwd":null,"pass":"","secret":"***","newPassword":"null","properties":{"password":{"type":"string"}},"clientSecret":["x"]}"#,
        expect![[r#"
            Json 155 of Some(155), auth [], consumer false
            Password in Json("/password"): password ****
        "#]],
    );
    check(
        "POST / HTTP/1.1\n\n  {\"password\":\"hunter2\"}",
        expect![[r#"
        Json 24 of Some(24), auth [], consumer false
        Password in Json("/password"): password ****
    "#]],
    );
    check(
        "POST / HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\n{\"password\":\"hunter2\"}",
        expect![[r#"
            Json 22 of Some(22), auth [], consumer false
            Password in Json("/password"): password ****
        "#]],
    );
    check(
        "POST / HTTP/1.1\nContent-Type: application/json\n\n{\"alice@example.com\":{\"password\":\"hunter2\"}}",
        expect![[r#"
            Json 44 of Some(44), auth [], consumer false
            Password in Json("/{value}/password"): password ****
        "#]],
    );
    let cut = "POST / HTTP/1.1\nContent-Type: application/json\n\n{\"password\":\"hunter2\",\"passwd\":\"hun";
    check_sample(
        &Sample::new(cut).total(Some(5000)),
        expect![[r#"
        Json 35 of Some(5000), auth [], consumer false
        Password in Json("/password"): password ****
    "#]],
    );
    check(
        "POST / HTTP/1.1\nContent-Type: application/json\nContent-Encoding: gzip\n\n{\"password\":\"hunter2\"}",
        expect![[r"
            Json 0 of Some(22), auth [], consumer false
        "]],
    );
    check(
        "POST / HTTP/1.1\nContent-Type: application/octet-stream\n\n{\"password\":\"hunter2\"}",
        expect![[r"
        Other 22 of Some(22), auth [], consumer false
    "]],
    );
}

#[test]
fn a_coded_body_is_read_behind_its_coding() {
    let gzip = "1f8b0800000000000203ab562a482c2e2ecf2f4a51b252ca28cd2b492d3252aa0500b3d96d2516000000";
    let bytes: Vec<u8> =
        (0..gzip.len()).step_by(2).map(|at| u8::from_str_radix(&gzip[at..at + 2], 16).unwrap()).collect();
    let head = "POST / HTTP/1.1\nContent-Type: application/json\nContent-Encoding: gzip\n\n";
    check_sample(
        &Sample::new(head).body(&bytes),
        expect![[r#"
            Json 42 of Some(42), auth [], consumer false
            Password in Json("/password"): password ****
        "#]],
    );
}

#[test]
fn credentials_are_bounded_and_the_rest_counted() {
    let members: Vec<String> = (0..100).map(|n| format!("{{\"password\":\"value{n}\"}}")).collect();
    let taken = taken(&Sample::new("POST / HTTP/1.1\n").body(format!("[{}]", members.join(",")).as_bytes()));
    assert_eq!(
        (taken.facts.credentials.len(), taken.dropped),
        (Facts::CREDENTIALS_MAX, 100 - Facts::CREDENTIALS_MAX as u64)
    );
}

#[test]
fn responses_are_counted_and_give_no_credentials() {
    check(
        "HTTP/1.1 200 OK\nContent-Type: application/json\nSet-Cookie: sid=1A2B3C4D5E6F7890\n\n{\"password\":\"x\",\"items\":[1,[2],{}],\"errors\":[]}",
        expect![[r"
            Json 47 of Some(47), 3 records, auth [], consumer false
        "]],
    );
    check(
        "HTTP/1.1 200 OK\nContent-Type: application/json\n\n[]",
        expect![[r"
        Json 2 of Some(2), 0 records, auth [], consumer false
    "]],
    );
    check(
        "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<p>",
        expect![[r"
        Other 3 of Some(3), auth [], consumer false
    "]],
    );
    check(
        "HTTP/1.1 204 No Content\n",
        expect![[r"
        None 0 of Some(0), auth [], consumer false
    "]],
    );
    check_sample(
        &Sample::new("HTTP/1.1 200 OK\nContent-Type: application/json\n\n[1,2").total(Some(100)),
        expect![[r"
            Json 4 of Some(100), auth [], consumer false
        "]],
    );
    check_sample(
        &Sample::new("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Encoding: br\n\n....").total(None),
        expect![[r"
            Json 0 of None, auth [], consumer false
        "]],
    );
}

/// Names and values that are near to what the scanners look for.
fn near() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "password",
        "\"",
        ":",
        "{",
        "}",
        "[",
        "]",
        ",",
        "=",
        "&",
        "Basic ",
        "Bearer ",
        "eyJhbGciOiJIUzI1NiJ9",
        ".",
        "%",
        "%7",
        "\\u00",
        "\\",
        "\r\n",
        "--x",
        "name=\"password\"",
        "Content-Disposition: form-data;",
        "api_key",
        "Zk3vQ9xLw2Pd8RtY5nBc",
        "/",
        ";",
        "?",
        "#",
        "@",
        "é",
    ]);
    prop::collection::vec(prop_oneof![word.prop_map(str::to_owned), "\\PC{0,4}"], 0..40)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn nothing_makes_a_scanner_panic(target in near(), value in near(), body in near(), media in 0..5_usize, cut in any::<bool>()) {
        let media = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/plain"][media];
        let one_line = |text: &str| text.replace(['\r', '\n', ' '], "_");
        let head = format!(
            "POST {} HTTP/1.1\nContent-Type: {media}\nAuthorization: {}\nCookie: {}\nX-Api-Key: {}",
            one_line(&target), value.replace(['\r', '\n'], "\t"), one_line(&value), one_line(&value)
        );
        let sample = Sample::new(&head).body(body.as_bytes());
        let total = sample.total;
        let taken = taken(&if cut { sample.total(None) } else { sample });
        prop_assert!(taken.facts.credentials.len() <= Facts::CREDENTIALS_MAX);
        prop_assert!(taken.facts.body.scanned <= total.unwrap());
    }

    #[test]
    fn a_password_is_found_at_any_cut_behind_it(before in "[a-z]{0,8}", after in "[a-z]{0,8}", cut in 0..200_usize) {
        let whole = format!(r#"{{"{before}x":["{before}",1.5,{{"a":null}}],"password":"hunter2","{after}y":{{"z":[true]}}}}"#);
        let cut = cut.min(whole.len());
        let found = taken(&Sample::new("POST / HTTP/1.1\nContent-Type: application/json\n").body(&whole.as_bytes()[..cut]).total(None));
        let behind = whole.find("hunter2").unwrap() + "hunter2\"".len();
        prop_assert_eq!(found.facts.credentials.len(), usize::from(cut >= behind));
    }
}
