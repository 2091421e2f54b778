//! The part of a stream that is in memory: frames are slices of it.
//!
//! ```text
//!  buffer  | consumed | ahead ................ | free |
//!          0          start                    end    buffer.len()
//! ```
//!
//! Refilling moves what is ahead to the front, so nothing else is ever copied.

use std::io::{self, ErrorKind, Read};

/// A sliding window over a stream of bytes.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What the buffer holds when nothing longer was wanted.
    size: usize,
    start: usize,
    end: usize,
    /// Bytes of the stream before the front of the buffer.
    before: u64,
    ended: bool,
    failure: Option<io::Error>,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("position", &self.position()).finish_non_exhaustive()
    }
}

impl Window {
    /// A window that has read nothing, with a buffer of `size` bytes.
    pub fn new(source: Box<dyn Read + Send>, size: usize) -> Self {
        let buffer = vec![0; size];
        Self { source, buffer, size, start: 0, end: 0, before: 0, ended: false, failure: None }
    }

    /// The bytes ahead that are in memory.
    #[inline]
    pub fn ahead(&self) -> &[u8] {
        // A branch, not a default value: where the next record begins depends on
        // this one's length, and a conditional move in that chain costs as much as
        // reading the record.
        match self.buffer.get(self.start..self.end) {
            Some(ahead) => ahead,
            None => nothing(),
        }
    }

    /// The bytes ahead: at least `count`, or all that the stream still has.
    ///
    /// The buffer grows to hold them, so `count` is bounded by the caller and
    /// never a length as the file has it.
    #[inline]
    pub fn want(&mut self, count: usize) -> &[u8] {
        if self.end.saturating_sub(self.start) < count {
            self.refill(count);
        }
        self.ahead()
    }

    #[cold]
    fn refill(&mut self, count: usize) {
        if self.ended {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.before = self.position();
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        if self.buffer.len() < count {
            self.buffer.resize(count, 0);
        } else if self.buffer.len() > self.size && self.end.max(count) <= self.size {
            self.buffer.truncate(self.size);
            self.buffer.shrink_to_fit();
        }
        while self.end < count {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(free) {
                Ok(0) => {
                    self.ended = true;
                    return;
                }
                Ok(read) => self.end = self.end.saturating_add(read).min(self.buffer.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                    return;
                }
            }
        }
    }

    /// Leaves `count` bytes behind, at most those that [`Window::ahead`] gave.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.ahead().len(), "only what was looked at is consumed");
        self.start = self.start.wrapping_add(count);
    }

    /// Leaves `count` bytes behind, however many; returns how many there were.
    pub fn skip(&mut self, count: u64) -> u64 {
        let mut left = count;
        while left > 0 {
            let there = self.want(1).len();
            if there == 0 {
                break;
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(there);
            self.consume(step);
            left = left.saturating_sub(step as u64);
        }
        count.saturating_sub(left)
    }

    /// Leaves zeros behind, however many; up to three stay before something else,
    /// which may begin with zeros itself. Returns how many.
    pub fn skip_zeros(&mut self) -> u64 {
        const LOOK: usize = 8;
        let mut skipped = 0_u64;
        loop {
            let ahead = self.want(LOOK);
            let ends = ahead.len() < LOOK;
            let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
            let only_zeros = zeros == ahead.len();
            let step = if only_zeros && ends { zeros } else { zeros.saturating_sub(3) };
            self.consume(step);
            skipped = skipped.saturating_add(step as u64);
            if ends || !only_zeros {
                return skipped;
            }
        }
    }

    /// Where in the buffer the bytes ahead begin, for [`Window::at`].
    #[inline]
    pub fn mark(&self) -> usize {
        self.start
    }

    /// `count` bytes from a mark that was taken since the last refill.
    #[inline]
    pub fn at(&self, mark: usize, count: usize) -> &[u8] {
        match self.buffer.get(mark..mark.wrapping_add(count)) {
            Some(bytes) => bytes,
            None => nothing(),
        }
    }

    /// Bytes of the stream left behind.
    pub fn position(&self) -> u64 {
        self.before.saturating_add(self.start as u64)
    }

    /// The whole stream again, with the bytes that are in memory.
    pub fn into_source(self) -> Box<dyn Read + Send> {
        let ahead = self.ahead().to_vec();
        Box::new(io::Cursor::new(ahead).chain(self.source))
    }

    /// Why the stream ended before its end, once.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

#[cold]
fn nothing() -> &'static [u8] {
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, then fails.
    struct Slow(Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("gone"));
            }
            to[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[test]
    fn the_bytes_wanted_are_read_and_no_more() {
        let mut window = Window::new(Box::new(Slow(b"abcdef".to_vec())), 4);

        assert_eq!(b"abc", window.want(3));
        window.consume(2);
        assert_eq!(b"cdef", window.want(4));
    }

    #[test]
    fn a_stream_that_fails_gives_what_came_before_and_the_reason() {
        let mut window = Window::new(Box::new(Slow(b"abc".to_vec())), 2);

        assert_eq!(b"abc", window.want(10));
        assert_eq!("gone", window.take_failure().unwrap().to_string());
        assert!(window.take_failure().is_none());
    }

    #[test]
    fn skipping_crosses_the_buffer_and_stops_at_the_end() {
        let mut window = Window::new(Box::new(&[7; 100][..]), 8);

        assert_eq!(60, window.skip(60));
        assert_eq!(60, window.position());
        assert_eq!(40, window.skip(u64::MAX));
        assert_eq!(100, window.position());
    }

    #[test]
    fn zeros_are_skipped_up_to_something_else() {
        let mut window = Window::new(Box::new(&[[0; 50], [5; 50]].concat().leak()[..]), 16);
        assert_eq!(47, window.skip_zeros());
        assert_eq!([0, 0, 0, 5], window.want(4)[..4]);

        let mut window = Window::new(Box::new(&[0; 50][..]), 16);
        assert_eq!(50, window.skip_zeros());
    }

    #[test]
    fn a_mark_stays_good_until_the_window_is_refilled() {
        let mut window = Window::new(Box::new(&b"abcdef"[..]), 8);
        window.want(6);
        let mark = window.mark();
        window.consume(6);

        assert_eq!(b"abcd", window.at(mark, 4));
    }
}
