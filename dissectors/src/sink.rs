//! Where a dissector puts what it found. The engine owns it, and every list in
//! it has a bound; what goes past a bound is counted and left out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use crate::anomaly::{Anomalies, Anomaly};
use crate::operation::Operation;
use crate::pdu::{Pdu, Role};
use crate::registry::ProtocolId;
use crate::value::text;

/// Most PDUs of one message.
pub const MAX_PDUS: usize = 64;
/// Most children of one message.
pub const MAX_CHILDREN: usize = 64;
/// Most claims of one message.
pub const MAX_CLAIMS: usize = 64;
/// Most bytes that one message may hand on as fragments, and as content.
pub const MAX_COPIED: usize = 65_536;

/// What a layer tells the one inside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The addressed station, where the outer layer has it.
    pub unit: Option<u32>,
    /// The outer layer's pairing key.
    pub pairing_key: Option<u64>,
    /// The outer layer's function code.
    pub code: Option<u16>,
}

/// A part of the message that another protocol reads.
#[derive(Clone, Debug)]
pub struct Child {
    /// Who reads it.
    pub protocol: ProtocolId,
    /// Where in the message it stands.
    pub bytes: Range<usize>,
    /// What the outer layer knows.
    pub carried: Carried,
}

/// Where a fragment stands in its whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first fragment.
    pub first: bool,
    /// The last fragment.
    pub last: bool,
    /// The fragment's sequence number and the number of values it counts
    /// through; `None` where the protocol does not number them.
    pub sequence: Option<(u16, u16)>,
}

/// A fragment that the engine joins with the others of its key. The whole goes
/// to [`crate::dissector::Dissector::joined`] of the same protocol.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// What belongs together, within flow and direction.
    pub key: u64,
    /// Where it stands.
    pub part: Part,
    /// Its bytes, in [`Sink::copied`].
    pub bytes: Range<usize>,
}

/// Whom a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The endpoint that sent the message.
    Sender,
    /// The endpoint that it was sent to.
    Receiver,
    /// A station behind the endpoint that sent the message.
    Unit(u32),
}

/// What a claim says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// Who made it.
    Vendor,
    /// What it is.
    Model,
    /// The number to order it by.
    OrderCode,
    /// Firmware version.
    Firmware,
    /// Hardware version.
    Hardware,
    /// Serial number.
    Serial,
    /// Host name.
    Hostname,
    /// The name its engineers gave it.
    StationName,
    /// Operating system.
    Os,
    /// What it does in the plant: `plc`, `hmi`, `engineering_station`.
    Role,
    /// A module inside it.
    Module,
    /// Where it stands.
    Location,
    /// Plant designation, project or tag.
    Tag,
}

impl Attribute {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Model => "model",
            Self::OrderCode => "order_code",
            Self::Firmware => "firmware",
            Self::Hardware => "hardware",
            Self::Serial => "serial",
            Self::Hostname => "hostname",
            Self::StationName => "station_name",
            Self::Os => "os",
            Self::Role => "role",
            Self::Module => "module",
            Self::Location => "location",
            Self::Tag => "tag",
        }
    }
}

/// One statement about an asset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// Whom it is about.
    pub subject: Subject,
    /// What it says.
    pub attribute: Attribute,
    /// The value, at most 128 characters.
    pub value: Box<str>,
    /// How it is known, as words of the protocol: `read_device_identification`.
    pub source: &'static str,
    /// Belief in percent: 95 own identity answer, 90 own advertisement, 60 told
    /// by another or a banner, 20 from a port.
    pub confidence: u8,
}

/// What is being transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentKind {
    /// A program block or a whole program.
    Program,
    /// Firmware.
    Firmware,
    /// A file.
    File,
}

impl ContentKind {
    /// The word in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Firmware => "firmware",
            Self::File => "file",
        }
    }
}

/// A piece of a program, firmware or file on its way; the engine hashes it.
#[derive(Clone, Debug)]
pub struct Content {
    /// What belongs together, within the flow.
    pub transfer: u64,
    /// What it is.
    pub kind: ContentKind,
    /// Its name, such as `OB1`.
    pub name: Box<str>,
    /// Whether it goes to the server; else to the client.
    pub to_server: bool,
    /// Its bytes, in [`Sink::copied`].
    pub bytes: Range<usize>,
    /// Whether this piece is the last.
    pub last: bool,
}

/// Where a dissector puts what it found in one message.
#[derive(Debug)]
pub struct Sink {
    protocol: ProtocolId,
    /// Kept between messages with their memory; `used` of them are valid.
    /// Boxed, since the engine swaps them with requests that it remembers.
    #[expect(clippy::vec_box, reason = "a swap moves an address instead of 300 bytes")]
    pdus: Vec<Box<Pdu>>,
    used: usize,
    children: Vec<Child>,
    fragments: Vec<Fragment>,
    claims: Vec<Claim>,
    contents: Vec<Content>,
    copied: Vec<u8>,
    left_out: u64,
}

