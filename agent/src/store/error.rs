//! What can go wrong with the store, each with what to do.

use std::path::PathBuf;

/// Why the store, or the installation's key, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory or a file in it can't be made, opened or read.
    #[error("store: {what} {}: {source}. Make the directory writable for the agent's user, or set [store] dir", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// `SQLite` refused.
    #[error("store: {what} {}: {source}. {}", path.display(), advice(source))]
    Database {
        /// What was tried.
        what: &'static str,
        /// The database file.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The file was written by a newer apiscope.
    #[error(
        "store: {} has schema {found}, this apiscope knows up to {known}. Install the newer apiscope again, or move the file away",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Another process has the store open for writing.
    #[error(
        "store: another apiscope is running with {}. Stop it, or give this one a directory of its own in [store] dir",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// There is no store to read.
    #[error("store: {} does not exist. Has `apiscope run` been started with this directory?", path.display())]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// The key file may be read by others.
    #[error(
        "{}: mode {mode:04o} lets others read the fingerprint key. `chmod 600` it; if somebody may have read it, delete it (fingerprints change)",
        path.display()
    )]
    KeyMode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The key file is not 32 bytes.
    #[error("{}: {length} bytes where a fingerprint key has 32. Delete it to get a new one (fingerprints change)", path.display())]
    KeyLength {
        /// The key file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// The writer thread is gone, or did not answer in time.
    #[error("store: the writer does not answer (it was closed, or the disk hangs)")]
    Closed,
}

fn advice(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "Free space on that file system",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "Make the directory and the file writable for the agent's user"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "The file is damaged: it is set aside at the next start"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "Is another apiscope running on the same directory?"
        }
        _ => "See the message before",
    }
}
