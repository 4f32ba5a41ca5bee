//! The metrics from outside: promtool has no complaint, a real Prometheus reads them, the list is whole, and no traffic makes them grow
//! past their bound.

#![expect(clippy::float_cmp, reason = "counts below 2^53 are exact")]

mod made;
mod running;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use apiscope::metrics::{
    ApiSnapshot, CaptureSnapshot, ConfigSnapshot, DELIVERY_SECONDS, Histogram, InventorySnapshot, MetricKind, Metrics,
    ProgramSnapshot, ReceiverSnapshot, RingSnapshot, SERIES_MAX, SchemaSnapshot, SpecSnapshot, WireSnapshot, table,
};
use apiscope::notify::{DROPPED, FAILURES};
use apiscope::store::StoreStatus;
use apiscope_audit::finding::Transition;
use apiscope_audit::{ApiId, Change, Restored, Severity};
use apiscope_wire::{Ambiguity, AmbiguityKind, Coverage, ExchangeId, FlowId, Lost, Side, Skipped, Unparsed};

use made::{AT, alert, call, endpoint, finding};

/// Everything set and something of everything counted.
fn full() -> Metrics {
    let metrics = Metrics::new();
    metrics.set_config(ConfigSnapshot { successful: true, success_at: AT });
    metrics.set_apis(vec![ApiSnapshot { api: "orders-api".into(), team: "payments".into(), ..ApiSnapshot::default() }]);
    metrics.set_specs(vec![SpecSnapshot { spec: "orders.yaml".into(), failures: 1, loaded_at: Some(AT) }]);
    metrics.set_capture(CaptureSnapshot {
        programs: vec![ProgramSnapshot {
            program: "segment_ingress".into(),
            attached: true,
            records: 7,
            dropped: vec![("ring_full".into(), 2)],
        }],
        rings: vec![RingSnapshot { ring: "0".into(), size_bytes: 1 << 23, used_bytes: 100 }],
    });
    metrics.set_wire(WireSnapshot {
        flows_open: 1,
        flows_by_role: [1, 2, 3],
        evictions: vec![("idle".into(), 1)],
        gaps: 1,
        conflicts: 1,
        websocket_errors: 0,
    });
    metrics.set_schemas(SchemaSnapshot {
        messages: [4, 3, 2, 1],
        size_bytes: 1,
        endpoints_dropped: 1,
        parts_dropped: 1,
    });
    metrics.set_inventory(InventorySnapshot { probed: 3, probed_displaced: 1 });
    metrics.set_store(StoreStatus { durable: true, last_write: Some(AT), ..StoreStatus::default() });
    let mut delivery = Histogram::new(&DELIVERY_SECONDS);
    delivery.observe(0.7);
    metrics.set_receivers(vec![ReceiverSnapshot {
        receiver: "alertmanager".into(),
        sent: 1,
        failures: FAILURES.iter().map(|reason| (*reason, 0)).collect(),
        dropped: DROPPED.iter().map(|reason| (*reason, 0)).collect(),
        incomplete: 0,
        waiting: 0,
        oldest: None,
        delivery,
    }]);
    metrics.observe(&call("orders-api", "GET", Some("/orders/{id}"), Some(200)));
    metrics.observe(&Change::Endpoint(Box::new(endpoint(1, "orders-api", "/orders/{id}"))));
    metrics.observe(&Change::Finding(Box::new(finding("/login", 3))));
    metrics.observe(&alert(finding("/login", 3), Transition::Opened));
    metrics.observe(&Change::Coverage(ApiId::new("orders-api"), coverage()));
    metrics.observe(&Change::TlsUnobserved(ApiId::new("orders-api"), AT));
    let exchange = ExchangeId { flow: FlowId::new(1), index: 0 };
    metrics.observe(&Change::Ambiguous(Ambiguity {
        exchange,
        side: Side::Client,
        kind: AmbiguityKind::OddName,
        at: AT,
    }));
    metrics
}

fn coverage() -> Coverage {
    Coverage {
        parsed: 1000,
        skipped: Skipped { budget: 100, verdict: 10, encrypted: 1 },
        lost: Lost { ring: 20, gap: 3, memory: 0 },
        unparsed: Unparsed { not_http: 5, malformed: 0, joined_late: 0 },
    }
}

/// The value of the one series that begins so.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    let line = line.unwrap_or_else(|| panic!("{series} is not exposed"));
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a number")
}

