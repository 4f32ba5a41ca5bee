//! The BPF programs: which compiler builds them, and the build itself, to `target/bpf/apiscope.o`.
//!
//! They need a compiler with `core` for `bpfel-unknown-none` and the linker `bpf-linker`, whose LLVM must read what that
//! compiler's LLVM writes. User space is never built by that compiler, nor the programs by the user's.

use crate::{paths, process, progress::Progress};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::{
    fmt, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

/// The two ways to compile the BPF programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// rustup's nightly with rust-src, which compiles `core` itself.
    Nightly,
    /// Debian's `rustc-web` and its precompiled `core` for BPF.
    Debian,
}

/// A way, and why it.
pub(crate) struct Choice {
    pub(crate) way: Way,
    because: &'static str,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compiler = match self.way {
            Way::Nightly => "rustup's nightly with rust-src",
            Way::Debian => "Debian's rustc-web with libstd-rust-web-dev-bpf",
        };
        write!(f, "{compiler} ({})", self.because)
    }
}

/// The user's word, else nightly where it has the source of `core`, else Debian's packages.
pub(crate) fn choose(forced: Option<Way>) -> Choice {
    match forced {
        Some(way) => Choice { way, because: "--bpf-toolchain says so" },
        None if nightly_source().is_some() && linker_can_be_had_for_nightly() => {
            Choice { way: Way::Nightly, because: "it is installed" }
        }
        None if nightly_source().is_some() => {
            Choice { way: Way::Debian, because: "there is no bpf-linker for the LLVM of rustup's nightly" }
        }
        None => Choice { way: Way::Debian, because: "rustup has no nightly with rust-src" },
    }
}

/// The source of `core` in rustup's nightly, if there is one.
pub(crate) fn nightly_source() -> Option<PathBuf> {
    let sysroot = process::output(&mut rustup_nightly("rustc", &["--print", "sysroot"]))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    source.is_dir().then_some(source)
}

/// The LLVM of rustup's nightly, `22` in `22.1.4`.
fn nightly_llvm() -> Option<u32> {
    let version = process::output(&mut rustup_nightly("rustc", &["-vV"]))?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    llvm.split('.').next()?.parse().ok()
}

/// One is there, or can be built against Debian's LLVM, which reads what the same or an older LLVM writes.
pub(crate) fn linker_can_be_had_for_nightly() -> bool {
    linker(Way::Nightly).is_some() || nightly_llvm().is_some_and(|llvm| llvm <= LINKER_LLVM)
}

/// The linker for this way: the one that the set-up built; for nightly rather the user's own, which was chosen for it.
pub(crate) fn linker(way: Way) -> Option<PathBuf> {
    let ours = Some(paths::tools().join("bin/bpf-linker")).filter(|file| is_wanted_linker(file));
    match way {
        Way::Debian => ours,
        Way::Nightly => paths::program("bpf-linker").or(ours),
    }
}

fn is_wanted_linker(file: &Path) -> bool {
    let version = process::output(process::command_apart(&file.to_string_lossy()).arg("--version"));
    version.is_some_and(|version| version.trim() == format!("bpf-linker {LINKER_VERSION}"))
}

/// Builds bpf-linker against Debian's LLVM into `target/tools`; the user's own programs stay as they are.
pub(crate) fn install_linker() -> Result<()> {
    let mut progress = Progress::start("Building bpf-linker into target/tools (about a minute)");
    let mut command = process::command_apart("cargo");
    command.args(["install", "bpf-linker", "--locked", "--force", "--version", LINKER_VERSION]);
    command.args(["--no-default-features", "--features", "llvm-22", "--root"]).arg(paths::tools());
    // Its build script reads the first, llvm-sys the second.
    command.env("LLVM_PREFIX", LLVM_PREFIX).env("LLVM_SYS_221_PREFIX", LLVM_PREFIX);
    let mut compiled = 0;
    process::follow(&command, "bpf-linker.log", &mut progress, |line, progress| {
        if let Some(what) = line.trim_start().strip_prefix("Compiling ") {
            compiled += 1;
            progress.at(compiled * 100 / LINKER_CRATES, what);
        }
    })?;
    progress.done();
    Ok(())
}

