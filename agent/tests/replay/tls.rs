//! Real handshakes of openssl, of every version and kind of key: what wire says of them is what tshark and openssl say, and what
//! `apiscope replay` shows.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use apiscope::capture::replay::Replay;
use apiscope_wire::tls::{AlternativeName, Certificate, Chain, Hello};
use apiscope_wire::{Event, Limits, Wire};
use serde_json::Value;

use super::support::Scratch;
use super::tools::{Process, can_run, capture_ports, run, stop};

/// A key, and the arguments of a server and a client that handshake with it. `{}` in them is the directory of keys.
struct Case {
    key: &'static str,
    server: &'static str,
    client: &'static str,
}

const CASES: &[Case] = &[
    Case { key: "rsa", server: "-tls1 -cipher ALL:@SECLEVEL=0", client: "-tls1 -cipher ALL:@SECLEVEL=0" },
    Case { key: "ec", server: "-tls1_1 -cipher ALL:@SECLEVEL=0", client: "-tls1_1 -cipher ALL:@SECLEVEL=0" },
    Case { key: "rsa", server: "-tls1_2 -alpn http/1.1 -cert_chain {}/chain.crt", client: "-alpn h2,http/1.1" },
    Case { key: "rsa", server: "-tls1_2 -cipher AES128-SHA", client: "-servername plain.test" },
    Case { key: "ec", server: "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", client: "-noservername" },
    Case { key: "ed", server: "-tls1_2", client: "-tls1_2" },
    Case { key: "rsa", server: "-tls1_2 -max_send_frag 512", client: "-max_send_frag 512 -alpn a,b,c" },
    Case {
        key: "rsa",
        server: "-tls1_2 -nocert -cipher aNULL:@SECLEVEL=0",
        client: "-tls1_2 -cipher aNULL:@SECLEVEL=0",
    },
    Case { key: "ec", server: "-tls1_3", client: "-alpn h2" },
    Case { key: "rsa", server: "-ciphersuites TLS_CHACHA20_POLY1305_SHA256", client: "-tls1_3" },
    Case { key: "rsa", server: "-groups P-521", client: "-groups X25519:P-521" },
    Case { key: "rsa", server: "-tls1_3", client: "-tls1_2" },
];

/// Keys and certificates: `rsa`, `ec` and `ed`, signed by `ca`.
fn certificates(scratch: &Scratch) {
    let path = |name: &str| scratch.path().join(name).display().to_string();
    let names = "subjectAltName=DNS:api.example.com,DNS:*.api.example.com,IP:10.0.0.2,IP:fd00::2";
    scratch.file("names", names.as_bytes());
    let kinds = [("ca", "rsa:2048"), ("rsa", "rsa:2048"), ("ec", "ec"), ("ed", "ed25519")];
    for (days, (name, kind)) in (30..).zip(kinds) {
        let (key, request, certificate) =
            (path(&format!("{name}.key")), path(&format!("{name}.csr")), path(&format!("{name}.crt")));
        let subject = format!("/C=NL/O=Example Größe/CN={name}.example.com");
        let mut words = vec!["req", "-newkey", kind, "-nodes", "-keyout", &key, "-out", &request, "-utf8"];
        words.extend(["-subj", &subject]);
        if kind == "ec" {
            words.extend(["-pkeyopt", "ec_paramgen_curve:secp384r1"]);
        }
        run("openssl", &words);
        let (days, names, ca, ca_key) = (days.to_string(), path("names"), path("ca.crt"), path("ca.key"));
        let mut words = vec!["x509", "-req", "-in", &request, "-out", &certificate, "-days", &days, "-extfile", &names];
        if name == "ca" {
            words.extend(["-signkey", &key]);
        } else {
            words.extend(["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"]);
        }
        run("openssl", &words);
    }
    std::fs::copy(path("ca.crt"), path("chain.crt")).expect("a copy");
}

/// A server that accepts on a port of its own.
fn serve(case: &Case, scratch: &Scratch) -> (Process, u16) {
    let dir = scratch.path().display().to_string();
    for _ in 0..20 {
        let port = super::tools::free_port();
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-naccept", "1", "-accept", &format!("127.0.0.1:{port}")]);
        if !case.server.contains("-nocert") {
            command.args(["-cert", &format!("{dir}/{}.crt", case.key), "-key", &format!("{dir}/{}.key", case.key)]);
        }
        let words = case.server.replace("{}", &dir);
        command.args(words.split(' ')).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Process(command.spawn().expect("openssl"));
        // Its only connection is the client's: so it is looked for in the kernel's list.
        for _ in 0..200 {
            if server.0.try_wait().expect("a child").is_some() {
                break;
            }
            if std::fs::read_to_string("/proc/net/tcp")
                .expect("a list")
                .contains(&format!("0100007F:{port:04X} 00000000:0000 0A"))
            {
                return (server, port);
            }
            sleep(Duration::from_millis(10));
        }
    }
    panic!("no server for {}", case.server);
}

