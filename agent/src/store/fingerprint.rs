//! The installation's fingerprint key: 32 random bytes in a file of its own, made once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use apiscope_audit::secret::FingerprintKey;
use zeroize::Zeroizing;

use super::StoreError;

/// The file's name in the store's directory.
pub const KEY_FILE: &str = "fingerprint.key";

const KEY_BYTES: usize = 32;

/// Reads the key of the installation in `dir`, or makes it (directory 0700, file 0600).
/// Refused when anyone but its owner may read the file: a fingerprint is only worth something while the key is unknown.
pub fn load_or_create(dir: &Path) -> Result<FingerprintKey, StoreError> {
    create_dir(dir)?;
    let path = dir.join(KEY_FILE);
    match create(&path) {
        Err(StoreError::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => read(&path),
        made => made,
    }
}

/// A key for one run that leaves nothing behind: replay, and an agent whose directory can't be written.
pub fn ephemeral() -> Result<FingerprintKey, StoreError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    fill(&mut bytes, Path::new("(memory)"))?;
    Ok(FingerprintKey::new(*bytes))
}

/// Makes the store's directory, readable for its owner only. One that is there is left as it is.
pub(super) fn create_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| StoreError::File {
        what: "can't create",
        path: dir.into(),
        source,
    })
}

/// Written beside its place and linked into it: a crash leaves no half a key, and of two agents that start at once one wins.
fn create(path: &Path) -> Result<FingerprintKey, StoreError> {
    if path.exists() {
        return read(path);
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    fill(&mut bytes, path)?;
    let beside = path.with_extension(format!("key.{}", std::process::id()));
    let failed = |source| StoreError::File { what: "can't create", path: path.into(), source };
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(&*bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::hard_link(&beside, path));
    // Best effort: what is left of a failed attempt holds a key that is not in use.
    let _ = fs::remove_file(&beside);
    written.map_err(failed)?;
    Ok(FingerprintKey::new(*bytes))
}

fn fill(bytes: &mut [u8; KEY_BYTES], path: &Path) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::File {
        what: "no random bytes for",
        path: path.into(),
        source: std::io::Error::other(error),
    })
}

fn read(path: &Path) -> Result<FingerprintKey, StoreError> {
    let failed = |source| StoreError::File { what: "can't read", path: path.into(), source };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::KeyMode { path: path.into(), mode });
    }
    if metadata.len() != KEY_BYTES as u64 {
        return Err(StoreError::KeyLength { path: path.into(), length: metadata.len() });
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    file.read_exact(&mut *bytes).map_err(failed)?;
    Ok(FingerprintKey::new(*bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use apiscope_audit::secret::Secret;

    use super::*;

    #[test]
    fn the_same_key_every_time_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new");
        let first = load_or_create(&dir).unwrap();
        let second = load_or_create(&dir).unwrap();
        assert_eq!(Secret::new(b"x").fingerprint(&first), Secret::new(b"x").fingerprint(&second));
        assert_ne!(Secret::new(b"x").fingerprint(&first), Secret::new(b"x").fingerprint(&ephemeral().unwrap()));
        assert_eq!(fs::metadata(dir.join(KEY_FILE)).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
    }

    #[test]
    fn refused_when_others_may_read_it_or_it_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        load_or_create(dir.path()).unwrap();
        let path = dir.path().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(StoreError::KeyMode { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [1; 5]).unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(StoreError::KeyLength { length: 5, .. })));
    }
}
