//! Pairing, order, bounds, and that no planted secret leaves.

use apiscope_wire::{Hop, Origin, Role};

/// A client on a private network calls a server on port 8080.
pub(crate) fn origin() -> Origin {
    Origin {
        client: ([10, 0, 0, 1], 50_000).into(),
        server: ([10, 0, 0, 2], 8080).into(),
        role: Role::Served,
        hop: Hop::Private,
        interface: Some("eth0".into()),
        workload: None,
        encrypted: false,
    }
}