fn shake_hands(case: &Case, port: u16) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}")]);
    if !case.client.contains("servername") {
        command.args(["-servername", "api.example.com"]);
    }
    command.args(case.client.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("openssl");
}

/// What is known of a handshake, as text: the same for every reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    offered: String,
    chosen: String,
    certificates: Vec<String>,
}

fn list(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

fn number(value: u16) -> String {
    format!("0x{value:04x}")
}

fn said(hello: &Hello<'_>) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let offer = hello.offer.expect("a hello");
    let offered = format!(
        "{}|{}|{}|{}",
        offer.server_name.unwrap_or_default(),
        list(offer.protocols.iter().map(text)),
        list(offer.versions.iter().map(number)),
        list(offer.suites.iter().map(number)),
    );
    let chosen = match (hello.choice, hello.refused) {
        (Some(choice), _) => {
            let protocol = choice.protocol.map(text).unwrap_or_default();
            format!("{}|{}|{protocol}", number(choice.version), number(choice.suite))
        }
        (None, Some(alert)) => format!("alert {alert}"),
        (None, None) => "nothing".to_owned(),
    };
    let certificates = match hello.chain {
        Chain::Sent(chain) => chain.iter().map(|one| certificate(&one)).collect(),
        Chain::Unknown | Chain::Encrypted | Chain::NotSent => Vec::new(),
    };
    Said { offered, chosen, certificates }
}

/// Names, then dates, as tshark shows them.
fn certificate(certificate: &Certificate<'_>) -> String {
    let date = |at: Option<i64>| {
        let at = jiff::Timestamp::from_second(at.expect("a date")).expect("in range");
        at.strftime("%Y-%m-%d %H:%M:%S (UTC)").to_string()
    };
    let names = certificate.names.iter().filter_map(|name| match name {
        AlternativeName::Dns(name) => Some(name.to_owned()),
        AlternativeName::Ip(_) => None,
    });
    format!("{}|{},{}", list(names), date(certificate.not_before), date(certificate.not_after))
}

/// What wire says, by the server's port; and each certificate's text and DER.
fn as_we_read(path: &Path) -> BTreeMap<u16, (Said, Vec<Vec<u8>>)> {
    let mut replay = Replay::open(&[path.to_path_buf()]).expect("opens");
    let mut wire = Wire::new(Limits::default());
    let mut hellos = BTreeMap::new();
    let mut more = true;
    while more {
        let mut verdicts = Vec::new();
        more = replay
            .next_inputs(&mut |input| {
                wire.handle(input, &mut |event| match event {
                    Event::Verdict(flow, verdict) => verdicts.push((flow, verdict)),
                    Event::Hello(hello) => {
                        let ders = match hello.chain {
                            Chain::Sent(chain) => chain.iter().map(|one| one.der.to_vec()).collect(),
                            Chain::Unknown | Chain::Encrypted | Chain::NotSent => Vec::new(),
                        };
                        assert!(
                            hellos.insert(hello.origin.server.port(), (said(&hello), ders)).is_none(),
                            "once a flow"
                        );
                    }
                    Event::Message(_)
                    | Event::Head(_)
                    | Event::Progress(_)
                    | Event::Session(..)
                    | Event::Over(..)
                    | Event::Ambiguous(_)
                    | Event::Coverage(..)
                    | Event::Closed(..) => {}
                });
            })
            .expect("reads");
        for (flow, verdict) in verdicts {
            replay.apply(flow, verdict);
        }
    }
    hellos
}

/// What tshark says, by the server's port.
fn as_tshark_reads(path: &Path, ports: &[u16]) -> BTreeMap<u16, Said> {
    const FIELDS: [&str; 11] = [
        "tcp.srcport",
        "tcp.dstport",
        "tls.handshake.type",
        "tls.handshake.extensions_server_name",
        "tls.handshake.extensions_alpn_str",
        "tls.handshake.version",
        "tls.handshake.extensions.supported_version",
        "tls.handshake.ciphersuite",
        "x509ce.dNSName",
        "x509af.utcTime",
        "tls.alert_message.desc",
    ];
    let mut words: Vec<String> = ["-r", path.to_str().expect("UTF-8"), "-Y", "tls.handshake or tls.alert_message.desc"]
        .map(str::to_owned)
        .to_vec();
    words.extend(["-T", "fields", "-E", "separator=|"].map(str::to_owned));
    words.extend(FIELDS.iter().flat_map(|field| ["-e".to_owned(), (*field).to_owned()]));
    words.extend(ports.iter().flat_map(|port| ["-d".to_owned(), format!("tcp.port=={port},tls")]));
    let mut found: BTreeMap<u16, Said> = BTreeMap::new();
    for line in run("tshark", &words.iter().map(String::as_str).collect::<Vec<_>>()).lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [source, destination, kinds, name, protocols, version, versions, suites, names, dates, alert] = fields[..]
        else {
            panic!("{line}")
        };
        let versions = if versions.is_empty() { version } else { versions };
        let first = kinds.split(',').next().unwrap_or_default();
        let from_server = ports.iter().find(|port| port.to_string() == source);
        let Some(port) = from_server.or_else(|| ports.iter().find(|port| port.to_string() == destination)) else {
            continue;
        };
        let said = found.entry(*port).or_default();
        match (from_server.is_some(), first) {
            (false, "1") if said.offered.is_empty() => said.offered = format!("{name}|{protocols}|{versions}|{suites}"),
            (true, "2") if said.chosen.is_empty() => said.chosen = format!("{versions}|{suites}|{protocols}"),
            (true, "") if said.chosen.is_empty() => said.chosen = format!("alert {alert}"),
            _ => {}
        }
        if from_server.is_some() && !dates.is_empty() {
            let dates: Vec<&str> = dates.split(',').collect();
            let names: Vec<&str> = names.split(',').collect();
            let per = names.len() / (dates.len() / 2);
            let pairs = dates.chunks(2).zip(names.chunks(per.max(1)));
            said.certificates =
                pairs.map(|(dates, names)| format!("{}|{}", names.join(","), dates.join(","))).collect();
        }
    }
    found
}

