//! Mirrored frames that never arrived, by the sequence numbers of their tunnels.
//!
//! A switch numbers what it mirrors, tunnel by tunnel. Of each tunnel the latest
//! numbers are remembered, so that frames which come late or twice leave no gap:
//! a number is missed when the window has passed it.
//!
//! ```text
//!  missed, or seen | window, a bit each: seen or awaited | not sent yet
//!                                                  latest ▲
//! ```
//!
//! A number far from the latest says nothing alone: several engines of one switch
//! may number the same session, each for itself. Where the next frame goes on from
//! it, the tunnel has moved there.

use std::collections::HashMap;
use std::net::IpAddr;

/// Tunnels remembered at a time; the one unseen for longest makes room.
const MOST: usize = 256;
/// Numbers of a window.
const WINDOW: u32 = 64;
/// Frames that one gap may have lost: several seconds of a full mirror port. Numbers
/// further off are those of a switch that began to count anew.
const FARTHEST: u32 = 1 << 24;

/// What tells one sequence of numbers from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mirror {
    /// Sender of the outer packets.
    pub source: IpAddr,
    /// Receiver of the outer packets.
    pub destination: IpAddr,
    /// The key of GRE.
    pub key: Option<u32>,
    /// The session of ERSPAN; of type III with the engine that numbers.
    pub session: u32,
}

/// The latest numbers of one tunnel.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    latest: u32,
    /// Bit n: whether `latest` less n was seen, or is older than the tunnel.
    seen: u64,
    /// A number far from the latest, which came last.
    elsewhere: Option<u32>,
    /// When it was seen last, in frames of all tunnels.
    turn: u64,
}

/// The numbers of all mirrors.
#[derive(Debug, Default)]
pub struct Mirrors {
    /// The interface that frames come from now: each sees its own share of a tunnel.
    interface: u32,
    turn: u64,
    all: HashMap<(u32, Mirror), Numbers>,
}

impl Mirrors {
    /// The next frames come from this interface.
    #[inline]
    pub const fn switch(&mut self, interface: u32) {
        self.interface = interface;
    }

    /// Takes a frame's number; how many are now known to be missing.
    pub fn frame(&mut self, mirror: Mirror, sequence: u32) -> u64 {
        let key = (self.interface, mirror);
        self.turn = self.turn.saturating_add(1);
        if let Some(numbers) = self.all.get_mut(&key) {
            numbers.turn = self.turn;
            return numbers.take(sequence);
        }
        let missing = if self.all.len() >= MOST { self.make_room() } else { 0 };
        self.all.insert(key, Numbers::starting(sequence, self.turn));
        missing
    }

    /// What is still awaited does not come any more, at the end of the input.
    pub fn finish(&mut self) -> u64 {
        self.all.drain().map(|(_, numbers)| numbers.awaited()).fold(0, u64::saturating_add)
    }

    fn make_room(&mut self) -> u64 {
        let oldest = self.all.iter().min_by_key(|(_, numbers)| numbers.turn);
        let Some(key) = oldest.map(|(key, _)| *key) else { return 0 };
        self.all.remove(&key).map_or(0, |numbers| numbers.awaited())
    }
}

impl Numbers {
    const fn starting(sequence: u32, turn: u64) -> Self {
        Self { latest: sequence, seen: u64::MAX, elsewhere: None, turn }
    }

    /// Numbers of the window that were not seen.
    const fn awaited(&self) -> u64 {
        self.seen.count_zeros() as u64
    }

    fn take(&mut self, sequence: u32) -> u64 {
        if let Some(elsewhere) = self.elsewhere.filter(|elsewhere| *elsewhere != sequence) {
            let further = sequence.wrapping_sub(elsewhere);
            if further < WINDOW {
                let missing = self.move_to(elsewhere);
                return missing.saturating_add(self.pass(further));
            }
        }
        let ahead = sequence.wrapping_sub(self.latest);
        let behind = self.latest.wrapping_sub(sequence);
        if ahead != 0 && ahead < WINDOW {
            self.elsewhere = None;
            return self.pass(ahead);
        }
        if behind < WINDOW {
            self.elsewhere = None;
            self.seen |= 1u64.checked_shl(behind).unwrap_or_default();
        } else {
            self.elsewhere = Some(sequence);
        }
        0
    }

