//! `authentication-failures`: somebody tries credentials out.
//!
//! Told by what is tried, not by how much is refused: a client that goes on with one expired token is refused as often as an attacker, but
//! with one credential. Five shapes:
//!
//! - **guessing**: many different passwords of one user;
//! - **keys**: many different keys or tokens from one address, nearly all refused;
//! - **stuffing**: many different users from one address, nearly all refused;
//! - **spraying**: one password of many users;
//! - **spread**: far more different users are refused at an endpoint than it is used to, wherever they come from, while others log in as ever.
//!
//! A success after it, by the same user or from the same address, makes it graver: then somebody may be in.

mod crowd;

use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::time::Duration;

use rustc_hash::{FxBuildHasher, FxHashMap};

use self::crowd::Crowd;
use super::setting::settings;
use super::told::Told;
use super::{Case, Containment, Detector, Kind, grouped};
use crate::exchange::Exchange;
use crate::facts::{CredentialKind, Facts, Place};
use crate::finding::{Finding, Severity};
use crate::inventory::{EndpointId, Sighting};
use crate::secret::{Fingerprint, Masked};
use crate::sketch::{Count, Distinct, Windowed};

/// What it is.
pub static KIND: Kind = Kind {
    name: "authentication-failures",
    summary: "Somebody tries out passwords, users or keys.",
    owasp: "API2:2023",
    cwe: 307,
    cwe_title: "Improper Restriction of Excessive Authentication Attempts",
    why: "One of many tries succeeds: passwords are used twice, and leaked lists of them are long.",
    what_to_do: &[
        "Limit the failed tries of one user and of one address, with a growing wait; refuse what is beyond.",
        "If a success followed: end that user's sessions and make him choose another password.",
        "Check the passwords of users against lists of leaked ones, and offer a second factor.",
    ],
    containment: Containment::Consumer(
        "Refuse the addresses that the finding names at this endpoint, and lock the user that was guessed at; others go on.",
    ),
};

settings! {
    /// From how much on it speaks, and how loudly.
    pub struct Config {
        /// Severity of guessing one user's password, and of trying keys.
        guessing: Option<Severity> = Some(Severity::Medium),
        /// Severity of trying many users: stuffing, spraying, spread over many addresses.
        stuffing: Option<Severity> = Some(Severity::High),
        /// Severity of either where a success followed.
        success: Option<Severity> = Some(Severity::Critical),
        /// Different passwords of one user that were refused within ten minutes.
        guesses: u64 = 10,
        /// Different users that were refused from one address within ten minutes, or with one password within an hour.
        users: u64 = 20,
        /// Different keys or tokens that were refused from one address within ten minutes.
        keys: u64 = 30,
        /// Of the tries from an address so many in a hundred have to be refused.
        refused_percent: u64 = 80,
    }
}

/// Users, addresses and passwords that are counted at once; see [`Windowed`].
const COUNTED_MAX: usize = 2048;
/// Endpoints whose usual failures are known; past it they are learnt anew.
const CROWDS_MAX: usize = 512;
/// Counts of users and addresses begin anew after so long.
const WINDOW: Duration = Duration::from_mins(10);
/// Counts of passwords begin anew after so long.
const SPRAY_WINDOW: Duration = Duration::from_hours(1);

/// The detector.
pub(super) type Judge = super::Judge<Config, State>;

/// What it remembers: counts and keyed fingerprints' hashes.
#[derive(Debug)]
pub(super) struct State {
    /// By API and user: the passwords refused.
    users: Windowed<Refused, COUNTED_MAX>,
    /// By endpoint and address.
    sources: Windowed<Source, COUNTED_MAX>,
    /// By endpoint and password: the users refused.
    passwords: Windowed<Refused, COUNTED_MAX>,
    /// By endpoint.
    crowds: FxHashMap<EndpointId, Crowd>,
    told: Told,
}

impl Default for State {
    fn default() -> Self {
        Self {
            users: Windowed::new(WINDOW),
            sources: Windowed::new(WINDOW),
            passwords: Windowed::new(SPRAY_WINDOW),
            crowds: FxHashMap::default(),
            told: Told::default(),
        }
    }
}

/// Different ones that were refused.
#[derive(Debug, Default)]
struct Refused(Distinct);

impl Count for Refused {
    fn weight(&self) -> u64 {
        self.0.size()
    }
}

/// Tries from one address.
#[derive(Debug, Default)]
struct Source {
    tries: u64,
    refused: u64,
    /// Different users refused.
    users: Distinct,
    /// Different keys refused.
    keys: Distinct,
}