#[test]
fn what_is_exposed_is_in_the_table_and_what_is_in_the_table_is_exposed() {
    let text = full().render();
    let exposed: BTreeSet<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let listed: BTreeSet<(&str, &str)> = table().iter().map(|metric| (metric.name, metric.kind.name())).collect();
    assert_eq!(exposed, listed);
    for metric in table() {
        let of_metric = |line: &&str| {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let suffixes =
                if metric.kind == MetricKind::Histogram { vec!["_bucket", "_sum", "_count"] } else { vec![""] };
            suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(metric.name))
        };
        for line in text.lines().filter(of_metric) {
            let labels: BTreeSet<&str> = labels(line).into_iter().filter(|label| *label != "le").collect();
            assert_eq!(labels, metric.labels.iter().copied().collect(), "{line}");
        }
        let reserved = [
            "service",
            "endpoint",
            "owner",
            "type",
            "env",
            "cluster",
            "namespace",
            "pod",
            "container",
            "instance",
            "job",
        ];
        assert!(metric.labels.iter().all(|label| !reserved.contains(label)), "{}", metric.name);
    }
}

fn labels(line: &str) -> Vec<&str> {
    let Some((_, rest)) = line.split_once('{') else { return Vec::new() };
    rest.split("\",").filter_map(|pair| pair.split_once("=\"").map(|(name, _)| name)).collect()
}

#[test]
fn promtool_has_no_complaint() {
    for metrics in [Metrics::new(), full()] {
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is installed");
        promtool.stdin.take().expect("a pipe").write_all(metrics.render().as_bytes()).expect("it reads");
        let output = promtool.wait_with_output().expect("it ends");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.trim().is_empty(), "{said}");
    }
}

#[test]
fn the_account_adds_up_and_values_are_exact() {
    let metrics = full();
    let text = metrics.render();
    let api = "api=\"orders-api\"";
    assert_eq!(value(&text, &format!("apiscope_socket_bytes_total{{{api}}}")), 1139.0);
    assert_eq!(value(&text, &format!("apiscope_captured_bytes_total{{{api}}}")), 1005.0);
    assert_eq!(value(&text, &format!("apiscope_lost_bytes_total{{{api},reason=\"ring\"}}")), 20.0);
    let series = format!("apiscope_exchanges_total{{{api},method=\"GET\",route=\"/orders/{{id}}\",code=\"2xx\"}}");
    assert_eq!(value(&text, &series), 1.0);
    assert_eq!(value(&text, &format!("apiscope_exchange_duration_seconds_bucket{{{api},le=\"0.025\"}}")), 1.0);
    assert_eq!(value(&text, &format!("apiscope_exchange_duration_seconds_bucket{{{api},le=\"0.01\"}}")), 0.0);
    assert_eq!(value(&text, &format!("apiscope_response_size_bytes_sum{{{api}}}")), 1000.0);
    assert_eq!(value(&text, "apiscope_flows_total{role=\"unknown\"}"), 3.0);
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    let started = value(&text, "process_start_time_seconds");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs_f64();
    assert!((now - 3600.0..=now + 1.0).contains(&started), "{started} is not within the last hour");
}

#[test]
fn a_findings_life_in_numbers() {
    let metrics = Metrics::new();
    let known = finding("/known", 40);
    metrics.restore(&Restored {
        endpoints: vec![endpoint(1, "orders-api", "/a")],
        findings: vec![known.clone()],
        ..Restored::default()
    });
    let open = "apiscope_findings_open{api=\"orders-api\",kind=\"cleartext-credential\",severity=\"high\"}";
    let opened = "apiscope_findings_opened_total{kind=\"cleartext-credential\",severity=\"high\"}";
    let sightings = "apiscope_finding_observations_total{kind=\"cleartext-credential\"}";
    let numbers = || {
        let text = metrics.render();
        [open, opened, sightings].map(|series| value(&text, series))
    };
    // What the store held is open, and nothing of it is new.
    assert_eq!(numbers(), [1.0, 0.0, 0.0]);
    metrics.observe(&Change::Endpoint(Box::new(endpoint(1, "orders-api", "/a"))));
    assert_eq!(value(&metrics.render(), "apiscope_endpoints_discovered_total{api=\"orders-api\"}"), 0.0);
    metrics.observe(&Change::Finding(Box::new(finding("/known", 45))));
    assert_eq!(numbers(), [1.0, 0.0, 5.0]);
    let row = finding("/login", 1);
    metrics.observe(&Change::Finding(Box::new(row.clone())));
    metrics.observe(&alert(row.clone(), Transition::Opened));
    assert_eq!(numbers(), [2.0, 1.0, 6.0]);
    let over = made::resolved(&row);
    metrics.observe(&Change::Finding(Box::new(over.clone())));
    metrics.observe(&alert(over, Transition::Resolved));
    assert_eq!(numbers(), [1.0, 1.0, 6.0]);
    let mut again = finding("/login", 2);
    (again.opened, again.revision) = (AT.plus(Duration::from_secs(99)), 3);
    metrics.observe(&alert(again, Transition::Reopened));
    assert_eq!(numbers(), [2.0, 2.0, 8.0]);
}

