//! The layers of a frame, down to what its flow carries.
//!
//! ```text
//! link type ─► Ethernet, PPP, SLL, ... ─► tags, labels ─► IP ─► TCP, UDP
//!                  ▲                                      │
//!                  └────────── tunnel, at most 6 ◄────────┘
//! ```
//!
//! [`link`] reads link types, tags and labels, [`ip`] what IP carries, [`tunnel`]
//! what wraps another packet. Every layer hands the rest of its bytes to the
//! next; a layer that cannot be read is [`Payload::Nothing`] with its reason,
//! and its bytes are counted. Nothing is guessed: bytes on the port of a tunnel
//! that break one rule of its header are a plain datagram.

#[cfg(test)]
mod frames;
mod ip;
mod link;
mod tunnel;

use crate::counters::Counters;
use crate::fragment::Whole;
use crate::limits::TUNNEL_DEPTH;
use crate::packet::{Link, Packet, Payload, Tunnel};

/// Reads the layers of one frame down to the innermost TCP, UDP, ARP, ethertype
/// or serial bytes.
///
/// Never fails. `original_len` is the frame's length on the wire. Counts the
/// frame's link type, whether it is empty or cut, and bytes that stay unread;
/// not the frame itself.
#[must_use]
pub fn decode<'a>(
    link_type: u16,
    bytes: &'a [u8],
    original_len: u32,
    counters: &mut Counters,
) -> Packet<'a> {
    match counters.link_types.get_mut(&link_type) {
        Some(count) => *count = count.saturating_add(1),
        None => drop(counters.link_types.insert(link_type, 1)),
    }
    let missing = original_len.saturating_sub(length(bytes));
    if missing > 0 {
        counters.frames_truncated = counters.frames_truncated.saturating_add(1);
    }
    let mut walk = Walk { link: Link::default(), missing, depth: 0, counters };
    if bytes.is_empty() {
        walk.counters.frames_empty = walk.counters.frames_empty.saturating_add(1);
        return walk.nothing("empty", bytes);
    }
    walk.link_type(link_type, bytes)
}

/// Reads what an IP packet carried that was put together from fragments.
#[must_use]
pub fn decode_whole<'a>(whole: &'a Whole, counters: &mut Counters) -> Packet<'a> {
    let mut walk = Walk { link: whole.link, missing: whole.cut, depth: whole.depth, counters };
    // A whole can hold a fragment again: that is bounded as tunnels are.
    if walk.deeper() {
        walk.headers(whole.ip, whole.protocol, &whole.bytes)
    } else {
        walk.nothing("tunnel_depth", &whole.bytes)
    }
}

/// What is known on the way down a frame.
struct Walk<'c> {
    /// The link layer that was read last.
    link: Link,
    /// Bytes that the layer at hand has on the wire beyond those captured.
    missing: u32,
    /// Tunnels passed.
    depth: u8,
    counters: &'c mut Counters,
}

impl Walk<'_> {
    /// The end of the way: what was found.
    #[inline(always)]
    const fn found<'a>(&self, payload: Payload<'a>, body: &'a [u8]) -> Packet<'a> {
        Packet { link: self.link, payload, body }
    }

    /// The end of the way: bytes that cannot be read.
    #[cold]
    fn nothing<'a>(&mut self, why: &'static str, bytes: &'a [u8]) -> Packet<'a> {
        self.counters.undecoded(why, bytes.len().try_into().unwrap_or(u64::MAX));
        self.found(Payload::Nothing(why), bytes)
    }

    /// The end of the way: a header that is longer than what is there.
    #[cold]
    fn short<'a>(&mut self, bytes: &'a [u8]) -> Packet<'a> {
        self.nothing(if self.missing > 0 { "truncated" } else { "malformed" }, bytes)
    }

    /// The first `declared` bytes, as many as there are; the others are missing.
    #[inline(always)]
    fn bound<'a>(&mut self, bytes: &'a [u8], declared: usize) -> &'a [u8] {
        if let Some(whole) = bytes.get(..declared) {
            self.missing = 0;
            whole
        } else {
            let missing = declared.saturating_sub(bytes.len());
            self.missing = u32::try_from(missing).unwrap_or(u32::MAX);
            bytes
        }
    }

    /// One layer deeper. False where it is too deep: every layer that can hold one
    /// of its own kind asks first, so that no frame exhausts the stack.
    const fn deeper(&mut self) -> bool {
        self.depth = self.depth.saturating_add(1);
        self.depth <= TUNNEL_DEPTH
    }

    /// One layer deeper, with a link layer of its own. False where it is too deep.
    fn enter(&mut self, tunnel: Option<Tunnel>) -> bool {
        self.link = Link { tunnel: tunnel.or(self.link.tunnel), ..Link::default() };
        self.deeper()
    }
}

/// The length of `bytes`, as lengths on the wire are counted.
#[inline]
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::{ETHERNET, IPV4, TCP, ipv4, nothing, tcp};

    #[test]
    fn an_unknown_link_type_is_counted() {
        let mut counters = Counters::new();
        let packet = decode(105, &[1, 2, 3], 3, &mut counters);

        assert_eq!("unknown_link_type", nothing(&packet));
        assert_eq!(Some(&3), counters.undecoded.get("unknown_link_type"));
        assert_eq!(Some(&1), counters.link_types.get(&105));
    }

    #[test]
    fn a_cut_frame_gives_what_is_there_and_says_what_is_missing() {
        let frame = [ETHERNET, IPV4, &ipv4(6, TCP)].concat();
        let mut counters = Counters::new();
        let packet = decode(1, &frame[..55], length(&frame), &mut counters);
        let (_, tcp) = tcp(&packet);

        assert_eq!((b"p".as_slice(), 2), (tcp.payload, tcp.cut));
        assert_eq!(1, counters.frames_truncated);
        assert_eq!("truncated", nothing(&decode(1, &frame[..40], length(&frame), &mut counters)));
    }
}