/// Builds the programs if a source, the compiler or a flag changed since. Returns the object's path.
pub(crate) fn build(way: Way) -> Result<PathBuf> {
    let object = paths::bpf_object();
    let stamp = object.with_extension("stamp");
    let linker = linker(way).context("no bpf-linker: run `cargo xtask setup`")?;
    let now = fingerprint(way, &linker)?;
    if object.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == now) {
        return Ok(object);
    }
    eprintln!("Building the BPF programs");
    process::run(&mut compile(way, &linker)).context("the BPF programs do not build")?;
    let built = build_folder().join(TARGET).join("release/apiscope");
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    // An unchanged file keeps its time, so that the agent is not built again for it.
    if fs::read(&object).ok().as_ref() != Some(&bytes) {
        fs::write(&object, &bytes).with_context(|| format!("cannot write {}", object.display()))?;
    }
    fs::write(&stamp, now)?;
    eprintln!("BPF programs: {} ({} bytes)", object.display(), bytes.len());
    Ok(object)
}

/// The cargo call. The flags go by environment so that no file of the user's has a say.
fn compile(way: Way, linker: &Path) -> Command {
    let mut command = match way {
        Way::Nightly => {
            let mut command = rustup_nightly("cargo", &["build", "-Zbuild-std=core"]);
            command.env("RUSTUP_TOOLCHAIN", "nightly");
            command
        }
        Way::Debian => {
            let mut command = process::command_apart("cargo");
            command.arg("build").env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            command
        }
    };
    command.args(["--release", "--target", TARGET, "--target-dir"]).arg(build_folder());
    command.current_dir(paths::root().join("ebpf"));
    command.env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker);
    command.env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS", flags());
    command
}

/// BTF for the maps and line information, the kernel's view of the architecture, and no path of this machine in the object.
fn flags() -> String {
    let arch = std::env::consts::ARCH;
    let root = paths::root();
    format!(
        "--cfg=bpf_target_arch=\"{arch}\" -Cdebuginfo=2 -Clink-arg=--btf --remap-path-prefix={}=/apiscope",
        root.display()
    )
}

/// Everything that the object depends on, as a short text.
fn fingerprint(way: Way, linker: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let compiler = match way {
        Way::Nightly => process::output(&mut rustup_nightly("rustc", &["-vV"])),
        Way::Debian => process::output(process::command_apart(DEBIAN_RUSTC).arg("-vV")),
    };
    compiler.context("the compiler for the BPF programs does not start: run `cargo xtask setup`")?.hash(&mut hasher);
    (linker, flags()).hash(&mut hasher);
    for folder in ["ebpf", "common"] {
        for file in sources(&paths::root().join(folder))? {
            file.hash(&mut hasher);
            fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?.hash(&mut hasher);
        }
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

/// All files below `folder` that a build may read, in a fixed order.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                files.extend(sources(&path)?);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "toml" || kind == "lock") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn build_folder() -> PathBuf {
    paths::target().join("bpf/build")
}

fn rustup_nightly(program: &str, args: &[&str]) -> Command {
    let mut command = process::command_apart("rustup");
    command.args(["run", "nightly", program]).args(args);
    command
}

const TARGET: &str = if cfg!(target_endian = "little") { "bpfel-unknown-none" } else { "bpfeb-unknown-none" };
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";
/// The LLVM that [`install_linker`] builds against.
pub(crate) const LINKER_LLVM: u32 = 22;
const LINKER_VERSION: &str = "0.13.0";
/// How many crates bpf-linker's build compiles: for the progress display only.
const LINKER_CRATES: u64 = 75;

/// A way that cannot be taken, and what to do.
pub(crate) fn check_nightly() -> Result<()> {
    if nightly_source().is_none() {
        bail!(
            "rustup's nightly has no rust-src. Run: rustup toolchain install nightly --component rust-src\n\
            or leave --bpf-toolchain nightly away: Debian's packages build the programs too"
        );
    }
    Ok(())
}