impl Count for Source {
    fn weight(&self) -> u64 {
        self.users.size() + self.keys.size()
    }
}

/// A credential that was tried.
#[derive(Clone, Copy, Debug)]
struct Try {
    /// `None` of a key or token.
    user: Option<Fingerprint>,
    secret: Fingerprint,
    /// In a body, as log-ins do.
    by_form: bool,
}

/// What it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    Guessing(u64),
    Keys(u64),
    Stuffing(u64),
    Spraying(u64),
    Spread { refused: u64, usual: u64 },
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let Some(tried) = sighting.exchange.request.as_ref().and_then(tried) else { return };
        let Some(is_refused) = is_refused(sighting.exchange, tried) else { return };
        if is_refused {
            self.count(sighting, tried);
        } else {
            self.passed(sighting, tried);
        }
        let shapes = self.shapes(sighting, tried, is_refused);
        for shape in shapes.into_iter().flatten() {
            if let Some(finding) = self.told(sighting, tried, shape, !is_refused) {
                return found(finding);
            }
        }
    }
}

impl Judge {
    /// Counts a refusal.
    fn count(&mut self, sighting: &Sighting<'_>, tried: Try) {
        let (endpoint, now) = (sighting.endpoint, sighting.exchange.ended);
        let source = self.state.sources.at(of_source(sighting), now);
        source.tries += 1;
        source.refused += 1;
        let Some(user) = tried.user else { return source.keys.add(mixed(tried.secret)) };
        source.users.add(mixed(user));
        self.state.users.at(key(&(&endpoint.api, user)), now).0.add(mixed(tried.secret));
        self.state.passwords.at(key(&(endpoint.id, tried.secret)), now).0.add(mixed(user));
        self.crowd(endpoint.id).refused(mixed(user), now);
    }

    /// Counts a success.
    fn passed(&mut self, sighting: &Sighting<'_>, tried: Try) {
        let now = sighting.exchange.ended;
        // A success makes no entry: most addresses only ever succeed.
        if self.state.sources.get(of_source(sighting), now).is_some() {
            self.state.sources.at(of_source(sighting), now).tries += 1;
        }
        if tried.user.is_some() && (tried.by_form || self.state.crowds.contains_key(&sighting.endpoint.id)) {
            self.crowd(sighting.endpoint.id).passed(now);
        }
    }

    fn crowd(&mut self, endpoint: EndpointId) -> &mut Crowd {
        if self.state.crowds.len() >= CROWDS_MAX && !self.state.crowds.contains_key(&endpoint) {
            self.state.crowds.clear();
        }
        self.state.crowds.entry(endpoint).or_default()
    }

    /// What the counts look like from where this try stands, the plainest first.
    fn shapes(&self, sighting: &Sighting<'_>, tried: Try, is_refused: bool) -> [Option<Shape>; 5] {
        let (endpoint, now) = (sighting.endpoint, sighting.exchange.ended);
        let config = &self.config;
        let source = self.state.sources.get(of_source(sighting), now);
        let source = source.filter(|source| source.refused * 100 >= source.tries * config.refused_percent);
        let users = source.map(|source| source.users.size()).filter(|users| *users >= config.users);
        let keys = source.map(|source| source.keys.size()).filter(|keys| *keys >= config.keys && tried.user.is_none());
        let guesses = tried.user.and_then(|user| self.state.users.get(key(&(&endpoint.api, user)), now));
        let guesses = guesses.map(|refused| refused.0.size()).filter(|guesses| *guesses >= config.guesses);
        let sprayed = tried.user.and_then(|_| self.state.passwords.get(key(&(endpoint.id, tried.secret)), now));
        let sprayed = sprayed.map(|refused| refused.0.size()).filter(|users| *users >= config.users);
        // A success among many at an endpoint says nothing of itself.
        let spread = self.state.crowds.get(&endpoint.id).filter(|_| is_refused && tried.user.is_some());
        let spread = spread.and_then(|crowd| crowd.excess(now));
        [
            users.map(Shape::Stuffing),
            sprayed.map(Shape::Spraying),
            guesses.map(Shape::Guessing),
            keys.map(Shape::Keys),
            spread.map(|(refused, usual)| Shape::Spread { refused, usual }),
        ]
    }

