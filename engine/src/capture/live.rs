//! Live capture: the frames of one or several interfaces, as they pass.
//!
//! Nothing here can send: a socket that is opened with [`Live::open`] has a ring
//! to receive and none to transmit, and the sandbox beside this file takes the
//! means to send from the whole process.

pub mod filter;
mod ring;
mod socket;

use std::os::fd::{AsRawFd as _, RawFd};
use std::path::PathBuf;
use std::time::Duration;

use self::filter::Instruction;
use self::ring::Ring;
pub use self::ring::Size;
pub(super) use self::socket::wait;
use self::socket::{Failure, Socket, now_ns};
use super::Frame;
use super::error::{CaptureError, Problem};
use super::file::{Container, FileFacts, Resolution};

/// How long a frame waits for an earlier one of another interface: longer than
/// the kernel keeps a block that is not full.
const HOLD_NS: i64 = 150_000_000;
/// How far behind the machine's own time it is said to be where no frame comes: more than a
/// busy kernel needs to hand over a block, so that no frame is from before that.
const QUIET_LAG_NS: i64 = 2 * HOLD_NS;
/// How long [`Live::next`] waits for a frame before it says that time has passed.
const PATIENCE_NS: i64 = 250_000_000;
/// Time between two looks at what the kernel and the driver count.
const COUNT_NS: i64 = 1_000_000_000;
/// Interfaces at a time: the second number of a frame has to tell them apart.
pub const MAX_INTERFACES: usize = 64;

/// What to capture, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Names of interfaces.
    pub interfaces: Vec<String>,
    /// Size of the ring of each of them.
    pub ring: Size,
    /// Whether frames for other machines are wanted: a mirror port has no others.
    pub promiscuous: bool,
    /// What the kernel holds against frames; none lets all of them through.
    pub filter: Vec<Instruction>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            ring: Size { block: 1 << 20, blocks: 64 },
            promiscuous: true,
            filter: Vec::new(),
        }
    }
}

/// What an interface has lost and how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceHealth {
    /// Frames that passed the filter, also those that found no room in the ring.
    pub received: u64,
    /// Frames that found no room in the ring.
    pub ring_drops: u64,
    /// How often the ring was full.
    pub ring_freezes: u64,
    /// Frames that the driver or the card lost since the capture began.
    pub driver_drops: u64,
    /// Frames that this machine sent through the interface since the capture
    /// began: on a mirror port there should be none.
    pub sent: u64,
    /// Whether it is up and has a link.
    pub running: bool,
    /// How often it went away and came back.
    pub reopened: u64,
}

/// What the next call of [`Live::next`] has to give.
#[derive(Debug)]
pub enum Next<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// No frame came for a while: it is at least this late.
    Quiet(i64),
}

/// The interfaces that are captured.
#[derive(Debug)]
pub struct Live {
    taps: Vec<Tap>,
    facts: Vec<FileFacts>,
    counted_ns: i64,
    promiscuous: bool,
    /// Whether the sockets outlive this, see [`Live::stay_open`].
    stays: bool,
}

#[derive(Debug)]
struct Tap {
    name: String,
    /// Before the socket: a mapping goes before what it is of.
    ring: Ring,
    socket: Socket,
    /// The number that the socket is bound to; none where the interface is gone.
    index: Option<i32>,
    link_type: u16,
    health: InterfaceHealth,
    /// The driver's counts when the capture began.
    driver_start: DriverCounts,
    /// Whether frames are kept out of the ring by a filter.
    filtered: bool,
    /// What driver and kernel had thrown away at an earlier count, and when that was.
    discarded_before: (u64, i64),
    /// When the ring was last found empty.
    empty_ns: i64,
    /// Of what was thrown away, frames that never reached the ring.
    thrown_away: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct DriverCounts {
    /// Frames that found no room in the card.
    missed: u64,
    /// Frames that driver or kernel threw away: also those of VLANs that this machine has no
    /// interface for, although the ring has them.
    discarded: u64,
    sent: u64,
}

impl Live {
    /// Opens every interface. From then on their frames are kept.
    ///
    /// # Errors
    ///
    /// One of them cannot be captured, by this user or at all.
    pub fn open(options: &LiveOptions) -> Result<Self, CaptureError> {
        if options.interfaces.is_empty() {
            return Err(error("", Problem::NoInterfaceNamed));
        }
        if options.interfaces.len() > MAX_INTERFACES {
            return Err(error("", Problem::TooManyInterfaces(MAX_INTERFACES)));
        }
        let mut taps: Vec<Tap> = Vec::new();
        for name in &options.interfaces {
            if taps.iter().any(|tap| tap.name == *name) {
                return Err(error(name, Problem::InterfaceTwice));
            }
            taps.push(Tap::open(name, options)?);
        }
        let facts = taps.iter().map(Tap::facts).collect();
        Ok(Self { taps, facts, counted_ns: 0, promiscuous: options.promiscuous, stays: false })
    }

