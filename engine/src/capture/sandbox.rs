//! No privilege and no way to send, for the whole process and for good.
//!
//! A packet socket can send as well as receive, whatever rights its process has
//! left: giving up privileges is not enough. So the kernel is told to refuse every
//! call that could put bytes into the capturing sockets, or make another socket.
//!
//! Source: seccomp(2), capabilities(7), Linux `seccomp.h`, `filter.h` [S].
#![expect(unsafe_code, reason = "rights are given up by system calls that std does not have")]

mod files;

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

pub use self::files::landlock_version;

/// Why the process could not be locked in. It must not go on then.
#[derive(Debug)]
pub struct NotLockedIn {
    step: &'static str,
    why: io::Error,
}

impl fmt::Display for NotLockedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "The kernel did not lock the sensor in: to {} failed: {}. otmon captures only where it cannot send: use a Linux kernel from 3.17 on with seccomp, on x86-64 or arm64.",
            self.step, self.why
        )
    }
}

impl std::error::Error for NotLockedIn {}

fn failed(step: &'static str) -> NotLockedIn {
    NotLockedIn { step, why: io::Error::last_os_error() }
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: u32 = 0;

/// Calls with this bit are of another interface of x86-64 (x32).
const X32: u32 = 0x4000_0000;

const LOAD: u16 = 0x20;
const EQUALS: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
/// Fail with `EPERM`.
const REFUSE: u32 = 0x0005_0000 | 1;
const KILL: u32 = 0x8000_0000;

/// Where the number, the architecture and the arguments are in `seccomp_data`.
const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

/// Calls that make sockets, send through any, or get around the filter.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_setup,
    libc::SYS_io_submit,
];

/// Calls that are refused where this argument is a capturing socket.
const REFUSED_ON: &[(libc::c_long, u32)] = &[
    (libc::SYS_write, 0),
    (libc::SYS_writev, 0),
    (libc::SYS_pwrite64, 0),
    (libc::SYS_pwritev, 0),
    (libc::SYS_pwritev2, 0),
    (libc::SYS_vmsplice, 0),
    (libc::SYS_sendfile, 0),
    (libc::SYS_tee, 1),
    (libc::SYS_splice, 2),
    (libc::SYS_copy_file_range, 2),
    (libc::SYS_dup, 0),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_dup2, 0),
    (libc::SYS_dup3, 0),
];

/// Takes every means to send from the process, and every capability.
///
/// `sockets` are the capturing sockets. It holds for all threads there are and
/// will be, for the programs that the process starts, and cannot be undone. What
/// is left of capturing: to read, to bind again to an interface that went away,
/// and to ask for promiscuous mode on it.
///
/// `user` and group are taken on first, where they are given. Where `folders` are given, no
/// file outside them can be changed from then on, by this thread and those it starts; true
/// where the kernel sees to that.
///
/// # Errors
///
/// The kernel did not take a step: the process can still send, and must end.
pub fn lock_in(
    sockets: &[RawFd],
    user: Option<(u32, u32)>,
    folders: Option<&[PathBuf]>,
) -> Result<bool, NotLockedIn> {
    if ARCHITECTURE == 0 {
        let why = io::ErrorKind::Unsupported.into();
        return Err(NotLockedIn { step: "know the calls of this processor", why });
    }
    limit_capabilities();
    if let Some((user, group)) = user {
        become_user(user, group)?;
    }
    drop_capabilities()?;
    // SAFETY: no memory is passed.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(failed("forbid new privileges"));
    }
    let confined = folders.map(files::confine).transpose()?.unwrap_or_default();
    let mut program = program(sockets);
    let len = u16::try_from(program.len()).map_err(|_| NotLockedIn {
        step: "write the filter",
        why: io::ErrorKind::InvalidInput.into(),
    })?;
    let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
    // SAFETY: the program is whole and outlives the call, which copies it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    if result == 0 {
        return Ok(confined);
    }
    if result > 0 {
        // The number of a thread that has a filter of its own.
        let why = io::ErrorKind::ResourceBusy.into();
        return Err(NotLockedIn { step: "filter all threads", why });
    }
    Err(failed("filter system calls"))
}

