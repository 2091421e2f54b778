//! A packet socket that receives, and can do nothing else once it is set up.
//!
//! Source: packet(7), Linux `if_packet.h` [S].
#![expect(unsafe_code, reason = "packet sockets are set up by system calls that std does not have")]

use std::ffi::CString;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd as _, FromRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use super::filter::Instruction;
use super::ring::Size;

/// How long the kernel keeps a block that is not full.
const RETIRE_MS: u32 = 60;
/// The size that the kernel asks for of frames; those of this ring may be any length.
const FRAME_SIZE: u32 = 2048;

/// What the kernel counted since the last time it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that passed the filter, also those that found no room.
    pub frames: u32,
    /// Frames that found no room in the ring.
    pub drops: u32,
    /// How often the ring was full.
    pub freezes: u32,
}

/// The step of opening that failed, and why.
#[derive(Debug)]
pub enum Failure {
    /// There is no interface of this name.
    NoInterface,
    /// The process lacks the right to capture.
    NotPermitted,
    /// Something else.
    Other(&'static str, io::Error),
}

/// A packet socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    name: [libc::c_char; libc::IFNAMSIZ],
}

impl Socket {
    /// A socket that receives nothing yet and never what this machine sends.
    pub fn open(interface: &str) -> Result<Self, Failure> {
        let name = name_of(interface).ok_or(Failure::NoInterface)?;
        // Protocol 0 receives nothing until the socket is bound: no frame of
        // another interface gets into the ring.
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            let error = io::Error::last_os_error();
            return Err(match error.raw_os_error() {
                Some(libc::EPERM | libc::EACCES) => Failure::NotPermitted,
                _ => Failure::Other("open a packet socket", error),
            });
        }
        // SAFETY: the descriptor was just made, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, name })
    }

    /// Makes the ring; there is no other way into the socket from then on.
    pub fn make_ring(&self, size: Size) -> Result<(), Failure> {
        self.set(libc::PACKET_VERSION, &2i32, "choose the ring of version 3")?;
        // Asked for on kernels from 4.20 on; before that, what this machine
        // sends through the interface would be seen as well.
        let _ = self.set(libc::PACKET_IGNORE_OUTGOING, &1i32, "ignore what is sent");
        let frames = size.block.checked_div(FRAME_SIZE).and_then(|n| n.checked_mul(size.blocks));
        let request = libc::tpacket_req3 {
            tp_block_size: size.block,
            tp_block_nr: size.blocks,
            tp_frame_size: FRAME_SIZE,
            tp_frame_nr: frames.unwrap_or_default(),
            tp_retire_blk_tov: RETIRE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::PACKET_RX_RING, &request, "make the ring")
    }

    /// Attaches the filter for good: not even this process can take it off again.
    pub fn attach(&self, program: &[Instruction]) -> Result<(), Failure> {
        let mut code: Vec<libc::sock_filter> = program
            .iter()
            .map(|one| libc::sock_filter { code: one.code, jt: one.jt, jf: one.jf, k: one.k })
            .collect();
        let len = u16::try_from(code.len())
            .map_err(|_| Failure::Other("attach the filter", io::ErrorKind::InvalidInput.into()))?;
        // The kernel copies the program; `code` outlives the call.
        let program = libc::sock_fprog { len, filter: code.as_mut_ptr() };
        self.set_at(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program, "attach the filter")?;
        self.set_at(libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1i32, "lock the filter")
    }

    /// Starts to receive from the interface, and all that passes on it.
    pub fn bind(&self, index: i32, promiscuous: bool) -> Result<(), Failure> {
        // SAFETY: all bytes zero is a valid address.
        let mut address: libc::sockaddr_ll = unsafe { MaybeUninit::zeroed().assume_init() };
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
        address.sll_protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
        address.sll_ifindex = index;
        // SAFETY: the address is whole and outlives the call.
        let result = unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                length_of::<libc::sockaddr_ll>(),
            )
        };
        if result != 0 {
            return Err(Failure::Other("bind to the interface", io::Error::last_os_error()));
        }
        if !promiscuous {
            return Ok(());
        }
        let request = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or_default(),
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::PACKET_ADD_MEMBERSHIP, &request, "switch to promiscuous mode")
    }

    /// The number that the kernel has for the interface now; none where it is gone.
    pub fn index(&self) -> Option<i32> {
        // SAFETY: a successful call with this request fills in the index.
        self.ask(libc::SIOCGIFINDEX).map(|answer| unsafe { answer.ifr_ifru.ifru_ifindex })
    }

    /// The kind of hardware (`ARPHRD_`); none where the interface is gone.
    pub fn hardware(&self) -> Option<u16> {
        // SAFETY: a successful call with this request fills in the address.
        self.ask(libc::SIOCGIFHWADDR).map(|answer| unsafe { answer.ifr_ifru.ifru_hwaddr.sa_family })
    }

    /// Whether the interface is up and has a link.
    pub fn is_running(&self) -> bool {
        let wanted = libc::IFF_UP | libc::IFF_RUNNING;
        // SAFETY: a successful call with this request fills in the flags.
        let flags =
            self.ask(libc::SIOCGIFFLAGS).map(|answer| unsafe { answer.ifr_ifru.ifru_flags });
        flags.is_some_and(|flags| i32::from(flags) & wanted == wanted)
    }

    /// What the kernel counted since the last call.
    pub fn statistics(&self) -> Statistics {
        // SAFETY: all bytes zero is a valid value.
        let mut all: libc::tpacket_stats_v3 = unsafe { MaybeUninit::zeroed().assume_init() };
        let mut len = length_of::<libc::tpacket_stats_v3>();
        // SAFETY: the kernel writes at most `len` bytes into `all`.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut all).cast(),
                &raw mut len,
            )
        };
        if result != 0 {
            return Statistics::default();
        }
        Statistics { frames: all.tp_packets, drops: all.tp_drops, freezes: all.tp_freeze_q_cnt }
    }

    /// Takes the error that is pending, so that the socket can be waited for again.
    pub fn take_error(&self) -> Option<io::Error> {
        let mut code: libc::c_int = 0;
        let mut len = length_of::<libc::c_int>();
        // SAFETY: the kernel writes at most `len` bytes into `code`.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                (&raw mut code).cast(),
                &raw mut len,
            )
        };
        (result == 0 && code != 0).then(|| io::Error::from_raw_os_error(code))
    }

    /// Forgets the socket without closing it.
    pub fn leave_open(self) {
        let _ = self.fd.into_raw_fd();
    }

    /// The descriptor.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    fn ask(&self, request: libc::Ioctl) -> Option<libc::ifreq> {
        // SAFETY: all bytes zero is a valid request.
        let mut asked: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
        asked.ifr_name = self.name;
        // SAFETY: `asked` is a whole request, which the kernel reads and writes.
        let result = unsafe { libc::ioctl(self.fd.as_raw_fd(), request, &raw mut asked) };
        (result == 0).then_some(asked)
    }

    fn set<T>(&self, option: libc::c_int, value: &T, step: &'static str) -> Result<(), Failure> {
        self.set_at(libc::SOL_PACKET, option, value, step)
    }

    fn set_at<T>(
        &self,
        level: libc::c_int,
        option: libc::c_int,
        value: &T,
        step: &'static str,
    ) -> Result<(), Failure> {
        // SAFETY: `value` is whole, of the length given, and outlives the call.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                option,
                (&raw const *value).cast(),
                length_of::<T>(),
            )
        };
        if result == 0 {
            return Ok(());
        }
        Err(Failure::Other(step, io::Error::last_os_error()))
    }
}

