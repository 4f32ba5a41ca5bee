//! Every key of the configuration: the one table that reading, suggestions and the reference page come from.

use std::time::Duration;

use apiscope_audit::inventory::Pins;
use apiscope_audit::ledger::{ACCEPT_MAX, Said};

use super::form::{Form, Key};
use super::{Accept, Alertmanager, Api, Capture, Config, Control, Metrics, Store, Webhook};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);
const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];

/// Keys outside of any section.
pub const ROOT: &[Key<Config>] = &[
    Key {
        name: "environment",
        form: Form::Text(name, |config| &mut config.environment),
        required: false,
        doc: "Part of every id, so that staging and production never mix.",
    },
    Key {
        name: "instance",
        form: Form::MaybeText(name, |config| &mut config.instance),
        required: false,
        doc: "This host's name in alerts; replicas must differ. Without it: the host name.",
    },
    Key {
        name: "external_url",
        form: Form::MaybeText(url, |config| &mut config.external_url),
        required: false,
        doc: "Address under which people reach this agent; links in alerts begin with it.",
    },
    Key {
        name: "log",
        form: Form::Choice(&["error", "warn", "info", "debug", "trace"], |config| &mut config.log),
        required: false,
        doc: "How much is logged to standard error. Never holds values from traffic, at any level.",
    },
    Key {
        name: "api_key_headers",
        form: Form::Texts(header, |config| &mut config.api_key_headers),
        required: false,
        doc: "Names of request headers that carry API keys, besides the well-known ones.",
    },
    Key {
        name: "resolve_after",
        form: Form::Duration(MINUTE, YEAR, |config| &mut config.resolve_after),
        required: false,
        doc: "A finding that has not recurred for so long resolves.",
    },
    Key {
        name: "schemas",
        form: Form::Choice(&["on", "off"], |config| &mut config.schemas),
        required: false,
        doc: "Whether it is learnt what bodies, queries and header fields look like, for `apiscope export`: types, presence, formats; of \
              values nothing but short words that many consumers share.",
    },
    Key {
        name: "idle_after",
        form: Form::Duration(DAY, YEAR, |config| &mut config.idle_after),
        required: false,
        doc: "An endpoint of a document that was not called for so long is shown as `unused` and told as \
              `unused-documented-endpoint`, if that time was watched.",
    },
];

/// `[findings]`, besides the sections of the kinds.
pub const FINDINGS: &[Key<Config>] = &[Key {
    name: "learning",
    form: Form::Duration(Duration::ZERO, Duration::from_hours(24 * 90), |config| &mut config.learning),
    required: false,
    doc: "The first week of a host: until it is over nothing below critical leaves the host. An API that is met later has a seventh of it. \
          `\"0s\"`: none. `apiscope learning --end` ends it early.",
}];

/// `[[accept]]`.
pub const ACCEPT: &[Key<Accept>] = &[
    Key {
        name: "kind",
        form: Form::MaybeText(kind, |accept| &mut accept.kind),
        required: false,
        doc: "The kind of finding. Without it: every kind.",
    },
    Key {
        name: "api",
        form: Form::MaybeText(any, |accept| &mut accept.api),
        required: false,
        doc: "The API's name; `*` matches. Without it: every API.",
    },
    Key {
        name: "endpoint",
        form: Form::MaybeText(endpoint, |accept| &mut accept.endpoint),
        required: false,
        doc: "A template such as `\"/items/*\"`, or a method and a template, `\"GET /items/*\"`; `*` matches. Without it: every endpoint.",
    },
    Key {
        name: "reason",
        form: Form::Text(said, |accept| &mut accept.reason),
        required: true,
        doc: "Why it may stay as it is.",
    },
    Key {
        name: "author",
        form: Form::Text(said, |accept| &mut accept.author),
        required: true,
        doc: "Who accepted it.",
    },
    Key {
        name: "until",
        form: Form::Until(ACCEPT_MAX, |accept| &mut accept.until),
        required: true,
        doc: "When it ends. What is accepted then opens for people again. 14 days before it is shown as ending.",
    },
    Key {
        name: "up_to",
        form: Form::Choice(SEVERITIES, |accept| &mut accept.up_to),
        required: false,
        doc: "The worst severity that is accepted: what is worse is told.",
    },
];

