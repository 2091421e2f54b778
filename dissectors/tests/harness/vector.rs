//! Vectors: annotated bytes, and what they mean, from `vectors/<protocol>.toml`.
//!
//! ```toml
//! [[vector]]
//! name = "a read of forty holding registers"           # a sentence
//! source = "MODBUS Application Protocol V1.1b3, 6.3"   # section, or capture and frame
//! sender = "client"                                    # client, server, unknown
//! bytes = [
//!     "0001 0000 0006 01",                             # header: txid, protocol, length, unit
//!     "03 0064 0028",                                  # function, address, quantity
//! ]
//! after = ["names of vectors that went before on the same flow"]
//! probe = "weak"                                       # strong, weak, no, need_more
//! frame = "pdu 12"                                     # pdu N, need N, skip N, bad ANOMALY
//!
//! [[vector.pdu]]
//! role = "request"
//! operation = "read_holding_registers"
//! target = "hr:100-139"
//! ```
//!
//! | key | where left out |
//! |---|---|
//! | `protocol` | the file's name |
//! | `transport` | `tcp` |
//! | `direction` (`a_to_b`, `b_to_a`) | clients send `a_to_b`, servers `b_to_a` |
//! | `source_port`, `destination_port` | 50000 and the protocol's first port, by sender |
//! | `parent`, `unit`, `pairing_key`, `code` | no outer layer; else what it carries |
//! | `sender_by_bytes` | what the bytes alone tell is `sender`, or nothing |
//! | `frame` | the bytes are whole PDUs with nothing left over |
//! | `pdu`, `claims`, `contents`, `children`, `fragments` | no PDU; the others are not compared |
//!
//! Keys of a PDU: `protocol role function_code operation class unit target quantity
//! values indices flags times status status_code phase unconfirmed cyclic pairing_key
//! anomalies fields items absent`. Of an item: `target quantity class status
//! status_code values indices flags times fields absent`. Of a claim: `subject`
//! (`sender`, `receiver`, `unit 3`) `attribute value source confidence`. Of content:
//! `transfer kind name to_server length last`. Bytes are written `"0x0a0b"`, times in
//! nanoseconds since 1970, a field that occurs twice as a list.
//!
//! Of a PDU and of an item the given keys are compared. `anomalies` is always
//! compared; left out, there are none. `absent` lists keys that must not be there.
//! [`super::flow`] follows children and joined fragments, and their PDUs come last.

use std::path::PathBuf;

use dissectors::dissector::{Direction, Sender, Transport};
use dissectors::registry::ProtocolId;
use dissectors::sink::Carried;
use toml::{Table, Value};

use super::flow::{Flow, Outcome, Way};

/// Annotated bytes, and what they mean.
pub struct Vector {
    /// A sentence, unique in its file.
    pub name: String,
    /// The vectors before it on the same flow.
    pub after: Vec<String>,
    /// How the bytes travel.
    pub way: Way,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Everything the file says about it.
    pub table: Table,
}

/// The vectors of one protocol.
pub struct File {
    /// The protocol.
    pub protocol: ProtocolId,
    /// Its vectors, in the order of the file.
    pub vectors: Vec<Vector>,
}

/// Where the vectors of a protocol stand.
pub fn path(protocol: ProtocolId) -> PathBuf {
    let file = format!("{}.toml", protocol.registration().name);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file)
}

/// The vectors of every registered protocol. A protocol without them fails.
pub fn files() -> Vec<File> {
    ProtocolId::ALL.iter().map(|protocol| file(*protocol)).collect()
}

fn file(protocol: ProtocolId) -> File {
    let path = path(protocol);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("every protocol has vectors; {}: {error}", path.display()));
    let table: Table =
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Vec<Vector> = table
        .get("vector")
        .and_then(Value::as_array)
        .unwrap_or_else(|| panic!("{} has no [[vector]]", path.display()))
        .iter()
        .map(|vector| Vector::new(protocol, vector.as_table().expect("[[vector]] is a table")))
        .collect();
    let file = File { protocol, vectors };
    for (at, vector) in file.vectors.iter().enumerate() {
        assert!(
            file.vectors.iter().skip(at + 1).all(|other| other.name != vector.name),
            "{:?} stands twice in {}",
            vector.name,
            path.display()
        );
        for before in &vector.after {
            file.named(before);
        }
    }
    file
}

impl File {
    /// The vector of this name.
    pub fn named(&self, name: &str) -> &Vector {
        let found = self.vectors.iter().find(|vector| vector.name == name);
        found.unwrap_or_else(|| panic!("no vector is named {name:?}"))
    }

