//! The `apiscope` program. All it does is in the library; see [`apiscope::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    apiscope::cli::main()
}
