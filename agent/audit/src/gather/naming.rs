//! The name of an API (design §4): the same on every host that serves it.
//!
//! First of: a rule of the configuration, a document that serves the authority, the normalised authority (or what all with its suffix are
//! called, [`super::hosts`]), the workload, the server's address. Names made from traffic are bounded: a scanner with a million Host
//! headers costs constant memory, and ten minutes after it has gone there is room for new names again.

use std::net::SocketAddr;
use std::time::Duration;

use apiscope_wire::{Origin, Timestamp};
use rustc_hash::FxHashMap;

use super::hosts::Hosts;
use crate::exchange::{ApiId, Exchange};
use crate::glob::matches_glob;
use crate::secret::mask::MARK;
use crate::settings::{ApiRule, Settings};

/// Names made from traffic; past it an API is called [`OTHER`].
pub(super) const NAMES_MAX: usize = 4096;
/// A name that was not given for so long makes room, when there are too many.
const IDLE: Duration = Duration::from_mins(10);
/// How often room is sought.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Longest name.
const NAME_MAX: usize = 128;
/// A name that was given so often has told what it can of its host.
const LEARNT_MAX: u8 = 64;
/// The name of all APIs past [`NAMES_MAX`], and of those whose authority is no authority.
const OTHER: &str = "other";

/// Gives names and knows how many it gave.
#[derive(Debug, Default)]
pub(super) struct Namer {
    names: FxHashMap<Box<str>, Name>,
    hosts: Hosts,
    overflow: u64,
    swept: Timestamp,
}

#[derive(Debug)]
struct Name {
    api: ApiId,
    /// When it was last given.
    last: Timestamp,
    /// How often it was given, up to [`LEARNT_MAX`].
    given: u8,
    /// Made from traffic.
    is_found: bool,
}

/// APIs that are another from now on.
#[derive(Debug)]
pub(super) struct Joined {
    /// What they were, in order.
    pub(super) from: Vec<ApiId>,
    /// What they are.
    pub(super) into: ApiId,
}

impl Namer {
    /// The API of an exchange or a hello at `now`. `authority` is masked and in lower case.
    pub(super) fn name(
        &mut self,
        settings: &Settings,
        origin: &Origin,
        authority: Option<&str>,
        now: Timestamp,
    ) -> ApiId {
        let authority = authority.filter(|authority| is_authority(authority));
        if let Some(name) = configured(settings, origin, authority) {
            return self.known(name, false, now);
        }
        match authority {
            Some(authority) => {
                let name = normalised(authority, origin);
                match self.hosts.joined(&name) {
                    Some(api) => api.clone(),
                    None => self.known(&name, true, now),
                }
            }
            None => match origin.workload.as_deref().filter(|workload| is_printable(workload)) {
                Some(workload) => self.known(workload, true, now),
                None => self.known(&origin.server.to_string(), true, now),
            },
        }
    }

    /// The API of a flow of which nothing but its addresses is known.
    pub(super) fn by_address(&mut self, settings: &Settings, origin: &Origin, now: Timestamp) -> ApiId {
        match configured(settings, origin, None) {
            Some(name) => self.known(name, false, now),
            None => self.known(&origin.server.to_string(), true, now),
        }
    }

    /// Whether calls of an API may still tell which other hosts it is one with.
    pub(super) fn is_learning(&self, api: &ApiId) -> bool {
        self.names.get(api.as_str()).is_some_and(|name| name.is_found && name.given < LEARNT_MAX)
    }

    /// A call of a flow that is learnt from was answered.
    pub(super) fn called(&mut self, exchange: &Exchange) -> Option<Joined> {
        let into = self.hosts.called(exchange)?;
        Some(self.join(into))
    }

    /// A server name was seen at a server; `api` is what it is called.
    pub(super) fn greeted(&mut self, api: &ApiId, name: &str, server: SocketAddr, now: Timestamp) -> Option<Joined> {
        if !name.starts_with(api.as_str()) {
            return None;
        }
        let into = self.hosts.greeted(api.as_str(), server, now)?;
        Some(self.join(into))
    }

