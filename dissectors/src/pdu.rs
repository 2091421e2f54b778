//! What every protocol produces: one record per application message.

use alloc::vec::Vec;
use core::ops::Range;

use crate::anomaly::{Anomalies, Anomaly};
use crate::field::FieldId;
use crate::name::Name;
use crate::operation::{Class, Operation};
use crate::registry::ProtocolId;
use crate::target::{Span, Target};
use crate::value::Value;

/// Most values, and most items, kept of one PDU.
pub const MAX_ITEMS: usize = 4096;
/// Most protocol fields kept of one PDU.
pub const MAX_FIELDS: usize = 256;

/// The part a PDU plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Asks for something.
    Request,
    /// Answers a request.
    Response,
    /// Sent without being asked: a report, cyclic data, a push.
    Event,
    /// The bytes fit both, and who is the client is not known.
    Unknown,
}

impl Role {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Event => "event",
            Self::Unknown => "unknown",
        }
    }
}

/// The step of a two-step command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Announces a command.
    Select,
    /// Carries out a selected command.
    Operate,
    /// Carries it out at once.
    Direct,
    /// Takes a selection back.
    Cancel,
}

impl Phase {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Operate => "operate",
            Self::Direct => "direct",
            Self::Cancel => "cancel",
        }
    }
}

/// How an answer went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not told: a request, an event.
    #[default]
    None,
    /// Done.
    Ok,
    /// Refused or failed.
    Failed {
        /// The protocol's number.
        code: u32,
        /// Its name.
        name: Name,
    },
    /// Of several parts some were refused and others done.
    Partly {
        /// The protocol's number of the first refusal.
        code: u32,
    },
}

impl Status {
    /// A failure with its protocol's number and name.
    #[must_use]
    pub const fn failed(code: u32, name: &'static str) -> Self {
        Self::Failed { code, name: Name::new(name) }
    }

    /// Whether the answer was negative, or that to a part was.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Partly { .. })
    }

    /// Whether the answer was negative: nothing was done.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// The word in output: none, `ok`, the failure's name, or `partly_refused`.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Ok => Some("ok"),
            Self::Failed { name, .. } => Some(name.as_str()),
            Self::Partly { .. } => Some("partly_refused"),
        }
    }

    /// The protocol's number of a failure.
    #[must_use]
    pub const fn code(self) -> Option<u32> {
        match self {
            Self::Failed { code, .. } | Self::Partly { code } => Some(code),
            Self::None | Self::Ok => None,
        }
    }
}

/// One part of a PDU that addresses several things: an S7 item, a DNP3 object
/// header. Its values stand in the PDU, at `values`, `indices` and so on.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// What it addresses.
    pub target: Option<Target>,
    /// How many elements.
    pub quantity: Option<u32>,
    /// What it does, where that differs from the PDU's operation.
    pub class: Option<Class>,
    /// How it went.
    pub status: Status,
    /// Its part of [`Pdu::values`].
    pub values: Range<usize>,
    /// Its part of [`Pdu::indices`].
    pub indices: Range<usize>,
    /// Its part of [`Pdu::flags`].
    pub flags: Range<usize>,
    /// Its part of [`Pdu::times`].
    pub times: Range<usize>,
    /// Its part of [`Pdu::fields`].
    pub fields: Range<usize>,
}

/// One application message.
///
/// `clone_from` keeps the memory of its lists.
///
/// A simple PDU has one `target` and its `values`. One of several parts has
/// `items`, each with its own part of the lists; what comes before the first
/// item belongs to the whole.
#[derive(Debug)]
pub struct Pdu {
    /// Who decoded it.
    pub protocol: ProtocolId,
    /// The part it plays.
    pub role: Role,
    /// The function code on the wire.
    pub code: u16,
    /// Its name and class.
    pub operation: Operation,
    /// The station behind the endpoint.
    pub unit: Option<u32>,
    /// What it addresses.
    pub target: Option<Target>,
    /// How many elements.
    pub quantity: Option<u32>,
    /// How it went.
    pub status: Status,
    /// The step of a two-step command.
    pub phase: Option<Phase>,
    /// What joins a response to its request, within flow and protocol.
    pub pairing_key: Option<u64>,
    /// Whether a request needs no answer (broadcast, "no acknowledge"). With a pairing key
    /// it waits all the same: it may be refused.
    pub unconfirmed: bool,
    /// Whether it is cyclic data: folded, never notable one by one.
    pub cyclic: bool,
    /// Departures from the specification.
    pub anomalies: Anomalies,
    /// Values of all items.
    pub values: Vec<Value>,
    /// Point numbers, where values are not consecutive.
    pub indices: Vec<u32>,
    /// Quality flags, one per value, where the protocol has them.
    pub flags: Vec<u8>,
    /// Times in nanoseconds since 1970, one per value, where the protocol has them.
    pub times: Vec<i64>,
    /// The protocol's own fields.
    pub fields: Vec<(FieldId, Value)>,
    /// Its parts.
    pub items: Vec<Item>,
}

