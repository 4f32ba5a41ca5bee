//! Names of fields and parameters that say that a credential follows. Exact names, not parts of names: `monkey` is no key.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

/// What a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// A password: any value that stands for itself.
    Password,
    /// A password in most places, and something else in some (`pass`, `pwd`).
    PasswordPerhaps,
    /// An API key or a client's secret: a value of some length and variety.
    ApiKey,
    /// An access token.
    Token,
    /// A key or token in some places: only a value that proves itself.
    Perhaps,
}

/// Longest name that is looked at, letters and digits only.
const NAME_MAX: usize = 24;
/// Bits of the table of names' ends.
const ENDS: usize = 1 << 15;

/// The names, and which ends they have: most names of traffic end as none of them does, and are refused by one bit.
struct Names {
    ends: Box<[u64; ENDS / 64]>,
    promises: FxHashMap<&'static [u8], Promise>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut ends = Box::new([0; ENDS / 64]);
    let mut promises = FxHashMap::default();
    for (promise, names) in PROMISES {
        for name in *names {
            promises.insert(name.as_bytes(), *promise);
            let end = end_of(name.as_bytes());
            if let Some(word) = ends.get_mut(end / 64) {
                *word |= 1_u64 << (end % 64);
            }
        }
    }
    Names { ends, promises }
});

impl Names {
    #[inline]
    fn may_be(&self, name: &[u8]) -> bool {
        let end = end_of(name);
        self.ends.get(end / 64).is_some_and(|word| word >> (end % 64) & 1 == 1)
    }
}

/// A number for the last three characters, whatever their case.
#[inline]
pub(super) fn end_of(name: &[u8]) -> usize {
    let name = match name {
        [inner @ .., b']'] => inner,
        _ => name,
    };
    let end = match name {
        [.., a, b, c] => [*a, *b, *c],
        [b, c] => [0, *b, *c],
        [c] => [0, 0, *c],
        [] => [0; 3],
    };
    end.iter().fold(0, |end, byte| end << 5 ^ usize::from(byte & 0x1f)) & (ENDS - 1)
}

/// What `name` promises. Case, `_`, `-` and what stands before the last `[` or `.` do not matter (`user[password]`, `user.password`).
#[inline]
pub(crate) fn promise(name: &[u8]) -> Option<Promise> {
    let names = &*NAMES;
    if names.may_be(name) { promise_of(names, name) } else { None }
}

fn promise_of(names: &Names, name: &[u8]) -> Option<Promise> {
    let name = name.strip_suffix(b"]").map_or(name, |inner| after_last(b'[', inner));
    let name = after_last(b'.', name);
    let mut plain = [0_u8; NAME_MAX];
    let mut length = 0;
    for byte in name {
        match byte {
            b'_' | b'-' | b' ' => {}
            _ => {
                *plain.get_mut(length)? = byte.to_ascii_lowercase();
                length += 1;
            }
        }
    }
    names.promises.get(plain.get(..length)?).copied()
}

/// Names by what they promise: lower case, without separators.
pub(super) const PROMISES: &[(Promise, &[&str])] = &[
    (
        Promise::Password,
        &[
            "password",
            "passwd",
            "passphrase",
            "userpassword",
            "userpasswd",
            "userpwd",
            "loginpassword",
            "currentpassword",
            "oldpassword",
            "newpassword",
            "confirmpassword",
            "passwordconfirm",
            "passwordconfirmation",
            "passwordagain",
            "repeatpassword",
            "retypepassword",
            "password1",
            "password2",
            "jpassword",
            "adminpassword",
            "accountpassword",
            "rootpassword",
            "dbpassword",
            "clientsecret",
        ],
    ),
    (Promise::PasswordPerhaps, &["pass", "pwd"]),
    (
        Promise::ApiKey,
        &[
            "apikey",
            "xapikey",
            "apitoken",
            "apisecret",
            "secretkey",
            "appsecret",
            "secretaccesskey",
            "subscriptionkey",
            "privatetoken",
        ],
    ),
    (Promise::Token, &["accesstoken", "authtoken", "refreshtoken", "sessiontoken", "bearertoken"]),
    (Promise::Perhaps, &["key", "token", "auth", "secret", "jwt", "idtoken", "accesskey"]),
];

/// Whether a cookie's name is that of a session.
pub(crate) fn is_session_cookie(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"__Host-").or_else(|| name.strip_prefix(b"__Secure-")).unwrap_or(name);
    SESSION_COOKIES.iter().any(|known| name.eq_ignore_ascii_case(known))
        || [&b"_session"[..], b"_session_id", b"_sessionid"].iter().any(|end| ends_with(name, end))
        || name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"aspsessionid"))
}

