//! Where things are in the repository. Everything that a command makes lies under `target/`.

use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ lies in the repository").to_path_buf()
}

/// The workspace's build directory.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Programs that the set-up built for this project only.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

/// The BPF programs, ready to be embedded by the agent.
pub(crate) fn bpf_object() -> PathBuf {
    target().join("bpf/apiscope.o")
}

/// A program of this name, as a shell run by root would find it: `PATH`, then the `sbin` folders.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(sbin).map(|folder| folder.join(name)).find(|file| file.is_file())
}
