//! Which files to read, and each file's bytes without its compression.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::container::{Container, Fault};
use super::error::{ReplayError, ReplayNote};
use super::window::Window;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// zstd's own default: a frame that wants a larger window (`--long=28` and up) is refused. 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// The files that `paths` name: a directory's captures in name order. Each regular file is looked at, so that a wrong one is
/// an error now and not after an hour.
pub(super) fn list(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<ReplayNote>), ReplayError> {
    let (mut files, mut notes) = (Vec::new(), Vec::new());
    for path in paths {
        let kind = fs::metadata(path).map_err(unreadable(path))?;
        if kind.is_dir() {
            let before = files.len();
            directory(path, &mut files, &mut notes)?;
            if files.len() == before {
                return Err(ReplayError::NoCaptureIn { path: path.clone() });
            }
        } else {
            if kind.is_file() {
                open(path)?;
            }
            files.push(path.clone());
        }
    }
    Ok((files, notes))
}

fn directory(path: &Path, files: &mut Vec<PathBuf>, notes: &mut Vec<ReplayNote>) -> Result<(), ReplayError> {
    let entries = fs::read_dir(path).map_err(unreadable(path))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(unreadable(path))?.path();
        if fs::metadata(&file).map_err(unreadable(&file))?.is_file() {
            found.push(file);
        }
    }
    found.sort();
    for file in found {
        match open(&file) {
            Err(ReplayError::NotACapture { path, .. }) => notes.push(ReplayNote::NotACapture { path }),
            // A broken one among many: said in its turn, and the others are read.
            Ok(_) | Err(_) => files.push(file),
        }
    }
    Ok(())
}

/// Opens a capture file, plain or compressed, and reads its header.
pub(super) fn open(path: &Path) -> Result<Container, ReplayError> {
    let mut file = File::open(path).map_err(unreadable(path))?;
    let (magic, len) = first_bytes(&mut file).map_err(unreadable(path))?;
    let head = io::Cursor::new(magic.get(..len).unwrap_or_default().to_vec());
    let window = Window::new(unpacked(magic, head.chain(file)).map_err(unreadable(path))?);
    match Container::open(window) {
        Ok(Ok(container)) => Ok(container),
        Ok(Err(found)) => Err(ReplayError::NotACapture { path: path.to_owned(), found }),
        Err(fault) => Err(failure(path, fault, 0)),
    }
}

/// What a fault is to the reader of the file; `offset`: content bytes read before it.
pub(super) fn failure(path: &Path, fault: Fault, offset: u64) -> ReplayError {
    let path = path.to_owned();
    match fault {
        Fault::Io(cause) if cause.raw_os_error().is_some() => ReplayError::Unreadable { path, cause },
        Fault::Io(cause) => ReplayError::Unpacking { path, offset, cause },
        Fault::Truncated(offset) => ReplayError::Damaged { path, offset, what: super::Damage::Header },
        Fault::Damaged(offset, what) => ReplayError::Damaged { path, offset, what },
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ReplayError + use<> {
    let path = path.to_owned();
    move |cause| ReplayError::Unreadable { path, cause }
}

fn first_bytes(file: &mut File) -> io::Result<([u8; 4], usize)> {
    let (mut magic, mut len) = ([0; 4], 0);
    while let Some(room) = magic.get_mut(len..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((magic, len))
}

fn unpacked(magic: [u8; 4], file: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    if magic.starts_with(&GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(io::BufReader::new(file))));
    }
    if magic == ZSTD {
        let mut decoder = zstd::stream::read::Decoder::new(file)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        return Ok(Box::new(decoder));
    }
    Ok(Box::new(file))
}