impl Clone for Pdu {
    fn clone(&self) -> Self {
        let mut own = Self::new(self.protocol, self.role, self.code, self.operation);
        own.clone_from(self);
        own
    }

    fn clone_from(&mut self, source: &Self) {
        let Self {
            protocol,
            role,
            code,
            operation,
            unit,
            target,
            quantity,
            status,
            phase,
            pairing_key,
            unconfirmed,
            cyclic,
            anomalies,
            values,
            indices,
            flags,
            times,
            fields,
            items,
        } = source;
        self.protocol = *protocol;
        self.role = *role;
        self.code = *code;
        self.operation = *operation;
        self.unit = *unit;
        self.target.clone_from(target);
        self.quantity = *quantity;
        self.status = *status;
        self.phase = *phase;
        self.pairing_key = *pairing_key;
        self.unconfirmed = *unconfirmed;
        self.cyclic = *cyclic;
        self.anomalies = *anomalies;
        self.values.clone_from(values);
        self.indices.clone_from(indices);
        self.flags.clone_from(flags);
        self.times.clone_from(times);
        self.fields.clone_from(fields);
        self.items.clone_from(items);
    }
}

impl Pdu {
    /// An empty PDU; its lists take no memory until they are filled.
    #[must_use]
    pub const fn new(protocol: ProtocolId, role: Role, code: u16, operation: Operation) -> Self {
        Self {
            protocol,
            role,
            code,
            operation,
            unit: None,
            target: None,
            quantity: None,
            status: Status::None,
            phase: None,
            pairing_key: None,
            unconfirmed: false,
            cyclic: false,
            anomalies: Anomalies::NONE,
            values: Vec::new(),
            indices: Vec::new(),
            flags: Vec::new(),
            times: Vec::new(),
            fields: Vec::new(),
            items: Vec::new(),
        }
    }

    /// Makes it empty again and keeps its memory.
    pub(crate) fn reset(
        &mut self,
        protocol: ProtocolId,
        role: Role,
        code: u16,
        operation: Operation,
    ) {
        self.protocol = protocol;
        self.role = role;
        self.code = code;
        self.operation = operation;
        self.unit = None;
        self.target = None;
        self.quantity = None;
        self.status = Status::None;
        self.phase = None;
        self.pairing_key = None;
        self.unconfirmed = false;
        self.cyclic = false;
        self.anomalies = Anomalies::NONE;
        self.values.clear();
        self.indices.clear();
        self.flags.clear();
        self.times.clear();
        self.fields.clear();
        self.items.clear();
    }

    /// The class of the PDU: the highest ranked one of its operation and items.
    #[must_use]
    pub fn class(&self) -> Class {
        self.items.iter().filter_map(|item| item.class).fold(self.operation.class(), core::cmp::min)
    }

    /// Sets the addressed station.
    pub fn unit(&mut self, unit: impl Into<u32>) -> &mut Self {
        self.unit = Some(unit.into());
        self
    }

    /// Sets what is addressed; a name without a letter addresses nothing.
    pub fn target(&mut self, target: Target) -> &mut Self {
        self.target =
            (!matches!(&target.span, Span::Named(name) if name.is_empty())).then_some(target);
        self
    }

    /// Sets how many elements are addressed.
    pub fn quantity(&mut self, quantity: impl Into<u32>) -> &mut Self {
        self.quantity = Some(quantity.into());
        self
    }

