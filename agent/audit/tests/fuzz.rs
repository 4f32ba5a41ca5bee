//! The fuzz targets of the readers (`fuzz/targets/audit.rs`), tried here without a fuzzer: on seeds, on changes of them by a
//! seeded generator, and on the inputs that once broke something (`fuzz/regressions/<target>/`).
//!
//! `cargo xtask fuzz` gets its seeds from here (`APISCOPE_FUZZ_SEEDS`).

#[path = "../../../fuzz/targets/audit.rs"]
mod audit;
#[path = "../../../fuzz/targets/meter.rs"]
#[expect(clippy::disallowed_types, reason = "a test may look at the clock")]
mod meter;

use std::path::Path;

use apiscope_audit::inventory::{PackedProfile, Profile};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 5] = [
    ("facts", audit::facts),
    ("calls", audit::calls),
    ("openapi", audit::openapi),
    ("references", audit::references),
    ("profile", audit::profile),
];

/// Changed inputs of each target in the usual run.
const CHANGED: u64 = 3000;

/// A message as [`audit::facts`] takes it.
fn message(which: u8, target: &[u8], fields: [(u8, &[u8]); 3], body: &[u8]) -> Vec<u8> {
    let text = |text: &[u8]| [&[u8::try_from(text.len()).expect("short")], text].concat();
    let fields = fields.map(|(name, value)| [vec![name], text(value)].concat()).concat();
    [vec![which], text(target), fields, body.to_vec()].concat()
}

/// A call and its answer as [`audit::calls`] takes them.
fn call(which: u8, target: &[u8], action: &[u8], body: &str, answer: &str) -> Vec<u8> {
    let text = |text: &[u8]| [&[u8::try_from(text.len()).expect("short")], text].concat();
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    [vec![which], text(target), text(action), length.to_vec(), body.as_bytes().to_vec(), answer.as_bytes().to_vec()]
        .concat()
}

fn calls() -> Vec<Vec<u8>> {
    let part = "--b\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n";
    let envelope = |body: &str| {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>{body}</e:Body></e:Envelope>"
        )
    };
    vec![
        call(
            0,
            b"/graphql",
            b"",
            r#"{"operationName":"A","variables":{"a":[1]},"query":"query A { ...F x: a(b: \"c\") @d { e } } fragment F on T { __schema }"}"#,
            r#"{"data":{"a":1},"errors":[]}"#,
        ),
        call(
            0,
            b"/graphql",
            b"",
            r#"[{"query":"{a}"},{"query":"mutation B {b}","extensions":{"persistedQuery":{"sha256Hash":"ecf4edb46db40b5132295c0291d62fb6"}}}]"#,
            r#"[{"data":{}},{"errors":[]}]"#,
        ),
        call(0x80, b"/graphql?query=%7Ba%7D&operationName=A&extensions=%7B%7D", b"", "", "{}"),
        call(1, b"/g", b"", "subscription S { a { b ... on C { d } } }", r#"{"errors":[]}"#),
        call(
            0,
            b"/rpc",
            b"",
            r#"[{"jsonrpc":"2.0","method":"a.b","params":[1],"id":"1"},{"jsonrpc":"2.0","method":"c"}]"#,
            r#"[{"id":"1","error":{"code":-32601}}]"#,
        ),
        call(
            6 << 3,
            b"/mcp",
            b"",
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}"#,
            "event: message\ndata: {\"id\":2,\"result\":{\"isError\":true}}\n\n",
        ),
        call(
            0,
            b"/s/$batch",
            b"",
            r#"{"requests":[{"id":"1","method":"get","url":"/a"},{"id":"2","method":"POST","url":"B(1)"}]}"#,
            r#"{"responses":[{"id":"2","status":201}]}"#,
        ),
        call(
            2 | 2 << 3,
            b"/s/$batch",
            b"",
            &format!(
                "{part}GET /a/1 HTTP/1.1\r\n\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n\r\nPOST x\r\n\r\n--c--\r\n--b--\r\n"
            ),
            &format!("{part}HTTP/1.1 200 OK\r\n\r\n\r\n--b--\r\n"),
        ),
        call(
            3,
            b"/graphql",
            b"",
            "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{\"query\":\"{a}\"}\r\n--b--\r\n",
            "{}",
        ),
        call(
            4 | 4 << 3,
            b"/stock",
            b"\"urn:x#Get\"",
            &envelope("<m:GetPrice a=\"b\"/>"),
            &envelope("<e:Fault><faultcode>e:Client</faultcode></e:Fault>"),
        ),
        call(
            4 | 4 << 3,
            b"/stock",
            b"",
            &envelope("<!-- c --><m:GetPrice><![CDATA[<x>]]></m:GetPrice>"),
            &envelope("<e:Fault><Code><Value>e:Sender</Value></Code></e:Fault>"),
        ),
    ]
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    if target == "calls" {
        return calls();
    }
    if target == "openapi" {
        let yaml = "openapi: 3.0.0\ninfo: {title: a, x-owner: b}\nservers: [{url: 'https://a.b:8/{v}', variables: {v: {default: c}}}]\n\
                    paths:\n  /a/{b}:\n    parameters: [{name: b, in: path}]\n    get: {operationId: x, responses: {'200': {description: d}}}\n    $ref: '#/c'\n";
        let json = r#"{"swagger":"2.0","host":"a","basePath":"/v1","schemes":["http"],"paths":{"/x":{"post":{"tags":["t"]}}}}"#;
        let anchors = "a: &a [1, 2]\nb: &b [*a, *a]\npaths: {/c: *b}\n";
        return [yaml, json, anchors].map(|text| text.as_bytes().to_vec()).to_vec();
    }
    if target == "references" {
        let first = "openapi: 3.1.0\ninfo: {title: a}\npaths:\n  /a/{b}: {$ref: '1#/paths/~1a'}\n  /c: {get: {parameters: [{$ref: '2#/p'}]}}\n";
        let second = "openapi: 3.0.0\ninfo: {title: b}\npaths: {/a: {get: {}, parameters: [{$ref: './2#/p'}]}}\n";
        let third = "p: {name: b, in: path, required: true, schema: {$ref: '0#/info'}}\n";
        let circle = "openapi: 3.0.0\ninfo: {}\npaths: {/a: {$ref: '1'}}\n\0{\"$ref\": \"0#/paths/~1a\"}";
        let files = [first, second, third].join("\0");
        return [&*files, circle].map(|text| text.as_bytes().to_vec()).to_vec();
    }
    if target == "profile" {
        return profiles();
    }
    let token = b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
    vec![
        message(
            0,
            b"/users/17?token=abcdef0123456789&x=%41",
            [(0, token), (4, b"api.example"), (1, b"sid=0123456789abcdef; a=b")],
            br#"{"password":"hunter2hunter2","a":[1,{"b\u0041":null}],"card":"4111111111111111"}"#,
        ),
        message(
            1,
            b"http://u:p@h/%2e%2e/a;b",
            [(0, b"Basic dXNlcjpwYXNz"), (5, b"0123456789abcdef0123"), (6, b"Digest a=\"b\"")],
            b"user=a&password=b%20c&x=",
        ),
        message(
            0x40,
            b"",
            [(2, b"sid=0123456789abcdef; HttpOnly; Secure"), (9, b"Basic realm=\"x\""), (7, b"gzip")],
            br#"[{"email":"a@b.example","ssn":"078-05-1120"}]"#,
        ),
        message(
            2,
            b"*",
            [(12, b"https://a/?key=secret"), (13, b"</a>; rel=b"), (8, b"10.0.0.1, 10.0.0.2")],
            b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n",
        ),
    ]
}