/// A certificate as openssl shows it.
fn as_openssl_reads(der: &[u8], scratch: &Scratch) -> BTreeMap<String, String> {
    let path = scratch.file("one.der", der);
    let mut words = vec!["x509", "-inform", "DER", "-in", path.to_str().expect("UTF-8"), "-noout"];
    words.extend(["-subject", "-issuer", "-startdate", "-enddate", "-fingerprint", "-sha256"]);
    words.extend(["-nameopt", "RFC2253,-esc_msb,utf8", "-dateopt", "iso_8601"]);
    let text = run("openssl", &words);
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn handshakes_are_read_as_tshark_and_openssl_read_them() {
    if !can_run(&["openssl", "tcpdump", "tshark"]) {
        return;
    }
    let scratch = Scratch::new();
    certificates(&scratch);
    let servers: Vec<(Process, u16)> = CASES.iter().map(|case| serve(case, &scratch)).collect();
    let ports: Vec<u16> = servers.iter().map(|(_, port)| *port).collect();
    let path = scratch.path().join("tls.pcap");
    let tcpdump = capture_ports(&path, &ports, &["-i", "lo"]);
    for (case, port) in CASES.iter().zip(&ports) {
        shake_hands(case, *port);
    }
    sleep(Duration::from_millis(300));
    stop(tcpdump);
    drop(servers);

    let ours = as_we_read(&path);
    let theirs = as_tshark_reads(&path, &ports);
    assert_eq!(ours.len(), CASES.len());
    for (case, port) in CASES.iter().zip(&ports) {
        assert_eq!(ours[port].0, theirs[port], "{} {}", case.server, case.client);
    }
    let count = |wanted: &str| ours.values().filter(|(said, _)| said.chosen.starts_with(wanted)).count();
    assert_eq!(["0x0301", "0x0302", "0x0303", "0x0304", "alert"].map(count), [1, 1, 6, 3, 1]);

    let output = Command::new(env!("CARGO_BIN_EXE_apiscope")).arg("replay").arg(&path).args(["-o", "json"]).output();
    let shown: Value = serde_json::from_slice(&output.expect("runs").stdout).expect("JSON");
    let rows = shown["tls"].as_array().expect("a list");
    for (port, (said, ders)) in &ours {
        let row = rows.iter().find(|row| row["port"] == *port).expect("a row");
        assert_eq!(row["connections"], 1);
        assert_eq!(row["server_name"].as_str().unwrap_or_default(), said.offered.split('|').next().expect("a name"));
        assert_eq!(row["certificates"].as_array().expect("a list").len(), ders.len());
        for (der, shown) in ders.iter().zip(row["certificates"].as_array().expect("a list")) {
            same_as_openssl(&as_openssl_reads(der, &scratch), shown);
        }
    }
    let suites = &rows.iter().find(|row| row["suites"]["TLS_CHACHA20_POLY1305_SHA256"] == 1).expect("its suite");
    assert_eq!(suites["versions"]["TLS 1.3"], 1);
    assert_eq!(suites["chains"]["encrypted"], 1);
}

fn same_as_openssl(theirs: &BTreeMap<String, String>, ours: &Value) {
    let text = |key: &str| ours[key].as_str().expect("a text").to_owned();
    assert_eq!(text("subject"), theirs["subject"]);
    assert_eq!(text("issuer"), theirs["issuer"]);
    let date = |key: &str| text(key).replace('T', " ");
    assert_eq!((date("not_before"), date("not_after")), (theirs["notBefore"].clone(), theirs["notAfter"].clone()));
    let colons = theirs["sha256 Fingerprint"].replace(':', "").to_lowercase();
    assert_eq!(text("sha256"), colons);
    let names: Vec<_> = ours["names"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(names, ["api.example.com", "*.api.example.com", "10.0.0.2", "fd00::2"]);
    assert!(["RSA 2048", "P-384", "Ed25519"].contains(&text("key").as_str()));
}
