//! The link layer: frames, addresses, checksums, and the frames without user data.
//!
//! Source: IEEE 1815-2012, clause 9.

use super::{crc, field, function};
use crate::anomaly::Anomaly;
use crate::dissector::{Context, Frame};
use crate::operation::Class;
use crate::pdu::Role;
use crate::reader::Reader;
use crate::registry::ProtocolId;
use crate::sink::Sink;

/// Bytes of the link header, its checksum included.
pub(super) const HEADER: usize = 10;
/// Most bytes of user data in one link frame.
pub(super) const MAX_DATA: usize = 250;
/// Longest link frame: header, 250 bytes of user data, 16 checksums of blocks.
pub(super) const MAX_FRAME: usize = 292;

/// A link header whose checksum fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkHeader {
    /// Bytes of user data.
    pub(super) data: usize,
    control: u8,
    pub(super) addresses: Addresses,
}

impl LinkHeader {
    /// Reads the header at the front of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Frame> {
        let mut reader = Reader::new(bytes);
        for start in [0x05, 0x64] {
            match reader.u8() {
                Some(byte) if byte == start => {}
                Some(_) => return Err(Frame::Bad(Anomaly::Malformed)),
                None => return Err(Frame::NeedBytes(HEADER)),
            }
        }
        let mut reader = Reader::new(bytes);
        let Some(covered) = reader.array::<8>() else { return Err(Frame::NeedBytes(HEADER)) };
        let Some(crc) = reader.u16_le() else { return Err(Frame::NeedBytes(HEADER)) };
        if crc::crc(&covered) != crc {
            return Err(Frame::Bad(Anomaly::BadChecksum));
        }
        let [_, _, length, control, destination @ .., source_low, source_high] = covered;
        let Some(data) = length.checked_sub(5) else {
            return Err(Frame::Bad(Anomaly::LengthMismatch));
        };
        let addresses = Addresses {
            source: u16::from_le_bytes([source_low, source_high]),
            destination: u16::from_le_bytes(destination),
            from_master: control & 0x80 != 0,
        };
        Ok(Self { data: data.into(), control, addresses })
    }

    /// Bytes of the whole frame.
    pub(super) const fn frame_length(&self) -> usize {
        let checksums = self.data.div_ceil(16).saturating_mul(2);
        HEADER.saturating_add(self.data).saturating_add(checksums)
    }

    /// Whether the frame begins an exchange.
    pub(super) const fn is_primary(&self) -> bool {
        self.control & 0x40 != 0
    }

    /// Link function code.
    pub(super) const fn function(&self) -> u8 {
        self.control & 0x0f
    }

    /// Whether the frame's function is one that carries user data.
    pub(super) const fn carries_data(&self) -> bool {
        self.is_primary() && matches!(self.function(), 3 | 4)
    }
}

/// Copies the user data of `frame` without its checksums; of a frame that was cut, the
/// blocks that are there whole.
pub(super) fn user_data<'b>(
    frame: &[u8],
    length: usize,
    buffer: &'b mut [u8; MAX_DATA],
) -> Result<&'b [u8], Anomaly> {
    let mut reader = Reader::new(frame.get(HEADER..).unwrap_or_default());
    let data = buffer.get_mut(..length).ok_or(Anomaly::LengthMismatch)?;
    let mut read = 0usize;
    for block in data.chunks_mut(16) {
        let (Some(bytes), Some(crc)) = (reader.take(block.len()), reader.u16_le()) else { break };
        if crc::crc(bytes) != crc {
            return Err(Anomaly::BadChecksum);
        }
        block.copy_from_slice(bytes);
        read = read.saturating_add(block.len());
    }
    if read == 0 && length > 0 {
        return Err(Anomaly::LengthMismatch);
    }
    data.get(..read).ok_or(Anomaly::LengthMismatch)
}

/// Who talks to whom on the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) from_master: bool,
}

impl Addresses {
    pub(super) const fn outstation(self) -> u16 {
        if self.from_master { self.destination } else { self.source }
    }

    pub(super) const fn master(self) -> u16 {
        if self.from_master { self.source } else { self.destination }
    }

    /// The same for both ways.
    pub(super) const fn pair(self) -> u32 {
        (self.master() as u32) << 16 | self.outstation() as u32
    }

    /// Whether it goes to all outstations: 0xfffd to 0xffff.
    pub(super) const fn is_broadcast(self) -> bool {
        self.destination >= 0xfffd
    }

    /// What belongs together in the transport layer.
    pub(super) const fn key(self) -> u64 {
        (self.from_master as u64) << 32 | (self.source as u64) << 16 | self.destination as u64
    }

    pub(super) const fn from_key(key: u64) -> Self {
        let [destination_low, destination_high, source_low, source_high, from_master, ..] =
            key.to_le_bytes();
        Self {
            source: u16::from_le_bytes([source_low, source_high]),
            destination: u16::from_le_bytes([destination_low, destination_high]),
            from_master: from_master != 0,
        }
    }
}

/// Emits a link frame that has no application message that can be read.
pub(super) fn push(
    header: &LinkHeader,
    anomaly: Option<Anomaly>,
    out: &mut Sink,
    cx: &Context<'_>,
) {
    let code = header.function();
    let (operation, status) = function::link(code, header.is_primary());
    let role = if header.is_primary() { Role::Request } else { Role::Response };
    let link = header.addresses;
    // Apart from every key of the application layer.
    let key = 1 << 40 | u64::from(link.pair());
    let pdu = out.pdu(role, code.into(), operation);
    pdu.unit(link.outstation()).status(status);
    pdu.field(field::LAYER, "link")
        .field(field::SOURCE, link.source)
        .field(field::DESTINATION, link.destination);
    if !header.is_primary() && header.control & 0x10 != 0 {
        pdu.field(field::DATA_FLOW_CONTROL, true);
    }
    // User data is acknowledged on the link as well; only a frame that asks for
    // nothing else takes its answer.
    let pairs = match role {
        Role::Request => matches!(code, 0 | 1 | 2 | 9),
        _ => cx.request(ProtocolId::Dnp3, key).is_some(),
    };
    pdu.unconfirmed = role == Role::Request && (!pairs || link.is_broadcast());
    if pairs && !pdu.unconfirmed {
        pdu.pairing_key(key);
    }
    if !function::is_known_link(code, header.is_primary()) {
        pdu.anomaly(Anomaly::UnknownFunction);
    }
    if operation.class() == Class::Restart {
        pdu.anomaly(Anomaly::ObsoleteFunction);
    }
    if let Some(anomaly) = anomaly {
        pdu.anomaly(anomaly);
    } else if header.data > 0 {
        pdu.anomaly(Anomaly::TrailingBytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_their_key() {
        for from_master in [false, true] {
            let link = Addresses { source: 0x1234, destination: 0xfffd, from_master };

            assert_eq!(link, Addresses::from_key(link.key()));
        }
    }
}
