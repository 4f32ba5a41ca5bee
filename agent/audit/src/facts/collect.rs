//! Where the scanners put what they find. A secret goes in as a borrowed value and only its fingerprint and mask stay.

use smallvec::SmallVec;

use crate::secret::{Fingerprint, FingerprintKey, Masked, Secret, mask};

use super::names::Promise;
use super::{AuthKind, Credential, CredentialKind, Facts, Place, proof};

/// How well a credential tells one consumer from another; the strongest of a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// A session's cookie: changes with each login.
    Session,
    /// The user of Basic or Digest, whatever the password.
    User,
    /// A bearer token.
    Bearer,
    /// An API key.
    ApiKey,
}

/// Credentials whose values are looked for in the path.
const KNOWN_MAX: usize = 8;
/// The name space of users' fingerprints.
const USERS: &[u8] = b"user";

/// Takes in what the scanners find in one message.
pub(crate) struct Collector<'k> {
    key: &'k FingerprintKey,
    auth: SmallVec<[AuthKind; 8]>,
    credentials: Vec<Credential>,
    /// Values found, also those of which no credential is kept (a Basic password).
    known: SmallVec<[Fingerprint; KNOWN_MAX]>,
    consumer: Option<(Rank, Fingerprint)>,
    /// Credentials past [`Facts::CREDENTIALS_MAX`].
    pub(super) dropped: u64,
}

impl<'k> Collector<'k> {
    pub(super) fn new(key: &'k FingerprintKey) -> Self {
        Self { key, auth: SmallVec::new(), credentials: Vec::new(), known: SmallVec::new(), consumer: None, dropped: 0 }
    }

    /// A way of authentication is present.
    pub(super) fn auth(&mut self, kind: AuthKind) {
        if !self.auth.contains(&kind) {
            self.auth.push(kind);
        }
    }

    /// A proven credential.
    pub(super) fn credential(
        &mut self,
        kind: CredentialKind,
        place: impl FnOnce() -> Place,
        value: &[u8],
        masked: Masked,
    ) {
        let fingerprint = self.know(value);
        if self.credentials.len() >= Facts::CREDENTIALS_MAX {
            self.dropped += 1;
            return;
        }
        let credential = Credential { kind, place: place(), fingerprint, masked };
        if !self.credentials.contains(&credential) {
            self.credentials.push(credential);
        }
    }

    /// A value that must not appear in the path.
    pub(super) fn know(&mut self, value: &[u8]) -> Fingerprint {
        let fingerprint = Secret::new(value).fingerprint(self.key);
        if self.known.len() < KNOWN_MAX && !self.known.contains(&fingerprint) {
            self.known.push(fingerprint);
        }
        fingerprint
    }

    /// A value that tells who calls. The first of the strongest kind counts. Not to be shown elsewhere, a user apart.
    pub(super) fn consumer(&mut self, rank: Rank, value: &[u8]) {
        if rank != Rank::User {
            self.know(value);
        }
        if self.consumer.is_none_or(|(known, _)| rank > known) {
            let secret = Secret::new(value);
            let fingerprint = match rank {
                Rank::User => secret.fingerprint_in(USERS, self.key),
                Rank::Session | Rank::Bearer | Rank::ApiKey => secret.fingerprint(self.key),
            };
            self.consumer = Some((rank, fingerprint));
        }
    }

    /// The value of a field whose name promises something: a credential only where the value keeps the promise.
    pub(super) fn field(
        &mut self,
        promise: Promise,
        place: impl FnOnce() -> Place,
        value: &[u8],
    ) -> Option<CredentialKind> {
        if promise != Promise::Perhaps && !proof::is_placeholder(value) {
            // Unproven or not, under such a name: not to be shown elsewhere.
            self.know(value);
        }
        let (kind, masked) = kept(promise, value)?;
        self.credential(kind, place, value, masked);
        Some(kind)
    }

    pub(super) fn into_parts(
        mut self,
    ) -> (Vec<AuthKind>, Vec<Credential>, Option<Fingerprint>, SmallVec<[Fingerprint; KNOWN_MAX]>) {
        self.auth.sort_unstable();
        (self.auth.to_vec(), self.credentials, self.consumer.map(|(_, fingerprint)| fingerprint), self.known)
    }
}

/// Directories and answers that stand under `pwd` and `pass`.
fn is_no_password(value: &[u8]) -> bool {
    const ANSWERS: &[&[u8]] = &[b"yes", b"no", b"ok", b"pass", b"fail", b"passed", b"failed", b"0", b"1"];
    value.first().is_some_and(|b| b"/~.".contains(b))
        || value.get(1..3) == Some(b":\\")
        || ANSWERS.iter().any(|answer| value.eq_ignore_ascii_case(answer))
}

fn kept(promise: Promise, value: &[u8]) -> Option<(CredentialKind, Masked)> {
    let bearer = |algorithm| Some((CredentialKind::Bearer, mask::bearer(algorithm)));
    match promise {
        Promise::Password => proof::is_password(value).then(|| (CredentialKind::Password, mask::password())),
        Promise::PasswordPerhaps => {
            (proof::is_password(value) && !is_no_password(value)).then(|| (CredentialKind::Password, mask::password()))
        }
        Promise::ApiKey => proof::is_token(value).then(|| (CredentialKind::ApiKey, mask::api_key())),
        Promise::Token => match proof::jwt(value) {
            None if !proof::is_token(value) => None,
            algorithm => bearer(algorithm),
        },
        Promise::Perhaps => match proof::jwt(value) {
            None if proof::is_secret_alone(value) => Some((CredentialKind::ApiKey, mask::api_key())),
            None => None,
            algorithm => bearer(algorithm),
        },
    }
}