/// Becomes another user, in all threads, without a way back.
fn become_user(user: u32, group: u32) -> Result<(), NotLockedIn> {
    // SAFETY: an empty list is passed, of which nothing is read.
    let groups = unsafe { libc::setgroups(0, std::ptr::null()) };
    // SAFETY: no memory is passed.
    let group = unsafe { libc::setresgid(group, group, group) };
    // SAFETY: no memory is passed.
    let user = unsafe { libc::setresuid(user, user, user) };
    if groups != 0 || group != 0 || user != 0 {
        return Err(failed("become the user that was named"));
    }
    Ok(())
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Capabilities {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Makes sure that no program that is started gets a capability back, as far as this
/// process may change that: it is not needed where new privileges are forbidden.
fn limit_capabilities() {
    for capability in 0..64 {
        // SAFETY: no memory is passed.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
}

/// Gives up every capability of this thread, and of those that it starts.
fn drop_capabilities() -> Result<(), NotLockedIn> {
    // SAFETY: no memory is passed. Kernels before 4.3 have none to clear.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let header = CapabilityHeader { version: 0x2008_0522, pid: 0 };
    let none = [Capabilities::default(); 2];
    // SAFETY: header and sets are whole and outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    if result != 0 { Err(failed("give up capabilities")) } else { Ok(()) }
}

fn operation(code: u16, k: u32, jt: usize, jf: usize) -> libc::sock_filter {
    let near = |jump: usize| u8::try_from(jump).unwrap_or(u8::MAX);
    libc::sock_filter { code, jt: near(jt), jf: near(jf), k }
}

/// What a call is followed by where it is the one that is looked for.
type Tail = Vec<libc::sock_filter>;

/// The filter: each call that is looked for with its own tail, so that no jump is far.
fn program(sockets: &[RawFd]) -> Vec<libc::sock_filter> {
    let refuse = || vec![operation(RETURN, REFUSE, 0, 0)];
    let mut program = vec![
        operation(LOAD, ARCHITECTURE_AT, 0, 0),
        operation(EQUALS, ARCHITECTURE, 1, 0),
        operation(RETURN, KILL, 0, 0),
        operation(LOAD, NUMBER_AT, 0, 0),
    ];
    if cfg!(target_arch = "x86_64") {
        program.push(operation(AT_LEAST, X32, 0, 1));
        program.extend(refuse());
    }
    let mut look_for = |number: libc::c_long, tail: Tail| {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        program.push(operation(EQUALS, number, 0, tail.len()));
        program.extend(tail);
    };
    for number in REFUSED {
        look_for(*number, refuse());
    }
    for (number, argument) in REFUSED_ON {
        look_for(*number, on_sockets(sockets, *argument, refuse()));
    }
    let constant = |value: libc::c_int| u32::try_from(value).unwrap_or(u32::MAX);
    // fcntl: no second descriptor of a capturing socket.
    let mut copies = vec![operation(LOAD, argument_at(1), 0, 0)];
    copies.push(operation(EQUALS, constant(libc::F_DUPFD), 2, 0));
    copies.push(operation(EQUALS, constant(libc::F_DUPFD_CLOEXEC), 1, 0));
    copies.push(operation(RETURN, ALLOW, 0, 0));
    copies.push(operation(RETURN, REFUSE, 0, 0));
    look_for(libc::SYS_fcntl, on_sockets(sockets, 0, copies));
    // setsockopt: nothing but promiscuous mode, for an interface that came back.
    let options = vec![
        operation(LOAD, argument_at(1), 0, 0),
        operation(EQUALS, constant(libc::SOL_PACKET), 0, 3),
        operation(LOAD, argument_at(2), 0, 0),
        operation(EQUALS, constant(libc::PACKET_ADD_MEMBERSHIP), 0, 1),
        operation(RETURN, ALLOW, 0, 0),
        operation(RETURN, REFUSE, 0, 0),
    ];
    look_for(libc::SYS_setsockopt, on_sockets(sockets, 0, options));
    program.push(operation(RETURN, ALLOW, 0, 0));
    program
}

/// Does `then` where the argument is one of the sockets, and allows the call where it is none.
///
/// The descriptor is an `int`: the kernel looks at its lower half only, so this does, too.
fn on_sockets(sockets: &[RawFd], argument: u32, then: Tail) -> Tail {
    let mut tail = vec![operation(LOAD, argument_at(argument), 0, 0)];
    for (index, socket) in sockets.iter().enumerate() {
        let after = sockets.len().saturating_sub(index);
        // Over the other sockets and the allowing instruction.
        let number = u32::from_ne_bytes(socket.to_ne_bytes());
        tail.push(operation(EQUALS, number, after, 0));
    }
    tail.push(operation(RETURN, ALLOW, 0, 0));
    tail.extend(then);
    tail
}

/// Where the lower half of an argument is.
fn argument_at(argument: u32) -> u32 {
    let lower = if cfg!(target_endian = "big") { 4u32 } else { 0 };
    ARGUMENTS_AT.saturating_add(argument.saturating_mul(8)).saturating_add(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter says of a call, as the kernel would work it out.
    fn verdict(number: libc::c_long, arguments: [u64; 6]) -> u32 {
        let program = program(&[7, 9]);
        let mut data = Vec::new();
        data.extend(u32::try_from(number).unwrap().to_ne_bytes());
        data.extend(ARCHITECTURE.to_ne_bytes());
        data.extend(0u64.to_ne_bytes());
        data.extend(arguments.iter().flat_map(|one| one.to_ne_bytes()));
        let (mut left, mut loaded) = (program.iter(), 0);
        loop {
            let one = left.next().unwrap();
            let holds = match one.code {
                LOAD => {
                    let at = usize::try_from(one.k).unwrap();
                    loaded = u32::from_ne_bytes(*data[at..].first_chunk().unwrap());
                    continue;
                }
                RETURN => return one.k,
                EQUALS => loaded == one.k,
                AT_LEAST => loaded >= one.k,
                code => panic!("code {code}"),
            };
            let passed_over = usize::from(if holds { one.jt } else { one.jf });
            left = left.as_slice()[passed_over..].iter();
        }
    }

    #[test]
    fn sockets_and_sending_are_refused() {
        let found: Vec<_> = REFUSED.iter().map(|number| verdict(*number, [3; 6])).collect();

        assert_eq!(vec![REFUSE; REFUSED.len()], found);
    }

    #[test]
    fn writing_into_a_capturing_socket_is_refused_and_elsewhere_allowed() {
        for (number, argument) in REFUSED_ON {
            let mut on = [1u64; 6];
            for socket in [7, 9] {
                on[usize::try_from(*argument).unwrap()] = socket;
                assert_eq!(REFUSE, verdict(*number, on), "call {number} on {socket}");
            }
            assert_eq!(ALLOW, verdict(*number, [8; 6]), "call {number}");
        }
    }

    #[test]
    fn the_upper_half_of_a_descriptor_hides_nothing() {
        let mut arguments = [0u64; 6];
        arguments[0] = 7 | 1 << 32;

        assert_eq!(REFUSE, verdict(libc::SYS_write, arguments));
    }

    #[test]
    fn a_capturing_socket_has_no_second_descriptor() {
        let copy = u64::try_from(libc::F_DUPFD_CLOEXEC).unwrap();
        let ask = u64::try_from(libc::F_GETFL).unwrap();

        assert_eq!(REFUSE, verdict(libc::SYS_fcntl, [9, copy, 0, 0, 0, 0]));
        assert_eq!(ALLOW, verdict(libc::SYS_fcntl, [9, ask, 0, 0, 0, 0]));
        assert_eq!(ALLOW, verdict(libc::SYS_fcntl, [8, copy, 0, 0, 0, 0]));
    }

    #[test]
    fn of_the_options_of_a_capturing_socket_only_promiscuous_mode_is_left() {
        let packet = u64::try_from(libc::SOL_PACKET).unwrap();
        let member = u64::try_from(libc::PACKET_ADD_MEMBERSHIP).unwrap();
        let send_ring = u64::try_from(libc::PACKET_TX_RING).unwrap();

        assert_eq!(ALLOW, verdict(libc::SYS_setsockopt, [7, packet, member, 0, 0, 0]));
        assert_eq!(REFUSE, verdict(libc::SYS_setsockopt, [7, packet, send_ring, 0, 0, 0]));
        assert_eq!(REFUSE, verdict(libc::SYS_setsockopt, [7, 1, member, 0, 0, 0]));
        assert_eq!(ALLOW, verdict(libc::SYS_setsockopt, [8, 1, 2, 0, 0, 0]));
    }

    #[test]
    fn reading_waiting_and_writing_files_goes_on() {
        let calls =
            [libc::SYS_read, libc::SYS_poll, libc::SYS_write, libc::SYS_bind, libc::SYS_ioctl];

        assert!(calls.iter().all(|number| verdict(*number, [2; 6]) == ALLOW));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn calls_of_another_interface_of_the_processor_are_refused() {
        let number = libc::SYS_sendto | libc::c_long::from(X32);

        assert_eq!(REFUSE, verdict(number, [0; 6]));
    }
}