/// Waits until one of the descriptors has something ready, an end or an error pending; false
/// where the time was over before.
pub fn wait(descriptors: &[RawFd], time: Duration) -> bool {
    let mut all: Vec<libc::pollfd> = descriptors
        .iter()
        .map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 })
        .collect();
    let timeout = libc::c_int::try_from(time.as_millis()).unwrap_or(libc::c_int::MAX);
    let count = libc::nfds_t::try_from(all.len()).unwrap_or_default();
    // SAFETY: `all` has `count` entries and outlives the call.
    unsafe { libc::poll(all.as_mut_ptr(), count, timeout) > 0 }
}

/// The time of the machine, as the kernel stamps frames with it.
pub fn now_ns() -> i64 {
    // SAFETY: all bytes zero is a valid time.
    let mut now: libc::timespec = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the kernel writes one whole time into `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}

/// The name as the kernel takes it; none where no interface can have it.
fn name_of(interface: &str) -> Option<[libc::c_char; libc::IFNAMSIZ]> {
    let text = CString::new(interface).ok()?;
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() >= libc::IFNAMSIZ {
        return None;
    }
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_interface_can_have_is_none() {
        let long = "a".repeat(libc::IFNAMSIZ);
        let impossible = ["", "a\0b", long.as_str()];

        assert!(impossible.iter().all(|name| name_of(name).is_none()));
    }
}
