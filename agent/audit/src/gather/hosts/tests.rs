//! Hosts of one API and hosts of several, through the namer and through `Gather`.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiscope_wire::Event;
use apiscope_wire::tls::{Chain, Offer};

use super::*;
use crate::exchange::Record;
use crate::facts::sample::Sample;
use crate::secret::FingerprintKey;
use crate::settings::ApiRule;
use crate::{Audit, Change, Gather, Restored, Settings};

/// Paths of an API that gives each customer a host.
const PATHS: [&str; 6] = ["/api/orders", "/api/orders/7", "/api/items/3/stock", "/users/me", "/api/reports", "/login"];

fn gather(settings: Settings) -> Gather {
    Gather::new(Arc::new(FingerprintKey::new([5; 32])), Arc::new(settings))
}

/// A call on a connection of its own; gives the API, and what was joined.
fn call(gather: &mut Gather, flow: u64, host: &str, path: &str, status: u16) -> (String, Vec<String>) {
    let (mut api, mut joined) = (String::new(), Vec::new());
    let request = Sample::new(&format!("GET {path} HTTP/1.1\nHost: {host}"));
    for sample in [request, Sample::new(&format!("HTTP/1.1 {status} -\n"))] {
        sample.at(flow, 0).with(|message| {
            gather.handle(Event::Message(*message), &mut |record| match record {
                Record::Exchange(exchange) => api = exchange.api.to_string(),
                Record::ApiJoined { from, into } => joined.push(format!("{from} {into}")),
                _ => {}
            });
        });
    }
    (api, joined)
}

#[test]
fn hosts_that_are_called_alike_are_one_api() {
    // In any order of the hosts and of the paths.
    for order in 0..4_usize {
        let (mut gather, mut flow, mut all) = (gather(Settings::default()), 0, Vec::new());
        for n in 0..8 * PATHS.len() {
            let n = if order % 2 == 0 { n } else { 8 * PATHS.len() - 1 - n };
            let (tenant, path) = if order < 2 { (n / PATHS.len(), n % PATHS.len()) } else { (n % 8, n / 8) };
            flow += 1;
            all.extend(call(&mut gather, flow, &format!("t{tenant}.shop.example"), PATHS[path], 200).1);
        }
        assert!(all.len() >= HOSTS_MIN && all[0].ends_with(" *.shop.example"), "{order}: {all:?}");
        assert_eq!(call(&mut gather, 900, "new.shop.example", "/", 404).0, "*.shop.example");
        assert_eq!(call(&mut gather, 901, "a.b.shop.example", "/", 404).0, "a.b.shop.example");
        assert_eq!(call(&mut gather, 902, "shop.example", "/", 404).0, "shop.example");
        assert_eq!(call(&mut gather, 903, "t1.shop.example:8443", "/", 404).0, "t1.shop.example:8443");
    }
}

#[test]
fn hosts_of_different_services_stay_apart() {
    let mut gather = gather(Settings::default());
    let services = ["auth", "billing", "search", "media", "mail", "admin", "stock", "maps", "chat", "docs"];
    for round in 0..20 {
        for (at, service) in services.iter().enumerate() {
            let own = [
                format!("/{service}/list"),
                format!("/{service}/items/{round}"),
                format!("/v1/{service}"),
                "/health".into(),
            ];
            for (n, path) in own.iter().enumerate() {
                let flow = (round * 100 + at * 10 + n) as u64;
                let host = format!("{service}.corp.example");
                assert_eq!(call(&mut gather, flow, &host, path, 200), (host, vec![]));
            }
        }
    }
}

#[test]
fn what_any_server_has_joins_nothing() {
    let mut gather = gather(Settings::default());
    for n in 0..200 {
        let host = format!("h{n}.corp.example");
        for (at, path) in ["/", "/health", "/favicon.ico", "/login", "/7/8"].iter().enumerate() {
            assert_eq!(call(&mut gather, n * 10 + at as u64, &host, path, 200), (host.clone(), vec![]));
        }
        // A scanner finds the same nowhere.
        for path in PATHS {
            assert_eq!(call(&mut gather, 10_000 + n, &host, path, 404), (host.clone(), vec![]));
        }
    }
}

#[test]
fn a_rule_of_the_user_wins() {
    let rule = |name: &str, authority: &str| ApiRule {
        name: name.into(),
        authorities: vec![authority.into()],
        ports: vec![],
        workloads: vec![],
    };
    let apis = vec![rule("first", "t0.shop.example"), rule("all", "*.all.example")];
    let mut gather = gather(Settings { apis, ..Settings::default() });
    let mut flow = 0;
    for tenant in 0..9 {
        for path in PATHS {
            flow += 1;
            let (api, _) = call(&mut gather, flow, &format!("t{tenant}.shop.example"), path, 200);
            assert_eq!(api == "first", tenant == 0);
            assert_eq!(call(&mut gather, 1_000 + flow, &format!("t{tenant}.all.example"), path, 200).0, "all");
        }
    }
    assert_eq!(call(&mut gather, 2_000, "t5.shop.example", "/", 200).0, "*.shop.example");
}

