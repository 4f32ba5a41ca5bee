//! How weak a password is by what everybody knows: defaults of programs, the commonest passwords, the user's own name, the length.

/// Why a password is weak; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PasswordWeakness {
    /// User and password that a program comes with.
    Default,
    /// The user's name.
    UserName,
    /// One of the commonest.
    Common,
    /// Shorter than eight characters (NIST SP 800-63B §5.1.1.2).
    Short,
}

impl PasswordWeakness {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "the default that a program comes with",
            Self::UserName => "the user's own name",
            Self::Common => "one of the commonest passwords",
            Self::Short => "shorter than eight characters",
        }
    }
}

/// Fewer characters are too few.
const LENGTH_MIN: usize = 8;

/// What programs come with, besides users whose password is their name.
const DEFAULTS: &[(&str, &str)] = &[
    ("admin", "admin123"),
    ("admin", "admin1234"),
    ("admin", "adminadmin"),
    ("admin", "changeit"),
    ("admin", "changeme"),
    ("admin", "password"),
    ("admin", "pfsense"),
    ("admin", "prom-operator"),
    ("admin", "public"),
    ("admin", "secret"),
    ("admin", "zabbix"),
    ("Admin", "zabbix"),
    ("elastic", "changeme"),
    ("kibana", "changeme"),
    ("oracle", "welcome1"),
    ("pi", "raspberry"),
    ("root", "calvin"),
    ("root", "toor"),
    ("root", "vizxv"),
    ("system", "manager"),
    ("tomcat", "s3cret"),
    ("weblogic", "weblogic1"),
    ("weblogic", "welcome1"),
];

/// Users whose password is their name where nobody has changed it.
const NAMED_DEFAULTS: &[&str] = &[
    "admin",
    "airflow",
    "cassandra",
    "elastic",
    "grafana",
    "guest",
    "influx",
    "jenkins",
    "kibana",
    "manager",
    "minioadmin",
    "mongo",
    "nacos",
    "neo4j",
    "postgres",
    "rabbitmq",
    "root",
    "superset",
    "test",
    "tomcat",
    "ubnt",
    "user",
];

/// Those that head every list of leaked passwords; compared without case.
const COMMON: &[&str] = &[
    "00000000",
    "0987654321",
    "1111111111",
    "11111111",
    "1122334455",
    "12121212",
    "123123123",
    "1234567890",
    "123456789",
    "12345678",
    "123456abc",
    "1234qwer",
    "147258369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "22222222",
    "55555555",
    "66666666",
    "87654321",
    "88888888",
    "987654321",
    "99999999",
    "a1b2c3d4",
    "aa123456",
    "aaaaaaaa",
    "abc12345",
    "abcd1234",
    "admin123",
    "admin1234",
    "administrator",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "basketball",
    "changeit",
    "changeme",
    "computer",
    "default1",
    "football",
    "iloveyou",
    "internet",
    "jennifer",
    "letmein1",
    "letmein123",
    "michelle",
    "microsoft",
    "p@ssw0rd",
    "p@ssword",
    "pa55word",
    "pass1234",
    "passw0rd",
    "password",
    "password!",
    "password1",
    "password12",
    "password123",
    "password1234",
    "password2",
    "princess",
    "q1w2e3r4",
    "q1w2e3r4t5",
    "qazwsxedc",
    "qwer1234",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "rootroot",
    "secret123",
    "starwars",
    "sunshine",
    "superman",
    "test1234",
    "testtest",
    "trustno1",
    "welcome1",
    "welcome123",
    "whatever",
    "zaq12wsx",
    "zxcvbnm1",
    // Short and in every list: that says more than that they are short.
    "000000",
    "111111",
    "123",
    "123123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "654321",
    "666666",
    "abc123",
    "admin",
    "dragon",
    "letmein",
    "login",
    "master",
    "monkey",
    "pass",
    "qwerty",
    "root",
    "secret",
    "test",
    "user",
    "welcome",
];

/// Why `password` of `user` is weak, if it is.
pub(crate) fn weakness(user: &[u8], password: &[u8]) -> Option<PasswordWeakness> {
    let is = |known: &&str| password.eq_ignore_ascii_case(known.as_bytes());
    if DEFAULTS.iter().any(|(name, word)| user == name.as_bytes() && password == word.as_bytes()) {
        return Some(PasswordWeakness::Default);
    }
    if !user.is_empty() && user.eq_ignore_ascii_case(password) {
        let is_default = NAMED_DEFAULTS.iter().any(is);
        return Some(if is_default { PasswordWeakness::Default } else { PasswordWeakness::UserName });
    }
    if COMMON.iter().any(is) {
        return Some(PasswordWeakness::Common);
    }
    let characters = std::str::from_utf8(password).map_or(password.len(), |text| text.chars().count());
    (characters < LENGTH_MIN).then_some(PasswordWeakness::Short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_reason_is_given() {
        use PasswordWeakness::{Common, Default, Short, UserName};
        let cases: [(&str, &str, Option<PasswordWeakness>); 11] = [
            ("admin", "admin", Some(Default)),
            ("tomcat", "s3cret", Some(Default)),
            ("joe", "s3cret", Some(Short)),
            ("joe.miller", "Joe.Miller", Some(UserName)),
            ("joe", "Password123", Some(Common)),
            ("joe", "QWERTY", Some(Common)),
            ("joe", "hunter2", Some(Short)),
            ("joe", "größere", Some(Short)),
            ("joe", "größerer", None),
            ("joe", "correct horse battery staple", None),
            ("", "Zk3!vv9q", None),
        ];
        for (user, password, expected) in cases {
            assert_eq!(weakness(user.as_bytes(), password.as_bytes()), expected, "{user}:{password}");
        }
    }
}
