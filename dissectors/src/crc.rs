//! Checksums that more than one protocol uses.

/// The checksum of each byte: polynomial 0xA001, reflected.
const CRC_16: [u16; 256] = {
    let mut table = [0; 256];
    let mut rest = &mut table as &mut [u16];
    let mut number: u16 = 0;
    while let [entry, tail @ ..] = rest {
        let mut crc = number;
        let mut bit = 0u8;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 };
            bit = bit.wrapping_add(1);
        }
        *entry = crc;
        number = number.wrapping_add(1);
        rest = tail;
    }
    table
};

/// The register of CRC-16 (reflected 0xA001) after one more byte. It is 0 after a
/// message and its own checksum, low byte first. Modbus begins with 0xffff, ARC with 0.
pub(crate) fn crc_16(crc: u16, next: u8) -> u16 {
    let [low, _] = crc.to_le_bytes();
    let entry = CRC_16.get(usize::from(low ^ next)).copied().unwrap_or(0);
    crc >> 8 ^ entry
}

/// The register of CRC-32 (reflected 0xEDB88320) after one more byte. It begins with
/// all ones, and its complement is the checksum.
pub(crate) const fn crc_32(crc: u32, next: u8) -> u32 {
    let mut crc = crc ^ next as u32;
    let mut bit = 0u8;
    while bit < 8 {
        crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        bit = bit.wrapping_add(1);
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::{crc_16, crc_32};

    /// What every catalogue of checksums is checked with.
    const CHECK: &[u8] = b"123456789";

    #[test]
    fn checksums_are_those_of_their_catalogue() {
        assert_eq!(0xbb3d, CHECK.iter().fold(0, |crc, byte| crc_16(crc, *byte)), "ARC");
        assert_eq!(0x4b37, CHECK.iter().fold(0xffff, |crc, byte| crc_16(crc, *byte)), "MODBUS");
        assert_eq!(0xcbf4_3926, !CHECK.iter().fold(u32::MAX, |crc, byte| crc_32(crc, *byte)));
    }
}
