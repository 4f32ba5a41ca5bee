//! Several requests in one.

use expect_test::expect;

use super::{check, check_none, operations};
use crate::facts::sample::Sample;

#[test]
fn odata_in_parts() {
    // OData 4.01 Protocol §11.7.2, 11.7.3.1, 11.7.5 (examples 91 and 96), shortened.
    check(
        r"
POST /service/$batch HTTP/1.1
Host: odata.org
OData-Version: 4.0
Content-Type: multipart/mixed; boundary=batch_36522ad7-fc75-4b56-8c71-56071383e77b

--batch_36522ad7-fc75-4b56-8c71-56071383e77b
Content-Type: application/http

GET /service/Customers('ALFKI')
Host: host

--batch_36522ad7-fc75-4b56-8c71-56071383e77b
Content-Type: multipart/mixed; boundary=changeset_77162fcd-b8da-41ac-a9f8-9357efbbd

--changeset_77162fcd-b8da-41ac-a9f8-9357efbbd
Content-Type: application/http
Content-ID: 1

POST /service/Customers HTTP/1.1
Host: host
Content-Type: application/atom+xml;type=entry

<AtomPub representation of a new Customer>
--changeset_77162fcd-b8da-41ac-a9f8-9357efbbd
Content-Type: application/http
Content-ID: 2

POST $1/Orders HTTP/1.1
Host: host

<AtomPub representation of a new Order>
--changeset_77162fcd-b8da-41ac-a9f8-9357efbbd--
--batch_36522ad7-fc75-4b56-8c71-56071383e77b
Content-Type: application/http

PATCH Products(5)?x=1 HTTP/1.1

{}
--batch_36522ad7-fc75-4b56-8c71-56071383e77b--
===
HTTP/1.1 200 Ok
OData-Version: 4.0
Content-Type: multipart/mixed; boundary=b_243234_25424_ef_892u748

--b_243234_25424_ef_892u748
Content-Type: application/http

HTTP/1.1 200 Ok
Content-Type: application/atom+xml;type=entry

<AtomPub representation of the Customer entity with key ALFKI>
--b_243234_25424_ef_892u748
Content-Type: multipart/mixed; boundary=cs_12u7hdkin252452345eknd_383673037

--cs_12u7hdkin252452345eknd_383673037
Content-Type: application/http
Content-ID: 1

HTTP/1.1 201 Created

<AtomPub representation of a new Customer entity>
--cs_12u7hdkin252452345eknd_383673037--
--b_243234_25424_ef_892u748
Content-Type: application/http

HTTP/1.1 404 Not Found

--b_243234_25424_ef_892u748--
",
        expect![[r"
            Batch GET /service/Customers('ALFKI'): Status(200)
            Batch POST /service/Customers: Status(201)
            Batch PATCH /service/Products(5): Status(404)
            and 1 dropped
        "]],
    );
}

#[test]
fn a_set_of_changes_that_failed_has_one_answer() {
    let part = |at: &str| format!("--c\nContent-Type: application/http\n\n{at} HTTP/1.1\n\n\n");
    let set =
        format!("--b\nContent-Type: multipart/mixed; boundary=c\n\n{}{}--c--\n", part("POST A"), part("DELETE B(1)"));
    check(
        &format!(
            "POST /s/$batch HTTP/1.1\nContent-Type: multipart/mixed; boundary=b\n\n{set}--b--\n\n===\nHTTP/1.1 200 OK\nContent-Type: multipart/mixed; boundary=r\n\n--r\nContent-Type: application/http\n\nHTTP/1.1 409 Conflict\n\n--r--\n"
        ),
        expect![[r"
            Batch POST /s/A: Status(409)
            Batch DELETE /s/B(1): Status(409)
        "]],
    );
}

#[test]
fn odata_in_json() {
    // OData JSON Format 4.01 §19.1 and 19.4, shortened; Microsoft Graph, "Combine multiple HTTP requests", shortened.
    check(
        r#"
POST /service/$batch HTTP/1.1
Content-Type: application/json

{"requests": [
 {"id": "0", "method": "get", "url": "/service/Customers('ALFKI')"},
 {"id": "1", "method": "patch", "url": "/service/Products('P 1')", "body": {"requests": 1}},
 {"id": "2", "atomicityGroup": "group1", "method": "post", "url": "Customers", "body": {}},
 {"id": "3", "method": "get", "url": "https://example.com:1000/people/17"},
 {"id": "4", "method": "post", "url": "$2/Orders"}
]}
===
HTTP/1.1 200 OK
Content-Type: application/json

{"responses": [
 {"id": "3", "status": 200, "body": {}},
 {"id": "0", "status": 404},
 {"id": "2", "status": 201, "body": {"status": 7}}
]}
"#,
        // What lies outside of the batch's service is there as it is asked for only where it is whole.
        expect![[r"
            Batch GET /service/Customers('ALFKI'): Status(404)
            Batch PATCH /service/Products('P 1'): Unknown
            Batch POST /service/Customers: Status(201)
            Batch GET /people/17: Status(200)
            and 1 dropped
        "]],
    );
    check(
        r#"
POST /v1.0/$batch HTTP/1.1
Content-Type: application/json

{"requests":[{"id":"1","method":"GET","url":"/me/drive/root:/{file}:/content"},{"id":"2","method":"POST","url":"/me/events"}]}
"#,
        expect![[r"
            Batch GET /v1.0/me/drive/root:/{file}:/content: Unknown
            Batch POST /v1.0/me/events: Unknown
        "]],
    );
}

#[test]
fn googles_parts_have_names() {
    // https://developers.google.com/gmail/api/guides/batch, "Example", shortened; answered out of order.
    check(
        r#"
POST /batch/farm/v1 HTTP/1.1
Content-Type: multipart/mixed; boundary=batch_foobarbaz

--batch_foobarbaz
Content-Type: application/http
Content-ID: <item1:12930812@barnyard.example.com>

GET /farm/v1/animals/pony

--batch_foobarbaz
Content-Type: application/http
Content-ID: <item2:12930812@barnyard.example.com>

PUT /farm/v1/animals/sheep
Content-Type: application/json
If-Match: "etag/sheep"

{"animalName": "sheep"}
--batch_foobarbaz--
===
HTTP/1.1 200
Content-Type: multipart/mixed; boundary=batch_foobarbaz

--batch_foobarbaz
Content-Type: application/http
Content-ID: <response-item2:12930812@barnyard.example.com>

HTTP/1.1 200 OK

--batch_foobarbaz
Content-Type: application/http
Content-ID: <response-item1:12930812@barnyard.example.com>

HTTP/1.1 304 Not Modified

--batch_foobarbaz--
"#,
        expect![[r"
            Batch GET /farm/v1/animals/pony: Status(304)
            Batch PUT /farm/v1/animals/sheep: Status(200)
        "]],
    );
}

#[test]
fn what_is_no_batch() {
    for body in [
        r#"{"requests":[]}"#,
        r#"{"requests":[{"id":1}]}"#,
        r#"{"requests":[{"method":"G T","url":"/a"}]}"#,
        r#"{"requests":"x"}"#,
        r#"{"requests":[{"method":"GET","url":"/a"}],"more":1}"#,
        r#"{"requests":[7]}"#,
    ] {
        check_none("/translate", body);
    }
    check(
        "POST /x HTTP/1.1\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nGET /a\n--b--\n",
        expect![[r"
        none
    "]],
    );
}

#[test]
fn parts_are_bounded_and_secrets_are_masked() {
    let part = "--b\r\nContent-Type: application/http\r\n\r\nGET /t/Zk3vQ9xLw2Pd8RtY5nBc HTTP/1.1\r\n\r\n\r\n";
    let head = "POST /$batch HTTP/1.1\nContent-Type: multipart/mixed; boundary=b\n";
    let found = operations(&Sample::new(head).body(part.repeat(400).as_bytes()), None).unwrap();
    assert_eq!((found.list.len() as u64 + found.dropped, found.list.len()), (256, 32));
    assert!(super::shown(Some(&found)).starts_with("Batch GET /t/{secret}: Unknown\n"));
}
