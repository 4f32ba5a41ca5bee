//! Connections that are older than the agent: their roles, and which of them have both ends on this host.
//!
//! A socket whose local port is listened on in its namespace was accepted: it is a server's. One whose local port is not, was
//! opened from here, if it looks like it (an ephemeral port here and a service's port there, or a listener for its other end in
//! the same namespace); else its role stays unknown. Two sockets with mirrored addresses in one namespace are the two ends of
//! one connection; in two namespaces they are taken for it if there is no other candidate.

use std::net::{IpAddr, SocketAddr};

use apiscope_common::abi::SocketRole;
use apiscope_common::flow::{FLOW_TWIN, Flow};
use aya::maps::{HashMap as BpfHashMap, MapData};
use rustc_hash::{FxHashMap, FxHashSet};

use super::cgroup::Root;
use super::netns;
use super::sock_diag::{self, Socket};

/// The first port that Linux gives to clients, unless told otherwise (`ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;

/// What was found in the socket tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Network namespaces looked into.
    pub namespaces: usize,
    /// Namespaces that could not be (permission).
    pub namespaces_failed: usize,
    /// Sockets that were accepted here.
    pub servers: usize,
    /// Sockets that were opened from here.
    pub clients: usize,
    /// Sockets of which that is not known.
    pub unknown: usize,
    /// Clients among them whose server is on this host too.
    pub twins: usize,
}

/// Looks into all namespaces and writes what it finds to the kernel's flow map.
pub(super) fn seed(map: &mut BpfHashMap<MapData, u64, Flow>, root: &Root) -> Seeded {
    let visit = look(root);
    let mut seeded = Seeded { namespaces: visit.namespaces, namespaces_failed: visit.failed, ..Seeded::default() };
    for end in visit.ends {
        match end.role {
            SocketRole::Server => seeded.servers += 1,
            SocketRole::Client => seeded.clients += 1,
            SocketRole::Unknown => seeded.unknown += 1,
        }
        seeded.twins += usize::from(end.twin);
        let flags = if end.twin { FLOW_TWIN } else { 0 };
        let flow = Flow { role: end.role as u8, flags, cgroup: end.cgroup, ..Flow::default() };
        // A full map forgets another flow instead (LRU): its role is then unknown, and shown so.
        let _ = map.insert(end.cookie, flow, 0);
    }
    seeded
}

/// What the socket tables say now.
pub(super) struct Look {
    pub(super) ends: Vec<End>,
    namespaces: usize,
    failed: usize,
}

/// Reads the socket tables of all namespaces.
pub(super) fn look(root: &Root) -> Look {
    let mut visit = netns::in_each(sock_diag::sockets);
    watched_only(&mut visit.found, root);
    Look { ends: judge(&visit.found), namespaces: visit.found.len(), failed: visit.failed }
}

/// Leaves out connections of cgroups that are not watched: the other end of one is no reason to pass over the end that is.
fn watched_only(namespaces: &mut [Vec<Socket>], root: &Root) {
    if root.path == root.mount {
        return;
    }
    let mut known: FxHashMap<u64, bool> = FxHashMap::default();
    let mut watched = |id: u64| *known.entry(id).or_insert_with(|| root.holds(id));
    for sockets in namespaces {
        sockets.retain(|socket| socket.listens || watched(socket.cgroup));
    }
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) cookie: u64,
    pub(super) cgroup: u64,
    pub(super) role: SocketRole,
    /// The other end is read, on this host.
    pub(super) twin: bool,
}

/// The ends of all connections, of sockets by namespace.
fn judge(namespaces: &[Vec<Socket>]) -> Vec<End> {
    let mut ends = Vec::new();
    let mut places: Vec<(usize, Socket)> = Vec::new();
    for (namespace, sockets) in namespaces.iter().enumerate() {
        let listeners = Listeners::of(sockets);
        for socket in sockets.iter().filter(|socket| !socket.listens) {
            ends.push(End { cookie: socket.cookie, cgroup: socket.cgroup, role: listeners.role(socket), twin: false });
            places.push((namespace, *socket));
        }
    }
    mark_twins(&mut ends, &places);
    ends
}

struct Listeners {
    on: FxHashSet<SocketAddr>,
}

impl Listeners {
    fn of(sockets: &[Socket]) -> Self {
        Self { on: sockets.iter().filter(|socket| socket.listens).map(|socket| socket.local).collect() }
    }

    fn hear(&self, at: SocketAddr) -> bool {
        let any = |ip: IpAddr| self.on.contains(&SocketAddr::new(ip, at.port()));
        self.on.contains(&at) || any([0_u8; 4].into()) || any([0_u8; 16].into())
    }

    fn role(&self, socket: &Socket) -> SocketRole {
        if self.hear(socket.local) {
            SocketRole::Server
        } else if self.hear(socket.remote) || (socket.local.port() >= EPHEMERAL && socket.remote.port() < EPHEMERAL) {
            SocketRole::Client
        } else {
            SocketRole::Unknown
        }
    }
}

