//! Where the scanners put what they find. A secret goes in as a borrowed value and only its fingerprint and mask stay.

use smallvec::SmallVec;

use crate::secret::{Fingerprint, FingerprintKey, Masked, Secret, mask};

use super::names::Promise;
use super::token::Reader;
use super::{AuthKind, BasicFacts, Credential, CredentialKind, Facts, Place, login, proof};

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

/// Values of a request that are looked for in its path.
const KNOWN_MAX: usize = 32;
/// Shortest password under a name that leaves doubt.
const PERHAPS_MIN: usize = 4;

/// A value that must not be shown elsewhere in the request: its length, so that few others have to be hashed, and its fingerprint.
pub(crate) type KnownValue = (usize, Fingerprint);

/// Values that must not be shown.
pub(crate) type KnownValues = SmallVec<[KnownValue; 4]>;

/// Takes in what the scanners find in one message.
pub(crate) struct Collector<'k> {
    key: &'k FingerprintKey,
    pub(super) auth: SmallVec<[AuthKind; 8]>,
    pub(super) credentials: Vec<Credential>,
    /// Values found, also those of which no credential is kept (a Basic password).
    pub(super) known: KnownValues,
    pub(super) consumer: Option<(Rank, Fingerprint)>,
    /// User and password of the request's Basic credentials.
    pub(super) basic: Option<BasicFacts>,
    /// Looks at the tokens of a head; `None` where nobody asks for them.
    pub(super) reader: Option<Reader<'k>>,
    /// Credentials past [`Facts::CREDENTIALS_MAX`].
    pub(super) dropped: u64,
}

impl<'k> Collector<'k> {
    pub(super) fn new(key: &'k FingerprintKey, reader: Option<Reader<'k>>) -> Self {
        Self {
            key,
            auth: SmallVec::new(),
            credentials: Vec::new(),
            known: SmallVec::new(),
            consumer: None,
            basic: None,
            reader,
            dropped: 0,
        }
    }

    /// A way of authentication is present.
    pub(super) fn auth(&mut self, kind: AuthKind) {
        if let Err(at) = self.auth.binary_search(&kind) {
            self.auth.insert(at, kind);
        }
    }

    /// A value that must not appear in the path. Gives its fingerprint.
    pub(super) fn know(&mut self, value: &[u8]) -> Fingerprint {
        let fingerprint = Secret::new(value).fingerprint(self.key);
        let known = (value.len(), fingerprint);
        if self.known.len() < KNOWN_MAX && !self.known.contains(&known) {
            self.known.push(known);
        }
        fingerprint
    }

    /// Whether the request authenticates by a token.
    pub(super) fn has_tokens(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| !reader.found.is_empty())
    }

    /// Nothing else in the head could be a credential.
    pub(super) fn tokens_are_alone(&mut self) {
        self.reader.iter_mut().flat_map(|reader| &mut reader.found).for_each(|token| token.alone = true);
    }

    /// A proven credential.
    pub(super) fn credential(
        &mut self,
        kind: CredentialKind,
        place: impl FnOnce() -> Place,
        fingerprint: Fingerprint,
        masked: Masked,
    ) {
        if self.is_full() {
            self.dropped += 1;
            return;
        }
        let credential = Credential { kind, place: place(), fingerprint, masked };
        if !self.credentials.contains(&credential) {
            self.credentials.push(credential);
        }
    }

    /// A credential that tells who calls. The first of the strongest kind counts.
    pub(super) fn consumer(&mut self, rank: Rank, fingerprint: Fingerprint) {
        if self.consumer.is_none_or(|(known, _)| rank > known) {
            self.consumer = Some((rank, fingerprint));
        }
    }

    /// A user that tells who calls, whatever the password. Gives the fingerprint.
    pub(super) fn user(&mut self, user: &[u8]) -> Fingerprint {
        let fingerprint = Secret::new(user).fingerprint_in(login::SPACE, self.key);
        self.consumer(Rank::User, fingerprint);
        fingerprint
    }

    /// A value by which the request authenticates and that may be a JWT: then it is looked at. Gives the algorithm of one.
    pub(super) fn token(
        &mut self,
        place: impl FnOnce() -> Place,
        fingerprint: Fingerprint,
        value: &[u8],
    ) -> Option<&'static str> {
        match &mut self.reader {
            Some(reader) => reader.take(place, fingerprint, value, self.key),
            None => proof::jwt(value),
        }
    }

    /// The value of a field whose name promises something: a credential only where the value keeps the promise. Gives the kind and
    /// the fingerprint of a value that is one, or is no placeholder under a name that leaves no doubt.
    pub(super) fn field(
        &mut self,
        promise: Promise,
        place: impl FnOnce() -> Place,
        value: &[u8],
    ) -> Option<(Option<CredentialKind>, Fingerprint)> {
        if proof::is_placeholder(value) {
            return None;
        }
        let kept = kept(promise, value);
        if promise == Promise::Perhaps && kept.is_none() {
            return None;
        }
        if self.is_full() && self.known.len() >= KNOWN_MAX {
            self.dropped += u64::from(kept.is_some());
            return None;
        }
        // Unproven or not, under such a name: not to be shown elsewhere.
        let fingerprint = self.know(value);
        let kind = kept.map(|(kind, masked)| {
            self.credential(kind, place, fingerprint, masked());
            kind
        });
        Some((kind, fingerprint))
    }

    fn is_full(&self) -> bool {
        self.credentials.len() >= Facts::CREDENTIALS_MAX
    }
}

/// What else stands under `pwd` and `pass`: directories, answers, numbers, words such as the kind of a ticket.
fn is_no_password(value: &[u8]) -> bool {
    let directory = value.first().is_some_and(|b| b"/~.".contains(b)) || value.get(1..3) == Some(b":\\");
    let word = proof::kinds(value) < 2 && !value.iter().any(u8::is_ascii_punctuation);
    directory || word || value.len() < PERHAPS_MIN
}

/// What a value is that keeps the promise of its name, and how it is shown.
fn kept(promise: Promise, value: &[u8]) -> Option<(CredentialKind, impl FnOnce() -> Masked + use<>)> {
    let (kind, algorithm) = match promise {
        Promise::Password => proof::is_password(value).then_some((CredentialKind::Password, None)),
        Promise::PasswordPerhaps => {
            (proof::is_password(value) && !is_no_password(value)).then_some((CredentialKind::Password, None))
        }
        Promise::ApiKey => proof::is_token(value).then_some((CredentialKind::ApiKey, None)),
        Promise::Token => match proof::jwt(value) {
            None => proof::is_token(value).then_some((CredentialKind::Bearer, None)),
            algorithm => Some((CredentialKind::Bearer, algorithm)),
        },
        Promise::Perhaps => match proof::jwt(value) {
            None => proof::is_secret_alone(value).then_some((CredentialKind::ApiKey, None)),
            algorithm => Some((CredentialKind::Bearer, algorithm)),
        },
    }?;
    let masked = move || match kind {
        CredentialKind::Password => mask::password(),
        CredentialKind::ApiKey => mask::api_key(),
        CredentialKind::Bearer | CredentialKind::Basic => mask::bearer(algorithm),
    };
    Some((kind, masked))
}
