//! One agent per socket: a lock held for the life of the process, and the socket beside it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::claim::Claim;
use crate::trouble::{Trouble, plain};

/// The lock and the socket of the one agent. Dropping it takes the socket away.
#[derive(Debug)]
pub struct Seat {
    socket: PathBuf,
    listener: UnixListener,
    _lock: Claim,
}

impl Seat {
    /// Takes the seat, or says who has it.
    pub fn take(socket: &Path) -> Result<Self, Trouble> {
        if let Some(dir) = socket.parent().filter(|dir| !dir.exists()) {
            DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(|error| unusable(dir, &error))?;
        }
        let lock = lock(&socket.with_extension("lock"), socket)?;
        // The lock is ours, so a socket that is still there was left behind by a process that was killed.
        if fs::symlink_metadata(socket).is_ok_and(|metadata| metadata.file_type().is_socket()) {
            fs::remove_file(socket).map_err(|error| unusable(socket, &error))?;
        }
        let listener = UnixListener::bind(socket).map_err(|error| unusable(socket, &error))?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o660)).map_err(|error| unusable(socket, &error))?;
        Ok(Self { socket: socket.to_owned(), listener, _lock: lock })
    }

    /// A handle to the socket to accept on.
    pub fn listener(&self) -> std::io::Result<UnixListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Best effort: the next agent takes away what is left.
        let _ = fs::remove_file(&self.socket);
    }
}

fn lock(path: &Path, socket: &Path) -> Result<Claim, Trouble> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut claim =
        Claim::take(open.map_err(|error| unusable(path, &error))?).map_err(|(mut file, error)| match error {
            TryLockError::WouldBlock => running(&mut file, socket),
            TryLockError::Error(error) => unusable(path, &error),
        })?;
    let file = claim.file();
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|error| unusable(path, &error))?;
    Ok(claim)
}

fn running(file: &mut File, socket: &Path) -> Trouble {
    let mut pid = String::new();
    let read = file.rewind().and_then(|()| file.take(16).read_to_string(&mut pid));
    let who = if read.is_ok() && !pid.trim().is_empty() { format!(" (process {})", pid.trim()) } else { String::new() };
    Trouble::new(
        format!("apiscope is already running{who} with the socket {}", socket.display()),
        "look at it with `apiscope status`, or stop it first; for a second one set another [control] socket, \
         [metrics] listen and [store] dir",
    )
}

fn unusable(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("the control socket cannot be made: {}: {}", path.display(), plain(error)),
        "run as root, or set [control] socket to a path that this user may write",
    )
}
