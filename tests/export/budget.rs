//! What learning costs in memory, counted by the allocator: beside the same flood without it, no more than its budget.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use apiscope_audit::Settings;
use apiscope_audit::inventory::Pins;
use serde_json::{Map, Value, json};

use crate::talk::{API, Call, Talk};

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: passes everything on to the system's allocator, and only counts.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.with(|live| live.set(live.get().wrapping_add_unsigned(layout.size())));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.with(|live| live.set(live.get().wrapping_sub_unsigned(layout.size())));
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Endpoints of the flood, each with shapes of its own.
const ENDPOINTS: usize = 1_250;
/// More names than 256 side by side would be values, pinned or not.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "PATCH"];
/// Members of each body.
const MEMBERS: usize = 60;
/// What schemas may take (`schema/book.rs`).
const BUDGET: isize = 4 << 20;
/// Tables of a fixed size besides (who is sampled, which words are met), and what maps of so many endpoints waste.
const TABLES: isize = 2 << 20;

/// A name of letters only.
fn name(mut at: usize) -> String {
    let mut name = String::from("m_");
    for _ in 0..5 {
        name.push(char::from(b'a' + u8::try_from(at % 26).expect("small")));
        at /= 26;
    }
    name
}

/// Bytes that a shard holds after the flood, with the talk.
fn flood(without_schemas: bool) -> (isize, Talk) {
    let before = LIVE.get();
    // Else so many would be one template.
    let mut pins = Pins::default();
    assert!(pins.add("/rpc/*"));
    let templates = [(API.into(), Arc::new(pins))].into();
    let mut talk = Talk::deaf(Settings { without_schemas, templates, ..Settings::default() });
    for endpoint in 0..ENDPOINTS {
        let members: Map<String, Value> =
            (0..MEMBERS).map(|at| (name(endpoint * MEMBERS + at), json!([{"n": at, "text": "a b"}]))).collect();
        let body = Some(("application/json", Value::Object(members).to_string()));
        let (method, target) = (METHODS[endpoint % METHODS.len()], format!("/rpc/{}", name(endpoint / METHODS.len())));
        talk.call(&Call {
            method,
            target: &target,
            status: 200,
            request: body.clone(),
            response: body,
            ..Call::default()
        });
        if endpoint % 100 == 0 {
            talk.flush();
        }
    }
    talk.flush();
    (LIVE.get() - before, talk)
}

#[test]
fn a_flood_of_endpoints_and_shapes_stays_in_the_budget_and_what_is_forgotten_is_counted() {
    let (without, talk) = flood(true);
    assert_eq!(talk.counters().endpoints, 0, "nothing is learnt");
    drop(talk);
    let (with, talk) = flood(false);
    let counters = talk.counters();
    let cost = with - without;
    eprintln!("{cost} bytes for schemas beside {without} for all else; {counters:?}");
    assert!(counters.forgotten > 300, "more than there is room for: {counters:?}");
    assert_eq!(counters.endpoints + counters.forgotten, ENDPOINTS as u64, "each is there or counted");
    assert!(cost <= BUDGET + TABLES, "{cost} bytes: {counters:?}");
    assert!(isize::try_from(counters.bytes).expect("small") <= BUDGET && cost > BUDGET / 2, "it counts what it takes");
}