    /// Sets how it went.
    pub fn status(&mut self, status: Status) -> &mut Self {
        self.status = status;
        self
    }

    /// Sets the step of a two-step command.
    pub fn phase(&mut self, phase: Phase) -> &mut Self {
        self.phase = Some(phase);
        self
    }

    /// Sets what joins a response to its request.
    pub fn pairing_key(&mut self, key: u64) -> &mut Self {
        self.pairing_key = Some(key);
        self
    }

    /// Notes a departure from the specification.
    pub fn anomaly(&mut self, anomaly: Anomaly) -> &mut Self {
        self.anomalies.add(anomaly);
        self
    }

    /// Sets one of the protocol's own fields; past [`MAX_FIELDS`] it is left out and
    /// `items_truncated` is noted.
    pub fn field(&mut self, field: FieldId, value: impl Into<Value>) -> &mut Self {
        if self.fields.len() < MAX_FIELDS {
            self.fields.push((field, value.into()));
            self.extend_item(|item, pdu_len| item.fields.end = pdu_len, self.fields.len());
        } else {
            self.anomalies.add(Anomaly::ItemsTruncated);
        }
        self
    }

    /// Adds a value, to the last item if there is one. Past [`MAX_ITEMS`] it is
    /// left out and `items_truncated` is noted.
    #[inline]
    pub fn value(&mut self, value: impl Into<Value>) -> &mut Self {
        if self.values.len() < MAX_ITEMS {
            self.values.push(value.into());
            self.extend_item(|item, len| item.values.end = len, self.values.len());
        } else {
            self.anomalies.add(Anomaly::ItemsTruncated);
        }
        self
    }

    /// Adds values one after the other, as [`Pdu::value`] does, at less cost.
    #[inline]
    pub fn extend_values<V, I>(&mut self, values: I)
    where
        V: Into<Value>,
        I: IntoIterator<Item = V, IntoIter: ExactSizeIterator>,
    {
        let values = values.into_iter();
        let free = MAX_ITEMS.saturating_sub(self.values.len());
        if values.len() > free {
            self.anomalies.add(Anomaly::ItemsTruncated);
        }
        self.values.extend(values.take(free).map(Into::into));
        self.extend_item(|item, len| item.values.end = len, self.values.len());
    }

    /// Adds the number of a point whose value follows or stands alone.
    pub fn index(&mut self, index: u32) -> &mut Self {
        if self.indices.len() < MAX_ITEMS {
            self.indices.push(index);
            self.extend_item(|item, len| item.indices.end = len, self.indices.len());
        } else {
            self.anomalies.add(Anomaly::ItemsTruncated);
        }
        self
    }

    /// Adds the quality flags of the last value.
    pub fn flag(&mut self, flags: u8) -> &mut Self {
        if self.flags.len() < MAX_ITEMS {
            self.flags.push(flags);
            self.extend_item(|item, len| item.flags.end = len, self.flags.len());
        }
        self
    }

    /// Adds the time of the last value, in nanoseconds since 1970.
    pub fn time(&mut self, time_ns: i64) -> &mut Self {
        if self.times.len() < MAX_ITEMS {
            self.times.push(time_ns);
            self.extend_item(|item, len| item.times.end = len, self.times.len());
        }
        self
    }

    /// Begins the next part: values and fields added from now on belong to it.
    /// `None` past [`MAX_ITEMS`]; `items_truncated` is then noted.
    pub fn item(&mut self, target: Option<Target>) -> Option<&mut Item> {
        if self.items.len() >= MAX_ITEMS {
            self.anomalies.add(Anomaly::ItemsTruncated);
            return None;
        }
        self.items.push(Item {
            target,
            values: self.values.len()..self.values.len(),
            indices: self.indices.len()..self.indices.len(),
            flags: self.flags.len()..self.flags.len(),
            times: self.times.len()..self.times.len(),
            fields: self.fields.len()..self.fields.len(),
            ..Item::default()
        });
        self.items.last_mut()
    }

    #[inline]
    fn extend_item(&mut self, set_end: impl Fn(&mut Item, usize), len: usize) {
        if let Some(item) = self.items.last_mut() {
            set_end(item, len);
        }
    }
}
