//! What many observations have in common, as Python objects made once: the
//! addresses of their flow, and their shape.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use engine::dissectors::anomaly::Anomalies;
use engine::dissectors::dissector::Transport;
use engine::dissectors::operation::{Class, Operation};
use engine::dissectors::pdu::{Phase, Role, Status};
use engine::dissectors::registry::ProtocolId;
use engine::observation::{Behaviour, Endpoint, FlowFacts, IdentifiedBy, Transaction};
use engine::packet::Mac;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::convert;

/// Entries of each table; a full one starts anew, since all of it can be made again.
const MOST: usize = 8192;

/// The addresses of a flow as text.
pub struct Ends {
    /// Who asks.
    pub client: End,
    /// Who answers.
    pub server: End,
}

/// The addresses of one end.
pub struct End {
    /// Network address.
    pub ip: Option<Py<PyString>>,
    /// Hardware address.
    pub mac: Option<Py<PyString>>,
}

impl End {
    /// What the end is known by: its IP address, else its hardware address.
    pub fn address<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        text(py, self.ip.as_ref().or(self.mac.as_ref()))
    }
}

/// One more reference to a text.
pub fn text<'py>(py: Python<'py>, text: Option<&Py<PyString>>) -> Option<Bound<'py, PyString>> {
    text.map(|text| text.bind(py).clone())
}

/// What is the same for all operations of one shape.
pub struct Shape {
    /// Its number in the run.
    pub number: u64,
    /// What it is.
    pub alike: Alike,
    /// The name of the operation.
    pub operation: Py<PyString>,
    /// The names of the anomalies.
    pub anomalies: Py<PyTuple>,
    /// The part that it plays.
    pub role: Py<PyString>,
    /// How it went.
    pub status: Option<Py<PyString>>,
    /// The number of the failure, as text.
    pub status_text: Option<Py<PyString>>,
    /// What came of it.
    pub outcome: Py<PyString>,
}

/// Everything about an operation but its ends, unit, targets, values, own fields and times.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alike {
    is_behaviour: bool,
    first_seen: bool,
    transport: Transport,
    identified_by: Option<IdentifiedBy>,
    /// The dissector.
    pub protocol: ProtocolId,
    /// The part that it plays.
    pub role: Role,
    /// Whether there was an answer.
    pub answered: bool,
    /// Function code.
    pub code: u16,
    /// Its name and class.
    pub operation: Operation,
    /// Class.
    pub class: Class,
    /// How it went.
    pub status: Status,
    phase: Option<Phase>,
    /// Departures from the specification.
    pub anomalies: Anomalies,
}

/// What was made so far.
#[derive(Default)]
pub struct Shared {
    ips: HashMap<IpAddr, Py<PyString>>,
    macs: HashMap<Mac, Py<PyString>>,
    /// By the place of the facts, which stay there as long as they are held here.
    ends: HashMap<usize, (Arc<FlowFacts>, Arc<Ends>), Quick>,
    shapes: HashMap<Alike, Arc<Shape>, Quick>,
    shape_count: u64,
}

impl Shared {
    /// The addresses of a flow.
    pub fn ends(&mut self, py: Python<'_>, flow: &Arc<FlowFacts>) -> Arc<Ends> {
        let place = Arc::as_ptr(flow).addr();
        if let Some((_, ends)) = self.ends.get(&place) {
            return Arc::clone(ends);
        }
        let ends =
            Arc::new(Ends { client: self.end(py, flow.client), server: self.end(py, flow.server) });
        room(&mut self.ends).insert(place, (Arc::clone(flow), Arc::clone(&ends)));
        ends
    }

    fn end(&mut self, py: Python<'_>, end: Endpoint) -> End {
        let ip = end.ip.map(|ip| {
            let new = || PyString::new(py, &ip.to_string()).unbind();
            room(&mut self.ips).entry(ip).or_insert_with(new).clone_ref(py)
        });
        let mac = end.mac.map(|mac| {
            let new = || PyString::new(py, &convert::mac(mac)).unbind();
            room(&mut self.macs).entry(mac).or_insert_with(new).clone_ref(py)
        });
        End { ip, mac }
    }

    /// The shape of a transaction.
    pub fn shape_of_transaction(
        &mut self,
        py: Python<'_>,
        own: &Transaction,
    ) -> PyResult<Arc<Shape>> {
        let alike = Alike {
            is_behaviour: false,
            first_seen: own.first,
            transport: own.flow.transport,
            identified_by: own.flow.identified_by,
            protocol: own.protocol,
            role: own.role,
            answered: own.answered,
            code: own.code,
            operation: own.operation,
            class: own.class,
            status: own.status,
            phase: own.phase,
            anomalies: own.anomalies,
        };
        self.shape(py, alike)
    }

    /// The shape of a behaviour.
    pub fn shape_of_behaviour(&mut self, py: Python<'_>, own: &Behaviour) -> PyResult<Arc<Shape>> {
        let alike = Alike {
            is_behaviour: true,
            first_seen: true,
            transport: own.flow.transport,
            identified_by: own.flow.identified_by,
            protocol: own.protocol,
            role: own.role,
            answered: own.answered,
            code: own.code,
            operation: own.operation,
            class: own.class,
            status: own.status,
            phase: None,
            anomalies: own.anomalies,
        };
        self.shape(py, alike)
    }

    fn shape(&mut self, py: Python<'_>, alike: Alike) -> PyResult<Arc<Shape>> {
        if let Some(shape) = self.shapes.get(&alike) {
            return Ok(Arc::clone(shape));
        }
        // Numbers are never used again, so two shapes never share one.
        self.shape_count = self.shape_count.wrapping_add(1);
        let shape = Arc::new(Shape {
            number: self.shape_count,
            alike,
            operation: PyString::new(py, &alike.operation.to_string()).unbind(),
            anomalies: convert::anomalies(py, alike.anomalies)?.unbind(),
            role: convert::word(py, alike.role.as_str()).unbind(),
            status: alike.status.as_str().map(|text| convert::word(py, text).unbind()),
            outcome: convert::outcome(py, alike.status).unbind(),
            status_text: alike
                .status
                .code()
                .map(|code| PyString::new(py, &code.to_string()).unbind()),
        });
        room(&mut self.shapes).insert(alike, Arc::clone(&shape));
        Ok(shape)
    }
}

/// Hashes small keys at a fraction of the usual cost. Its seed is chance, so nobody can
/// choose keys that meet; the order of a table is never asked for.
pub struct Quick(u64);

impl Default for Quick {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u8))
    }
}

impl BuildHasher for Quick {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

/// What `Quick` mixes words into.
pub struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        // The table looks at the upper bits, too.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        let product =
            u128::from(self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded")]
        let folded = (product >> 64) as u64 ^ product as u64;
        self.0 = folded;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(u64::try_from(word).unwrap_or(u64::MAX));
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(u64::from_ne_bytes(i64::try_from(word).unwrap_or(i64::MAX).to_ne_bytes()));
    }
}

/// The table, with room for one more entry.
fn room<K, V, S>(table: &mut HashMap<K, V, S>) -> &mut HashMap<K, V, S> {
    if table.len() >= MOST {
        table.clear();
    }
    table
}
