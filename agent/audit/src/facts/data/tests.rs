//! Fields as text, and what they are taken for.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::super::body::{self, Found};
use super::super::sample::Sample;
use super::super::tests::taken;
use super::*;

fn shown(exposures: &[Exposure]) -> String {
    let mut text = String::new();
    for found in exposures {
        let place = match &found.place {
            Place::Json(pointer) => pointer.to_string(),
            place => format!("{place:?}"),
        };
        write!(text, "{} {} {place} {} of {}", found.grade.letter(), found.what.name(), found.count, found.seen)
            .unwrap();
        if found.need > 0 {
            write!(text, ", needs {}", found.need).unwrap();
        }
        text.push('\n');
    }
    text
}

fn json(body: &str) -> Vec<Exposure> {
    let key = FingerprintKey::new([3; 32]);
    let mut data = Finder::new(&key);
    body::json(body.as_bytes(), &mut Found { credentials: None, data: &mut data, names: &mut 0 });
    data.finish()
}

#[expect(clippy::needless_pass_by_value, reason = "expect! is written in place")]
fn check(body: &str, expected: Expect) {
    expected.assert_eq(&shown(&json(body)));
}

#[test]
fn a_field_is_a_card_only_when_its_values_are() {
    // Named and beside a verification value, or in groups: one value does.
    check(
        r#"{"card_number":"4539578763621486","cvv":"123"}"#,
        expect![[r"
        A card number /card_number 1 of 1
    "]],
    );
    check(
        r#"{"cardNumber":"4539 5787 6362 1486"}"#,
        expect![[r"
        A card number /cardNumber 1 of 1
    "]],
    );
    // Alone it may be chance.
    check(
        r#"{"card_number":"4539578763621486"}"#,
        expect![[r"
        C card number /card_number 1 of 1, needs 3
    "]],
    );
    check(
        r#"[{"x":4539578763621486},{"x":5424000000000015},{"x":4012888888881881},{"x":6011000990139424},{"x":3530111333300000}]"#,
        expect![[r"
        A card number /-/x 5 of 5
    "]],
    );
    // One in five is an id.
    check(
        r#"[{"x":4539578763621486},{"x":4539578763621487},{"x":4539578763621488},{"x":4539578763621489},{"x":4539578763621490}]"#,
        expect![[r"
        C card number /-/x 1 of 5
    "]],
    );
    // What the name promised and the values are not is counted too.
    check(
        r#"[{"pan":4539578763621487},{"pan":4539578763621486},{"pan":"x"}]"#,
        expect![[r"
            C card number /-/pan 1 of 3, needs 3
        "]],
    );
    check(
        r#"{"note":"paid with visa card 4539-5787-6362-1486 today"}"#,
        expect![[r"
        A card number /note 1 of 1
    "]],
    );
    check(r#"{"a":"4539578763621487","b":"1234567890123","ean":"4006381333931","c":"0000000000000000"}"#, expect![""]);
}

#[test]
fn bank_accounts() {
    check(
        r#"{"iban":"DE89 3704 0044 0532 0130 00","other":"GB82WEST12345698765432"}"#,
        expect![[r"
        A IBAN /iban 1 of 1
        C IBAN /other 1 of 1
    "]],
    );
    check(
        r#"{"account_number":"12345678","routing_number":"021000021"}"#,
        expect![[r"
        B bank account number /account_number 1 of 1
        C routing number /routing_number 1 of 1
    "]],
    );
    check(
        r#"{"iban":"DE89370400440532013001"}"#,
        expect![[r"
            C IBAN /iban 0 of 1, needs 3
        "]],
    );
}

#[test]
fn persons() {
    check(
        r#"{"first_name":"Zoë","contact":{"workEmail":"ann.lee@corp.co.uk","phone":"+44 20 7946 0958"},"dob":"1979-05-04","billing_address_line1":"12 High Street","diagnosis":"J45","lat":52.52001,"ssn":"219-09-9999"}"#,
        expect![[r"
            B name of a person /first_name 1 of 1
            A e-mail address /contact/workEmail 1 of 1
            B telephone number /contact/phone 1 of 1
            B date of birth /dob 1 of 1
            B postal address /billing_address_line1 1 of 1
            B health /diagnosis 1 of 1
            C position /lat 1 of 1
            B US social security number /ssn 1 of 1
        "]],
    );
    check(
        r#"{"name":"worker-1","email":"support@corp.com","img":"logo@2x.png","at":"noreply@x.io","phone":"none","dob":"soon","address":"10.0.0.1","mail":"a@example.com","id":"git@github.com","lat":1.5,"date":"1979-05-04","email_verified":true,"phone_type":"home"}"#,
        expect![""],
    );
}

#[test]
fn secrets_by_format_name_and_place() {
    check(
        r#"{"a":"the key AKIAQYLPMN5HFIQR7XYA ok","b":"postgres://app:S3cr3tPw9@db:5432/x","c":"https://u:password@h/","cfg":"{\"token\":\"glpat-Zk3vQ9xLw2Pd8RtY5nBc\"}","p":"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn0ygWyF8PbnGy5fVQeF1u2d3c4b5a69788\nkJ"}"#,
        expect![[r"
            B AWS access key id /a 1 of 1
            B password in a URL /b 1 of 1
            B GitLab personal access token /token 1 of 1
            A private key /p 1 of 1
        "]],
    );
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dGhlIHNpZ25hdHVyZQ";
    check(
        &format!(r#"{{"access_token":"{jwt}","debug":"{jwt}"}}"#),
        expect![[r"
            C JSON Web Token /access_token 1 of 1
            A JSON Web Token /debug 1 of 1
        "]],
    );
    check(
        r#"{"password":"hunter22x","public_key":"Zk3vQ9xLw2Pd8RtY5nBc","monkey":"Zk3vQ9xLw2Pd8RtY5nBc","api_key":"Zk3vQ9xLw2Pd8RtY5nBc","aws_secret_access_key":"wJalrXUtnFEMIK7MDENGbPxRfiCYzLd8RtY5nBc1"}"#,
        expect![[r"
            C password /password 1 of 1
            C API key /api_key 1 of 1
            B AWS secret access key /aws_secret_access_key 1 of 1
        "]],
    );
}

#[test]
fn text_and_xml_and_urls() {
    let found = |http: &str| shown(&taken(&Sample::new(http)).facts.exposures);
    expect![[r#"
        A e-mail address Element("email") 1 of 1
        B AWS access key id Element("k") 1 of 1
    "#]]
    .assert_eq(&found("HTTP/1.1 200 OK\nContent-Type: application/xml\n\n<u><email>ann@corp.com</email><k>AKIAQYLPMN5HFIQR7XYA</k></u>"));
    expect![[r"
        B Slack bot token Text 1 of 1
    "]]
    .assert_eq(&found(
        "HTTP/1.1 200 OK\nContent-Type: text/plain\n\ntoken: xoxb-123456789012-1234567890123-Zk3vQ9xLw2Pd8RtY5nBcAbCd",
    ));
    expect![[r#"
        A e-mail address Path 1 of 1
        A e-mail address Query("email") 1 of 1
        B US social security number Query("ssn") 1 of 1
    "#]]
    .assert_eq(&found("GET /users/ann.lee%40corp.com?email=ann%40corp.com&ssn=219-09-9999&page=2 HTTP/1.1\n"));
    expect![""].assert_eq(&found("GET /items/550e8400-e29b-41d4-a716-446655440000?at=4111111111111111111 HTTP/1.1\n"));
    expect![""].assert_eq(&found("HTTP/1.1 200 OK\nContent-Type: image/png\n\nAKIAQYLPMN5HFIQR7XYA ann@corp.com"));
}

#[test]
fn exposures_are_bounded_and_the_rest_counted() {
    let members: Vec<String> = (0..100).map(|n| format!("\"f{n}\":\"ann{n}@corp.com\"")).collect();
    let key = FingerprintKey::new([3; 32]);
    let mut data = Finder::new(&key);
    let body = format!("{{{}}}", members.join(","));
    body::json(body.as_bytes(), &mut Found { credentials: None, data: &mut data, names: &mut 0 });
    assert_eq!(data.dropped, 100 - EXPOSURES_MAX as u64);
    assert_eq!(data.finish().len(), EXPOSURES_MAX);
}