/// Profiles, written by hand as [`PackedProfile`] writes them: its version, then sections by number.
fn profiles() -> Vec<Vec<u8>> {
    let sections = |sections: &[(u8, &[u8])]| {
        let length = |part: &[u8]| u8::try_from(part.len()).expect("short");
        let section = |(number, part): &(u8, &[u8])| [&[*number, length(part)], *part].concat();
        [vec![1], sections.iter().flat_map(section).collect()].concat()
    };
    let all = [
        sections(&[(1, &[0, 2, 0xc8, 1, 7, 0xf4, 3, 1])]),
        sections(&[(2, &[1, 0, 2, 0, 5, 9, 0x80, 1, 0, 3]), (3, &[0, 3, 1, 4, 1, 0xff, 1, 0xff, 1])]),
        sections(&[
            (6, &[2, 1, 1, 7, 0, 1, 9, 12, 3]),
            (7, &[2, 5, 0xff, 0xff, 3]),
            (8, &[0xb0, 0x90, 30, 2, 0, 4, 3, 1]),
        ]),
        sections(&[
            (9, &[0xb0, 0x90, 1, 1, 0, 4]),
            (10, b"\x00\x01\x05\x04mail\x02\x03\x02/a\x00\x01\x02\x02"),
            (99, b"new"),
        ]),
    ];
    for profile in &all {
        let packed = PackedProfile::from_stored(profile).read().expect("a seed is a profile");
        assert_ne!(packed, Profile::default());
    }
    all.to_vec()
}

/// Splitmix64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 33).expect("31 bits") % n.max(1)
    }

    fn byte(&mut self) -> u8 {
        let any = u8::try_from(self.below(256)).expect("a byte");
        [any, b'"', b'{', b'[', b'\\', b'%', b'&', b':', b'\n', b'*'][self.below(10)]
    }
}

fn change(data: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = random.below(data.len() + 1);
        match random.below(6) {
            0 => data.truncate(at),
            1 => data.insert(at, random.byte()),
            2 => {
                let copy: Vec<u8> = data[at..].iter().take(30).copied().collect();
                let times = 1 + random.below(20);
                data.splice(at..at, copy.repeat(times));
            }
            3 => drop(data.drain(at..(at + random.below(9)).min(data.len()))),
            _ if at < data.len() => data[at] = random.byte(),
            _ => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "they are files")]
fn regressions(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions").join(target);
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| std::fs::read(entry.path()).expect("an input"))
        .collect()
}

#[test]
fn seeds_changed_seeds_and_what_once_broke_something() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        for input in seeds.iter().chain(&regressions(name)) {
            target(input);
        }
        for number in 0..CHANGED {
            let mut random = Random(number);
            let mut data = seeds[random.below(seeds.len())].clone();
            change(&mut data, &mut random);
            data.truncate(4096);
            target(&data);
        }
    }
}

/// Not a test of anything by itself: `cargo xtask fuzz` asks for the seeds as files.
#[test]
#[expect(clippy::disallowed_methods, reason = "the seeds are files")]
fn seeds_are_written_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os("APISCOPE_FUZZ_SEEDS") else { return };
    for (name, _) in TARGETS {
        let folder = Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        for (number, seed) in seeds(name).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:03}")), seed).expect("a file");
        }
    }
}
