//! What every dissector promises, held against its vectors, mutations of them,
//! random bytes and the traffic of an office.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in the functions it calls"
)]

mod harness;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dissectors::dissector::{Context, Probe, Sender, Transport};
use dissectors::field::Kind;
use dissectors::operation::Class;
use dissectors::pdu::{MAX_FIELDS, MAX_ITEMS, Pdu, Status};
use dissectors::registry::{FlowState, ProtocolId};
use dissectors::sink::{MAX_CHILDREN, MAX_CLAIMS, MAX_COPIED, MAX_PDUS, Sink};
use dissectors::value::{MAX_BYTES, MAX_TEXT, Value};
use harness::flow::{Outcome, Way, check_frame};
use harness::vector::{File, Vector, files};

/// Mutated messages per protocol; the whole suite stays under five seconds.
const MUTATIONS: usize = 20_000;
/// Random payloads probed per protocol.
const RANDOM_PAYLOADS: usize = 20_000;

/// Marsaglia's xorshift: the same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`; 0 where `n` is 0.
    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n.max(1)
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn every_protocol_has_its_vectors() {
    for file in files() {
        let name = file.protocol.registration().name;

        assert!(file.vectors.len() >= 5, "{name} has {} vectors", file.vectors.len());
    }
}

#[test]
fn fields_have_unique_names_in_snake_case() {
    for protocol in ProtocolId::ALL {
        let registration = protocol.registration();
        let snake = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_lowercase())
                && !name.ends_with('_')
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let mut seen = HashSet::new();

        assert!(snake(registration.name), "{}", registration.name);
        for field in registration.fields {
            assert!(snake(field.name), "{}.{}", registration.name, field.name);
            assert!(seen.insert(field.name), "{}.{} twice", registration.name, field.name);
            assert!(field.description.ends_with('.'), "{}.{}", registration.name, field.name);
        }
    }
}

#[test]
fn protocols_have_unique_names() {
    let mut seen = HashSet::new();

    assert!(ProtocolId::ALL.iter().all(|protocol| seen.insert(protocol.registration().name)));
}

#[test]
fn bytes_never_name_the_wrong_side() {
    for (file, vector) in vectors(&files()) {
        let allowed = vector.table.get("sender_by_bytes").and_then(toml::Value::as_str);
        let out = run(file, vector, |way| way);
        for message in out.framed {
            let sender = vector.way.protocol.sender(&message, &vector.way.context(&[]));
            let right = match allowed {
                Some(word) => format!("{sender:?}").to_lowercase() == word,
                None => sender == vector.way.sender || sender == Sender::Unknown,
            };

            assert!(
                right || vector.way.sender == Sender::Unknown,
                "{}: {:?} says {sender:?}",
                file.protocol.registration().name,
                vector.name
            );
        }
    }
}

#[test]
fn a_protocol_names_the_layers_that_hand_it_bytes() {
    for (file, vector) in vectors(&files()) {
        for (outer, inner) in run(file, vector, |way| way).children {
            let (outer_name, inner_name) = (outer.registration().name, inner.registration().name);

            assert!(inner.registration().parents.contains(&outer), "{outer_name}, {inner_name}");
        }
    }
}

#[test]
fn no_protocol_is_sure_of_the_bytes_of_another() {
    for (file, vector) in vectors(&files()) {
        if vector.way.parent.is_some() {
            continue;
        }
        let out = run(file, vector, |way| way);
        let inside = |protocol| out.children.iter().any(|(_, inner)| *inner == protocol);
        for other in ProtocolId::ALL.iter().copied() {
            if other == vector.way.protocol || inside(other) {
                continue;
            }
            let probe = other.probe(&vector.bytes, &vector.way.context(&[]));

            assert_ne!(
                Probe::Strong,
                probe,
                "{} takes {:?} of {}",
                other.registration().name,
                vector.name,
                vector.way.protocol.registration().name
            );
        }
    }
}

