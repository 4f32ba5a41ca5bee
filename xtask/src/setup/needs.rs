//! What is needed, from which Debian package, and what for. Looked for by what is used of it, not by package name, so
//! that the look also works on other systems and takes no time.

use super::Scope;
use crate::{paths, process};
use std::path::Path;

/// One thing that must be there.
pub(super) struct Need {
    /// The Debian package that brings it.
    pub(super) package: &'static str,
    /// What for, in words for people.
    pub(super) why: &'static str,
    pub(super) scope: Scope,
    probe: Probe,
}

enum Probe {
    Program(&'static str),
    File(&'static str),
    /// A file whose name has the given beginning and end, in a folder.
    FileLike(&'static str, &'static str, &'static str),
    /// Asked of dpkg: the path alone could belong to another package.
    Package,
    /// Something that the C compiler's linker must find.
    Library(&'static str),
}

impl Need {
    pub(super) fn is_there(&self) -> bool {
        match self.probe {
            Probe::Program(name) => paths::program(name).is_some(),
            Probe::File(path) => Path::new(path).exists(),
            Probe::FileLike(folder, begin, end) => Path::new(folder).read_dir().is_ok_and(|entries| {
                entries.flatten().any(|entry| {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    name.starts_with(begin) && name.ends_with(end)
                })
            }),
            Probe::Package => {
                let mut query = process::command("dpkg-query");
                query.args(["-W", "-f", "${db:Status-Status}", self.package]);
                process::output(&mut query).is_some_and(|status| status == "installed")
            }
            Probe::Library(name) => {
                let mut cc = process::command("cc");
                cc.arg(format!("-print-file-name={name}"));
                process::output(&mut cc).is_some_and(|path| Path::new(path.trim()).is_absolute())
            }
        }
    }
}

const fn program(name: &'static str, package: &'static str, scope: Scope, why: &'static str) -> Need {
    Need { package, why, scope, probe: Probe::Program(name) }
}

const fn build(package: &'static str, probe: Probe, why: &'static str) -> Need {
    Need { package, why, scope: Scope::Build, probe }
}

/// Programs that the demo, the tests and the bench start.
pub(super) static TOOLS: &[Need] = &[
    build("ca-certificates", Probe::File("/etc/ssl/certs/ca-certificates.crt"), "the certificates that cargo trusts"),
    program("curl", "curl", Scope::Demo, "the client of the demo and the live tests"),
    program("ip", "iproute2", Scope::Demo, "makes the network namespaces of the demo and the live tests"),
    program("nginx", "nginx-light", Scope::Demo, "the API of the demo and the live tests"),
    program("amtool", "prometheus-alertmanager", Scope::Test, "gets the alerts in the tests"),
    program("h2load", "nghttp2-client", Scope::Test, "the HTTP/2 client of the tests of replay"),
    program("nghttpd", "nghttp2-server", Scope::Test, "the HTTP/2 server of the tests of replay"),
    program("apache2", "apache2-bin", Scope::Test, "a server whose reading of odd framing the tests compare"),
    program("bpftool", "bpftool", Scope::Test, "looks for programs left behind in the tests"),
    program("caddy", "caddy", Scope::Test, "Go's HTTP server, whose reading of odd framing the tests compare"),
    program("gunicorn", "gunicorn", Scope::Test, "a server whose reading of odd framing the tests compare"),
    program("haproxy", "haproxy", Scope::Test, "a server whose reading of odd framing the tests compare"),
    Need {
        package: "libhtp-dev",
        why: "Suricata's HTTP reader, a second opinion in the tests",
        scope: Scope::Test,
        probe: Probe::File("/usr/include/htp/htp.h"),
    },
    program("node", "nodejs", Scope::Test, "a server whose reading of odd framing the tests compare"),
    program("promtool", "prometheus", Scope::Test, "checks and scrapes the metrics in the tests"),
    program("ps", "procps", Scope::Test, "looks for processes in the tests"),
    program("python3", "python3", Scope::Test, "asks nghttp2's library what it reads of header blocks in the tests"),
    Need {
        package: "libnghttp2-14",
        why: "the library whose reading of header blocks the tests compare",
        scope: Scope::Test,
        probe: Probe::Library("libnghttp2.so.14"),
    },
    Need {
        package: "python3-grpcio",
        why: "the gRPC client and server of the live tests",
        scope: Scope::Test,
        probe: Probe::File("/usr/lib/python3/dist-packages/grpc/__init__.py"),
    },
    Need {
        package: "python3-websockets",
        why: "the WebSocket client and server of the live tests",
        scope: Scope::Test,
        probe: Probe::File("/usr/lib/python3/dist-packages/websockets/__init__.py"),
    },
    Need {
        package: "python3-venv",
        why: "makes the environment of the tests' Python programs",
        scope: Scope::Test,
        probe: Probe::File("/usr/lib/python3.11/ensurepip/__init__.py"),
    },
    program("tcpdump", "tcpdump", Scope::Test, "writes the captures that the tests and the bench replay"),
    program("tcpflow", "tcpflow", Scope::Test, "a yardstick of the bench"),
    program("tshark", "tshark", Scope::Test, "a yardstick of the bench and a second opinion in the tests"),
    program("wrk", "wrk", Scope::Test, "makes the load of the bench"),
];

/// The compiler of the BPF programs, without rustup.
pub(super) static DEBIAN_COMPILER: &[Need] = &[
    build("rustc-web", Probe::Package, "compiles the BPF programs, and only them"),
    build(
        "libstd-rust-web-dev-bpf",
        Probe::FileLike("/usr/lib/rustlib/bpfel-unknown-none/lib", "libcore-", ".rlib"),
        "Rust's core library for BPF",
    ),
];

/// What bpf-linker is built with.
pub(super) static LINKER: &[Need] = &[
    build("g++", Probe::Library("libstdc++.so"), "bpf-linker links the C++ library"),
    build("libpolly-22-dev", Probe::File("/usr/lib/llvm-22/lib/libPolly.a"), "bpf-linker links LLVM"),
    build("libzstd-dev", Probe::Library("libzstd.so"), "LLVM links it"),
    build("llvm-22-dev", Probe::File("/usr/lib/llvm-22/bin/llvm-config"), "bpf-linker links LLVM"),
    build("zlib1g-dev", Probe::Library("libz.so"), "LLVM links it"),
];
