//! Which files a sensor may change: its own, as far as the kernel can see to that (Landlock).
//!
//! Reading stays as it is. What was open before stays open: standard output, the
//! capturing sockets.
//!
//! Source: landlock(7), Linux `include/uapi/linux/landlock.h` [S].
#![expect(unsafe_code, reason = "rights are given up by system calls that std does not have")]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::{NotLockedIn, failed};

const WRITE_FILE: u64 = 1 << 1;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
/// Device nodes, sockets, pipes and links: never needed.
const MAKE_OTHERS: u64 = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
/// From version 2 on: to move a file into another folder.
const REFER: u64 = 1 << 13;
/// From version 3 on.
const TRUNCATE: u64 = 1 << 14;
/// From version 4 on: TCP ports to listen on and to connect to.
const ALL_OF_TCP: u64 = 1 | 1 << 1;
/// From version 6 on: abstract sockets and signals of processes outside.
const ALL_OUTSIDE: u64 = 1 | 1 << 1;

const VERSION: u32 = 1;
const PATH_BENEATH: u32 = 1;

/// What is refused unless a rule allows it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Handled {
    files: u64,
    tcp: u64,
    outside: u64,
}

#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: RawFd,
}

/// What a kernel with this version of Landlock can refuse.
const fn handled(version: i64) -> Handled {
    let mut files = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_OTHERS | MAKE_DIR | MAKE_REG;
    if version >= 2 {
        files |= REFER;
    }
    if version >= 3 {
        files |= TRUNCATE;
    }
    let tcp = if version >= 4 { ALL_OF_TCP } else { 0 };
    let outside = if version >= 6 { ALL_OUTSIDE } else { 0 };
    Handled { files, tcp, outside }
}

/// The version of Landlock that the kernel has; none where it has none, or has it switched off.
#[must_use]
pub fn landlock_version() -> Option<i64> {
    // SAFETY: no memory is passed.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<Handled>(),
            0usize,
            VERSION,
        )
    };
    (version > 0).then_some(version)
}

/// Refuses this thread, and those it starts, to change any file that is not in `folders`.
///
/// A folder that is not there is made, where its own folder is. New privileges have to be
/// forbidden already. False where the kernel cannot do it.
pub fn confine(folders: &[PathBuf]) -> Result<bool, NotLockedIn> {
    let Some(version) = landlock_version() else { return Ok(false) };
    let handled = handled(version);
    // SAFETY: the attributes are whole and outlive the call. Those at the end that an older
    // kernel does not know are zero.
    let ruleset = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const handled,
            size_of::<Handled>(),
            0u32,
        )
    };
    let ruleset = RawFd::try_from(ruleset).ok().filter(|fd| *fd >= 0);
    let Some(ruleset) = ruleset else { return Err(failed("make rules for files")) };
    // SAFETY: the descriptor was just made, and nobody else has it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(ruleset) };
    for folder in folders {
        // Where it cannot be made, who wants to write there says so.
        let _ = std::fs::DirBuilder::new().mode(0o700).create(folder);
        allow(&ruleset, folder, handled.files & !MAKE_OTHERS)?;
    }
    allow(&ruleset, Path::new("/dev/null"), handled.files & (WRITE_FILE | TRUNCATE))?;
    // SAFETY: no memory is passed.
    let result =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0u32) };
    if result == 0 { Ok(true) } else { Err(failed("confine the files that are written")) }
}

/// Allows what is `allowed` beneath a path; nothing where that is not there.
fn allow(ruleset: &OwnedFd, path: &Path, allowed: u64) -> Result<(), NotLockedIn> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path);
    let Ok(parent) = opened else { return Ok(()) };
    let rule = Beneath { allowed, parent: parent.as_raw_fd() };
    // SAFETY: the rule is whole and outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            PATH_BENEATH,
            &raw const rule,
            0u32,
        )
    };
    if result == 0 { Ok(()) } else { Err(failed("allow a folder to be written")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernel_is_asked_for_what_it_knows_only() {
        let first = handled(1);

        assert_eq!((0, 0, 0), (first.files & (REFER | TRUNCATE), first.tcp, first.outside));
        assert_eq!((REFER, 0), (handled(2).files & REFER, handled(3).tcp));
        assert_eq!((ALL_OF_TCP, 0), (handled(4).tcp, handled(5).outside));
        assert_eq!(ALL_OUTSIDE, handled(6).outside);
    }

    #[test]
    fn only_what_was_named_can_be_written() {
        if landlock_version().is_none() {
            return;
        }
        let folder = std::env::temp_dir().join(format!("otmon-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (own, others) = (folder.join("own"), folder.join("others"));
        let outcome = std::thread::scope(|scope| {
            // It holds for the thread that asks for it.
            let confined = scope.spawn(|| {
                // SAFETY: no memory is passed.
                unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
                let done = confine(std::slice::from_ref(&own)).unwrap();
                let open = |path: &Path| {
                    let made = std::fs::OpenOptions::new().append(true).create(true).open(path);
                    made.map(drop).map_err(|error| error.raw_os_error())
                };
                (done, open(&own.join("a")), open(&others), open(Path::new("/dev/null")))
            });
            confined.join().unwrap()
        });
        std::fs::remove_dir_all(&folder).unwrap();

        assert_eq!((true, Ok(()), Err(Some(libc::EACCES)), Ok(())), outcome);
    }
}
