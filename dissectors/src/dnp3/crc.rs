//! The checksum of DNP3: CRC-16 with polynomial 0x3D65, reflected (0xA6BC), initial
//! value 0, inverted, low byte first. Source: IEEE 1815-2012, 9.2.4.3.

/// What each low byte turns the checksum into.
const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut rest: &mut [u16] = &mut table;
    let mut byte = 0u16;
    while let Some((entry, tail)) = rest.split_first_mut() {
        let mut crc = byte;
        let mut bits = 0xffu8;
        while bits != 0 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xa6bc } else { crc >> 1 };
            bits >>= 1;
        }
        *entry = crc;
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
}

/// The checksum of `bytes`.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0u16, |crc, byte| {
        let [low, high] = crc.to_le_bytes();
        TABLE.get(usize::from(low ^ byte)).map_or(0, |entry| entry ^ u16::from(high))
    })
}

#[cfg(test)]
mod tests {
    use super::crc;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The check value of CRC-16/DNP.
        assert_eq!(0xea82, crc(b"123456789"));
    }
}