/// `[capture]`.
pub const CAPTURE: &[Key<Capture>] = &[
    Key {
        name: "cgroup",
        form: Form::MaybePath(|capture| &mut capture.cgroup),
        required: false,
        doc: "The cgroup v2 directory whose sockets are watched. Without it: the whole host.",
    },
    Key {
        name: "head_bytes",
        form: Form::Bytes(512, 32 << 10, |capture| &mut capture.head_bytes),
        required: false,
        doc: "Bytes copied of each message for its head.",
    },
    Key {
        name: "body_bytes",
        form: Form::Bytes(0, 1 << 20, |capture| &mut capture.body_bytes),
        required: false,
        doc: "Bytes copied of each message for its body. Past it bytes are only counted; sizes stay exact. More than \
              before, and more than 64KiB, counts after a restart only.",
    },
    Key {
        name: "ring_bytes",
        form: Form::Bytes(64 << 10, 1 << 30, |capture| &mut capture.ring_bytes),
        required: false,
        doc: "Size of the ring between kernel and agent; rounded up to a power of two.",
    },
];

/// `[[api]]`.
pub const API: &[Key<Api>] = &[
    Key {
        name: "name",
        form: Form::Text(name, |api| &mut api.name),
        required: true,
        doc: "The API's name in every output.",
    },
    Key {
        name: "owner",
        form: Form::MaybeText(name, |api| &mut api.owner),
        required: false,
        doc: "The team or person that owns it, for endpoints, findings and alerts (label `team`). Outranks `x-owner` of the document, \
              and not that of an operation.",
    },
    Key {
        name: "authorities",
        form: Form::Texts(authority, |api| &mut api.authorities),
        required: false,
        doc: "Host names, with or without port, that belong to it. `*` matches within a label.",
    },
    Key {
        name: "ports",
        form: Form::Ports(|api| &mut api.ports),
        required: false,
        doc: "Server ports that belong to it.",
    },
    Key {
        name: "workloads",
        form: Form::Texts(any, |api| &mut api.workloads),
        required: false,
        doc: "Workload names (systemd unit, container) that belong to it. `*` matches.",
    },
    Key {
        name: "openapi",
        form: Form::Paths(|api| &mut api.openapi),
        required: false,
        doc: "Its document, or its documents (such as one for each version): OpenAPI 3.0, 3.1 or 3.2 or Swagger 2.0, YAML or \
              JSON. Files that a document refers to are read where they are in its folder or below. Read at the start, on reload, \
              and when a file changes.",
    },
    Key {
        name: "previous",
        form: Form::Paths(|api| &mut api.previous),
        required: false,
        doc: "The documents as they were in an earlier version: what only they have and is still called is shown as `removed`. \
              What the agent has read in `openapi` before, it remembers without this.",
    },
    Key {
        name: "templates",
        form: Form::Texts(template, |api| &mut api.templates),
        required: false,
        doc: "Path templates that hold whatever is learnt, such as `\"/users/{name}\"`: what stands in braces is a value, the \
              rest are names. From the root of the path, base path included.",
    },
    Key {
        name: "literal",
        form: Form::Texts(literal, |api| &mut api.literal),
        required: false,
        doc: "Paths that are endpoints of their own whatever is learnt, such as `\"/users/me\"`; with `*` every segment there is \
              a name: `\"/rpc/*\"`. What was taken for values before is told apart from its next call on.",
    },
];

/// `[store]`.
pub const STORE: &[Key<Store>] = &[
    Key {
        name: "dir",
        form: Form::Path(|store| &mut store.dir),
        required: false,
        doc: "Where inventory, findings and alerts not yet delivered are kept.",
    },
    Key {
        name: "calls_age",
        form: Form::Duration(Duration::from_hours(1), YEAR.saturating_mul(10), |store| &mut store.calls_age),
        required: false,
        doc: "How long calls (who called what, when, with which result) are kept.",
    },
    Key {
        name: "calls_max",
        form: Form::Count(1_000, 1_000_000_000, |store| &mut store.calls_max),
        required: false,
        doc: "How many calls are kept; a million takes about 300 MB.",
    },
];

/// `[metrics]`.
pub const METRICS: &[Key<Metrics>] = &[Key {
    name: "listen",
    form: Form::Listen(|metrics| &mut metrics.listen),
    required: false,
    doc: "Address of /metrics, /-/healthy and /-/ready.",
}];

/// `[control]`.
pub const CONTROL: &[Key<Control>] = &[Key {
    name: "socket",
    form: Form::Path(|control| &mut control.socket),
    required: false,
    doc: "Unix socket through which `apiscope status` and the other commands ask the running agent.",
}];

