use expect_test::expect;
use smallvec::SmallVec;

use super::*;
use crate::detect::sample::{START, basic, call, check, judge};
use crate::facts::TokenFacts;

/// When the expired ones come.
const LATER: u64 = 10_000;

/// A sound token: signed with an unknown key, good for an hour.
fn sound() -> TokenFacts {
    TokenFacts {
        algorithm: "HS256",
        signature: Signature::Unknown,
        expiry: Expiry::At(START + 3_600),
        issued: Some(START),
        claims: SmallVec::new(),
    }
}

fn unsigned() -> TokenFacts {
    TokenFacts { algorithm: "none", signature: Signature::Missing, ..sound() }
}

fn known_key() -> TokenFacts {
    TokenFacts { signature: Signature::KnownKey, ..sound() }
}

fn expired(seconds: u64) -> TokenFacts {
    TokenFacts { expiry: Expiry::At(START + LATER - seconds), ..sound() }
}

#[test]
fn fires_on_bad_tokens_that_a_guarded_endpoint_took() {
    check::<Judge>(
        &[
            call("GET /orders 401").bare().done(),
            call("GET /orders 200").token("a", unsigned()).done(),
            call("GET /orders 200").token("b", known_key()).done(),
            call("GET /orders 200").token("c", expired(301)).second(LATER).done(),
            call("GET /users 200").required().token("d", expired(7_200)).second(LATER).done(),
        ],
        expect![[r"
            critical GET /orders: everybody can write such a token, and it is taken
                 Authorization: a JWT without a signature
            critical GET /orders: everybody can sign with its key, and it is taken
                 Authorization: a JWT signed with HS256 with a key from public documentation or word lists
            high GET /orders: it is taken although its time is over
                 Authorization: a JWT signed with HS256, 5 min after its end
            high GET /users: it is taken although its time is over
                 Authorization: a JWT signed with HS256, 2 h after its end
        "]],
    );
}

#[test]
fn milder_where_the_endpoint_may_not_look_at_it() {
    check::<Judge>(
        &[
            call("GET /orders 200").token("a", unsigned()).done(),
            call("GET /orders 401").bare().done(),
            call("GET /orders 200").token("b", known_key()).not_alone().done(),
        ],
        expect![[r"
            medium GET /orders: everybody can write such a token; whether the endpoint looks at it is not known
                 Authorization: a JWT without a signature
            medium GET /orders: everybody can sign with its key; whether the endpoint looks at it is not known
                 Authorization: a JWT signed with HS256 with a key from public documentation or word lists
        "]],
    );
}

#[test]
fn silent_on_sound_refused_and_unproven() {
    check::<Judge>(
        &[
            call("GET /orders 401").bare().done(),
            call("GET /orders 200").token("a", sound()).done(),
            call("GET /orders 401").token("b", unsigned()).done(),
            call("GET /orders 403").token("c", known_key()).done(),
            call("GET /orders 401").token("d", expired(9_000)).second(LATER).done(),
            call("GET /orders 200").token("e", expired(300)).second(LATER).done(),
            call("GET /orders 200").token("f", expired(9_000)).not_alone().second(LATER).done(),
            call("GET /news 200").token("g", expired(9_000)).second(LATER).done(),
            call("GET /orders -").token("h", unsigned()).done(),
        ],
        expect![""],
    );
}

#[test]
fn what_its_maker_did_is_told_once_for_the_api() {
    let endless = || TokenFacts { expiry: Expiry::Never, ..sound() };
    let years = TokenFacts { expiry: Expiry::At(START + 1_000 * DAY), ..sound() };
    let telling = TokenFacts { claims: ["password", "IBAN"].into_iter().collect(), ..sound() };
    check::<Judge>(
        &[
            call("GET /a 200").token("a", endless()).done(),
            call("GET /b 200").token("a", endless()).second(9).done(),
            call("GET /a 200").token("b", years).done(),
            call("GET /a 200").token("c", telling).done(),
            call("GET /a 200").token("a", endless()).second(700).done(),
            call("GET /a 401").token("d", endless()).done(),
            call("GET /a 200").token("e", TokenFacts { expiry: Expiry::Unknown, ..sound() }).done(),
        ],
        expect![[r"
            low * *: who has got hold of the token can use it for as long
                 Authorization: a JWT signed with HS256, without exp
            low * *: who has got hold of the token can use it for as long
                 Authorization: a JWT signed with HS256, good for 1,000 days
            medium * *: everybody who holds the token can read its claims: they are signed, not encrypted
                 Authorization: a JWT signed with HS256: its claims hold password, IBAN
            low * *: who has got hold of the token can use it for as long
                 Authorization: a JWT signed with HS256, without exp
        "]],
    );
}

#[test]
fn weak_and_shared_passwords() {
    check::<Judge>(
        &[
            call("GET /a 200").user("admin", "admin").done(),
            call("GET /a 200").user("joe", "Password123").done(),
            call("GET /a 200").user("ann", "hunter2").done(),
            call("GET /a 200").user("sync-a", "b7Xw-2kq9-Zr4t").done(),
            call("GET /b 200").user("sync-b", "b7Xw-2kq9-Zr4t").done(),
            call("GET /a 401").user("root", "root").done(),
            call("GET /b 401").user("eve", "b7Xw-2kq9-Zr4t").done(),
            call("GET /a 200").user("ben", "Nn39-fjq0-Lxw7").done(),
            call("GET /a 200").credential(basic()).done(),
        ],
        expect![[r"
            high * *: it is what is tried first
                 Authorization: Basic ****, the password is the default that a program comes with
            medium * *: it is among the first thousand that are tried
                 Authorization: Basic ****, the password is one of the commonest passwords
            low * *: a short password can be tried out
                 Authorization: Basic ****, the password is shorter than eight characters
            medium * *: several users have the same password: who is one of them can be all
                 Authorization: Basic ****, at least 2 users have one password
        "]],
    );
}

#[test]
fn several_authorizations() {
    check::<Judge>(
        &[
            call("GET /a 200").credential(basic()).rivals().done(),
            call("GET /a 400").credential(basic()).rivals().done(),
        ],
        expect![[r"
            low GET /a: a proxy and the server behind it may each look at another one
                 several different Authorization fields in one request
        "]],
    );
}

#[test]
fn passwords_remembered_are_bounded() {
    let mut judge_ = Judge::default();
    for number in 0..2 * PASSWORDS_MAX {
        let exchange = call("GET /a 200").user("joe", &format!("pass-word-{number}")).done();
        assert_eq!(judge(&mut judge_, &[exchange]), "");
        assert!(judge_.state.passwords.len() <= PASSWORDS_MAX);
    }
}
