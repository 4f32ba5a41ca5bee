//! The cgroup v2 hierarchy: where it is, and which workload a cgroup id belongs to.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::StartError;

/// Where a hierarchy is mounted if the host has none.
const PRIVATE_MOUNT: &str = "/run/apiscope/cgroup2";
/// `CGROUP2_SUPER_MAGIC` of `linux/magic.h`.
const CGROUP2_MAGIC: u64 = 0x6367_7270;
/// `FILEID_KERNFS` of `linux/exportfs.h`: a file handle that is the cgroup id.
const FILEID_KERNFS: libc::c_int = 0xfe;

/// The directory to attach to.
#[derive(Debug)]
pub struct Root {
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
    /// The directory itself: the mount, or the sub-tree that the configuration names.
    pub path: PathBuf,
    /// The agent mounted the hierarchy itself.
    pub mounted_here: bool,
    pub(super) folder: File,
    pub(super) mount_folder: File,
}

impl Root {
    /// Whether the cgroup with this id is the watched one or below it.
    pub(super) fn holds(&self, id: u64) -> bool {
        let Ok(below) = self.path.strip_prefix(&self.mount) else { return false };
        path_of(self, id).is_some_and(|path| path.starts_with(Path::new("/").join(below)))
    }
}

/// Finds the hierarchy (mounts one for the agent if there is none) and opens `subtree` in it, or its root.
pub fn open(subtree: Option<&Path>) -> Result<Root, StartError> {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let (mount, mounted_here) = match root_in(&mounts) {
        Some(mount) => (mount, false),
        None => (mount_private()?, true),
    };
    let path = subtree.map_or_else(|| mount.clone(), Path::to_path_buf);
    let wrong = |path: &Path, why: String| StartError::Cgroup { path: path.to_owned(), root: mount.clone(), why };
    let mount_folder = File::open(&mount).map_err(|error| wrong(&mount, error.to_string()))?;
    let folder = File::open(&path).map_err(|error| wrong(&path, error.to_string()))?;
    if magic(&folder).map_err(|error| wrong(&path, error.to_string()))? != CGROUP2_MAGIC {
        return Err(wrong(&path, "another file system".to_owned()));
    }
    Ok(Root { mount, path, mounted_here, folder, mount_folder })
}

/// The mount point of the first cgroup v2 hierarchy in the text of `/proc/mounts`.
pub fn root_in(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (_, at, kind) = (words.next()?, words.next()?, words.next()?);
        // Spaces and backslashes in a path are written in octal.
        (kind == "cgroup2").then(|| PathBuf::from(at.replace("\\040", " ").replace("\\134", "\\")))
    })
}

fn mount_private() -> Result<PathBuf, StartError> {
    let at = PathBuf::from(PRIVATE_MOUNT);
    let failed = |cause| StartError::NoCgroup2 { at: PathBuf::from(PRIVATE_MOUNT), cause };
    fs::create_dir_all(&at).map_err(failed)?;
    let target = CString::new(PRIVATE_MOUNT).expect("the path has no NUL");
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: the strings live over the call; this kind of file system takes no data.
    let done = unsafe { libc::mount(c"none".as_ptr(), target.as_ptr(), c"cgroup2".as_ptr(), flags, std::ptr::null()) };
    if done != 0 {
        return Err(failed(io::Error::last_os_error()));
    }
    Ok(at)
}

fn magic(folder: &File) -> io::Result<u64> {
    // SAFETY: all zero is a valid value of this C structure.
    let mut facts: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open and the structure lives over the call.
    if unsafe { libc::fstatfs(folder.as_raw_fd(), &raw mut facts) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(facts.f_type).unwrap_or(0))
}

/// A file handle as `open_by_handle_at` takes it, with room for a cgroup id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: [u8; 8],
}

/// The path of the cgroup with this id, below the mount, beginning with a slash; `None` if it is gone, or if the process may not
/// ask (needs `CAP_DAC_READ_SEARCH`).
pub(super) fn path_of(root: &Root, id: u64) -> Option<PathBuf> {
    let mut handle = Handle { bytes: 8, kind: FILEID_KERNFS, id: id.to_ne_bytes() };
    // SAFETY: `Handle` has the layout of `struct file_handle` with the 8 bytes that it announces, and lives over the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            root.mount_folder.as_raw_fd(),
            &raw mut handle,
            libc::O_PATH | libc::O_CLOEXEC,
        )
    };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel has just given this descriptor to nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let path = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()?;
    let below = path.strip_prefix(&root.mount).ok()?;
    Some(Path::new("/").join(below))
}

/// The workload that a cgroup path stands for: a container's id (64 hexadecimal digits, whoever runs it), else the innermost
/// systemd service, else the path itself. The root cgroup is no workload.
pub fn workload(path: &Path) -> Option<Box<str>> {
    let text = String::from_utf8_lossy(path.as_os_str().as_bytes());
    let parts = || text.split('/').rev().filter(|part| !part.is_empty());
    if let Some(id) = parts().find_map(container) {
        return Some(format!("container:{}", &id[..12]).into());
    }
    if let Some(unit) = parts().find(|part| part.ends_with(".service")) {
        return Some((*unit).into());
    }
    if text.is_empty() || text == "/" { None } else { Some(text.into()) }
}

fn container(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    let id = part.rsplit(['-', ':']).next()?;
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{root_in, workload};

    #[test]
    fn the_hierarchy_is_found_wherever_it_is() {
        let hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(root_in(hybrid), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(root_in("none /my\\040groups cgroup2 rw 0 0"), Some(PathBuf::from("/my groups")));
        assert_eq!(root_in("cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n\ncgroup2"), None);
    }

    #[test]
    fn a_workload_is_a_container_a_service_or_a_path() {
        let name = |path: &str| workload(Path::new(path)).map(String::from);
        let id = "4f0c".repeat(16);
        assert_eq!(name("/"), None);
        assert_eq!(name("/system.slice/nginx.service"), Some("nginx.service".to_owned()));
        assert_eq!(name("/user.slice/user@0.service/app.slice/api.service/sub"), Some("api.service".to_owned()));
        assert_eq!(name(&format!("/system.slice/docker-{id}.scope")), Some("container:4f0c4f0c4f0c".to_owned()));
        assert_eq!(name(&format!("/kubepods/pod1/{id}")), Some("container:4f0c4f0c4f0c".to_owned()));
        assert_eq!(name(&format!("/x.slice/cri-containerd:{id}")), Some("container:4f0c4f0c4f0c".to_owned()));
        assert_eq!(name("/batch/job7"), Some("/batch/job7".to_owned()));
    }
}