    /// APIs of an earlier run.
    pub(super) fn recall<'a>(&mut self, apis: impl Iterator<Item = &'a ApiId>) {
        apis.for_each(|api| self.hosts.recall(api));
    }

    fn join(&mut self, into: ApiId) -> Joined {
        let suffix = into.as_str().trim_start_matches('*');
        let is_one = |name: &str| name.strip_suffix(suffix).is_some_and(|label| !label.contains('.'));
        let mut from = Vec::new();
        self.names.retain(|name, known| {
            let joins = known.is_found && is_one(name);
            if joins {
                from.push(known.api.clone());
            }
            !joins
        });
        from.sort_unstable();
        Joined { from, into }
    }

    /// Times that a name was refused since the start.
    pub(super) fn overflow(&self) -> u64 {
        self.overflow + self.hosts.overflow()
    }

    /// One `ApiId` a name. Names of the configuration are few, and always given.
    fn known(&mut self, name: &str, from_traffic: bool, now: Timestamp) -> ApiId {
        if let Some(known) = self.names.get_mut(name) {
            known.last = known.last.max(now);
            known.given = known.given.saturating_add(1);
            return known.api.clone();
        }
        self.make_room(now);
        let room = self.names.len() < NAMES_MAX;
        if from_traffic && (!room || name.len() > NAME_MAX) {
            self.overflow += 1;
            return ApiId::new(OTHER);
        }
        let api = ApiId::new(name);
        if room {
            let known = Name { api: api.clone(), last: now, given: 1, is_found: from_traffic };
            self.names.insert(name.into(), known);
        }
        api
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.names.len() >= NAMES_MAX && now.since(self.swept) >= SWEEP_EVERY {
            self.swept = now;
            self.names.retain(|_, name| now.since(name.last) < IDLE);
        }
    }
}

/// The name that a rule gives, or that of the document one of whose servers has the authority.
fn configured<'s>(settings: &'s Settings, origin: &Origin, authority: Option<&str>) -> Option<&'s str> {
    let by_rule = settings.apis.iter().find(|rule| matches(rule, origin, authority)).map(|rule| &*rule.name);
    by_rule.or_else(|| {
        let authority = authority?;
        settings.documents.iter().find(|(_, document)| document.serves(authority)).map(|(name, _)| &**name)
    })
}

/// Any authority, port or workload that belongs to the rule will do.
fn matches(rule: &ApiRule, origin: &Origin, authority: Option<&str>) -> bool {
    rule.ports.contains(&origin.server.port())
        || authority.is_some_and(|authority| rule.authorities.iter().any(|glob| matches_authority(glob, authority)))
        || origin
            .workload
            .as_deref()
            .is_some_and(|workload| rule.workloads.iter().any(|glob| matches_glob(glob, workload, None)))
}

/// `host` matches with any port, `host:port` with that port only; `*` within a label.
fn matches_authority(glob: &str, authority: &str) -> bool {
    let authority = if split_port(glob).1.is_some() { authority } else { split_port(authority).0 };
    matches_glob(glob, authority, Some(b'.'))
}

