//! A claim: a file whose lock says that this process, and no other, uses what stands beside it.

use std::fs::{File, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a claim waits for another to end: a killed process holds its lock until the kernel has taken it apart, and a process
/// that is just being started by another holds that one's files until its `exec`.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(10);

/// A locked file. The lock goes with the claim, or with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Claim(File);

impl Claim {
    /// Locks the file. A lock that another claim holds is waited for, shortly; if it stays, the file is given back for what it
    /// says of its holder.
    pub(crate) fn take(file: File) -> Result<Self, (File, TryLockError)> {
        let patient_until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < patient_until => thread::sleep(PAUSE),
                Err(error) => return Err((file, error)),
            }
        }
    }

    /// The file, to write who holds it.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Claim {
    /// Closing alone would leave the lock to a child that has this file open between its `fork` and its `exec`.
    fn drop(&mut self) {
        // Best effort: what can't be unlocked is unlocked by the close that follows.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::Claim;
    use std::fs::TryLockError;
    use std::process::{Command, Stdio};

    #[test]
    fn it_ends_although_a_child_has_the_file_open() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let again = || file.reopen().expect("it opens");
        let first = Claim::take(again()).expect("it is free");
        let (_, error) = Claim::take(again()).expect_err("it is taken");
        assert!(matches!(error, TryLockError::WouldBlock), "{error}");
        let copy = first.0.try_clone().expect("a copy");
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::from(copy)).spawn().expect("a child");
        drop(first);
        let second = Claim::take(again());
        child.kill().and_then(|()| child.wait()).expect("the child ends");
        second.expect("it is free again");
    }

    #[test]
    fn one_that_ends_soon_is_waited_for() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let first = Claim::take(file.reopen().expect("it opens")).expect("it is free");
        let ends = std::thread::spawn(move || {
            std::thread::sleep(super::PATIENCE / 5);
            drop(first);
        });
        Claim::take(file.reopen().expect("it opens")).expect("it comes free");
        ends.join().expect("it ends");
    }
}
