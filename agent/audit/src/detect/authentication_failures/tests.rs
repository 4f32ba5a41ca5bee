use expect_test::expect;

use super::*;
use crate::detect::sample::{Sample, call, check, judge};

fn login(status: u16, user: &str, password: &str) -> Sample {
    call(&format!("POST /login {status}")).from("203.0.113.9").login(user, password)
}

#[test]
fn guessing_one_user_and_then_being_in() {
    let mut calls: Vec<_> = (0..12).map(|number| login(401, "joe", &format!("guess-{number}")).done()).collect();
    calls.push(login(200, "joe", "the right one").done());
    check::<Judge>(
        &calls,
        expect![[r"
            medium POST /login: one user's password is guessed
                 10 different passwords of one user refused within 10 min, last from 203.0.113.9
            high POST /login: one user's password was guessed at, and then a try succeeded
                 12 different passwords of one user refused within 10 min, last from 203.0.113.9
        "]],
    );
}

#[test]
fn guessing_from_many_addresses_is_the_same() {
    let calls: Vec<_> = (0..10)
        .map(|number| login(401, "joe", &format!("guess-{number}")).from(&format!("198.51.100.{number}")).done())
        .collect();
    assert!(judge(&mut Judge::default(), &calls).starts_with("medium POST /login: one user's password is guessed"));
}

#[test]
fn stuffing_from_one_address_and_then_being_in() {
    let mut calls: Vec<_> =
        (0..25).map(|number| login(401, &format!("user-{number}"), &format!("own-{number}")).done()).collect();
    calls.push(login(200, "user-77", "own-77").done());
    check::<Judge>(
        &calls,
        expect![[r"
            high POST /login: users and passwords are tried out, as from a leaked list
                 20 different users from 203.0.113.9 refused within 10 min
            critical POST /login: users and passwords were tried out, and a try from there succeeded
                 25 different users from 203.0.113.9 refused within 10 min
        "]],
    );
}

#[test]
fn spraying_one_password() {
    let mut calls: Vec<_> = (0..20)
        .map(|number| {
            let from = format!("198.51.100.{number}");
            login(403, &format!("user-{number}"), "Summer2026").from(&from).second(number * 120).done()
        })
        .collect();
    calls.push(login(200, "user-77", "Summer2026").from("198.51.100.99").second(2_500).done());
    check::<Judge>(
        &calls,
        expect![[r"
            high POST /login: one password is tried with many users
                 20 different users with one password refused within an hour, last from 198.51.100.19
            critical POST /login: one password was tried with many users, and it is the password of one
                 20 different users with one password refused within an hour, last from 198.51.100.99
        "]],
    );
}

#[test]
fn trying_keys_and_basic_users() {
    let keys: Vec<_> = (0..30)
        .map(|number| call("GET /orders 401").from("203.0.113.9").bearer(&format!("key-{number}")).done())
        .collect();
    assert!(judge(&mut Judge::default(), &keys).starts_with("medium GET /orders: keys or tokens are tried out"));
    let basic: Vec<_> =
        (0..10).map(|number| call("GET /orders 401").user("admin", &format!("guess-{number}")).done()).collect();
    assert!(judge(&mut Judge::default(), &basic).starts_with("medium GET /orders: one user's password is guessed"));
}

#[test]
fn silent_on_broken_clients_forgetful_people_and_proxies() {
    let mut calls = Vec::new();
    // An expired token, a wrong password in a job: again and again the same.
    for second in 0..2_000 {
        calls.push(call("GET /orders 401").from("203.0.113.9").bearer("expired").second(second).done());
        calls.push(login(401, "job", "old password").second(second).done());
        calls.push(call("GET /orders 401").from("203.0.113.9").user("sync", "old").second(second).done());
    }
    // Who has forgotten a password.
    calls.extend((0..9).map(|number| login(401, "joe", &format!("guess-{number}")).done()));
    calls.push(login(200, "joe", "the right one").done());
    // One address is a proxy: of many users some fail, and some tokens are over.
    for number in 0..1_000 {
        let (status, user) = (if number % 5 == 0 { 401 } else { 200 }, format!("user-{number}"));
        calls.push(login(status, &user, &format!("own-{number}")).from("10.0.4.9").second(number / 4).done());
        let token = format!("token-{number}");
        calls.push(call(&format!("GET /orders {status}")).from("10.0.4.9").bearer(&token).second(number / 4).done());
    }
    // Others' refusals say nothing of a credential.
    calls.extend((0..100).map(|number| call("GET /orders 403").bearer(&format!("scope-{number}")).done()));
    calls.extend((0..100).map(|number| login(422, &format!("no-mail-{number}"), "x").done()));
    calls.extend((0..100).map(|_| call("GET /orders 401").bare().done()));
    check::<Judge>(&calls, expect![""]);
}

/// A week of log-ins: many by day and few by night, five in a hundred refused, one evening with a slow mail server where ten are.
fn week(judge_: &mut Judge, days: u64) -> (String, u64) {
    let (mut told, mut number, mut second) = (String::new(), 0_u64, 0);
    while second < days * 86_400 {
        let hour = second / 3_600 % 24;
        let evening = second / 86_400 == 3 && hour == 20;
        number += 1;
        // A mix of the number in place of chance: the same in each run.
        let mix = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let refused = mix % 100 < if evening { 10 } else { 5 };
        let (status, user) = (if refused { 401 } else { 200 }, format!("user-{number}"));
        let from = format!("10.{}.{}.{}", mix % 250, mix / 250 % 250, number % 250);
        told += &judge(judge_, &[login(status, &user, &user).from(&from).second(second).done()]);
        second += if (7..22).contains(&hour) { 4 + mix % 8 } else { 20 + mix % 40 };
    }
    (told, second)
}

#[test]
fn a_crowd_of_strangers_shows_and_a_normal_week_does_not() {
    let mut judge_ = Judge::default();
    let (told, end) = week(&mut judge_, 7);
    assert_eq!(told, "");
    // 10,000 addresses, one try each, beside the usual log-ins.
    let mut at = None;
    for number in 0..10_000_u64 {
        let second = end + 8 * 3_600 + number / 4;
        let from = format!("100.{}.{}.{}", 64 + number / 60_000, number / 250 % 250, number % 250);
        let strange = format!("leaked-{number}");
        let mut calls = vec![login(401, &strange, &strange).from(&from).second(second).done()];
        if number % 20 == 0 {
            calls.push(login(200, &format!("usual-{number}"), "own").from(&from).second(second).done());
        }
        let told = judge(&mut judge_, &calls);
        if !told.is_empty() && at.is_none() {
            assert!(told.starts_with("high POST /login: far more users than usual are refused"), "{told}");
            at = Some(number / 4);
        }
    }
    assert!(at.is_some_and(|seconds| seconds <= 300), "{at:?}");
}

#[test]
fn a_server_that_refuses_everybody_is_no_attack() {
    let mut judge_ = Judge::default();
    let (_, end) = week(&mut judge_, 1);
    let mut told = String::new();
    for number in 0..3_000_u64 {
        let (user, from) = (format!("user-{number}"), format!("10.9.{}.{}", number / 250, number % 250));
        told += &judge(&mut judge_, &[login(401, &user, &user).from(&from).second(end + number).done()]);
    }
    assert_eq!(told, "");
}

#[test]
fn counting_is_bounded() {
    let mut judge_ = Judge::default();
    for number in 0..3 * COUNTED_MAX {
        let api = format!("api-{number}");
        let sample = login(401, &format!("user-{number}"), &format!("own-{number}")).api(&api);
        judge(&mut judge_, &[sample.from(&format!("10.0.{}.{}", number / 250, number % 250)).done()]);
        let State { users, sources, passwords, crowds, .. } = &judge_.state;
        assert!(users.len().max(sources.len()).max(passwords.len()) <= COUNTED_MAX && crowds.len() <= CROWDS_MAX);
    }
    let State { users, sources, passwords, .. } = &judge_.state;
    assert!(users.forgotten().min(sources.forgotten()).min(passwords.forgotten()) > 0);
}
