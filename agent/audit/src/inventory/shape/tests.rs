//! Segments and their shapes.

use super::*;

#[test]
fn shapes() {
    let cases = [
        ("/", "/"),
        ("", "/"),
        ("/orders", "/orders"),
        ("//orders///7/", "/orders/{id}"),
        ("/orders/-7", "/orders/{id}"),
        ("/orders/3fa85f64-5717-4562-b3fc-2c963f66afa6", "/orders/{id}"),
        ("/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/orders/{id}"),
        ("/orders/507f1f77bcf86cd799439011", "/orders/{id}"),
        ("/blobs/d41d8cd98f00b204e9800998ecf8427e/raw", "/blobs/{id}/raw"),
        ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{id}"),
        ("/videos/dQw4w9WgXcQ", "/videos/{id}"),
        ("/videos/aB3dE5gH9k", "/videos/{id}"),
        ("/orders/7.json", "/orders/{id}.json"),
        ("/files/3fa85f64-5717-4562-b3fc-2c963f66afa6.pdf", "/files/{id}.pdf"),
        ("/days/2026-11-24", "/days/{date}"),
        ("/days/2026-11-24T10:30:00Z", "/days/{date}"),
        ("/days/2026-13-24x", "/days/2026-13-24x"),
        ("/users/a.b@example.com", "/users/{email}"),
        ("/users/bob%40example.com", "/users/{email}"),
        ("/t/{secret}/x", "/t/{secret}/x"),
        ("/t/pre{secret}", "/t/{secret}"),
        ("/v1/api", "/v1/api"),
        ("/v2beta1/x", "/v2beta1/x"),
        ("/oauth2/token", "/oauth2/token"),
        ("/top-10-of-2026", "/top-10-of-2026"),
        ("/my-first-post-2024-review", "/my-first-post-2024-review"),
        ("/@scope", "/@scope"),
        ("/internationalization", "/internationalization"),
        ("/application-configuration-settings", "/application-configuration-settings"),
        ("/.well-known/openid-configuration", "/.well-known/openid-configuration"),
        ("/robots.txt", "/robots.txt"),
        ("/app.1.2", "/app.1.2"),
        ("/{name}/x", "/%7Bname%7D/x"),
        ("/{id}", "/%7Bid%7D"),
        ("/deadbeefdeadbeefdeadbeef", "/deadbeefdeadbeefdeadbeef"),
    ];
    for (path, expected) in cases {
        assert_eq!(template(path), expected, "{path}");
    }
    assert_eq!(template(&format!("/{}", "é".repeat(60))), "/{value}");
    assert_eq!(template(&format!("/{}", "x".repeat(96))), format!("/{}", "x".repeat(96)));
}

proptest::proptest! {
    #[test]
    fn total_and_stable(path in "(/|[a-zA-Z0-9{}%@._-]|\\PC){0,80}") {
        let once = template(&path);
        proptest::prop_assert!(once.starts_with('/'));
        proptest::prop_assert!(!once.contains("//"));
    }

    #[test]
    fn ids_of_any_value_share_their_template(a: u64, b: uuid_like::Uuid, c in "[0-9a-f]{24}") {
        proptest::prop_assert_eq!(template(&format!("/o/{a}/x")), "/o/{id}/x");
        proptest::prop_assert_eq!(template(&format!("/o/{}/x", b.0)), "/o/{id}/x");
        proptest::prop_assume!(c.bytes().any(|byte| byte.is_ascii_digit()));
        proptest::prop_assert_eq!(template(&format!("/o/{c}/x")), "/o/{id}/x");
    }
}

mod uuid_like {
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    pub(super) struct Uuid(pub(super) String);

    impl Arbitrary for Uuid {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            any::<u128>()
                .prop_map(|n| {
                    let hex = format!("{n:032x}");
                    Self(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
                })
                .boxed()
        }
    }
}