impl Sink {
    /// An empty sink.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            protocol: ProtocolId::FIRST,
            pdus: Vec::new(),
            used: 0,
            children: Vec::new(),
            fragments: Vec::new(),
            claims: Vec::new(),
            contents: Vec::new(),
            copied: Vec::new(),
            left_out: 0,
        }
    }

    /// Begins a PDU. Past [`MAX_PDUS`] the last one is written over, with
    /// `items_truncated` noted.
    pub fn pdu(&mut self, role: Role, code: u16, operation: Operation) -> &mut Pdu {
        let truncated = self.used >= MAX_PDUS;
        if truncated {
            self.left_out = self.left_out.saturating_add(1);
        } else {
            self.used = self.used.saturating_add(1);
        }
        if self.pdus.len() < self.used {
            self.pdus.push(Box::new(Pdu::new(self.protocol, role, code, operation)));
        }
        let last = self.used.saturating_sub(1);
        #[expect(clippy::indexing_slicing, reason = "one to MAX_PDUS entries were made above")]
        let pdu = &mut self.pdus[last];
        pdu.reset(self.protocol, role, code, operation);
        if truncated {
            pdu.anomaly(Anomaly::ItemsTruncated);
        }
        pdu
    }

    /// Hands a part of `message` to another protocol. `part` must be a slice of
    /// `message`, the bytes that this call to the dissector was given.
    pub fn child(&mut self, protocol: ProtocolId, message: &[u8], part: &[u8], carried: Carried) {
        let start = (part.as_ptr() as usize).wrapping_sub(message.as_ptr() as usize);
        let end = start.wrapping_add(part.len());
        if self.children.len() < MAX_CHILDREN && message.get(start..end).is_some() {
            self.children.push(Child { protocol, bytes: start..end, carried });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Hands over a fragment, to be joined with the others of `key`.
    pub fn fragment(&mut self, key: u64, part: Part, bytes: &[u8]) {
        if let Some(bytes) = self.copy(bytes) {
            self.fragments.push(Fragment { key, part, bytes });
        }
    }

    /// Says something about an asset. Empty values are left out.
    pub fn claim(
        &mut self,
        subject: Subject,
        attribute: Attribute,
        value: &[u8],
        source: &'static str,
        confidence: u8,
    ) {
        let value = text(value);
        if value.trim().is_empty() {
            return;
        }
        if self.claims.len() < MAX_CLAIMS {
            self.claims.push(Claim { subject, attribute, value, source, confidence });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// Hands over a piece of a transferred program, firmware or file.
    pub fn content(
        &mut self,
        transfer: u64,
        kind: ContentKind,
        name: &str,
        to_server: bool,
        bytes: &[u8],
        last: bool,
    ) {
        if let Some(bytes) = self.copy(bytes) {
            self.contents.push(Content {
                transfer,
                kind,
                name: name.into(),
                to_server,
                bytes,
                last,
            });
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        let start = self.copied.len();
        let end = start.saturating_add(bytes.len());
        if end > MAX_COPIED {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.copied.extend_from_slice(bytes);
        Some(start..end)
    }

    /// Empties the sink for the next message of `protocol`, keeping its memory.
    #[inline]
    pub fn begin(&mut self, protocol: ProtocolId) {
        self.protocol = protocol;
        self.used = 0;
        self.children.clear();
        self.fragments.clear();
        self.claims.clear();
        self.contents.clear();
        self.copied.clear();
    }

    /// The PDUs found, in wire order.
    #[inline]
    #[must_use]
    pub fn pdus(&self) -> &[Box<Pdu>] {
        self.pdus.get(..self.used).unwrap_or_default()
    }

    /// The same, to be changed or swapped out by the engine.
    #[inline]
    pub fn pdus_mut(&mut self) -> &mut [Box<Pdu>] {
        self.pdus.get_mut(..self.used).unwrap_or_default()
    }

    /// What other protocols are to read.
    #[inline]
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// What is to be joined.
    #[inline]
    #[must_use]
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// What was said about assets.
    #[inline]
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// What is being transferred.
    #[inline]
    #[must_use]
    pub fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// The bytes of a fragment or of content.
    #[must_use]
    pub fn copied(&self, range: &Range<usize>) -> &[u8] {
        self.copied.get(range.clone()).unwrap_or_default()
    }

    /// How much went past a bound since the sink was made.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// All anomalies of the PDUs found.
    #[must_use]
    pub fn anomalies(&self) -> Anomalies {
        self.pdus().iter().fold(Anomalies::NONE, |mut all, pdu| {
            all.add_all(pdu.anomalies);
            all
        })
    }
}

impl Default for Sink {
    fn default() -> Self {
        Self::new()
    }
}