    /// The finding, unless the same was said lately.
    fn told(&mut self, sighting: &Sighting<'_>, tried: Try, shape: Shape, has_passed: bool) -> Option<Finding> {
        let (endpoint, exchange) = (sighting.endpoint, sighting.exchange);
        let of_shape = std::mem::discriminant(&shape);
        let who = match shape {
            Shape::Guessing(_) => tried.user.map_or(0, Fingerprint::get),
            Shape::Spraying(_) => tried.secret.get(),
            Shape::Keys(_) | Shape::Stuffing(_) => of_source(sighting),
            Shape::Spread { .. } => 0,
        };
        if !self.state.told.is_due((endpoint.id, of_shape, who, has_passed), exchange.ended) {
            return None;
        }
        let base = match shape {
            Shape::Guessing(_) | Shape::Keys(_) => self.config.guessing,
            Shape::Stuffing(_) | Shape::Spraying(_) | Shape::Spread { .. } => self.config.stuffing,
        };
        // Who has forgotten a password tries many, too, and succeeds in the end.
        let severity = match shape {
            Shape::Guessing(_) if has_passed => self.config.stuffing.max(base),
            _ if has_passed => self.config.success.max(base),
            _ => base,
        }?;
        let because = shape.because(has_passed);
        let what = shape.what(exchange.origin.client.ip().to_canonical());
        Some(sighting.finding(&KIND, severity, Masked::vouched(because), Masked::from_clean(what)))
    }
}

impl Shape {
    const fn because(self, has_passed: bool) -> &'static str {
        match (self, has_passed) {
            (Self::Guessing(_), false) => "one user's password is guessed",
            (Self::Guessing(_), true) => "one user's password was guessed at, and then a try succeeded",
            (Self::Keys(_), false) => "keys or tokens are tried out",
            (Self::Keys(_), true) => "keys or tokens were tried out, and one was taken",
            (Self::Stuffing(_), false) => "users and passwords are tried out, as from a leaked list",
            (Self::Stuffing(_), true) => "users and passwords were tried out, and a try from there succeeded",
            (Self::Spraying(_), false) => "one password is tried with many users",
            (Self::Spraying(_), true) => "one password was tried with many users, and it is the password of one",
            (Self::Spread { .. }, _) => "far more users than usual are refused, while others log in as ever",
        }
    }

    fn what(self, source: IpAddr) -> String {
        match self {
            Self::Guessing(passwords) => {
                format!(
                    "{} different passwords of one user refused within 10 min, last from {source}",
                    grouped(passwords)
                )
            }
            Self::Keys(keys) => {
                format!("{} different keys or tokens from {source} refused within 10 min", grouped(keys))
            }
            Self::Stuffing(users) => format!("{} different users from {source} refused within 10 min", grouped(users)),
            Self::Spraying(users) => {
                format!(
                    "{} different users with one password refused within an hour, last from {source}",
                    grouped(users)
                )
            }
            Self::Spread { refused, usual } => {
                format!("{} different users refused within 5 min, where {} are usual", grouped(refused), grouped(usual))
            }
        }
    }
}

/// The credential that a request tries.
fn tried(facts: &Facts) -> Option<Try> {
    if let Some(login) = facts.login {
        return Some(Try { user: login.user, secret: login.password, by_form: true })
            .filter(|tried| tried.user.is_some());
    }
    if let Some(basic) = facts.basic {
        return Some(Try { user: Some(basic.user), secret: basic.password, by_form: false });
    }
    let is_key = |kind| matches!(kind, CredentialKind::Bearer | CredentialKind::ApiKey | CredentialKind::Basic);
    let in_head = |place: &Place| matches!(place, Place::Header(_) | Place::Query(_));
    let mut keys = facts.credentials.iter().filter(|credential| is_key(credential.kind) && in_head(&credential.place));
    keys.next().map(|key| Try { user: None, secret: key.fingerprint, by_form: false })
}

/// Whether the credential was refused; `None` where the status says nothing of it. Log-ins refuse with 403 and 423, too; of a token 403
/// says that its owner may not do this.
fn is_refused(exchange: &Exchange, tried: Try) -> Option<bool> {
    match exchange.status? {
        401 => Some(true),
        403 | 423 if tried.by_form => Some(true),
        200..=299 => Some(false),
        _ => None,
    }
}

fn of_source(sighting: &Sighting<'_>) -> u64 {
    key(&(sighting.endpoint.id, sighting.exchange.origin.client.ip().to_canonical()))
}

fn key(of: &impl Hash) -> u64 {
    FxBuildHasher.hash_one(of)
}

/// A keyed hash is as good as random in all its bits.
#[expect(clippy::cast_possible_truncation, reason = "any 32 bits of it")]
const fn mixed(fingerprint: Fingerprint) -> u32 {
    fingerprint.get() as u32
}

#[cfg(test)]
mod tests;
