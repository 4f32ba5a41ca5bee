//! Who logs in: of a request whose body has a password, the user beside it, as keyed fingerprints.

use crate::secret::{Fingerprint, FingerprintKey, Secret};

use super::media::Reading;
use super::{Credential, CredentialKind, Place, json, percent, scan};

/// Longer bodies are no log-ins.
const BODY_MAX: usize = 16 * 1024;

/// An attempt to log in with a user's password, in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogIn {
    /// Keyed hash of the user's name; `None` where it is not known which field has it.
    pub user: Option<Fingerprint>,
    /// Keyed hash of the password.
    pub password: Fingerprint,
}

/// Names under which log-ins have their user, lower case, without separators; the earlier ones win.
const USERS: &[&str] = &[
    "username",
    "user",
    "login",
    "email",
    "emailaddress",
    "useremail",
    "mail",
    "userid",
    "loginid",
    "uid",
    "account",
    "accountname",
    "identifier",
    "phone",
    "phonenumber",
    "mobile",
    "clientid",
];
/// Longest name, without separators.
const NAME_MAX: usize = 16;
/// The name space of users' fingerprints: that of Basic's users, so that one user is one, however he logs in.
pub(super) const SPACE: &[u8] = b"user";

/// Finds the attempt. A request with several passwords (a new one, the old one) is none.
pub(super) fn find(
    reading: Reading<'_>,
    body: &[u8],
    credentials: &[Credential],
    key: &FingerprintKey,
) -> Option<LogIn> {
    let mut passwords = credentials.iter().filter(|credential| {
        credential.kind == CredentialKind::Password && matches!(credential.place, Place::Json(_) | Place::Form(_))
    });
    let password = passwords.next().filter(|_| passwords.next().is_none() && body.len() <= BODY_MAX)?.fingerprint;
    let mut users = Users { best: USERS.len(), fingerprint: None, key };
    match reading {
        Reading::Json => {
            json::walk(body, &mut users);
        }
        Reading::Form => {
            for pair in body.split(|byte| *byte == b'&') {
                let Some(at) = memchr::memchr(b'=', pair) else { continue };
                let (Some(name), Some(value)) = (pair.get(..at), pair.get(at + 1..)) else { continue };
                users.take(&percent::decode(name, true), &percent::decode(value.trim_ascii_end(), true));
            }
        }
        Reading::Multipart(_) | Reading::Xml | Reading::Text | Reading::Coded(_) | Reading::Other(_) => {}
    }
    Some(LogIn { user: users.fingerprint, password })
}

/// The user's value under the best name met.
struct Users<'k> {
    best: usize,
    fingerprint: Option<Fingerprint>,
    key: &'k FingerprintKey,
}

impl Users<'_> {
    fn take(&mut self, name: &[u8], value: &[u8]) {
        let Some(rank) = rank(name).filter(|rank| *rank < self.best && !value.is_empty()) else { return };
        self.best = rank;
        self.fingerprint = Some(Secret::new(value).fingerprint_in(SPACE, self.key));
    }
}

impl<'a> json::Visit<'a> for Users<'_> {
    fn wants(&mut self, key: &'a [u8], _: bool) -> bool {
        rank(key).is_some_and(|rank| rank < self.best)
    }

    fn value(&mut self, place: &json::Place<'_, 'a>, value: json::Scalar<'a>, _: scan::Marks) {
        if let json::Scalar::String(text) | json::Scalar::Number(text) = value
            && place.is_member()
        {
            self.take(place.key(), &json::unescape(text));
        }
    }
}

/// Which of [`USERS`] a name is; what stands before the last `[` or `.` does not matter (`user[email]`).
fn rank(name: &[u8]) -> Option<usize> {
    let name = name.strip_suffix(b"]").unwrap_or(name);
    let name = name.rsplit(|byte| matches!(byte, b'[' | b'.')).next().unwrap_or_default();
    let mut plain = [0_u8; NAME_MAX];
    let mut length = 0;
    for byte in name.iter().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')) {
        *plain.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = plain.get(..length)?;
    USERS.iter().position(|known| known.as_bytes() == plain)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::facts::sample::Sample;
    use crate::facts::tests::taken;

    fn found(head: &str, body: &str) -> Option<LogIn> {
        taken(&Sample::new(&format!("POST /login HTTP/1.1\n{head}\n\n{body}"))).facts.login
    }

    const JSON: &str = "Content-Type: application/json";
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

    #[test]
    fn one_user_is_one_however_he_logs_in() {
        let json = found(JSON, r#"{"email":"joe","password":"b7Xw-2kq9"}"#).unwrap();
        let nested =
            found(JSON, r#"{"user":{"password":"b7Xw-2kq9","username":"joe","email":"x@y.example"}}"#).unwrap();
        let form = found(FORM, "grant_type=password&user%5Blogin%5D=joe&password=b7Xw-2kq9").unwrap();
        assert!(json.user.is_some() && json == nested && json == form);
        let other = found(JSON, r#"{"email":"ann","password":"b7Xw-2kq9"}"#).unwrap();
        assert!(other.user != json.user && other.password == json.password);
        let basic =
            taken(&Sample::new("GET / HTTP/1.1\nAuthorization: Basic am9lOmI3WHctMmtxOQ==")).facts.basic.unwrap();
        assert_eq!((Some(basic.user), basic.password), (json.user, json.password));
    }

    #[test]
    fn what_is_no_log_in_is_none() {
        let none = [
            found(JSON, r#"{"email":"joe"}"#),
            found(JSON, r#"{"email":"joe","password":"b7Xw-2kq9","new_password":"Zr4t-Kk39"}"#),
            found(JSON, r#"{"email":"joe","password":null}"#),
            found("Authorization: Basic am9lOmI3WHctMmtxOQ==", ""),
        ];
        expect!["[None, None, None, None]"].assert_eq(&format!("{none:?}"));
        assert_eq!(found(JSON, r#"{"code":7,"password":"b7Xw-2kq9"}"#).unwrap().user, None);
    }
}
