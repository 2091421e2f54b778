//! The ring that kernel and otmon share: blocks of frames, read in place.
//!
//! ```text
//! block:  0 version | 4 private | 8 status | 12 frames | 16 first | 20 length | 24 sequence | 32 times ...
//! frame:  0 next | 4 sec | 8 nsec | 12 kept | 16 length | 20 status | 24 mac | 26 net | 28 hash
//!         | 32 VLAN tci | 36 VLAN tpid | ...                       all in the order of this machine
//! ```
//!
//! A block belongs to the kernel until it sets the user bit of the status, and
//! again from when otmon clears it. Everything inside a block is checked against
//! its size before it is used.
//!
//! Source: Linux `include/uapi/linux/if_packet.h`, `packet_mmap.rst` [S].
#![expect(unsafe_code, reason = "memory that the kernel writes into has to be mapped and read")]

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

const BLOCK_STATUS: usize = 8;
const BLOCK_FRAMES: usize = 12;
const BLOCK_FIRST: usize = 16;

const STATUS_USER: u32 = 1;
const VLAN_VALID: u32 = 1 << 4;
const VLAN_TPID_VALID: u32 = 1 << 6;
const TPID_8021Q: u16 = 0x8100;
/// Where the tag stands in a frame: behind both hardware addresses.
const TAG_AT: usize = 12;
const TAG_LEN: u32 = 4;

const NS: i64 = 1_000_000_000;

/// How large a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes of a block: a multiple of the page size.
    pub block: u32,
    /// Blocks.
    pub blocks: u32,
}

/// One frame of a block.
#[derive(Clone, Copy, Debug)]
struct Head {
    time_ns: i64,
    /// Where its bytes are in the block.
    at: usize,
    kept: usize,
    length: u32,
    tag: Option<[u8; 4]>,
    /// Where the next frame begins in the block.
    next: usize,
}

/// A frame as it was on the wire: the tag that the kernel took out is in place again.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    pub time_ns: i64,
    pub length: u32,
    pub bytes: &'a [u8],
}

/// The mapped ring. It is read by whoever holds it, and nobody else.
#[derive(Debug)]
pub struct Ring {
    base: NonNull<u8>,
    size: Size,
    /// The block that is read, or waited for.
    block: usize,
    /// Whether that block is otmon's now.
    held: bool,
    /// Frames of it that are still to come, and where the next one begins.
    left: u32,
    at: usize,
    head: Option<Head>,
    /// Where a frame gets its tag back.
    tagged: Vec<u8>,
    /// Blocks whose contents were not what the kernel promises.
    pub broken_blocks: u64,
    /// Frames that had a tag of a VLAN.
    pub tagged_frames: u64,
}

