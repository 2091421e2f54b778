//! Options and names of pcapng blocks: lists of code, length and value.
//!
//! ```text
//!  | code | length | value ... padded to 4 |    code 0 ends the list
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::file::{FileFacts, KEPT};

pub(super) const COMMENT: u16 = 1;
pub(super) const INTERFACE_NAME: u16 = 2;
pub(super) const INTERFACE_RESOLUTION: u16 = 9;
pub(super) const INTERFACE_FCS: u16 = 13;
pub(super) const INTERFACE_OFFSET: u16 = 14;
pub(super) const PACKET_FLAGS: u16 = 2;
pub(super) const PACKET_DROPS: u16 = 4;
pub(super) const DROPPED_BY_INTERFACE: u16 = 5;
pub(super) const DROPPED_BY_SYSTEM: u16 = 7;

const NAME_IPV4: u16 = 1;
const NAME_IPV6: u16 = 2;

/// A number of 4 bytes in the order of the section.
#[inline]
pub(super) fn word(big: bool, bytes: [u8; 4]) -> u32 {
    if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// A number of 2 bytes in the order of the section.
#[inline]
pub(super) fn half(big: bool, bytes: [u8; 2]) -> u16 {
    if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
}

/// The options of a block, as far as they are whole.
#[derive(Clone, Debug)]
pub(super) struct Options<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Options<'a> {
    /// The options in `bytes`.
    pub fn new(bytes: &'a [u8], big: bool) -> Self {
        Self { bytes, big }
    }

    /// The number in a value of 4 bytes.
    pub fn u32(&self, value: &[u8]) -> Option<u32> {
        value.first_chunk::<4>().map(|bytes| word(self.big, *bytes))
    }

    /// The number in a value of 8 bytes.
    pub fn u64(&self, value: &[u8]) -> Option<u64> {
        let bytes = *value.first_chunk::<8>()?;
        Some(if self.big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([c0, c1, l0, l1], rest) = self.bytes.split_first_chunk::<4>()?;
        let code = half(self.big, [*c0, *c1]);
        let len = usize::from(half(self.big, [*l0, *l1]));
        if code == 0 {
            return None;
        }
        let value = rest.get(..len)?;
        let padded = len.checked_next_multiple_of(4)?;
        self.bytes = rest.get(padded..).unwrap_or_default();
        Some((code, value))
    }
}

/// Keeps the names that a name resolution block gives to addresses.
pub(super) fn names(body: &[u8], big: bool, facts: &mut FileFacts) {
    // Its records have the form of options, and come before them.
    for (kind, value) in Options::new(body, big) {
        let (ip, text) = match kind {
            NAME_IPV4 => match value.split_first_chunk::<4>() {
                Some((ip, text)) => (IpAddr::V4(Ipv4Addr::from(*ip)), text),
                None => continue,
            },
            NAME_IPV6 => match value.split_first_chunk::<16>() {
                Some((ip, text)) => (IpAddr::V6(Ipv6Addr::from(*ip)), text),
                None => continue,
            },
            _ => continue,
        };
        for name in text.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            if facts.names.len() >= KEPT {
                return;
            }
            facts.names.push((ip, text_of(name)));
        }
    }
}

/// A text of at most 256 characters, without control characters.
fn text_of(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let front = bytes.get(..bytes.len().min(1_024)).unwrap_or_default();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(front).chars().map(plain).take(256).collect()
}

impl FileFacts {
    /// Keeps a comment.
    pub(super) fn comment(&mut self, value: &[u8]) {
        self.comment_count = self.comment_count.saturating_add(1);
        if self.comments.len() < KEPT {
            self.comments.push(text_of(value));
        }
    }

    /// Keeps the name of an interface.
    pub(super) fn interface_name(&mut self, value: &[u8]) {
        if self.interface_names.len() < KEPT {
            self.interface_names.push(text_of(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_code_zero_or_where_one_is_cut() {
        let whole = [1, 0, 3, 0, b'a', b'b', b'c', 0, 2, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        let all: Vec<_> = Options::new(&whole, false).collect();
        assert_eq!(vec![(1, &b"abc"[..]), (2, &[9][..])], all);

        let cut: Vec<_> = Options::new(&whole[..6], false).collect();
        assert_eq!(Vec::<(u16, &[u8])>::new(), cut);
    }

    #[test]
    fn a_name_resolution_block_names_addresses() {
        let mut facts = FileFacts::default();
        let record = [0, 1, 0, 9, 10, 0, 0, 1, b'p', b'l', b'c', b'1', 0, 0, 0, 0, 0, 0, 0, 0];
        names(&record, true, &mut facts);

        assert_eq!(vec![(IpAddr::from([10, 0, 0, 1]), "plc1".to_owned())], facts.names);
    }

    #[test]
    fn control_characters_of_a_comment_never_reach_a_terminal() {
        let mut facts = FileFacts::default();
        facts.comment(b"a\x1b[31mb");

        assert_eq!(vec!["a [31mb".to_owned()], facts.comments);
    }
}