    /// The next frame of all interfaces in the order of time, or that there was
    /// none for a quarter of a second.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend its items")]
    pub fn next(&mut self) -> Next<'_> {
        let mut now = None;
        let mut waited_ns = 0i64;
        loop {
            match self.earliest() {
                Some((index, _, true)) => return self.take(index),
                Some((index, time_ns, false)) => {
                    // The others have nothing ready: this frame may be later than theirs.
                    let now = *now.get_or_insert_with(now_ns);
                    if now.saturating_sub(time_ns) >= HOLD_NS {
                        return self.take(index);
                    }
                }
                None => {}
            }
            let time_ns = *now.get_or_insert_with(now_ns);
            self.count(time_ns);
            if waited_ns >= PATIENCE_NS {
                return Next::Quiet(time_ns.saturating_sub(QUIET_LAG_NS));
            }
            let fds: Vec<RawFd> = self.taps.iter().map(|tap| tap.socket.fd().as_raw_fd()).collect();
            // Where a frame is held, a ready socket would end the wait at once and again.
            let slice_ns = if self.taps.len() == 1 { PATIENCE_NS } else { HOLD_NS / 3 };
            let ready_at_once = self.taps.len() > 1 && self.earliest().is_some();
            let watched = if ready_at_once { &[][..] } else { &fds };
            for tap in &mut self.taps {
                if tap.ring.peek().is_none() {
                    tap.empty_ns = time_ns;
                }
            }
            wait(watched, Duration::from_nanos(slice_ns.unsigned_abs()));
            let after = now_ns();
            waited_ns = waited_ns.saturating_add(after.saturating_sub(time_ns).max(1));
            now = Some(after);
            for tap in &mut self.taps {
                tap.look_after(self.promiscuous);
            }
        }
    }

    /// The tap with the earliest frame, its time, and whether no other can have an earlier one.
    fn earliest(&mut self) -> Option<(usize, i64, bool)> {
        let mut best: Option<(usize, i64)> = None;
        let mut complete = true;
        for (index, tap) in self.taps.iter_mut().enumerate() {
            match tap.ring.peek() {
                Some(time_ns) if best.is_none_or(|(_, earliest)| time_ns < earliest) => {
                    best = Some((index, time_ns));
                }
                Some(_) => {}
                None => complete = false,
            }
        }
        best.map(|(index, time_ns)| (index, time_ns, complete))
    }

