//! The network namespaces of this host, and a look into each.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

/// Namespaces looked into at most.
const NAMESPACES_MAX: usize = 1_024;
/// Where namespaces without a process are kept by name.
const NAMED: [&str; 2] = ["/run/netns", "/run/docker/netns"];

/// What [`in_each`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Visit<T> {
    /// What `look` gave, one a namespace.
    pub(super) found: Vec<T>,
    /// Namespaces that could not be entered or looked into.
    pub(super) failed: usize,
}

/// Runs `look` in every network namespace, in a thread of its own that ends with it: the caller's namespace stays as it is.
pub(super) fn in_each<T: Send + 'static>(look: fn() -> io::Result<T>) -> Visit<T> {
    let work = move || {
        let mut visit = Visit { found: Vec::new(), failed: 0 };
        for namespace in namespaces() {
            match enter(&namespace).and_then(|()| look()) {
                Ok(found) => visit.found.push(found),
                Err(_) => visit.failed += 1,
            }
        }
        visit
    };
    let thread = thread::Builder::new().name("netns".to_owned()).spawn(work);
    thread.ok().and_then(|thread| thread.join().ok()).unwrap_or(Visit { found: Vec::new(), failed: 1 })
}

fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: an open descriptor; the call changes this thread only.
    if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// One open file a namespace; the thread's own first.
fn namespaces() -> Vec<File> {
    let mut known = HashSet::new();
    let mut files = Vec::new();
    for path in candidates() {
        if files.len() >= NAMESPACES_MAX {
            break;
        }
        let Ok(facts) = fs::metadata(&path) else { continue };
        if known.insert((facts.dev(), facts.ino()))
            && let Ok(file) = File::open(&path)
        {
            files.push(file);
        }
    }
    files
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let processes = entries(Path::new("/proc"))
        .filter(|path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit))
        })
        .map(|path| path.join("ns/net"));
    let named = NAMED.into_iter().flat_map(move |folder| entries(Path::new(folder)));
    std::iter::once(PathBuf::from("/proc/thread-self/ns/net")).chain(processes).chain(named)
}
