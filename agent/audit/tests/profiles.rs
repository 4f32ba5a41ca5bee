//! Ten thousand endpoints with everything filled, counted byte by byte; and what a hostile one may take.

mod counting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use apiscope_audit::detect::{SettingValue, kinds};
use apiscope_audit::exchange::{ApiId, ConsumerId, Exchange, Method, Protocol, Record, Stage};
use apiscope_audit::facts::{BodySize, DataClass, Exposure, Facts, Grade, Place, What};
use apiscope_audit::inventory::{EndpointRow, PackedProfile, Profile};
use apiscope_audit::secret::{Fingerprint, Masked};
use apiscope_audit::{Audit, Change, Restored, Settings};
use apiscope_wire::{ExchangeId, FlowId, Hop, Origin, Role, Timestamp, Version};
use counting::live;

/// Splitmix64: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Around `middle`, mostly within a factor of ten: the square of a sum.
    fn around(&mut self, middle: u64) -> u64 {
        let spread = (0..4).map(|_| self.below(700)).sum::<u64>();
        middle * (spread + 100).pow(2) / 2_250_000
    }
}

fn origin() -> Arc<Origin> {
    let server: SocketAddr = ([10, 0, 0, 2], 80).into();
    let client = ([10, 0, 0, 1], 40_000).into();
    let hop = Hop::Private;
    Arc::new(Origin { client, server, role: Role::Served, hop, interface: None, workload: None, encrypted: false })
}

fn exchange(origin: &Arc<Origin>, api: &ApiId, path: &str, began: u64) -> Box<Exchange> {
    let facts = Some(Facts { complete: true, ..Facts::default() });
    Box::new(Exchange {
        id: ExchangeId { flow: FlowId::new(1), index: 0 },
        began: Timestamp::from_nanos(began),
        ended: Timestamp::from_nanos(began),
        origin: Arc::clone(origin),
        version: Version::Http11,
        api: api.clone(),
        method: Some(Method::new("GET")),
        host: None,
        path: Masked::from_stored(path),
        query_keys: Vec::new(),
        status: Some(200),
        consumer: ConsumerId::Address(origin.client.ip()),
        request: facts.clone(),
        response: facts,
        protocol: Protocol::Http,
        operations: None,
        stage: Stage::default(),
        session: None,
    })
}

/// Without detectors: findings are the ledger's.
fn settings() -> Arc<Settings> {
    let mut settings = Settings::default();
    for kind in kinds() {
        settings.detect.set(kind.name, "enabled", SettingValue::Bool(false)).expect("each can be switched off");
    }
    Arc::new(settings)
}

fn size(bytes: u64) -> BodySize {
    BodySize { total: Some(bytes), scanned: bytes }
}

fn exposure(class: DataClass, place: &str) -> Exposure {
    let what = What::Data(class, "personal data");
    Exposure {
        what,
        grade: Grade::A,
        place: Place::Json(place.into()),
        count: 1,
        seen: 1,
        need: 0,
        samples: Vec::new().into(),
    }
}

/// A call with everything: its own time, sizes, consumer, and personal data in its answer.
fn full(origin: &Arc<Origin>, api: &ApiId, path: &str, calls: u64, numbers: &mut Numbers) -> Box<Exchange> {
    let day = 86_400_000_000_000_u64;
    let mut call = exchange(origin, api, path, 20_000 * day + calls * day / 4);
    call.ended = call.began.plus(Duration::from_micros(numbers.around(20_000)));
    call.status = Some([200, 201, 404, 500][usize::try_from(numbers.below(4)).unwrap()]);
    call.consumer = match numbers.below(2) {
        0 => ConsumerId::Credential(Fingerprint::from_stored(numbers.below(u64::MAX))),
        _ => ConsumerId::Address(Ipv4Addr::from_bits(u32::try_from(numbers.below(1 << 32)).unwrap()).into()),
    };
    call.request.as_mut().unwrap().body = size(numbers.around(400));
    let response = call.response.as_mut().unwrap();
    (response.body, response.records) = (size(numbers.around(6_000)), Some(numbers.around(20)));
    response.exposures = vec![
        exposure(DataClass::Email, "/users/-/email"),
        exposure(DataClass::Phone, "/users/-/phone"),
        exposure(DataClass::PersonName, "/users/-/name"),
    ];
    call
}

