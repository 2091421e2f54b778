//! A compiled-in word that compares and hashes as one number.

use core::fmt;
use core::hash::{Hash, Hasher};

/// A static word, such as an operation or an address space.
///
/// Behaviour keys hold many of them; comparing the 64-bit digest instead of the
/// text keeps the hot path short. The digest is FNV-1a, made at compile time.
#[derive(Clone, Copy)]
pub struct Name {
    text: &'static str,
    id: u64,
}

impl Name {
    /// Makes a name at compile time.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        let mut id: u64 = 0xcbf2_9ce4_8422_2325;
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            id = (id ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
            rest = tail;
        }
        Self { text, id }
    }

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.text
    }

    /// The digest that stands for the word in keys; the same on every machine.
    #[must_use]
    pub const fn id(self) -> u64 {
        self.id
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.id);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}