#[test]
fn what_comes_out_keeps_its_bounds() {
    for (file, vector) in vectors(&files()) {
        check_outcome(&run(file, vector, |way| way), vector);
    }
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_pdus() {
    for (file, vector) in vectors(&files()) {
        if vector.way.transport != Transport::Tcp || vector.way.parent.is_some() {
            continue;
        }
        let whole = run(file, vector, |way| way);
        let digest = digest(&whole);
        for cut in 1..vector.bytes.len() {
            let mut flow = file.flow_before(vector, |way| way);
            let mut out = Outcome::default();
            let (head, tail) = vector.bytes.split_at(cut);
            flow.feed(&vector.way, head, &mut out);
            flow.feed(&vector.way, tail, &mut out);

            assert_same(&whole, &digest, &out, &format!("{:?} cut at {cut}", vector.name));
        }
        let mut flow = file.flow_before(vector, |way| way);
        let mut out = Outcome::default();
        for byte in &vector.bytes {
            flow.feed(&vector.way, std::slice::from_ref(byte), &mut out);
        }

        assert_same(&whole, &digest, &out, &format!("{:?} byte by byte", vector.name));
    }
}

#[test]
fn messages_back_to_back_are_told_apart() {
    for (file, vector) in vectors(&files()) {
        let whole = run(file, vector, |way| way);
        if vector.way.transport != Transport::Tcp || whole.framed != [vector.bytes.clone()] {
            continue;
        }
        let mut flow = file.flow_before(vector, |way| way);
        let mut out = Outcome::default();
        flow.feed(&vector.way, &vector.bytes.repeat(2), &mut out);

        assert_eq!(
            vec![vector.bytes.clone(), vector.bytes.clone()],
            out.framed,
            "{:?}",
            vector.name
        );
    }
}

#[test]
fn a_truncated_message_changes_nothing_that_the_whole_does_not() {
    for (file, vector) in vectors(&files()) {
        let whole = run(file, vector, |way| way);
        if vector.way.parent.is_none() && whole.framed != [vector.bytes.clone()] {
            continue;
        }
        let whole = changes(&whole);
        for end in 0..vector.bytes.len() {
            let part = decode_cut(file, vector, &vector.bytes[..end]);
            for change in changes(&part) {
                assert!(
                    whole.contains(&change),
                    "{:?} cut to {end} bytes gives {change:?}",
                    vector.name
                );
            }
        }
    }
}

#[test]
fn swapped_directions_never_confirm_a_write() {
    for (file, vector) in vectors(&files()) {
        // Bytes of the other side on purpose: exchanged, they are where they belong.
        let astray = match vector.table.get("sender_by_bytes").and_then(toml::Value::as_str) {
            Some("client") => vector.way.sender == Sender::Server,
            Some("server") => vector.way.sender == Sender::Client,
            _ => false,
        };
        let says = file.protocol.names_sender();
        if says || astray || vector.way.sender == Sender::Unknown {
            continue;
        }
        let out = run(file, vector, swapped);
        for pdu in &out.pdus {
            let plant = matches!(pdu.class(), Class::Write | Class::Command | Class::Force);

            assert!(
                !plant || pdu.status != Status::Ok,
                "{:?}, sent by the other side, gives {} with status ok",
                vector.name,
                pdu.operation
            );
        }
    }
}

#[test]
fn mutated_messages_never_panic_and_keep_their_bounds() {
    for file in files() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..MUTATIONS {
            let vector = &file.vectors[random.below(file.vectors.len())];
            let other = &file.vectors[random.below(file.vectors.len())];
            let bytes = mutated(&mut random, &vector.bytes, &other.bytes);
            let way = if random.below(8) == 0 { swapped(vector.way) } else { vector.way };
            let run = catch_unwind(AssertUnwindSafe(|| {
                let mut flow = file.flow_before(vector, |way| way);
                let mut out = Outcome::default();
                let cut = bytes.len() / 2;
                if bytes.len().is_multiple_of(3) && way.parent.is_none() {
                    flow.feed(&way, &bytes[..cut], &mut out);
                    flow.feed(&way, &bytes[cut..], &mut out);
                } else {
                    flow.feed(&way, &bytes, &mut out);
                }
                let _ = way.protocol.probe(&bytes, &way.context(&[]));
                let _ = way.protocol.sender(&bytes, &way.context(&[]));
                check_outcome(&out, vector);
            }));

            assert!(run.is_ok(), "{:?} mutated to {bytes:02x?}", vector.name);
        }
    }
}