/// Whether a header's name (any case) is known to carry an API key.
pub(crate) fn is_api_key_header(name: &str) -> bool {
    // The ends of `key`, `token`, `auth` and `secret`: few of the usual fields have one of them.
    let [.., before, last] = name.as_bytes() else { return false };
    matches!([before | 0x20, last | 0x20], [b'e', b'y' | b'n' | b't'] | [b't', b'h'])
        && !name.eq_ignore_ascii_case("content-length")
        && KEY_HEADERS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a path segment of this name is followed by a token in many APIs (`/reset/<token>`).
pub(crate) fn leads_to_secret(segment: &[u8]) -> bool {
    BEFORE_SECRETS.iter().any(|word| segment.eq_ignore_ascii_case(word))
}

/// Whether `name=value` in a path gives a session or a credential away.
pub(crate) fn is_secret_parameter(name: &[u8]) -> bool {
    promise(name).is_some() || is_session_cookie(name)
}

/// Names of session cookies of the usual servers and frameworks, lower case.
const SESSION_COOKIES: &[&[u8]] = &[
    b"session",
    b"sessionid",
    b"session_id",
    b"session-id",
    b"sessid",
    b"sid",
    b"jsessionid",
    b"phpsessid",
    b"connect.sid",
    b"asp.net_sessionid",
    b".aspxauth",
    b".aspnetcore.session",
    b".aspnetcore.cookies",
    b".aspnetcore.identity.application",
    b"cfid",
    b"cftoken",
    b"jwt",
    b"token",
    b"access_token",
    b"auth",
    b"auth_token",
    b"authtoken",
    b"session_token",
    b"sessiontoken",
    b"id_token",
    b"remember_token",
    b"next-auth.session-token",
    b"koa.sess",
    b"rack.session",
    b"sails.sid",
    b"ci_session",
    b"laravel_session",
    b"jwt_token",
    b"accesstoken",
    b"express.sid",
    b"beaker.session.id",
    b"play_session",
];

/// Names of headers that carry an API key, lower case.
const KEY_HEADERS: &[&str] = &[
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "x-auth-token",
    "x-access-token",
    "x-api-token",
    "x-auth-key",
    "x-token",
    "x-session-token",
    "x-client-secret",
    "x-secret-key",
    "x-app-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
    "x-functions-key",
    "x-vault-token",
    "private-token",
    "x-gitlab-token",
    "x-shopify-access-token",
    "x-rapidapi-key",
    "dd-api-key",
    "dd-application-key",
    "x-figma-token",
    "x-master-key",
    "x-auth",
    "x-appwrite-key",
];

/// Path segments before a token, lower case.
const BEFORE_SECRETS: &[&[u8]] = &[
    b"token",
    b"apikey",
    b"api-key",
    b"api_key",
    b"secret",
    b"password",
    b"reset",
    b"reset-password",
    b"password-reset",
    b"reset_password",
    b"confirm",
    b"verify",
    b"activate",
    b"invite",
    b"invitation",
    b"unsubscribe",
    b"magic-link",
    b"otp",
];

pub(super) fn after_last(byte: u8, name: &[u8]) -> &[u8] {
    memchr::memrchr(byte, name).and_then(|at| name.get(at + 1..)).unwrap_or(name)
}

fn ends_with(name: &[u8], end: &[u8]) -> bool {
    name.len().checked_sub(end.len()).and_then(|at| name.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_met_whole() {
        for name in
            ["password", "Password", "user[password]", "user.password", "new_password", "newPassword", "client-secret"]
        {
            assert_eq!(promise(name.as_bytes()), Some(Promise::Password), "{name}");
        }
        assert_eq!(promise(b"access_token"), Some(Promise::Token));
        assert_eq!(promise(b"X-API-Key"), Some(Promise::ApiKey));
        for name in [
            "monkey",
            "public_key",
            "passenger",
            "password_policy",
            "passwordless",
            "csrf_token",
            "page_token",
            "",
            "]",
            "[",
        ] {
            assert_eq!(promise(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn key_headers_are_known_in_any_case() {
        for name in KEY_HEADERS {
            assert!(is_api_key_header(name) && is_api_key_header(&name.to_uppercase()), "{name}");
        }
        assert!(!is_api_key_header("x-public-key") && !is_api_key_header("key") && !is_api_key_header(""));
    }

    #[test]
    fn session_cookies_are_known() {
        for name in
            ["JSESSIONID", "PHPSESSID", "connect.sid", "__Host-session", "_myapp_session", "ASPSESSIONIDQQRRSS", "sid"]
        {
            assert!(is_session_cookie(name.as_bytes()), "{name}");
        }
        for name in ["_ga", "theme", "csrftoken", "sidebar", "session_start_time"] {
            assert!(!is_session_cookie(name.as_bytes()), "{name}");
        }
    }
}
