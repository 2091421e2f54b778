//! What makes a behaviour itself: the key, its digests, its identity.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use dissectors::operation::{Class, Operation};
use dissectors::pdu::{Role, Status};
use dissectors::registry::ProtocolId;
use dissectors::target::{Space, Span, Target};
use sha2::{Digest, Sha256};

use crate::observation::FlowFacts;

/// What an operation addresses, as far as it is part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
            Self::Exact(target) => Some(target.text()),
        }
    }
}

/// What makes a behaviour itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Number of the conversation.
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
        let mut mixer = Mixer::default();
        self.words(|word| mixer.add(word));
        mixer.0
    }

    /// The key as words; those of different keys are hardly ever the same.
    #[inline]
    fn words(&self, mut add: impl FnMut(u64)) {
        add(u64::from(self.conversation) << 32
            | u64::from(self.protocol as u8) << 16
            | u64::from(self.role as u8) << 8
            | u64::from(self.class as u8));
        add(self.unit.map_or(u64::MAX, u64::from));
        add(self.operation.id());
        match self.target {
            TargetRef::None => {}
            TargetRef::Space(space, list) => {
                add(space_word(space));
                add(list.map_or(u64::MAX, u64::from));
            }
            TargetRef::Exact(target) => {
                add(space_word(target.space));
                let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
                match &target.span {
                    Span::Whole => {}
                    Span::Range { first, last } => add(pair(*first, *last)),
                    Span::Bit { byte, bit } => add(pair(*byte, (*bit).into())),
                    Span::Entry { list, index } => add(pair(*list, *index)),
                    Span::Part { part, first, last } => {
                        add(u64::from(*part));
                        add(pair(*first, *last));
                    }
                    Span::Named(name) => name.bytes().for_each(|byte| add(byte.into())),
                }
            }
        }
        if let Status::Failed { code, name } = self.status {
            add(name.id() ^ u64::from(code));
        }
        add(u64::from(matches!(self.status, Status::Ok)));
    }
}

const fn space_word(space: Space) -> u64 {
    let (name, number) = space.id();
    name ^ (number as u64)
}

/// Hashes many words at a time: one by one costs a keyed hash thrice as much.
impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut block = [[0; 8]; 16];
        let mut used = 0_usize;
        self.words(|word| {
            if used == block.len() {
                state.write(block.as_flattened());
                used = 0;
            }
            if let Some(place) = block.get_mut(used) {
                *place = word.to_le_bytes();
                used = used.saturating_add(1);
            }
        });
        state.write(block.get(..used).unwrap_or_default().as_flattened());
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
}

/// The digest of a behaviour's key: the same on every run and machine.
///
/// The first 128 bits of SHA-256 over the key's words, each ended by a newline;
/// ports of clients are not among them.
#[must_use]
pub fn identity(key: &Key<'_>, target: Option<&str>, flow: &FlowFacts, overflow: bool) -> u128 {
    let mut text = String::with_capacity(192);
    for end in [&flow.client, &flow.server] {
        match (end.ip, end.mac) {
            (Some(IpAddr::V4(ip)), _) => {
                for (at, octet) in ip.octets().into_iter().enumerate() {
                    if at > 0 {
                        text.push('.');
                    }
                    add_number(&mut text, octet.into());
                }
            }
            (Some(IpAddr::V6(ip)), _) => add_shown(&mut text, format_args!("{ip}")),
            (None, Some(mac)) => add_shown(&mut text, format_args!("{mac:02x?}")),
            (None, None) => {}
        }
        text.push('\n');
    }
    let number = |text: &mut String, number: Option<u32>| {
        if let Some(number) = number {
            add_number(text, number);
        }
        text.push('\n');
    };
    let word = |text: &mut String, word: &str| {
        text.push_str(word);
        text.push('\n');
    };
    word(&mut text, flow.transport.as_str());
    number(&mut text, Some(flow.server.port.into()));
    number(&mut text, flow.vlan.map(u32::from));
    word(&mut text, key.protocol.registration().name);
    word(&mut text, key.role.as_str());
    number(&mut text, key.unit);
    match key.operation.name() {
        Some(name) => text.push_str(name),
        None => add_shown(&mut text, format_args!("{}", key.operation)),
    }
    text.push('\n');
    word(&mut text, key.class.as_str());
    word(&mut text, target.unwrap_or_default());
    word(&mut text, key.status.as_str().unwrap_or_default());
    number(&mut text, key.status.code());
    word(&mut text, if overflow { "overflow" } else { "" });
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(0, |id: u128, byte| id << 8 | u128::from(*byte))
}

fn add_shown(text: &mut String, shown: fmt::Arguments<'_>) {
    let _ = text.write_fmt(shown);
}

/// Adds a number in decimal digits, at a fraction of what formatting costs.
fn add_number(text: &mut String, number: u32) {
    if number >= 10 {
        add_number(text, number / 10);
    }
    text.push(char::from_digit(number % 10, 10).unwrap_or('0'));
}