    fn take(&mut self, index: usize) -> Next<'_> {
        let last_ns = self.facts.get(index).and_then(|facts| facts.last_seen_ns);
        if let Some(last_ns) = last_ns
            && last_ns.saturating_sub(self.counted_ns) >= COUNT_NS
        {
            self.count(last_ns);
        }
        let quiet = Next::Quiet(last_ns.unwrap_or_default());
        let (Some(tap), Some(facts)) = (self.taps.get_mut(index), self.facts.get_mut(index)) else {
            return quiet;
        };
        let Some(raw) = tap.ring.next() else { return quiet };
        facts.packets = facts.packets.saturating_add(1);
        facts.bytes = facts.bytes.saturating_add(raw.length.into());
        facts.first_seen_ns = Some(facts.first_seen_ns.map_or(raw.time_ns, |t| t.min(raw.time_ns)));
        facts.last_seen_ns = Some(facts.last_seen_ns.map_or(raw.time_ns, |t| t.max(raw.time_ns)));
        let number = facts.packets;
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Next::Frame(Frame {
            time_ns: raw.time_ns,
            file: index,
            line: index,
            number,
            interface: 0,
            link_type: tap.link_type,
            original_len: raw.length,
            bytes: raw.bytes,
        })
    }

    /// Adds up what kernel and driver have counted.
    fn count(&mut self, now_ns: i64) {
        if now_ns.saturating_sub(self.counted_ns).saturating_abs() < COUNT_NS {
            return;
        }
        self.counted_ns = now_ns;
        for (tap, facts) in self.taps.iter_mut().zip(&mut self.facts) {
            tap.count(now_ns);
            facts.dropped_by_system = tap.health.ring_drops;
            facts.dropped_by_interface = tap.health.driver_drops;
        }
    }

    /// What is known about every interface, in the order in which they were named.
    #[must_use]
    pub fn files(&self) -> &[FileFacts] {
        &self.facts
    }

    /// How every interface is and what it lost, as of now.
    pub fn health(&mut self) -> Vec<InterfaceHealth> {
        self.counted_ns = 0;
        self.count(now_ns());
        self.taps.iter().map(|tap| tap.health).collect()
    }

    /// Leaves the sockets open until the process ends. Once it is locked in, the kernel
    /// refuses to write into their numbers: a file that got one later could not be written.
    pub const fn stay_open(&mut self) {
        self.stays = true;
    }

    /// The time of the machine, as frames are stamped with it.
    #[must_use]
    pub fn now_ns() -> i64 {
        now_ns()
    }

    /// The descriptors through which frames come, for the sandbox.
    #[must_use]
    pub fn descriptors(&self) -> Vec<RawFd> {
        self.taps.iter().map(|tap| tap.socket.fd().as_raw_fd()).collect()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for tap in self.taps.drain(..).filter(|_| self.stays) {
            tap.socket.leave_open();
        }
    }
}

impl Tap {
    fn open(name: &str, options: &LiveOptions) -> Result<Self, CaptureError> {
        let failed = |failure| match failure {
            Failure::NoInterface => error(name, Problem::NoInterface),
            Failure::NotPermitted => error(name, Problem::CaptureDenied),
            Failure::Other(step, why) => error(name, Problem::NotCaptured(step, why.to_string())),
        };
        let socket = Socket::open(name).map_err(failed)?;
        let index = socket.index().ok_or_else(|| error(name, Problem::NoInterface))?;
        let hardware = socket.hardware().ok_or_else(|| error(name, Problem::NoInterface))?;
        let link_type =
            link_type(hardware).ok_or_else(|| error(name, Problem::NotReadable(hardware)))?;
        socket.make_ring(options.ring).map_err(failed)?;
        let ring = Ring::map(socket.fd(), options.ring)
            .map_err(|why| error(name, Problem::NotCaptured("map the ring", why.to_string())))?;
        if !options.filter.is_empty() {
            socket.attach(&options.filter).map_err(failed)?;
        }
        let driver_start = driver_counts(name);
        socket.bind(index, options.promiscuous).map_err(failed)?;
        let health = InterfaceHealth { running: socket.is_running(), ..InterfaceHealth::default() };
        Ok(Self {
            name: name.to_owned(),
            ring,
            socket,
            index: Some(index),
            link_type,
            health,
            driver_start,
            filtered: !options.filter.is_empty(),
            discarded_before: (0, 0),
            empty_ns: 0,
            thrown_away: 0,
        })
    }

    fn facts(&self) -> FileFacts {
        FileFacts {
            container: Some(Container::Interface),
            resolution: Some(Resolution::Decimal(9)),
            link_types: vec![self.link_type],
            interface_count: 1,
            interface_names: vec![self.name.clone()],
            ..FileFacts::new(PathBuf::from(&self.name))
        }
    }

