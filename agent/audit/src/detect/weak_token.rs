//! `weak-token`: a credential that was taken is worth less than it should be: a JSON Web Token without a signature, signed with a key that
//! everybody knows, past its end or without one, with data in it that nobody should read; a weak password; several credentials at once.
//!
//! That a bad token "was taken" is said only where it is proven: the call succeeded, the token was the only thing in the head that could
//! have been the credential, and the endpoint is known to look at credentials ([`Guards`]). Signing keys are proven by the signature.
//! What is a matter of who makes the tokens, and not of one endpoint, is one finding for the API.

use apiscope_wire::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::guard::Guards;
use super::setting::settings;
use super::told::Told;
use super::{Case, Containment, Detector, Kind, grouped, place};
use crate::exchange::{ApiId, Exchange};
use crate::facts::{BasicFacts, Expiry, Facts, Signature, Token};
use crate::finding::{Finding, Severity};
use crate::inventory::Sighting;
use crate::secret::{Fingerprint, Masked, PasswordWeakness};

/// What it is.
pub static KIND: Kind = Kind {
    name: "weak-token",
    summary: "Tokens or passwords are taken that prove little: unsigned, expired, endless, or known to everybody.",
    owasp: "API2:2023",
    cwe: 1390,
    cwe_title: "Weak Authentication",
    why: "Who can make, guess or keep such a credential acts as its owner, and the server cannot tell the two apart.",
    what_to_do: &[
        "Unsigned or expired and taken: make the server check signature and exp of each token, with the algorithms fixed in its own settings.",
        "A known signing key: make a random one of 32 bytes, and refuse what was signed with the old one.",
        "No or far expiry: issue tokens for hours, with a refresh token; data in claims: put an id there in their place.",
        "Weak or shared passwords: give each user a random one; better, a token of its own.",
    ],
    containment: Containment::Consumer(
        "Revoke the token or password of the listed callers and give them another one; everybody else goes on.",
    ),
};

settings! {
    /// Severity by weakness.
    pub struct Config {
        /// Severity of a token without a signature that was taken.
        unsigned: Option<Severity> = Some(Severity::Critical),
        /// Severity of a token that was taken and is signed with a key that everybody knows.
        known_key: Option<Severity> = Some(Severity::Critical),
        /// Severity of either where it is not proven that the endpoint looks at the token.
        unproven: Option<Severity> = Some(Severity::Medium),
        /// Severity of a token that was taken after its end.
        expired: Option<Severity> = Some(Severity::High),
        /// Seconds after its end in which a token may still be taken, because clocks differ.
        leeway_seconds: u64 = 300,
        /// Severity of a token without an end, or with one that is too far.
        endless: Option<Severity> = Some(Severity::Low),
        /// Days for which a token may be good.
        lifetime_days: u64 = 90,
        /// Severity of secrets and grave personal data in a token's claims, which everybody can read who holds the token.
        claims: Option<Severity> = Some(Severity::Medium),
        /// Severity of a Basic password that is a program's default, or the user's name.
        default_password: Option<Severity> = Some(Severity::High),
        /// Severity of a Basic password that is one of the commonest, or that several users have.
        common_password: Option<Severity> = Some(Severity::Medium),
        /// Severity of a Basic password of fewer than eight characters.
        short_password: Option<Severity> = Some(Severity::Low),
        /// Severity of a request with several different Authorization fields: servers differ in which one counts.
        several: Option<Severity> = Some(Severity::Low),
    }
}

/// Passwords remembered, by keyed fingerprint; past it memory starts anew, which delays a finding and invents none.
const PASSWORDS_MAX: usize = 4096;
/// Users of one password that are told apart.
const USERS_MAX: usize = 4;
const DAY: u64 = 24 * 60 * 60;

/// The detector.
pub(super) type Judge = super::Judge<Config, State>;