#[test]
fn no_traffic_makes_it_grow_past_its_bound() {
    let metrics = full();
    let (mut calls, mut seen) = (0u64, 0u64);
    for number in 0..200 {
        let api = format!("api-{number}");
        for route in 0..150 {
            let method = ["GET", "POST", "BREW", "COFFEE"][route % 4];
            metrics.observe(&call(&api, method, Some(&format!("/r{route}")), Some([200, 404, 500][route % 3])));
            calls += 1;
        }
        let mut row = finding(&format!("/{api}"), 1);
        row.api = ApiId::new(&api);
        metrics.observe(&Change::Finding(Box::new(row)));
        metrics.observe(&Change::Endpoint(Box::new(endpoint(number, &api, "/r"))));
    }
    let began = Instant::now();
    let text = metrics.render();
    let took = began.elapsed();
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series <= SERIES_MAX, "{series} series");
    assert_eq!(value(&text, "apiscope_scrape_series"), f64::from(u32::try_from(series).expect("few")));
    assert!(text.len() < 1 << 20, "{} bytes", text.len());
    // No call is lost: each is in some series.
    for line in text.lines().filter(|line| line.starts_with("apiscope_exchanges_total{")) {
        seen += line.rsplit_once(' ').and_then(|(_, value)| value.parse::<u64>().ok()).expect("a number");
    }
    assert_eq!(seen, calls + 1);
    assert!(value(&text, "apiscope_label_overflow_total{label=\"api\"}") > 0.0);
    assert!(value(&text, "apiscope_label_overflow_total{label=\"series\"}") > 0.0);
    let names = || text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    assert_eq!(names().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), names().count(), "a series twice");
    eprintln!("{series} series, {} bytes, {took:?} in a debug build", text.len());
}

#[test]
fn routes_past_the_cap_are_other_and_counted() {
    let metrics = Metrics::new();
    for route in 0..130 {
        metrics.observe(&call("orders-api", "GET", Some(&format!("/r{route}")), Some(200)));
    }
    let text = metrics.render();
    assert_eq!(value(&text, "apiscope_label_overflow_total{label=\"route\"}"), 30.0);
    let other = "apiscope_exchanges_total{api=\"orders-api\",method=\"GET\",route=\"other\",code=\"2xx\"}";
    assert_eq!(value(&text, other), 30.0);
}

#[test]
fn hostile_values_stay_values() {
    let metrics = Metrics::new();
    let hostile = "/a\"} 1\napiscope_exchanges_total{api=\"x\\\u{1b}[31m\u{202e}";
    metrics.observe(&call("evil\"\\\n", "GET", Some(hostile), None));
    metrics.observe(&call("evil\"\\\n", "GET", Some(&"/x".repeat(5000)), None));
    let text = metrics.render();
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    assert!(text.lines().all(|line| line.len() < 400));
    assert_eq!(text.lines().filter(|line| line.starts_with("apiscope_exchanges_total{")).count(), 2);
}

/// A process that ends with the test, also when that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves the metrics as the agent does, in a thread that lasts as long as the test process.
fn serve(metrics: Arc<Metrics>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = connection.read(&mut request).unwrap_or(0);
            if read > 0 {
                let (kind, body) = (apiscope::metrics::CONTENT_TYPE, metrics.render());
                let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n", body.len());
                // A scraper that went away does not matter.
                let _ = write!(connection, "{head}connection: close\r\n\r\n{body}");
            }
        }
    });
    port
}

#[test]
fn a_real_prometheus_reads_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = serve(Arc::new(full()));
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: apiscope\n  static_configs: [{{targets: [\"127.0.0.1:{port}\"]}}]\n"
    );
    std::fs::write(dir.path().join("prometheus.yml"), config).expect("a file");
    let own = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let _running = Running(
        Command::new("/usr/bin/prometheus")
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{own}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed"),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = query(own, "apiscope_exchanges_total");
        if let Some(sample) = found.as_ref().and_then(|answer| answer["data"]["result"].get(0)) {
            assert_eq!(sample["value"][1], "1");
            assert_eq!(sample["metric"]["route"], "/orders/{id}");
            // No label of ours had to give way to one of Prometheus' own.
            assert!(!sample["metric"].to_string().contains("exported_"), "{sample}");
            break;
        }
        assert!(Instant::now() < deadline, "not scraped within 30 s: {found:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    let joined = query(own, "sum(apiscope_exchanges_total*on(instance,api)group_left(team)apiscope_api_info)by(team)");
    assert_eq!(joined.expect("an answer")["data"]["result"][0]["metric"]["team"], "payments");
}

fn query(port: u16, query: &str) -> Option<serde_json::Value> {
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let query = query.replace('*', "%2A");
    write!(connection, "GET /api/v1/query?query={query} HTTP/1.0\r\nhost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn severities_are_known_at_zero() {
    let text = Metrics::new().render();
    for severity in Severity::ALL {
        let series = format!("apiscope_findings_opened_total{{kind=\"cleartext-credential\",severity=\"{severity}\"}}");
        assert_eq!(value(&text, &series), 0.0);
    }
    assert_eq!(value(&text, "apiscope_label_overflow_total{label=\"series\"}"), 0.0);
}