#[test]
fn decode_takes_any_bytes() {
    for protocol in ProtocolId::ALL {
        let mut random = Random(0x0123_4567_89ab_cdef);
        let mut sink = Sink::new();
        let mut state = FlowState::new(*protocol);
        for length in 0..400 {
            let bytes = random.bytes(length);
            for sender in [Sender::Client, Sender::Server, Sender::Unknown] {
                let cx = Context { sender, ..Context::bare(Transport::Tcp) };
                sink.begin(*protocol);
                state.decode(&bytes, &cx, &mut sink);
                state.joined(0, &bytes, &cx, &mut sink);
                state.gap(cx.direction, None);
                check_sink(&sink);
            }
        }
    }
}

#[test]
fn random_bytes_are_never_strong() {
    for protocol in ProtocolId::ALL {
        let mut random = Random(0xfeed_beef_dead_c0de);
        for _ in 0..RANDOM_PAYLOADS {
            let length = random.below(64);
            let bytes = random.bytes(length);
            for transport in [Transport::Tcp, Transport::Udp] {
                let cx = Context::bare(transport);
                let _ = check_frame(*protocol, &bytes, &cx);
                let probe = protocol.probe(&bytes, &cx);

                assert_ne!(Probe::Strong, probe, "{} {bytes:02x?}", protocol.registration().name);
            }
        }
    }
}

#[test]
fn office_traffic_is_never_strong() {
    for (what, bytes) in office_payloads() {
        for protocol in ProtocolId::ALL {
            for transport in [Transport::Tcp, Transport::Udp] {
                for end in 0..=bytes.len() {
                    let probe = protocol.probe(&bytes[..end], &Context::bare(transport));
                    let name = protocol.registration().name;

                    assert_ne!(Probe::Strong, probe, "{name}: {end} bytes of {what}");
                }
            }
        }
    }
}

/// Every vector with its file.
fn vectors(files: &[File]) -> impl Iterator<Item = (&File, &Vector)> {
    files.iter().flat_map(|file| file.vectors.iter().map(move |vector| (file, vector)))
}

/// What a vector gives on its flow, each way changed by `change`.
fn run(file: &File, vector: &Vector, change: impl Fn(Way) -> Way) -> Outcome {
    let mut flow = file.flow_before(vector, &change);
    let mut out = Outcome::default();
    flow.feed(&change(vector.way), &vector.bytes, &mut out);
    out
}

/// What `bytes` give when they are decoded as they are, framed or not.
fn decode_cut(file: &File, vector: &Vector, bytes: &[u8]) -> Outcome {
    let mut flow = file.flow_before(vector, |way| way);
    let mut out = Outcome::default();
    flow.take_message(&vector.way, bytes, &mut out);
    out
}

/// The same way with client and server exchanged.
fn swapped(way: Way) -> Way {
    let sender = match way.sender {
        Sender::Client => Sender::Server,
        Sender::Server => Sender::Client,
        Sender::Unknown => Sender::Unknown,
    };
    Way {
        sender,
        direction: way.direction.reverse(),
        source_port: way.destination_port,
        destination_port: way.source_port,
        ..way
    }
}

/// Everything that changes the plant: protocol, operation, class, of whole and parts.
fn changes(out: &Outcome) -> HashSet<(ProtocolId, String, Class)> {
    let class_of = |pdu: &Pdu| {
        let items = pdu.items.iter().filter_map(|item| item.class);
        std::iter::once(pdu.operation.class()).chain(items).collect::<Vec<_>>()
    };
    let all = out.pdus.iter().flat_map(|pdu| {
        let (protocol, name) = (pdu.protocol, pdu.operation.to_string());
        class_of(pdu).into_iter().map(move |class| (protocol, name.clone(), class))
    });
    all.filter(|(_, _, class)| class.is_change()).collect()
}

