//! Puts the BPF object into the agent: `APISCOPE_BPF_OBJECT`, or `target/bpf/apiscope.o` where `cargo xtask build` puts it, or
//! nothing, and then the agent says so when it is asked to capture.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=APISCOPE_BPF_OBJECT");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("apiscope.bpf.o");
    let object = if let Some(path) = env::var_os("APISCOPE_BPF_OBJECT") {
        println!("cargo::rerun-if-changed={}", Path::new(&path).display());
        let shown = Path::new(&path).display().to_string();
        fs::read(path).unwrap_or_else(|error| panic!("APISCOPE_BPF_OBJECT={shown}: {error}"))
    } else {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bpf");
        let object = folder.join("apiscope.o");
        // A path that is not there would make cargo run this again and again: then the folder is made, and watched.
        let _ = fs::create_dir_all(&folder);
        let watched = if object.is_file() { &object } else { &folder };
        println!("cargo::rerun-if-changed={}", watched.display());
        fs::read(&object).unwrap_or_default()
    };
    fs::write(out, object).expect("OUT_DIR is writable");
}
