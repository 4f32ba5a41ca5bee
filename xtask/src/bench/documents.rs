//! Documents: matching beside a slow matcher, on every path of public documents; how long loading and matching take.

use super::inventory::{documents, example};
use anyhow::Result;

/// Runs the bench; needs npm (or the package unpacked) and no root.
pub(super) fn run() -> Result<()> {
    example("documents", &[documents()?.as_os_str()])
}