    /// A flow on which everything before `vector` was seen.
    pub fn flow_before(&self, vector: &Vector, change: impl Fn(Way) -> Way) -> Flow {
        let mut flow = Flow::new();
        for name in &vector.after {
            let before = self.named(name);
            flow.feed(&change(before.way), &before.bytes, &mut Outcome::default());
        }
        flow
    }
}

impl Vector {
    fn new(file: ProtocolId, table: &Table) -> Self {
        const KEYS: &[&str] = &[
            "name",
            "source",
            "protocol",
            "transport",
            "sender",
            "direction",
            "source_port",
            "destination_port",
            "parent",
            "unit",
            "pairing_key",
            "code",
            "bytes",
            "after",
            "probe",
            "frame",
            "sender_by_bytes",
            "pdu",
            "claims",
            "contents",
            "children",
            "fragments",
        ];
        let text = |key: &str| table.get(key).and_then(Value::as_str);
        let name = text("name").expect("a vector has a name").to_owned();
        assert!(text("source").is_some_and(|text| !text.is_empty()), "{name:?} has no source");
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            panic!("{name:?}: no key of a vector is called {key:?}");
        }
        let number = |key: &str| table.get(key).and_then(Value::as_integer);
        let protocol = text("protocol").map_or(file, protocol);
        let sender = sender(text("sender").expect("a vector has a sender"));
        let direction = match text("direction") {
            Some("a_to_b") => Direction::AToB,
            Some("b_to_a") => Direction::BToA,
            Some(other) => panic!("{name:?}: direction {other:?}"),
            None if sender == Sender::Server => Direction::BToA,
            None => Direction::AToB,
        };
        let transport = transport(text("transport").unwrap_or("tcp"));
        let ports = match transport {
            Transport::Udp => protocol.registration().udp,
            Transport::Tcp => protocol.registration().tcp,
            Transport::Ethernet | Transport::Serial => &[],
        };
        let server = ports.first().copied().unwrap_or(0);
        let client = if server == 0 { 0 } else { 50_000 };
        let (from, to) = if sender == Sender::Server { (server, client) } else { (client, server) };
        let port = |key: &str, default: u16| {
            number(key).map_or(default, |port| port.try_into().expect("a port has 16 bits"))
        };
        let way = Way {
            protocol,
            transport,
            sender,
            direction,
            source_port: port("source_port", from),
            destination_port: port("destination_port", to),
            parent: text("parent").map(self::protocol),
            carried: Carried {
                unit: number("unit").map(|unit| unit.try_into().expect("a unit has 32 bits")),
                pairing_key: number("pairing_key").map(i64::cast_unsigned),
                code: number("code").map(|code| code.try_into().expect("a code has 16 bits")),
            },
        };
        let after = table.get("after").and_then(Value::as_array).into_iter().flatten();
        Self {
            after: after.filter_map(Value::as_str).map(str::to_owned).collect(),
            bytes: hex(&name, table.get("bytes").expect("a vector has bytes")),
            way,
            table: table.clone(),
            name,
        }
    }
}

/// The bytes of a hexadecimal text, or of several, with white space anywhere.
fn hex(name: &str, value: &Value) -> Vec<u8> {
    let parts: Vec<&str> = match value {
        Value::Array(parts) => {
            parts.iter().map(|part| part.as_str().expect("bytes are hexadecimal text")).collect()
        }
        other => vec![other.as_str().expect("bytes are hexadecimal text")],
    };
    let digits: Vec<u8> = parts
        .iter()
        .flat_map(|part| part.chars())
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap_or_else(|| panic!("{name:?}: {c:?} is no digit")))
        .map(|digit| u8::try_from(digit).expect("four bits"))
        .collect();
    let (pairs, odd) = digits.as_chunks::<2>();
    assert!(odd.is_empty(), "{name:?} has half a byte at its end");
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

fn protocol(name: &str) -> ProtocolId {
    let found = ProtocolId::ALL.iter().find(|protocol| protocol.registration().name == name);
    *found.unwrap_or_else(|| panic!("no protocol is called {name:?}"))
}

fn sender(word: &str) -> Sender {
    match word {
        "client" => Sender::Client,
        "server" => Sender::Server,
        "unknown" => Sender::Unknown,
        other => panic!("no side is called {other:?}"),
    }
}

fn transport(word: &str) -> Transport {
    let all = [Transport::Tcp, Transport::Udp, Transport::Ethernet, Transport::Serial];
    let found = all.into_iter().find(|transport| transport.as_str() == word);
    found.unwrap_or_else(|| panic!("no transport is called {word:?}"))
}