fn mark_twins(ends: &mut [End], places: &[(usize, Socket)]) {
    let mut by_addresses: FxHashMap<(SocketAddr, SocketAddr), Vec<usize>> = FxHashMap::default();
    for (index, (_, socket)) in places.iter().enumerate() {
        by_addresses.entry((socket.local, socket.remote)).or_default().push(index);
    }
    for (index, (namespace, socket)) in places.iter().enumerate() {
        let Some(others) = by_addresses.get(&(socket.remote, socket.local)) else { continue };
        let here = others
            .iter()
            .copied()
            .find(|other| *other != index && places.get(*other).is_some_and(|(n, _)| n == namespace));
        let alone = by_addresses.get(&(socket.local, socket.remote)).is_some_and(|same| same.len() == 1);
        let only = if let ([only], true) = (others.as_slice(), alone) { Some(*only) } else { None };
        if let Some(other) = here.or(only)
            && let (Some(own), Some(of_other)) = (ends.get(index).copied(), ends.get(other).copied())
            && yields(&own, socket, &of_other)
            && let Some(end) = ends.get_mut(index)
        {
            end.twin = true;
        }
    }
}

/// Whether the end at `socket` is the one that is not read: the client's, and if nobody is known for the server, the one with the
/// higher port (of the same port, the older socket).
fn yields(own: &End, socket: &Socket, other: &End) -> bool {
    match (own.role, other.role) {
        (SocketRole::Server, SocketRole::Server)
        | (SocketRole::Client | SocketRole::Unknown, SocketRole::Client | SocketRole::Unknown) => {
            let (local, remote) = (socket.local.port(), socket.remote.port());
            local > remote || (local == remote && own.cookie < other.cookie)
        }
        (SocketRole::Client | SocketRole::Unknown, SocketRole::Server) => true,
        (SocketRole::Server, SocketRole::Client | SocketRole::Unknown) => false,
    }
}

#[cfg(test)]
mod tests {
    use apiscope_common::abi::SocketRole;

    use super::{End, judge};
    use crate::capture::sock_diag::Socket;

    fn socket(cookie: u64, local: &str, remote: &str) -> Socket {
        let listens = remote.ends_with(":0");
        Socket { listens, local: local.parse().unwrap(), remote: remote.parse().unwrap(), cookie, cgroup: 0 }
    }

    fn told(ends: &[End], cookie: u64) -> (SocketRole, bool) {
        let end = ends.iter().find(|end| end.cookie == cookie).unwrap();
        (end.role, end.twin)
    }

    #[test]
    fn both_ends_in_one_namespace() {
        let ends = judge(&[vec![
            socket(1, "[::]:80", "[::]:0"),
            socket(2, "127.0.0.1:80", "127.0.0.1:40000"),
            socket(3, "127.0.0.1:40000", "127.0.0.1:80"),
        ]]);
        assert_eq!(told(&ends, 2), (SocketRole::Server, false));
        assert_eq!(told(&ends, 3), (SocketRole::Client, true));
    }

    #[test]
    fn over_a_veth_and_to_elsewhere() {
        let ends = judge(&[
            vec![socket(1, "10.0.0.1:40000", "10.0.0.2:80"), socket(2, "10.0.0.1:40001", "10.0.0.9:443")],
            vec![socket(3, "10.0.0.2:80", "0.0.0.0:0"), socket(4, "10.0.0.2:80", "10.0.0.1:40000")],
        ]);
        assert_eq!(told(&ends, 1), (SocketRole::Client, true));
        assert_eq!(told(&ends, 2), (SocketRole::Client, false));
        assert_eq!(told(&ends, 4), (SocketRole::Server, false));
    }

    #[test]
    fn the_same_addresses_in_three_namespaces_prove_nothing() {
        let client = |cookie| socket(cookie, "10.0.0.1:40000", "10.0.0.2:80");
        let server = vec![socket(3, "10.0.0.2:80", "0.0.0.0:0"), socket(4, "10.0.0.2:80", "10.0.0.1:40000")];
        let ends = judge(&[vec![client(1)], vec![client(2)], server]);
        assert_eq!([told(&ends, 1), told(&ends, 2)], [(SocketRole::Client, false); 2]);
        assert_eq!(told(&ends, 4), (SocketRole::Server, false), "the server's end is always read");
    }

    #[test]
    fn exactly_one_end_is_read_when_nobody_listens_any_more() {
        let ends = judge(&[vec![
            socket(1, "127.0.0.1:8080", "127.0.0.1:9090"),
            socket(2, "127.0.0.1:9090", "127.0.0.1:8080"),
            socket(3, "127.0.0.1:7", "127.0.0.1:8"),
        ]]);
        assert_eq!(told(&ends, 1), (SocketRole::Unknown, false));
        assert_eq!(told(&ends, 2), (SocketRole::Unknown, true));
        assert_eq!(told(&ends, 3), (SocketRole::Unknown, false));
    }
}