/// A quarter of ten thousand, in a quarter of forty mebibytes.
#[test]
fn ten_thousand_endpoints_with_everything_take_less_than_forty_mebibytes() {
    const ENDPOINTS: u64 = 2_500;
    const CALLS: u64 = 100;
    let (origin, mut numbers) = (origin(), Numbers(9));
    let before = live();
    let mut audit = Audit::new(settings(), Restored::default());
    for endpoint in 0..ENDPOINTS {
        let (api, method) = (
            ["a", "b"][usize::try_from(endpoint % 2).unwrap()],
            ["GET", "PUT"][usize::try_from(endpoint / 2 % 2).unwrap()],
        );
        let word = |n: u64| {
            ["red", "green", "blue", "black", "white", "grey", "pink", "brown"][usize::try_from(n % 8).unwrap()]
        };
        // Few siblings in a place: nothing is merged.
        let n = endpoint / 4;
        let path = format!("/{}/{}/{}x/{}y/17", word(n), word(n / 8), word(n / 64), word(n / 512));
        for call in 0..CALLS {
            let mut call = full(&origin, &ApiId::new(api), &path, call, &mut numbers);
            call.method = Some(Method::new(method));
            audit.handle(Record::Exchange(call), &mut |_| {});
        }
    }
    let (mut rows, mut packed, mut profiles) = (0, 0, 0);
    audit.flush(Timestamp::from_nanos(1), &mut |change| {
        if let Change::Endpoint(row) = change {
            rows += 1;
            packed += row.profile.bytes().len();
            profiles += row.profile.read().map_or(0, |profile| profile.bytes());
        }
    });
    let each = usize::try_from(live() - before).unwrap() / rows;
    println!("{rows} endpoints: {each} bytes each; of it profiles {}; packed {}", profiles / rows, packed / rows);
    assert_eq!(rows as u64, ENDPOINTS, "{:?}", audit.counters().0);
    assert!(each <= 40 * 1_048_576 / 10_000, "{each}");
}

#[test]
fn a_hostile_endpoint_is_bounded_too() {
    let (origin, mut numbers, api) = (origin(), Numbers(3), ApiId::new("orders"));
    let mut audit = Audit::new(settings(), Restored::default());
    let mut packed = PackedProfile::default();
    for n in 0..40_000_u64 {
        let mut call = full(&origin, &api, "/users", n, &mut numbers);
        let wild = |numbers: &mut Numbers| numbers.below(u64::MAX) >> numbers.below(64);
        call.ended = call.began.plus(Duration::from_nanos(wild(&mut numbers)));
        call.status = Some(u16::try_from(100 + numbers.below(900)).unwrap());
        if n > 0 {
            call.status = Some(u16::try_from(200 + numbers.below(200)).unwrap());
        }
        let v6 = u128::from(numbers.below(u64::MAX)) << 64;
        call.consumer = ConsumerId::Address(IpAddr::from(std::net::Ipv6Addr::from_bits(v6)));
        call.request.as_mut().unwrap().body = size(wild(&mut numbers));
        let response = call.response.as_mut().unwrap();
        (response.body, response.records) = (size(wild(&mut numbers)), Some(wild(&mut numbers)));
        let class = DataClass::ALL[usize::try_from(n % 10).unwrap()];
        response.exposures = vec![exposure(class, &format!("/{}/{}", n % 1_000, "x".repeat(110)))];
        audit.handle(Record::Exchange(call), &mut |_| {});
    }
    audit.flush(Timestamp::from_nanos(1), &mut |change| {
        if let Change::Endpoint(row) = change {
            packed = row.profile.clone();
        }
    });
    let profile = packed.read().expect("it is whole");
    println!("{} bytes, packed {}", profile.bytes(), packed.bytes().len());
    assert!(profile.bytes() <= Profile::BYTES_MAX, "{}", profile.bytes());
    assert!(packed.bytes().len() <= PackedProfile::BYTES_MAX / 2);
    let of = EndpointRow::new("test", &api, &Method::new("GET"), "/users");
    assert!(size_of_val(&of) < 512);
    // What fell off is counted.
    assert_eq!((profile.statuses.counts().len(), profile.data.rows().len()), (24, 24));
    assert!(profile.statuses.others() > 0 && profile.data.others() > 0);
    assert!(profile.latency_ns.error() > 0.01 && !profile.consumers_distinct.is_exact());
    assert!(profile.consumers.unseen() > 0 && profile.consumers_distinct.size() > 30_000);
}