/// What it remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    guards: Guards,
    told: Told,
    /// Who uses which password.
    passwords: FxHashMap<(ApiId, Fingerprint), SmallVec<[Fingerprint; USERS_MAX]>>,
}

/// One weakness, as it is told.
#[derive(Debug)]
struct Weakness {
    severity: Severity,
    because: &'static str,
    what: String,
}

impl Detector for Judge {
    fn judge(&mut self, case: &Case<'_>, found: &mut dyn FnMut(Finding)) {
        let Case::Call(sighting) = case else { return };
        let is_guarded = self.state.guards.is_guarded(sighting);
        let exchange = sighting.exchange;
        let Some(facts) = exchange.request.as_ref().filter(|_| is_success(exchange)) else { return };
        let mut taken = Vec::new();
        for token in &facts.tokens {
            taken.extend(self.taken(token, exchange.began, is_guarded));
        }
        taken.extend(self.several(facts));
        if let Some(worst) = worst(taken) {
            found(sighting.finding(
                &KIND,
                worst.severity,
                Masked::vouched(worst.because),
                Masked::from_clean(worst.what),
            ));
        }
        if let Some(worst) = worst(self.issued(sighting, facts)) {
            let (because, what) = (Masked::vouched(worst.because), Masked::from_clean(worst.what));
            found(sighting.finding_of_api(&KIND, worst.severity, because, what));
        }
    }
}

impl Judge {
    /// What this endpoint took and should not have taken.
    fn taken(&self, token: &Token, began: Timestamp, is_guarded: bool) -> Option<Weakness> {
        let is_proven = is_guarded && token.alone;
        let severity = |proven| if is_proven { proven } else { self.config.unproven };
        let (severity, because) = match (token.facts.signature, is_proven) {
            (Signature::Missing, true) => {
                (severity(self.config.unsigned), "everybody can write such a token, and it is taken")
            }
            (Signature::Missing, false) => (
                severity(self.config.unsigned),
                "everybody can write such a token; whether the endpoint looks at it is not known",
            ),
            (Signature::KnownKey, true) => {
                (severity(self.config.known_key), "everybody can sign with its key, and it is taken")
            }
            (Signature::KnownKey, false) => (
                severity(self.config.known_key),
                "everybody can sign with its key; whether the endpoint looks at it is not known",
            ),
            (Signature::Unknown | Signature::Untried, _) => return self.expired(token, began).filter(|_| is_proven),
        };
        let what = match token.facts.signature {
            Signature::KnownKey => format!("{} with a key from public documentation or word lists", named(token)),
            Signature::Missing | Signature::Unknown | Signature::Untried => named(token),
        };
        severity.map(|severity| Weakness { severity, because, what })
    }

    fn expired(&self, token: &Token, began: Timestamp) -> Option<Weakness> {
        let Expiry::At(end) = token.facts.expiry else { return None };
        let past = (began.as_nanos() / 1_000_000_000).checked_sub(end)?;
        let severity = self.config.expired.filter(|_| past > self.config.leeway_seconds)?;
        let what = format!("{}, {} after its end", named(token), ago(past));
        Some(Weakness { severity, because: "it is taken although its time is over", what })
    }

    fn several(&self, facts: &Facts) -> Option<Weakness> {
        let severity = self.config.several.filter(|_| facts.rivals)?;
        let because = "a proxy and the server behind it may each look at another one";
        Some(Weakness { severity, because, what: "several different Authorization fields in one request".to_owned() })
    }

    /// What is a matter of who makes tokens and passwords: looked at now and then for each of them.
    fn issued(&mut self, sighting: &Sighting<'_>, facts: &Facts) -> Vec<Weakness> {
        let (api, now) = (&sighting.endpoint.api, sighting.exchange.ended);
        let mut all = Vec::new();
        for token in &facts.tokens {
            if self.state.told.is_due((api, token.fingerprint), now) {
                all.extend(self.made(token, now));
            }
        }
        if let Some(basic) = facts.basic
            && self.state.told.is_due((api, basic.user, basic.password), now)
        {
            all.extend(self.password(api, basic));
        }
        all
    }