/// Everything that a cut must not change, as text: pretty text is slow to make.
fn digest(out: &Outcome) -> String {
    format!("{:?} {:?} {:?} {}", out.pdus, out.claims, out.refused, out.waiting)
}

fn assert_same(whole: &Outcome, digest_of_whole: &str, cut: &Outcome, what: &str) {
    if digest(cut) != digest_of_whole {
        assert_eq!(format!("{whole:#?}"), format!("{cut:#?}"), "{what}");
    }
}

/// The same message with something wrong, as lines and attackers make it.
fn mutated(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    const EDGES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x20];
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(out.len());
        match random.below(9) {
            0 => out.truncate(at),
            1 if !out.is_empty() => out[at] ^= 1 << random.below(8),
            2 if !out.is_empty() => out[at] = EDGES[random.below(EDGES.len())],
            3 if !out.is_empty() => out[at] = random.next() as u8,
            4 => {
                // A length or count field of two bytes.
                let edge = EDGES[random.below(EDGES.len())];
                out.iter_mut().skip(at).take(2).for_each(|byte| *byte = edge);
            }
            5 => {
                let from = random.below(other.len());
                out.truncate(at);
                out.extend_from_slice(&other[from..]);
            }
            6 => {
                let (from, length) = (random.below(other.len()), random.below(16));
                let piece = other[from..].iter().take(length).copied().collect::<Vec<_>>();
                out.splice(at..at, piece);
            }
            7 => {
                let length = random.below(24);
                let tail = random.bytes(length);
                out.extend_from_slice(&tail);
            }
            _ => {
                let end = (at + random.below(4)).min(out.len());
                out.drain(at..end);
            }
        }
    }
    out
}

/// The bounds and the make of everything that came out.
fn check_outcome(out: &Outcome, vector: &Vector) {
    for pdu in &out.pdus {
        check_pdu(pdu);
    }
    for claim in &out.claims {
        assert!(claim.confidence <= 100 && !claim.source.is_empty(), "{:?}", vector.name);
        check_text(&claim.value);
    }
}

fn check_sink(sink: &Sink) {
    assert!(sink.pdus().len() <= MAX_PDUS);
    assert!(sink.children().len() <= MAX_CHILDREN);
    assert!(sink.claims().len() <= MAX_CLAIMS);
    let fragments = sink.fragments().iter().map(|fragment| fragment.bytes.len()).sum::<usize>();
    let contents = sink.contents().iter().map(|content| content.bytes.len()).sum::<usize>();
    assert!(fragments + contents <= MAX_COPIED);
    sink.pdus().iter().for_each(|pdu| check_pdu(pdu));
}

fn check_pdu(pdu: &Pdu) {
    let registration = pdu.protocol.registration();
    for list in
        [pdu.values.len(), pdu.indices.len(), pdu.flags.len(), pdu.times.len(), pdu.items.len()]
    {
        assert!(list <= MAX_ITEMS);
    }
    assert!(pdu.fields.len() <= MAX_FIELDS);
    for item in &pdu.items {
        assert!(pdu.values.get(item.values.clone()).is_some());
        assert!(pdu.indices.get(item.indices.clone()).is_some());
        assert!(pdu.flags.get(item.flags.clone()).is_some());
        assert!(pdu.times.get(item.times.clone()).is_some());
        assert!(pdu.fields.get(item.fields.clone()).is_some());
    }
    for (id, value) in &pdu.fields {
        let field = registration.fields.get(usize::from(id.0)).expect("a registered field");
        let fits = matches!(
            (field.kind, value),
            (Kind::Bool, Value::Bool(_))
                | (Kind::Integer, Value::Signed(_) | Value::Unsigned(_))
                | (Kind::Float, Value::Float(_))
                | (Kind::Text, Value::Text(_) | Value::Word(_))
                | (Kind::Bytes, Value::Bytes(_))
                | (Kind::Time, Value::Time(_))
        );
        assert!(fits, "{}.{} holds {value:?}", registration.name, field.name);
    }
    for value in pdu.values.iter().chain(pdu.fields.iter().map(|(_, value)| value)) {
        match value {
            Value::Text(text) => check_text(text),
            Value::Word(word) => check_text(word),
            Value::Bytes(bytes) => assert!(bytes.len() <= MAX_BYTES),
            _ => {}
        }
    }
    if let Some(target) = &pdu.target {
        check_text(&target.to_string());
    }
}