/// Without the default port of its scheme and without the root's dot; a bare address with its port.
fn normalised(authority: &str, origin: &Origin) -> String {
    let (host, port) = split_port(authority);
    let host = host.strip_suffix('.').unwrap_or(host);
    if is_address(host) {
        return match port {
            Some(_) => authority.to_owned(),
            None => format!("{host}:{}", origin.server.port()),
        };
    }
    let default = if origin.encrypted { "443" } else { "80" };
    match port {
        Some(port) if port != default => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}

fn is_address(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<std::net::IpAddr>().is_ok()
}

/// The port, where it is one; an IPv6 address is in brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']')) =>
        {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}

/// Characters of a host, a port, an address in brackets, or a masked label.
fn is_authority(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    !text.is_empty() && text.replace(MARK, "").bytes().all(plain) && text.bytes().any(|b| b.is_ascii_alphanumeric())
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "so that a check ends in expect![..]")]

    use expect_test::{Expect, expect};

    use std::fmt::Write as _;
    use std::sync::Arc;

    use super::*;
    use crate::facts::sample::origin;
    use crate::openapi::Document;

    const NOW: Timestamp = Timestamp::from_nanos(1);

    fn rule(name: &str, authorities: &[&str], ports: &[u16], workloads: &[&str]) -> ApiRule {
        let boxed = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        ApiRule {
            name: name.into(),
            authorities: boxed(authorities),
            ports: ports.to_vec(),
            workloads: boxed(workloads),
        }
    }

    fn check(rules: Vec<ApiRule>, authorities: &[&str], expected: Expect) {
        let settings = Settings { apis: rules, ..Settings::default() };
        let mut namer = Namer::default();
        let mut shown = String::new();
        for authority in authorities {
            let api = namer.name(&settings, &origin(), Some(*authority).filter(|a| !a.is_empty()), NOW);
            writeln!(shown, "{authority} -> {api}").unwrap();
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_authority_is_normalised() {
        check(
            vec![],
            &[
                "api.example.com",
                "api.example.com:80",
                "api.example.com:443",
                "api.example.com.",
                "10.0.0.2",
                "10.0.0.2:8080",
                "[::1]",
                "[::1]:80",
                "",
                "a b",
                "::",
                "{secret}.example.com",
                "x:y",
            ],
            expect![[r"
                api.example.com -> api.example.com
                api.example.com:80 -> api.example.com
                api.example.com:443 -> api.example.com:443
                api.example.com. -> api.example.com
                10.0.0.2 -> 10.0.0.2:8080
                10.0.0.2:8080 -> 10.0.0.2:8080
                [::1] -> [::1]:8080
                [::1]:80 -> [::1]:80
                 -> 10.0.0.2:8080
                a b -> 10.0.0.2:8080
                :: -> 10.0.0.2:8080
                {secret}.example.com -> {secret}.example.com
                x:y -> x:y
            "]],
        );
    }

    #[test]
    fn the_first_rule_that_fits_wins() {
        let rules = vec![
            rule("shop", &["*.shop.example.com", "shop:8443"], &[], &[]),
            rule("any", &["*-api.example.*"], &[], &[]),
            rule("port", &[], &[9999], &[]),
        ];
        check(
            rules,
            &[
                "a.shop.example.com",
                "a.b.shop.example.com",
                "a.shop.example.com:81",
                "shop:8443",
                "shop",
                "x-y-api.example.org",
                "x-api.example.a.b",
            ],
            expect![[r"
                a.shop.example.com -> shop
                a.b.shop.example.com -> a.b.shop.example.com
                a.shop.example.com:81 -> shop
                shop:8443 -> shop
                shop -> shop
                x-y-api.example.org -> any
                x-api.example.a.b -> x-api.example.a.b
            "]],
        );
        check(
            vec![rule("by port", &[], &[8080], &[])],
            &["anything", ""],
            expect![[r"
            anything -> by port
             -> by port
        "]],
        );
    }

    #[test]
    fn workloads_name_what_has_no_authority() {
        let settings = Settings { apis: vec![rule("web", &[], &[], &["nginx*.service"])], ..Settings::default() };
        let (mut namer, mut origin) = (Namer::default(), origin());
        origin.workload = Some("nginx@2.service".into());
        assert_eq!(namer.name(&settings, &origin, None, NOW).as_str(), "web");
        origin.workload = Some("gunicorn.service".into());
        assert_eq!(namer.name(&settings, &origin, None, NOW).as_str(), "gunicorn.service");
        assert_eq!(namer.name(&settings, &origin, Some("api"), NOW).as_str(), "api");
        assert_eq!(namer.by_address(&settings, &origin, NOW).as_str(), "10.0.0.2:8080");
    }

    #[test]
    fn a_document_names_what_its_servers_serve() {
        let text = "openapi: 3.1.0\ninfo: {title: Shop, version: '1'}\nservers: [{url: 'https://Shop.example.com/v1'}]\npaths: {}\n";
        let (document, _) = Document::read(text, "shop.yaml").unwrap();
        let mut settings = Settings::default();
        settings.documents.insert("Shop".into(), Arc::new(document));
        let mut namer = Namer::default();
        assert_eq!(namer.name(&settings, &origin(), Some("shop.example.com"), NOW).as_str(), "Shop");
        assert_eq!(
            namer.name(&settings, &origin(), Some("shop.example.com:8080"), NOW).as_str(),
            "shop.example.com:8080"
        );
        settings.apis.push(rule("rule", &[], &[8080], &[]));
        assert_eq!(namer.name(&settings, &origin(), Some("shop.example.com"), NOW).as_str(), "rule");
    }

    #[test]
    fn a_million_hosts_cost_constant_memory() {
        let (mut namer, settings) = (Namer::default(), Settings::default());
        for n in 0..1_000_000 {
            namer.name(&settings, &origin(), Some(&format!("h{n}.example.com")), NOW);
        }
        assert_eq!(namer.names.len(), NAMES_MAX);
        assert_eq!(namer.overflow(), 1_000_000 - NAMES_MAX as u64);
        assert_eq!(namer.name(&settings, &origin(), Some("h0.example.com"), NOW).as_str(), "h0.example.com");
        assert_eq!(namer.name(&settings, &origin(), Some("new"), NOW).as_str(), OTHER);
        assert_eq!(namer.name(&settings, &origin(), Some(&"a".repeat(200)), NOW).as_str(), OTHER);
    }

    #[test]
    fn names_of_a_flood_make_room_when_it_is_over() {
        let (mut namer, settings) = (Namer::default(), Settings::default());
        let mut name =
            |host: &str, at: Duration| namer.name(&settings, &origin(), Some(host), NOW.plus(at)).to_string();
        for n in 0..2 * NAMES_MAX {
            name(&format!("h{n}"), Duration::ZERO);
        }
        assert_eq!(name("used", Duration::from_mins(5)), OTHER);
        assert_eq!(name("h0", Duration::from_mins(5)), "h0");
        assert_eq!(name("new", Duration::from_mins(12)), "new");
        assert_eq!(name("h0", Duration::from_mins(12)), "h0");
        assert_eq!(namer.names.len(), 2);
    }
}