#[test]
fn what_was_one_api_is_one_after_a_restart() {
    let mut gather = gather(Settings::default());
    gather.recall([ApiId::new("*.shop.example"), ApiId::new("orders")].iter());
    assert_eq!(call(&mut gather, 1, "any.shop.example", "/", 200).0, "*.shop.example");
}

#[test]
fn many_server_names_at_one_server_are_one() {
    let mut gather = gather(Settings::default());
    let origin = crate::facts::sample::origin();
    let mut apis = Vec::new();
    for n in 0..40_u64 {
        let name = format!("c{n}.cloud.example");
        let hello = apiscope_wire::tls::Hello {
            flow: apiscope_wire::FlowId::new(n),
            origin: &origin,
            offer: Some(Offer { server_name: Some(&name), ..Offer::default() }),
            choice: None,
            chain: Chain::Unknown,
            refused: None,
            at: Timestamp::from_nanos(n),
        };
        gather.handle(Event::Hello(hello), &mut |record| {
            if let Record::Hello { api, .. } = record {
                apis.push(api.to_string());
            }
        });
    }
    assert_eq!(apis[SERVER_NAMES_MIN - 2], format!("c{}.cloud.example", SERVER_NAMES_MIN - 2));
    assert!(apis[SERVER_NAMES_MIN - 1..].iter().all(|api| api == "*.cloud.example"), "{apis:?}");
}

#[test]
fn a_flood_of_hosts_costs_constant_memory() {
    let mut hosts = Hosts::default();
    let server = "10.0.0.1:443".parse().unwrap();
    let now = Timestamp::from_nanos(1);
    for n in 0..100_000 {
        hosts.greeted(&format!("a.s{n}.example"), server, now);
        if let Some(known) = hosts.observe("flood.example", now) {
            known.add(n, n);
            known.add(7, n);
        }
    }
    assert_eq!(hosts.suffixes.len(), SUFFIXES_MAX);
    // One place is that of the flood.
    assert_eq!(hosts.overflow(), 100_000 - (SUFFIXES_MAX as u64 - 1));
    let known = &hosts.suffixes["flood.example"];
    assert!(known.hosts.len() == HOSTS_MAX && known.hosts.iter().all(|host| host.ways.len() <= WAYS_MAX));
    // Ten minutes later there is room again.
    hosts.greeted("a.late.example", server, now.plus(IDLE * 2));
    assert!(hosts.suffixes.contains_key("late.example"));
    for n in 0..2 * JOINED_MAX {
        hosts.recall(&ApiId::new(&format!("*.r{n}.example")));
    }
    assert_eq!(hosts.joined.len(), JOINED_MAX);
}

#[test]
fn endpoints_and_accounts_move_to_the_api_of_all() {
    let mut gather = gather(Settings::default());
    let mut audit = Audit::new(Arc::new(Settings::default()), Restored::default());
    let (mut rows, mut gone, mut calls) = (BTreeMap::new(), 0_u64, 0_u64);
    for tenant in 0..12_u64 {
        for (at, path) in PATHS.iter().enumerate() {
            let request = Sample::new(&format!("GET {path} HTTP/1.1\nHost: t{tenant}.shop.example"));
            for sample in [request, Sample::new("HTTP/1.1 200 -\n")] {
                sample.at(tenant * 10 + at as u64, 0).with(|message| {
                    gather.handle(Event::Message(*message), &mut |record| audit.handle(record, &mut |_| {}));
                });
            }
            calls += 1;
            audit.flush(Timestamp::from_nanos(calls), &mut |change| match change {
                Change::Endpoint(row) => drop(rows.insert(row.id, row)),
                Change::EndpointGone { .. } => gone += 1,
                _ => {}
            });
        }
    }
    // What was given as gone while the records were handled is known from the sum.
    let all: Vec<_> = rows.values().filter(|row| row.api.as_str() == "*.shop.example").collect();
    assert_eq!(all.iter().map(|row| row.calls).sum::<u64>(), calls);
    assert_eq!(audit.counters().0.apis, 1);
    assert_eq!(audit.counters().0.endpoints, all.len() as u64);
    assert_eq!((all.len(), gone), (PATHS.len(), 0));
}