/// Text never carries a terminal's control characters, and has an end.
fn check_text(text: &str) {
    // Four characters stand for a control character, and a target adds its space.
    assert!(text.chars().count() <= 4 * MAX_TEXT + 64, "{text:?}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// What runs in every office, written down by hand from its specifications.
fn office_payloads() -> Vec<(&'static str, Vec<u8>)> {
    let join = |parts: &[&[u8]]| parts.concat();
    vec![
        (
            "an HTTP request",
            b"GET /index.html HTTP/1.1\r\nHost: intranet.example\r\nAccept: */*\r\n\r\n".to_vec(),
        ),
        (
            "an HTTP response",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        ),
        (
            "a TLS client hello",
            join(&[
                &[0x16, 0x03, 0x01, 0x00, 0x35, 0x01, 0x00, 0x00, 0x31, 0x03, 0x03],
                &[0x5a; 32],
                &[0x00, 0x00, 0x04, 0x13, 0x01, 0x13, 0x02, 0x01, 0x00, 0x00, 0x04],
                &[0x00, 0x17, 0x00, 0x00],
            ]),
        ),
        ("TLS application data", join(&[&[0x17, 0x03, 0x03, 0x00, 0x20], &[0xc3; 32]])),
        ("an SSH banner", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        (
            "an SMB2 negotiation",
            join(&[
                &[0x00, 0x00, 0x00, 0x66, 0xfe, b'S', b'M', b'B', 0x40, 0x00],
                &[0x00; 58],
                &[0x24, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x7f, 0x00, 0x00, 0x00],
                &[0x11; 16],
                &[0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11, 0x03],
            ]),
        ),
        (
            "an SMB1 negotiation",
            join(&[
                &[0x00, 0x00, 0x00, 0x2f, 0xff, b'S', b'M', b'B', 0x72, 0x00, 0x00, 0x00, 0x00],
                &[0x18, 0x01, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
                &[0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xfe, 0x00, 0x00, 0x00, 0x00],
                b"\0\x0c\0\x02NT LM 0.12\0",
            ]),
        ),
        (
            "a DNS query",
            join(&[
                &[0x81, 0x0a, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
                b"\x03www\x07example\x03com\0\0\x01\0\x01",
            ]),
        ),
        (
            "a DNS answer",
            join(&[
                &[0x81, 0x0a, 0x81, 0x80, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00],
                b"\x03www\x07example\x03com\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04",
                &[192, 0, 2, 1],
            ]),
        ),
        (
            "a DNS query over TCP",
            join(&[
                &[0x00, 0x1d, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00],
                b"\0\0\x03www\x07example\x03com\0\0\x01\0\x01",
            ]),
        ),
        ("an NTP query", join(&[&[0x23], &[0x00; 47]])),
        (
            "an SNMP get",
            join(&[
                &[0x30, 0x26, 0x02, 0x01, 0x01, 0x04, 0x06],
                b"public",
                &[0xa0, 0x19, 0x02, 0x01, 0x01, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x0e],
                &[0x30, 0x0c, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x02, 0x01, 0x01, 0x01, 0x00, 0x05],
                &[0x00],
            ]),
        ),
        (
            "a remote desktop connection request",
            join(&[
                &[0x03, 0x00, 0x00, 0x13, 0x0e, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x00],
                &[0x01, 0x00, 0x08, 0x00, 0x03, 0x00, 0x00, 0x00],
            ]),
        ),
        ("an LDAP bind", b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0".to_vec()),
        ("an SMTP greeting", b"220 mail.example ESMTP ready\r\n".to_vec()),
        (
            "a MySQL greeting",
            b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0\xff\xf7\xff\x02\0".to_vec(),
        ),
        ("nothing but zeros", vec![0; 64]),
        ("nothing but ones", vec![0xff; 64]),
    ]
}
