//! What the objects of a message say besides what they put into its PDU.

use super::file;
use crate::operation::Class;
use crate::pdu::Status;

/// Most claims of one message.
const MAX_CLAIMS: usize = 16;

/// What the objects of a message say besides what they put into its PDU.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// The highest ranked class among the objects.
    pub(super) class: Option<Class>,
    /// The classes that a read polls, one bit each.
    pub(super) polled: u8,
    /// How the first object failed that did.
    pub(super) failure: Option<Status>,
    /// Whether it challenges another message, or answers a challenge.
    pub(super) challenges: bool,
    /// Digest of the commands, FNV-1a.
    pub(super) digest: u64,
    /// Device attributes by variation.
    pub(super) claims: [Option<(u8, &'a [u8])>; MAX_CLAIMS],
    /// Content of a file.
    pub(super) content: Option<file::Block<'a>>,
    /// Common time of occurrence.
    pub(super) common_ns: Option<i64>,
    /// The class that the objects after a class object are assigned to.
    pub(super) event_class: Option<u8>,
}

impl Default for Found<'_> {
    fn default() -> Self {
        Self {
            class: None,
            polled: 0,
            failure: None,
            challenges: false,
            digest: 0xcbf2_9ce4_8422_2325,
            claims: [None; MAX_CLAIMS],
            content: None,
            common_ns: None,
            event_class: None,
        }
    }
}

impl<'a> Found<'a> {
    /// Takes the class where it outranks those so far.
    pub(super) fn rank(&mut self, class: Class) {
        self.class = Some(self.class.map_or(class, |so_far| so_far.min(class)));
    }

    pub(super) fn fail(&mut self, status: Status) {
        if status.is_failure() && self.failure.is_none() {
            self.failure = Some(status);
        }
    }

    pub(super) fn digest(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(super) fn claim(&mut self, variation: u8, bytes: &'a [u8]) {
        if let Some(free) = self.claims.iter_mut().find(|claim| claim.is_none()) {
            *free = Some((variation, bytes));
        }
    }
}