    fn count(&mut self, now_ns: i64) {
        let new = self.socket.statistics();
        let health = &mut self.health;
        health.received = health.received.saturating_add(new.frames.into());
        health.ring_drops = health.ring_drops.saturating_add(new.drops.into());
        health.ring_freezes = health.ring_freezes.saturating_add(new.freezes.into());
        health.running = self.index.is_some() && self.socket.is_running();
        let counts = driver_counts(&self.name);
        let since = |now: u64, start: u64| now.saturating_sub(start);
        let missed = since(counts.missed, self.driver_start.missed);
        let discarded = since(counts.discarded, self.driver_start.discarded);
        // The counts of an interface that was made anew begin at zero.
        health.driver_drops = health.driver_drops.max(missed.saturating_add(self.thrown_away));
        health.sent = health.sent.max(since(counts.sent, self.driver_start.sent));
        let (before, at_ns) = self.discarded_before;
        if now_ns.saturating_sub(at_ns) < HOLD_NS {
            return;
        }
        // Once the ring was empty after that count, the tags of all its frames are known.
        if self.empty_ns.saturating_sub(at_ns) >= HOLD_NS && !self.filtered {
            let lost = lost_of(before, self.ring.tagged_frames, health.ring_drops);
            self.thrown_away = self.thrown_away.max(lost);
        }
        self.discarded_before = (discarded, now_ns);
    }

    /// Notes that the interface went away, and captures from it again once it is back.
    fn look_after(&mut self, promiscuous: bool) {
        // The error of an interface that went down has to be taken, or every wait
        // ends at once. It goes on by itself when the same interface comes up.
        if self.socket.take_error().is_some() && self.socket.index() != self.index {
            self.index = None;
        }
        if self.index.is_some() {
            return;
        }
        let Some(index) = self.socket.index() else { return };
        if self.socket.bind(index, promiscuous).is_ok() {
            self.index = Some(index);
            self.driver_start = DriverCounts::default();
            self.health.reopened = self.health.reopened.saturating_add(1);
        }
    }
}

/// The link type of what a packet socket gives of a kind of hardware.
///
/// Source: Linux `if_arp.h`, LINKTYPE_ registry [S].
fn link_type(hardware: u16) -> Option<u16> {
    match hardware {
        // Ethernet, loopback.
        1 | 772 => Some(1),
        // No link layer: tunnels in IP.
        65_534 | 768 | 776 | 778 | 823 => Some(101),
        // 802.11 with radiotap.
        803 => Some(127),
        _ => None,
    }
}

/// Of the frames that driver and kernel threw away, those that never reached the ring.
///
/// The kernel throws a frame of a VLAN away, and counts that, when no interface of this machine
/// is in that VLAN: after the ring got it, or had no room for it.
///
/// Source: Linux `net/core/dev.c`, `__netif_receive_skb_core` [S].
const fn lost_of(discarded: u64, tagged_frames: u64, ring_drops: u64) -> u64 {
    if tagged_frames == 0 {
        return discarded;
    }
    discarded.saturating_sub(tagged_frames).saturating_sub(ring_drops)
}

/// What the driver counts of an interface; zero where it does not tell.
fn driver_counts(name: &str) -> DriverCounts {
    let read = |what: &str| {
        let path = format!("/sys/class/net/{name}/statistics/{what}");
        std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0u64)
    };
    let missed = ["rx_missed_errors", "rx_fifo_errors", "rx_over_errors"];
    DriverCounts {
        missed: missed.iter().fold(0u64, |sum, what| sum.saturating_add(read(what))),
        discarded: read("rx_dropped"),
        sent: read("tx_packets"),
    }
}

fn error(name: &str, problem: Problem) -> CaptureError {
    CaptureError { path: PathBuf::from(name), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_throws_away_after_the_ring_got_it_is_not_lost() {
        assert_eq!(0, lost_of(500, 500, 0));
        assert_eq!(0, lost_of(510, 500, 10));
    }

    #[test]
    fn what_is_thrown_away_before_it_reaches_the_ring_is_lost() {
        assert_eq!(7, lost_of(7, 0, 1_000));
        assert_eq!(7, lost_of(507, 500, 0));
    }
}