// SAFETY: the mapping belongs to this value alone, and nothing of it is tied to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring of `socket`, which must have one of this size.
    pub fn map(socket: &OwnedFd, size: Size) -> std::io::Result<Self> {
        let len = total(size).ok_or(std::io::ErrorKind::InvalidInput)?;
        // SAFETY: a new mapping at a place that the kernel chooses touches no memory of ours.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or(std::io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            base,
            size,
            block: 0,
            held: false,
            left: 0,
            at: 0,
            head: None,
            tagged: Vec::new(),
            broken_blocks: 0,
            tagged_frames: 0,
        })
    }

    /// The time of the next frame, where there is one.
    pub fn peek(&mut self) -> Option<i64> {
        if self.head.is_none() {
            self.head = self.find();
        }
        self.head.map(|head| head.time_ns)
    }

    /// The next frame, where there is one. Its block stays otmon's until the next call.
    pub fn next(&mut self) -> Option<Raw<'_>> {
        self.peek()?;
        let head = self.head.take()?;
        // SAFETY: `find` gave the head out of this block, which is held, and the
        // next call of `find`, which may release it, needs `self` for itself.
        let block = unsafe { self.block_bytes() };
        let bytes = block.get(head.at..)?.get(..head.kept)?;
        let Some(tag) = head.tag else {
            return Some(Raw { time_ns: head.time_ns, length: head.length, bytes });
        };
        if is_of_vlan(tag) {
            self.tagged_frames = self.tagged_frames.saturating_add(1);
        }
        let (front, rest) = bytes.split_at_checked(TAG_AT).unwrap_or((bytes, &[]));
        self.tagged.clear();
        self.tagged.extend_from_slice(front);
        self.tagged.extend_from_slice(&tag);
        self.tagged.extend_from_slice(rest);
        let length = head.length.saturating_add(TAG_LEN);
        Some(Raw { time_ns: head.time_ns, length, bytes: &self.tagged })
    }

    /// The head of the next frame; none where the kernel has no further block ready.
    fn find(&mut self) -> Option<Head> {
        loop {
            if self.left > 0 {
                // SAFETY: frames are left only of a block that is held.
                let block = unsafe { self.block_bytes() };
                match head(block, self.at) {
                    Some(head) => {
                        self.left = self.left.saturating_sub(1);
                        self.at = head.next;
                        return Some(head);
                    }
                    None => {
                        self.broken_blocks = self.broken_blocks.saturating_add(1);
                        self.left = 0;
                    }
                }
            }
            self.release();
            if self.status().load(Ordering::Acquire) & STATUS_USER == 0 {
                return None;
            }
            self.held = true;
            // SAFETY: the status, read with acquire, says that the block is otmon's.
            let block = unsafe { self.block_bytes() };
            self.left = word(block, BLOCK_FRAMES).unwrap_or_default();
            self.at = word(block, BLOCK_FIRST).and_then(|at| at.try_into().ok()).unwrap_or(0);
        }
    }

    /// Gives the held block back to the kernel and turns to the one after it.
    fn release(&mut self) {
        if !self.held {
            return;
        }
        self.status().store(0, Ordering::Release);
        self.held = false;
        let next = self.block.saturating_add(1);
        self.block = if next < blocks(self.size) { next } else { 0 };
    }

    fn place(&self) -> NonNull<u8> {
        let at = self.block.saturating_mul(block_len(self.size));
        // SAFETY: `block` is below the number of blocks, so this is inside the mapping.
        unsafe { self.base.add(at) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the mapping lives as long as `self`; blocks are aligned to pages, so
        // the status is to 4 bytes; and kernel and otmon touch it as a whole only.
        unsafe { AtomicU32::from_ptr(self.place().add(BLOCK_STATUS).cast::<u32>().as_ptr()) }
    }

    /// The bytes of the current block.
    ///
    /// # Safety
    ///
    /// The block is held, and stays so while the slice lives: the kernel does not
    /// write into it then.
    unsafe fn block_bytes<'a>(&self) -> &'a [u8] {
        // SAFETY: the whole block is inside the mapping, and the caller keeps it held.
        unsafe { std::slice::from_raw_parts(self.place().as_ptr(), block_len(self.size)) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let len = total(self.size).unwrap_or_default();
        // SAFETY: this is the mapping made by `map`, whole, and no slice of it outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), len) };
    }
}

/// Reads the frame at `at`; none where it is not wholly inside the block.
fn head(block: &[u8], at: usize) -> Option<Head> {
    let header = block.get(at..)?;
    let offset = |place| word(header, place).and_then(|value| usize::try_from(value).ok());
    let mac = usize::from(half(header, 24)?);
    let head = Head {
        time_ns: i64::from(word(header, 4)?)
            .saturating_mul(NS)
            .saturating_add(i64::from(word(header, 8)?)),
        at: at.checked_add(mac)?,
        kept: offset(12)?,
        length: word(header, 16)?,
        tag: tag(header)?,
        next: at.checked_add(offset(0)?)?,
    };
    block.get(head.at..head.at.checked_add(head.kept)?)?;
    Some(head)
}

/// The VLAN tag that the kernel took out of the frame.
fn tag(header: &[u8]) -> Option<Option<[u8; 4]>> {
    let status = word(header, 20)?;
    if status & VLAN_VALID == 0 {
        return Some(None);
    }
    // The control information is 16 bits in a field of 32.
    let tci = u16::try_from(word(header, 32)? & 0xffff).ok()?;
    let tpid = if status & VLAN_TPID_VALID == 0 { TPID_8021Q } else { half(header, 36)? };
    let ([a, b], [c, d]) = (tpid.to_be_bytes(), tci.to_be_bytes());
    Some(Some([a, b, c, d]))
}

/// Whether a tag names a VLAN: 0 is none, only a priority.
const fn is_of_vlan([_, _, high, low]: [u8; 4]) -> bool {
    high & 0x0f != 0 || low != 0
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn blocks(size: Size) -> usize {
    usize::try_from(size.blocks).unwrap_or_default()
}

fn block_len(size: Size) -> usize {
    usize::try_from(size.block).unwrap_or_default()
}

fn total(size: Size) -> Option<usize> {
    block_len(size).checked_mul(blocks(size)).filter(|len| *len > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with one frame of 64 bytes at 100, its bytes at 148.
    fn block() -> Vec<u8> {
        let mut block = vec![0u8; 256];
        for (place, value) in [128u32, 5, 7, 64, 60, STATUS_USER].iter().enumerate() {
            let header = &mut block[100..148];
            header.chunks_exact_mut(4).nth(place).unwrap().copy_from_slice(&value.to_ne_bytes());
        }
        block[124..126].copy_from_slice(&48u16.to_ne_bytes());
        block
    }

    #[test]
    fn a_frame_has_its_time_in_nanoseconds() {
        let head = head(&block(), 100).unwrap();

        assert_eq!((5_000_000_007, 148, 64, 228), (head.time_ns, head.at, head.kept, head.next));
    }

    #[test]
    fn a_frame_that_would_reach_past_its_block_is_none() {
        let mut block = block();
        block[112..116].copy_from_slice(&200u32.to_ne_bytes());

        assert!(head(&block, 100).is_none());
    }

    #[test]
    fn a_header_that_would_reach_past_its_block_is_none() {
        assert!(head(&block(), 240).is_none());
    }

    #[test]
    fn the_tag_of_a_frame_is_the_one_the_kernel_took_out() {
        let mut block = block();
        let status = STATUS_USER | VLAN_VALID | VLAN_TPID_VALID;
        block[120..124].copy_from_slice(&status.to_ne_bytes());
        block[132..136].copy_from_slice(&0x2007u32.to_ne_bytes());
        block[136..138].copy_from_slice(&0x88a8u16.to_ne_bytes());

        assert_eq!(Some([0x88, 0xa8, 0x20, 0x07]), head(&block, 100).unwrap().tag);
    }

    #[test]
    fn a_tag_without_its_type_is_of_802_1q() {
        let mut block = block();
        block[120..124].copy_from_slice(&(STATUS_USER | VLAN_VALID).to_ne_bytes());

        assert_eq!(Some([0x81, 0, 0, 0]), head(&block, 100).unwrap().tag);
    }
}
