//! Why capture could not start: what, where, and what to do about it.

use std::io;
use std::path::PathBuf;

use aya::programs::{Program, ProgramError};
use aya::{Ebpf, EbpfError};

/// Why capture could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The object was absent when the agent was built.
    #[error("this binary was built without BPF programs: run `cargo xtask build`")]
    NoPrograms,
    /// Capabilities are missing.
    #[error(
        "not permitted to load BPF programs: this process lacks {}; run apiscope as root, or give it these capabilities",
        .missing.join(", ")
    )]
    NoPermission {
        /// The names of the capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// No cgroup v2 hierarchy, and none could be mounted.
    #[error(
        "no cgroup v2 hierarchy is mounted, and mounting one at {} failed: {cause}; mount one with `mount -t cgroup2 none DIR`, \
         or boot with `systemd.unified_cgroup_hierarchy=1`",
        .at.display()
    )]
    NoCgroup2 {
        /// Where the mount was tried.
        at: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// The cgroup named in the configuration is no cgroup v2 directory.
    #[error("{}: not a cgroup v2 directory ({why}); name one below {}", .path.display(), .root.display())]
    Cgroup {
        /// The path.
        path: PathBuf,
        /// Where the hierarchy is mounted.
        root: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A BPF map was refused.
    #[error(
        "the kernel refused a BPF map: {cause}; the kernel must be 5.8 or newer, with CONFIG_BPF_SYSCALL: see `apiscope doctor`"
    )]
    Map {
        /// What the kernel said.
        cause: EbpfError,
    },
    /// A memory map or a read that belongs to a BPF map failed.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The object lacks a map: agent and programs are not of the same build.
    #[error("the BPF object has no map {name} as this agent wants it: build both again with `cargo xtask build`")]
    Object {
        /// The map.
        name: &'static str,
    },
    /// A program was refused.
    #[error(transparent)]
    Program(#[from] StepError),
}

/// Why one program was refused.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The object lacks the program.
    #[error("the BPF object has no program {program}: build it again with `cargo xtask build`")]
    Absent {
        /// The program.
        program: &'static str,
    },
    /// The verifier refused it.
    #[error(
        "the kernel's verifier refused the program {program} ({cause}); its words are in {log}: please report them"
    )]
    Verifier {
        /// The program.
        program: &'static str,
        /// What the kernel said.
        cause: io::Error,
        /// The file with the verifier's log, or why there is none.
        log: String,
    },
    /// The kernel refused it before verifying it.
    #[error("the kernel refused to load the program {program}: {cause}{}", hint(.cause))]
    Refused {
        /// The program.
        program: &'static str,
        /// What the kernel said.
        cause: io::Error,
    },
    /// It was loaded and could not be attached.
    #[error(
        "the program {program} could not be attached to {hook}: {cause}; \
         another program may forbid it on this cgroup (`bpftool cgroup show`)"
    )]
    Attach {
        /// The program.
        program: &'static str,
        /// Where to.
        hook: &'static str,
        /// What the kernel said.
        cause: ProgramError,
    },
    /// Anything else.
    #[error("the program {program}: {cause}")]
    Other {
        /// The program.
        program: &'static str,
        /// What aya said.
        cause: ProgramError,
    },
}

fn hint(cause: &io::Error) -> &'static str {
    if cause.raw_os_error() == Some(libc::EPERM) {
        "; a lockdown mode, a security module or a container's seccomp filter forbids it: see `apiscope doctor`"
    } else {
        "; the kernel may be too old: see `apiscope doctor`"
    }
}

/// One program on its way into the kernel: names the program in what goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) program: &'static str,
    pub(super) hook: &'static str,
}

impl Step {
    /// The program in the object.
    pub(super) fn program<'a, P>(&self, ebpf: &'a mut Ebpf) -> Result<&'a mut P, StepError>
    where
        &'a mut P: TryFrom<&'a mut Program>,
    {
        let absent = StepError::Absent { program: self.program };
        ebpf.program_mut(self.program).and_then(|program| program.try_into().ok()).ok_or(absent)
    }

    /// Loading failed.
    pub(super) fn load(&self, error: ProgramError) -> StepError {
        let program = self.program;
        match error {
            ProgramError::LoadError { io_error, verifier_log } => {
                let words = verifier_log.to_string();
                if words.trim().is_empty() {
                    return StepError::Refused { program, cause: io_error };
                }
                StepError::Verifier { program, cause: io_error, log: keep(&words) }
            }
            cause => StepError::Other { program, cause },
        }
    }

    /// Attaching failed.
    pub(super) fn attach(&self, cause: ProgramError) -> StepError {
        StepError::Attach { program: self.program, hook: self.hook, cause }
    }
}

/// Writes the verifier's log, thousands of lines, to a new file of a name that nobody can foresee. Its path, or why not.
fn keep(words: &str) -> String {
    let written =
        tempfile::Builder::new().prefix("apiscope-verifier-").suffix(".log").tempfile().and_then(|mut file| {
            io::Write::write_all(&mut file, words.as_bytes())?;
            Ok(file.keep().map_err(|error| error.error)?.1)
        });
    match written {
        Ok(path) => path.display().to_string(),
        Err(error) => format!("no file ({error})"),
    }
}