    /// What is wrong with a token wherever it is taken.
    fn made(&self, token: &Token, now: Timestamp) -> impl Iterator<Item = Weakness> + use<> {
        let lifetime = match token.facts.expiry {
            Expiry::At(end) => {
                let from = token.facts.issued.unwrap_or(now.as_nanos() / 1_000_000_000);
                Some(end.saturating_sub(from)).filter(|good| *good > self.config.lifetime_days.saturating_mul(DAY))
            }
            Expiry::Never | Expiry::Unknown => None,
        };
        let endless = match (token.facts.expiry, lifetime) {
            (Expiry::Never, _) => Some(format!("{}, without exp", named(token))),
            (_, Some(good)) => Some(format!("{}, good for {} days", named(token), grouped(good / DAY))),
            _ => None,
        };
        let endless = endless.zip(self.config.endless).map(|(what, severity)| Weakness {
            severity,
            because: "who has got hold of the token can use it for as long",
            what,
        });
        let claims = self.config.claims.filter(|_| !token.facts.claims.is_empty()).map(|severity| Weakness {
            severity,
            because: "everybody who holds the token can read its claims: they are signed, not encrypted",
            what: format!("{}: its claims hold {}", named(token), token.facts.claims.join(", ")),
        });
        endless.into_iter().chain(claims)
    }

    fn password(&mut self, api: &ApiId, basic: BasicFacts) -> Option<Weakness> {
        let users = self.users(api, basic);
        let (severity, because) = match basic.weakness {
            Some(PasswordWeakness::Default | PasswordWeakness::UserName) => {
                (self.config.default_password, "it is what is tried first")
            }
            Some(PasswordWeakness::Common) => {
                (self.config.common_password, "it is among the first thousand that are tried")
            }
            _ if users > 1 => {
                (self.config.common_password, "several users have the same password: who is one of them can be all")
            }
            Some(PasswordWeakness::Short) => (self.config.short_password, "a short password can be tried out"),
            None => return None,
        };
        let what = match basic.weakness {
            Some(weakness) if users <= 1 || weakness != PasswordWeakness::Short => {
                format!("Authorization: Basic ****, the password is {}", weakness.name())
            }
            _ => format!("Authorization: Basic ****, at least {users} users have one password"),
        };
        severity.map(|severity| Weakness { severity, because, what })
    }

    /// Different users of a password that succeeded with it, as far as is remembered.
    fn users(&mut self, api: &ApiId, basic: BasicFacts) -> usize {
        let passwords = &mut self.state.passwords;
        let of = (api.clone(), basic.password);
        if passwords.len() >= PASSWORDS_MAX && !passwords.contains_key(&of) {
            passwords.clear();
        }
        let users = passwords.entry(of).or_default();
        if users.len() < USERS_MAX && !users.contains(&basic.user) {
            users.push(basic.user);
        }
        users.len()
    }
}

fn is_success(exchange: &Exchange) -> bool {
    exchange.status.is_some_and(|status| (200..300).contains(&status))
}

fn worst(all: impl IntoIterator<Item = Weakness>) -> Option<Weakness> {
    all.into_iter().reduce(|worst, next| if next.severity > worst.severity { next } else { worst })
}

/// A token, for people.
fn named(token: &Token) -> String {
    let place = place(&token.place);
    match (token.facts.signature, token.facts.algorithm) {
        (Signature::Missing, _) => format!("{place}: a JWT without a signature"),
        (_, "") => format!("{place}: a JWT"),
        (_, algorithm) => format!("{place}: a JWT signed with {algorithm}"),
    }
}

/// A time span, for people.
fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", grouped(seconds / DAY)),
    }
}

#[cfg(test)]
mod tests;
