//! Numbers that the states or python-stdnum's documentation give as examples, and the same with one character changed.

use super::*;

const EXAMPLES: &[(Kind, &str)] = &[
    (Kind::Us, "219-09-9999"),
    (Kind::Canada, "193456787"),
    (Kind::Britain, "AB123456C"),
    (Kind::Nhs, "943 476 5919"),
    (Kind::Germany, "36574261809"),
    (Kind::France, "295109912611193"),
    (Kind::Spain, "54362315K"),
    (Kind::Spain, "X2482300W"),
    (Kind::Italy, "RCCMNL83S18D969H"),
    (Kind::Portugal, "501964843"),
    (Kind::Netherlands, "111222333"),
    (Kind::Belgium, "85.07.30-033 28"),
    (Kind::Poland, "44051401458"),
    (Kind::Sweden, "880320-0016"),
    (Kind::Norway, "15108695088"),
    (Kind::Denmark, "211062-5629"),
    (Kind::Finland, "131052-308T"),
    (Kind::Czechia, "7103192745"),
    (Kind::Bulgaria, "7523169263"),
    (Kind::Romania, "1630615123457"),
    (Kind::Baltic, "36805280109"),
    (Kind::Baltic, "33309240064"),
    (Kind::Croatia, "33392005961"),
    (Kind::Balkans, "0101006500006"),
    (Kind::Greece, "01013099997"),
    (Kind::Turkey, "17291716060"),
    (Kind::Switzerland, "756.9217.0769.85"),
    (Kind::Austria, "1237010180"),
    (Kind::Ireland, "6433435F"),
    (Kind::Ireland, "6433435OA"),
    (Kind::Iceland, "1201743399"),
    (Kind::Brazil, "390.533.447-05"),
    (Kind::Argentina, "20-05536168-2"),
    (Kind::Chile, "76086428-5"),
    (Kind::Mexico, "BOXW310820HNERXN09"),
    (Kind::India, "234123412346"),
    (Kind::China, "360426199101010071"),
    (Kind::Korea, "971013-9019902"),
    (Kind::Japan, "621498320257"),
    (Kind::Singapore, "S1234567D"),
    (Kind::Thailand, "3100600445635"),
    (Kind::Taiwan, "A123456789"),
    (Kind::HongKong, "A123456(3)"),
    (Kind::SouthAfrica, "7503305044089"),
    (Kind::Israel, "039337423"),
    (Kind::Australia, "123456782"),
    (Kind::NewZealand, "49091850"),
    (Kind::NewZealand, "136410132"),
    (Kind::Ukraine, "1759013776"),
    (Kind::Russia, "112-233-445 95"),
];

#[test]
fn examples_are_right_and_changed_ones_are_not() {
    let wrong = |(kind, example): &&(Kind, &str)| named(*kind, example.as_bytes()).is_none();
    assert_eq!(EXAMPLES.iter().filter(wrong).collect::<Vec<_>>(), Vec::<&(Kind, &str)>::new());
    for (kind, example) in EXAMPLES {
        if matches!(kind, Kind::Us | Kind::Britain | Kind::Denmark) {
            continue;
        }
        // No check finds every change; most do find one in most places.
        let (mut found, mut all) = (0, 0);
        for at in 0..example.len() {
            let mut changed = example.as_bytes().to_vec();
            changed[at] = match changed[at] {
                b'9' => b'0',
                b'Z' => b'A',
                b'0'..=b'8' | b'A'..=b'Y' => changed[at] + 1,
                _ => continue,
            };
            all += 1;
            found += usize::from(named(*kind, &changed).is_none());
        }
        assert!(found * 10 >= all * 7, "{kind:?} {example}: {found} of {all} changes found");
    }
}

#[test]
fn at_least_twenty_states_and_few_random_numbers_pass() {
    assert!(IDS.len() >= 40);
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    for id in IDS.iter().filter(|id| !matches!(id.kind, Kind::Us | Kind::Denmark)) {
        let length = *id.length.end();
        let passed = (0..20_000)
            .filter(|_| {
                let digits: Vec<u8> = (0..length).map(|_| b'0' + u8::try_from(next() % 10).unwrap()).collect();
                (id.right)(&digits)
            })
            .count();
        assert!(passed < 20_000 / 8, "{}: {passed}", id.name);
    }
}

#[test]
fn plain_rows_are_no_numbers() {
    for (kind, text) in
        [(Kind::Us, "123456789"), (Kind::Us, "000-12-3456"), (Kind::Us, "666-12-3456"), (Kind::Us, "987-65-4321")]
    {
        assert!(named(kind, text.as_bytes()).is_none(), "{text}");
    }
    assert!(named(Kind::Brazil, b"111.111.111-11").is_none());
}