    /// Goes on by fewer numbers than a window has; how many leave it unseen.
    fn pass(&mut self, ahead: u32) -> u64 {
        let leaving = !self.seen & !u64::MAX.checked_shr(ahead).unwrap_or_default();
        self.seen = self.seen.checked_shl(ahead).unwrap_or_default() | 1;
        self.latest = self.latest.wrapping_add(ahead);
        leaving.count_ones().into()
    }

    /// Goes on elsewhere; how many numbers are missing on the way.
    fn move_to(&mut self, elsewhere: u32) -> u64 {
        let awaited = self.awaited();
        let ahead = elsewhere.wrapping_sub(self.latest);
        *self = Self::starting(elsewhere, self.turn);
        let between = if ahead <= FARTHEST { ahead.saturating_sub(1) } else { 0 };
        awaited.saturating_add(between.into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn mirror(last: u8) -> Mirror {
        let address = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let (source, destination) = (address(last), address(9));
        Mirror { source, destination, key: None, session: 1 }
    }

    /// Frames missing of one tunnel with these numbers.
    fn missing(sequences: impl IntoIterator<Item = u32>) -> u64 {
        let mut mirrors = Mirrors::default();
        let told: u64 = sequences.into_iter().map(|n| mirrors.frame(mirror(1), n)).sum();
        told.saturating_add(mirrors.finish())
    }

    #[test]
    fn numbers_left_out_are_missing_frames() {
        assert_eq!(0, missing(5..500));
        assert_eq!(3, missing((5..50).chain(53..500)));
        assert_eq!(3, missing((5..50).chain(53..55)));
        assert_eq!(1000, missing((5..50).chain(1050..1100)));
    }

    #[test]
    fn frames_that_come_late_or_twice_leave_no_gap() {
        assert_eq!(0, missing([1, 2, 4, 3, 5, 5, 7, 6, 2, 8]));
        assert_eq!(0, missing((0..320).map(|n| n ^ 15)));
        assert_eq!(0, missing([0; 100]));
    }

    #[test]
    fn numbers_wrap_around() {
        assert_eq!(0, missing((0..200).map(|n| (u32::MAX - 99).wrapping_add(n))));
        assert_eq!(2, missing([u32::MAX - 1, u32::MAX, 2, 3]));
    }

    #[test]
    fn a_switch_that_counts_anew_lost_nothing() {
        assert_eq!(0, missing((1_000_000..1_000_100).chain(0..100)));
        assert_eq!(0, missing((0..100).chain(2_000_000_000..2_000_000_100)));
    }

    #[test]
    fn engines_that_number_one_session_each_for_itself_are_no_gap() {
        assert_eq!(0, missing((0..200).flat_map(|n| [n, n + 50_000])));
    }

    #[test]
    fn every_tunnel_has_numbers_of_its_own() {
        let mut mirrors = Mirrors::default();
        let other = Mirror { session: 2, ..mirror(1) };
        for n in 0..=20 {
            assert_eq!(0, mirrors.frame(mirror(1), n) + mirrors.frame(other, 3 * n));
            mirrors.switch(1);
            assert_eq!(0, mirrors.frame(mirror(1), 0));
            mirrors.switch(0);
        }

        assert_eq!(40, mirrors.finish());
    }

    #[test]
    fn more_tunnels_than_are_remembered_make_room_for_one_another() {
        let mut mirrors = Mirrors::default();
        for session in 0..1000 {
            let one = Mirror { session, ..mirror(1) };
            let told = mirrors.frame(one, 1) + mirrors.frame(one, 3);
            assert_eq!(u64::from(session >= 256), told);
        }

        assert_eq!((256, 256), (mirrors.all.len(), mirrors.finish()));
    }
}