/// `[[alertmanager]]`.
pub const ALERTMANAGER: &[Key<Alertmanager>] = &[
    Key {
        name: "name",
        form: Form::Text(name, |receiver| &mut receiver.name),
        required: false,
        doc: "Its name in status and metrics, and for its place in the outbox: keep it.",
    },
    Key {
        name: "urls",
        form: Form::Texts(url, |receiver| &mut receiver.urls),
        required: true,
        doc: "Where Alertmanager answers, such as `[\"http://alertmanager:9093\"]`; of a cluster, every instance. \
              `/api/v2/alerts` is added.",
    },
    Key {
        name: "life_min",
        form: Form::Duration(Duration::ZERO, Duration::from_hours(24), |receiver| &mut receiver.life_min),
        required: false,
        doc: "An alert that ends earlier is kept until this age, so that it is not gone before it was grouped and sent.",
    },
    Key {
        name: "min_severity",
        form: Form::Choice(SEVERITIES, |receiver| &mut receiver.min_severity),
        required: false,
        doc: "Findings below it are not sent.",
    },
];

/// `[[webhook]]`.
pub const WEBHOOK: &[Key<Webhook>] = &[
    Key {
        name: "name",
        form: Form::Text(name, |receiver| &mut receiver.name),
        required: false,
        doc: "Its name in status and metrics, and for its place in the outbox: keep it.",
    },
    Key {
        name: "url",
        form: Form::Text(url, |receiver| &mut receiver.url),
        required: true,
        doc: "Where alerts are posted.",
    },
    Key {
        name: "secret_file",
        form: Form::MaybePath(|receiver| &mut receiver.secret_file),
        required: false,
        doc: "File with the signing secret (Standard Webhooks, `whsec_…`). Must not be readable by group or others.",
    },
    Key {
        name: "secret_credential",
        form: Form::MaybeText(name, |receiver| &mut receiver.secret_credential),
        required: false,
        doc: "Name of a systemd credential with the signing secret, instead of a file.",
    },
    Key {
        name: "min_severity",
        form: Form::Choice(SEVERITIES, |receiver| &mut receiver.min_severity),
        required: false,
        doc: "Findings below it are not sent.",
    },
];

fn kind(text: &str) -> Result<(), String> {
    let names = || apiscope_audit::detect::kinds().iter().map(|kind| kind.name);
    if names().any(|known| known == text) {
        return Ok(());
    }
    let near = super::mistake::suggestion(text, names());
    let hint = near.map_or_else(
        || format!("known are {}", names().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean {near:?}?"),
    );
    Err(format!("{text:?} is no kind of finding: {hint}"))
}

fn endpoint(text: &str) -> Result<(), String> {
    let route = text.split_once(' ').map_or(text, |(_, route)| route.trim_start());
    if route.starts_with(['/', '*']) {
        return Ok(());
    }
    Err(format!("{text:?} is neither a template (\"/items/*\") nor a method and a template (\"GET /items/*\")"))
}

fn said(text: &str) -> Result<(), String> {
    let fits = Said::new(text).is_some();
    fits.then_some(()).ok_or_else(|| format!("it is one line of 1 to {} bytes", Said::LENGTH_MAX))
}

fn any(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("the text is empty".to_owned()) } else { Ok(()) }
}

fn name(text: &str) -> Result<(), String> {
    const NAME_MAX: usize = 128;
    if text.is_empty() || text.len() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(format!("a name has 1 to {NAME_MAX} characters and no control characters"));
    }
    Ok(())
}

fn header(text: &str) -> Result<(), String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || !text.chars().all(token) {
        return Err(format!("{text:?} is not a header name"));
    }
    Ok(())
}

fn template(text: &str) -> Result<(), String> {
    Pins::check(text)?;
    if text.split('/').any(|segment| segment == "*") {
        return Err(format!("{text:?}: `*` is for `literal`; a value in a template has a name, such as {{id}}"));
    }
    Ok(())
}

fn literal(text: &str) -> Result<(), String> {
    Pins::check(text)?;
    if text.trim_end_matches('/').ends_with('}') {
        return Err(format!("{text:?} ends in a value, so it is a template: it belongs in `templates`"));
    }
    Ok(())
}

fn authority(text: &str) -> Result<(), String> {
    if text.contains("://") || text.contains('/') {
        return Err(format!("{text:?} is not a host name: leave out scheme and path"));
    }
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!("{text:?} is not a host name"));
    }
    Ok(())
}

/// What is wrong with a URL is said without it: its path may be a secret of the receiver's.
fn url(text: &str) -> Result<(), String> {
    let uri: hyper::Uri = text.parse().map_err(|_| "this is not a URL".to_owned())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {}
        _ => return Err("a URL here must begin with http:// or https://".to_owned()),
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err("a URL here must not hold a user or a password".to_owned())
        }
        _ => Ok(()),
    }
}
