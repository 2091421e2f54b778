//! Finds a behaviour's slot by its key.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::key::Key;

/// Finds keys by a hash that the sender of packets cannot aim at.
///
/// The table maps a keyed hash to a slot; two keys of one hash take neighbours.
#[derive(Debug, Default)]
pub struct Index {
    slots: HashMap<u64, u32, BuildIdentity>,
    state: RandomState,
}

impl Index {
    /// The hash of a key.
    pub fn hash(&self, key: &Key<'_>) -> u64 {
        self.state.hash_one(key)
    }

    /// The slot of a key with this hash, by what `is` says of a slot.
    pub fn find(&self, mut hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        while let Some(slot) = self.slots.get(&hash) {
            if is(*slot) {
                return Some(*slot);
            }
            hash = hash.wrapping_add(1);
        }
        None
    }

    /// Adds a key with this hash that is not there.
    pub fn insert(&mut self, mut hash: u64, slot: u32) {
        while self.slots.contains_key(&hash) {
            hash = hash.wrapping_add(1);
        }
        self.slots.insert(hash, slot);
    }

    /// Takes a key out. What stood beside it because of the same hash may then
    /// be found no more; that has a chance of one in 2^64.
    pub fn remove(&mut self, key: &Key<'_>, slot: u32) {
        let mut hash = self.state.hash_one(key);
        while let Some(found) = self.slots.get(&hash) {
            if *found == slot {
                self.slots.remove(&hash);
                return;
            }
            hash = hash.wrapping_add(1);
        }
    }
}

/// A hasher for keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Makes hashers for keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildIdentity;

impl BuildHasher for BuildIdentity {
    type Hasher = Identity;
    fn build_hasher(&self) -> Identity {
        Identity::default()
    }
}
