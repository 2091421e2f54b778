//! A checked cursor over bytes: the only code that touches a byte by position.

/// Reads a slice from front to back. Every read that would pass the end gives
/// `None` and moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// How many bytes are left.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether every byte was read.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is left, without moving.
    #[inline]
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(n)?;
        self.bytes = tail;
        Some(head)
    }

    /// The next `n` bytes, or as many as there are.
    #[inline]
    pub fn take_up_to(&mut self, n: usize) -> &'a [u8] {
        self.take(n.min(self.len())).unwrap_or_default()
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = tail;
        Some(*head)
    }

    /// Passes over `n` bytes.
    #[inline]
    pub fn skip(&mut self, n: usize) -> Option<()> {
        self.take(n).map(|_| ())
    }

    /// The next byte, without moving.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// 16 bits, high byte first.
    #[inline]
    pub fn u16_be(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// 16 bits, low byte first.
    #[inline]
    pub fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// 24 bits, high byte first.
    #[inline]
    pub fn u24_be(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// 32 bits, high byte first.
    #[inline]
    pub fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// 32 bits, low byte first.
    #[inline]
    pub fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// 48 bits, low byte first (DNP3 time).
    #[inline]
    pub fn u48_le(&mut self) -> Option<u64> {
        self.array().map(|[a, b, c, d, e, f]| u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }
}

/// The byte at `index`, or `None` past the end.
#[inline]
#[must_use]
pub fn byte(bytes: &[u8], index: usize) -> Option<u8> {
    bytes.get(index).copied()
}

/// The 16 bits at `index`, high byte first.
#[inline]
#[must_use]
pub fn u16_be_at(bytes: &[u8], index: usize) -> Option<u16> {
    Reader::new(bytes.get(index..)?).u16_be()
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn a_read_past_the_end_moves_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);

        assert_eq!(None, reader.u32_be());
        assert_eq!(Some(0x0102), reader.u16_be());
        assert_eq!(None, reader.u16_le());
        assert_eq!(Some(3), reader.u8());
        assert!(reader.is_empty());
    }

    #[test]
    fn bytes_are_read_in_both_orders() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];

        assert_eq!(Some(0x0102_0304), Reader::new(&bytes).u32_be());
        assert_eq!(Some(0x0403_0201), Reader::new(&bytes).u32_le());
        assert_eq!(Some(0x0001_0203), Reader::new(&bytes).u24_be());
        assert_eq!(Some(0x0605_0403_0201), Reader::new(&bytes).u48_le());
    }
}
