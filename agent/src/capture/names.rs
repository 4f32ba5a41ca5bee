//! Names for what records only number: interfaces by index, workloads by cgroup id. Asked once, remembered in bounds.

use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::cgroup::{self, Root};
use super::flows::Names;

/// Cgroups remembered; past it all are forgotten and asked for again.
const CGROUPS_MAX: usize = 4_096;
/// Interface addresses remembered at most.
const ADDRESSES_MAX: usize = 4_096;
/// How often the interfaces are read anew when an address is not found.
const AGAIN: Duration = Duration::from_secs(5);

/// The names of this host.
#[derive(Debug)]
pub(super) struct HostNames {
    root: Arc<Root>,
    workloads: FxHashMap<u64, Option<Box<str>>>,
    interfaces: Vec<(u32, IpAddr, Box<str>)>,
    read_at: Instant,
}

impl HostNames {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self { root, workloads: FxHashMap::default(), interfaces: interfaces(), read_at: Instant::now() }
    }

    pub(super) fn root(&self) -> &Arc<Root> {
        &self.root
    }
}

impl Names for HostNames {
    /// An index belongs to one network namespace, and a record does not say which: so the name is given only if the agent's own
    /// namespace has an interface with this index that holds this address. Loopback is the same everywhere.
    fn interface(&mut self, index: u32, local: IpAddr) -> Option<Box<str>> {
        if local.to_canonical().is_loopback() {
            return Some("lo".into());
        }
        let find = |list: &[(u32, IpAddr, Box<str>)]| {
            list.iter().find(|(of, address, _)| *of == index && *address == local).map(|(_, _, name)| name.clone())
        };
        if let Some(name) = find(&self.interfaces) {
            return Some(name);
        }
        if self.read_at.elapsed() > AGAIN {
            self.interfaces = interfaces();
            self.read_at = Instant::now();
        }
        find(&self.interfaces)
    }

    fn workload(&mut self, cgroup: u64) -> Option<Box<str>> {
        if cgroup == 0 {
            return None;
        }
        if let Some(known) = self.workloads.get(&cgroup) {
            return known.clone();
        }
        if self.workloads.len() >= CGROUPS_MAX {
            self.workloads.clear();
        }
        let name = cgroup::path_of(&self.root, cgroup).and_then(|path| cgroup::workload(&path));
        self.workloads.insert(cgroup, name.clone());
        name
    }
}

/// All addresses of the interfaces of this network namespace.
fn interfaces() -> Vec<(u32, IpAddr, Box<str>)> {
    let mut list = std::ptr::null_mut();
    // SAFETY: the call writes a list to `list`, which is freed below.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = list;
    while !at.is_null() && found.len() < ADDRESSES_MAX {
        // SAFETY: an entry of the list that the call above gave, not freed yet.
        let entry = unsafe { &*at };
        // SAFETY: `ifa_addr` is null or points to an address of the family that it states; the name is a C string.
        if let Some(address) = unsafe { address(entry.ifa_addr) } {
            // SAFETY: as above.
            let (name, index) = unsafe { (CStr::from_ptr(entry.ifa_name), libc::if_nametoindex(entry.ifa_name)) };
            found.push((index, address, name.to_string_lossy().into()));
        }
        at = entry.ifa_next;
    }
    // SAFETY: the list of the call above; nothing of it is used any more.
    unsafe { libc::freeifaddrs(list) };
    found
}

/// # Safety
/// `at` must be null or point to a socket address of the family that it states.
unsafe fn address(at: *const libc::sockaddr) -> Option<IpAddr> {
    if at.is_null() {
        return None;
    }
    // SAFETY: not null, so the caller's promise holds for each family's structure.
    unsafe {
        match i32::from((*at).sa_family) {
            libc::AF_INET => {
                let v4 = at.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = at.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}
