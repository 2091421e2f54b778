//! What makes a behaviour itself: the key, its digests, its identity.

use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::{Space, Span, Target};
use sha2::{Digest, Sha256};

use crate::observation::FlowFacts;

/// What an operation addresses, as far as it is part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetRef<'a> {
    /// Nothing.
    None,
    /// Something in an object type; of a list, which list.
    Space(Space, Option<u32>),
    /// Exactly this.
    Exact(&'a Target),
}

impl<'a> TargetRef<'a> {
    /// The part of `target` that tells behaviours of `class` apart.
    #[inline]
    #[must_use]
    pub fn of(target: Option<&'a Target>, class: Class) -> Self {
        match target {
            None => Self::None,
            Some(target) if !class.is_folded_by_space() => Self::Exact(target),
            Some(Target { space, span: Span::Entry { list, .. } }) => {
                Self::Space(*space, Some(*list))
            }
            Some(target) => Self::Space(target.space, None),
        }
    }
}

/// The same, kept.
#[derive(Clone, Debug)]
pub enum TargetKey {
    /// Nothing.
    None,
    /// Something in an object type; of a list, which list.
    Space(Space, Option<u32>),
    /// Exactly this.
    Exact(Target),
}

impl From<TargetRef<'_>> for TargetKey {
    fn from(target: TargetRef<'_>) -> Self {
        match target {
            TargetRef::None => Self::None,
            TargetRef::Space(space, list) => Self::Space(space, list),
            TargetRef::Exact(target) => Self::Exact(target.clone()),
        }
    }
}

impl TargetKey {
    /// What it is compared as.
    #[must_use]
    pub const fn as_ref(&self) -> TargetRef<'_> {
        match self {
            Self::None => TargetRef::None,
            Self::Space(space, list) => TargetRef::Space(*space, *list),
            Self::Exact(target) => TargetRef::Exact(target),
        }
    }

    /// What output calls it.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Space(space, None) => Some(space.to_string()),
            Self::Space(space, Some(list)) => Some(format!("{space}:{list:#06x}")),
            Self::Exact(target) => Some(target.to_string()),
        }
    }
}

/// What makes a behaviour itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// Slot of the conversation.
    pub conversation: u32,
    /// Who decoded it.
    pub protocol: ProtocolId,
    /// The part that its PDUs play.
    pub role: Role,
    /// The addressed station.
    pub unit: Option<u32>,
    /// Name of the function code.
    pub operation: Operation,
    /// What it does.
    pub class: Class,
    /// What it addresses.
    pub target: TargetRef<'a>,
    /// How it went.
    pub status: Status,
}

impl Key<'_> {
    /// A digest to compare and to remember by; not safe against chosen keys.
    #[inline]
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut mixer = Mixer(u64::from(self.conversation));
        mixer.add(
            u64::from(self.protocol as u8) << 16
                | u64::from(self.role as u8) << 8
                | u64::from(self.class as u8),
        );
        mixer.add(self.unit.map_or(u64::MAX, u64::from));
        mixer.add(self.operation.id());
        match self.target {
            TargetRef::None => {}
            TargetRef::Space(space, list) => {
                mixer.add_space(space);
                mixer.add(list.map_or(u64::MAX, u64::from));
            }
            TargetRef::Exact(target) => {
                mixer.add_space(target.space);
                match &target.span {
                    Span::Whole => {}
                    Span::Range { first, last } => {
                        mixer.add(u64::from(*first) << 32 | u64::from(*last))
                    }
                    Span::Bit { byte, bit } => mixer.add(u64::from(*byte) << 32 | u64::from(*bit)),
                    Span::Entry { list, index } => {
                        mixer.add(u64::from(*list) << 32 | u64::from(*index))
                    }
                    Span::Part { part, first, last } => {
                        mixer.add(u64::from(*part));
                        mixer.add(u64::from(*first) << 32 | u64::from(*last));
                    }
                    Span::Named(name) => name.bytes().for_each(|byte| mixer.add(byte.into())),
                }
            }
        }
        if let Status::Failed { code, name } = self.status {
            mixer.add(name.id() ^ u64::from(code));
        }
        mixer.add(u64::from(matches!(self.status, Status::Ok)));
        mixer.0
    }
}

/// Mixes words into a digest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mixer(pub u64);

impl Mixer {
    /// Mixes one in.
    #[inline]
    pub const fn add(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }

    #[inline]
    const fn add_space(&mut self, space: Space) {
        let (name, number) = space.id();
        self.add(name ^ (number as u64));
    }
}

/// The digest of a behaviour's key: the same on every run and machine.
///
/// The first 128 bits of SHA-256 over the key's words, each ended by a newline;
/// ports of clients are not among them.
#[must_use]
pub fn identity(key: &Key<'_>, target: Option<&str>, flow: &FlowFacts, overflow: bool) -> u128 {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(160);
    for end in [&flow.client, &flow.server] {
        let _ = match (end.ip, end.mac) {
            (Some(ip), _) => writeln!(text, "{ip}"),
            (None, Some(mac)) => writeln!(text, "{mac:02x?}"),
            (None, None) => writeln!(text),
        };
    }
    let number = |n: Option<u32>| n.map_or_else(String::new, |n| n.to_string());
    let _ = write!(
        text,
        "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
        flow.transport.as_str(),
        flow.server.port,
        number(flow.vlan.map(u32::from)),
        key.protocol.registration().name,
        key.role.as_str(),
        number(key.unit),
        key.operation,
        key.class.as_str(),
        target.unwrap_or_default(),
        key.status.as_str().unwrap_or_default(),
        number(key.status.code()),
        if overflow { "overflow" } else { "" },
    );
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(0, |id: u128, byte| id << 8 | u128::from(*byte))
}
