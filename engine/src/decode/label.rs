//! MPLS: a stack of labels, and what is told under it by its own shape.
//!
//! Sources: RFC 3032, 4385, 4448 (MPLS, pseudo-wires).

use dissectors::reader::Reader;

use super::ethernet::{ARP, IPV4, IPV6, LARGEST_LENGTH};
use super::{Walk, length};
use crate::packet::Packet;

/// Labels read before a stack counts as malformed.
const LABELS: usize = 16;

impl Walk<'_> {
    /// An MPLS label stack and what is under it.
    ///
    /// No field says what that is. An IP version with a header that fits is IP; a
    /// control word or none before an Ethernet frame of a known type is a
    /// pseudo-wire; anything else stays unread.
    pub(super) fn mpls<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        let mut reader = Reader::new(bytes);
        for _ in 0..LABELS {
            let Some(entry) = reader.u32_be() else { return self.short(bytes) };
            if entry & 0x100 == 0 {
                continue;
            }
            let inner = reader.rest();
            let available = length(inner).saturating_add(self.missing);
            return match inner {
                [0x45..=0x4f, ..] if is_ipv4(inner, available) => self.ipv4(inner),
                [0x60..=0x6f, ..] if is_ipv6(inner, available) => self.ipv6(inner),
                [0, 0, _, _, frame @ ..] if is_ethernet(frame) => self.inner_ethernet(frame),
                frame if is_ethernet(frame) => self.inner_ethernet(frame),
                _ => self.other_ethertype(0x8847, bytes),
            };
        }
        self.nothing("malformed", bytes)
    }
}

/// Whether bytes under a label are an IPv4 packet: the length fits, and either
/// exactly or the header sums up as RFC 791 wants it (anonymised captures have
/// wrong sums).
fn is_ipv4(bytes: &[u8], available: u32) -> bool {
    let header = bytes.first().map_or(0, |first| usize::from(first & 0x0f) << 2);
    let Some(head) = bytes.get(..header) else { return false };
    let (words, _) = head.as_chunks::<2>();
    let mut total = 0;
    let mut sum = 0_u32;
    for (place, word) in words.iter().enumerate() {
        let word = u32::from(u16::from_be_bytes(*word));
        if place == 1 {
            total = word;
        }
        sum = sum.wrapping_add(word);
    }
    sum = (sum & 0xffff).wrapping_add(sum >> 16);
    sum = (sum & 0xffff).wrapping_add(sum >> 16);
    header >= 20 && (total == available || (sum == 0xffff && total <= available))
}

/// Whether bytes under a label are an IPv6 packet: the length fits, and a header
/// follows that IPv6 is used with.
fn is_ipv6(bytes: &[u8], available: u32) -> bool {
    let Some([_, _, _, _, l1, l0, next, _]) = Reader::new(bytes).array::<8>() else {
        return false;
    };
    u32::from(u16::from_be_bytes([l1, l0])).saturating_add(40) <= available
        && matches!(next, 0 | 4 | 6 | 17 | 41 | 43 | 44 | 47 | 50 | 51 | 58 | 59 | 60 | 132)
}

/// Whether bytes under a label are an Ethernet frame, by a type that plants use
/// or a length that fits.
fn is_ethernet(bytes: &[u8]) -> bool {
    let Some(kind) = dissectors::reader::u16_be_at(bytes, 12) else { return false };
    match kind {
        IPV4 => bytes.get(14).is_some_and(|first| first >> 4 == 4),
        IPV6 => bytes.get(14).is_some_and(|first| first >> 4 == 6),
        ARP | 0x8035 | 0x8100 | 0x88a8 | 0x9100 | 0x8847 | 0x8848 | 0x8863 | 0x8864 => true,
        // OT and what keeps networks together.
        0x8892 | 0x88a4 | 0x88ab | 0x88b5..=0x88ba | 0x88cc | 0x88cd | 0x88e1 | 0x88e3 => true,
        0x88e5 | 0x88e7 | 0x88f7 | 0x88fb | 0x8902 | 0x890f | 0x892f => true,
        3..=LARGEST_LENGTH => bytes.len().checked_sub(14).is_some_and(|n| usize::from(kind) <= n),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::frames::{
        ETHERNET, TCP, ethernet, inner_frame, ipv4, ipv6, read, tcp, tunnelled,
    };

    #[test]
    fn under_labels_there_is_ip() {
        let stack = [0, 1, 0, 64, 0, 2, 1, 64];
        let old = [ETHERNET, &[0x88, 0x47], &stack, &ipv4(6, TCP)].concat();
        let new = [ETHERNET, &[0x88, 0x47], &stack, &ipv6(6, TCP)].concat();

        assert_eq!(b"pdu", tcp(&read(1, &old)).1.payload);
        assert_eq!(b"pdu", tcp(&read(1, &new)).1.payload);
    }

    #[test]
    fn under_labels_there_is_a_pseudo_wire_with_a_control_word_or_without() {
        let label = [0x88, 0x47, 0, 1, 1, 64];
        let with = [ETHERNET, &label, &[0, 0, 0, 9], &inner_frame()].concat();
        let without = [ETHERNET, &label, &inner_frame()].concat();

        for frame in [with, without] {
            assert_eq!((None, Some(7), Some([2, 0, 0, 0, 0, 4])), tunnelled(&read(1, &frame)));
        }
    }

    #[test]
    fn what_is_not_known_under_a_label_stays_unread() {
        let frame = [ETHERNET, &[0x88, 0x47, 0, 1, 1, 64, 0x45], &[0xff; 40]].concat();

        assert_eq!((0x8847, &frame[14..]), ethernet(&read(1, &frame)));
    }
}
