//! Every packet of the captures has the addresses, ports and lengths that tshark reads.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails may panic"
)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use dissectors::dissector::FrameId;
use engine::capture::{Input, Timeline};
use engine::counters::Counters;
use engine::decode::{decode, decode_whole};
use engine::fragment::Defragmenter;
use engine::limits::Limits;
use engine::packet::{Packet, Payload};

#[path = "harness/captures.rs"]
mod captures;
#[path = "harness/tshark.rs"]
mod tshark;

/// The folders whose captures are compared. tshark takes its time to start: all
/// of them are compared where it is required, the first two otherwise.
const FOLDERS: [&str; 7] =
    ["tunnel-vlan-l2", "it-pppoes", "linktype", "tcp-ip-edge", "modbus", "it-icmp", "it-icmpv6"];

/// The captures in which frames differ from what tshark reads: how many, and why.
const DIFFERING: [(&str, usize, &str); 14] = [
    ("linktype/arkime.arkime__nflog.pcap", 10, "link type NFLOG is not read"),
    ("linktype/the-tcpdump-group.tcpdump__LINKTYPE_PKTAP.pcap", 1, "link type PKTAP is not read"),
    ("linktype/the-tcpdump-group.tcpdump__LINKTYPE_USER2_PKTAP.pcap", 1, "PKTAP is not read"),
    ("linktype/the-tcpdump-group.tcpdump__arcnet-rfc1201-arp-icmp-http.pcap", 22, "ARCNET"),
    ("linktype/the-tcpdump-group.tcpdump__bgp-aigp.pcap", 1, "link type of Juniper is not read"),
    ("linktype/the-tcpdump-group.tcpdump__nflog.pcap", 4, "link type NFLOG is not read"),
    ("linktype/zeek.zeek__arp-who-has-wlanmon.pcap", 2, "link type 802.11 is not read"),
    ("linktype/zeek.zeek__dns-inverse-query.pcap", 11, "link type FDDI is not read"),
    ("linktype/zeek.zeek__llc.pcap", 1333, "link type FDDI is not read"),
    ("linktype/zeek.zeek__nflog-http.pcap", 13, "link type NFLOG is not read"),
    ("tunnel-vlan-l2/the-tcpdump-group.tcpdump__ieee802.11_htc.pcap", 1, "802.11 is not read"),
    // A receiver drops what is longer than its packet; tshark names its ports.
    ("tunnel-vlan-l2/the-tcpdump-group.tcpdump__l2tp-avp-overflow.pcap", 2, "UDP length"),
    ("tunnel-vlan-l2/the-tcpdump-group.tcpdump__olsr-oobr-2.pcap", 1, "UDP length"),
    ("tunnel-vlan-l2/zeek.zeek__arp-who-has-radiotap.pcap", 2, "link type 802.11 is not read"),
];

/// What one frame carries: transport, source, destination, payload length.
type Row = (&'static str, (IpAddr, u16), (IpAddr, u16), usize);

fn row(packet: &Packet<'_>) -> Option<Row> {
    let length = |payload: &[u8], cut: u32| payload.len() + usize::try_from(cut).unwrap();
    match &packet.payload {
        Payload::Tcp(ip, tcp) => Some((
            "tcp",
            (ip.source, tcp.source_port),
            (ip.destination, tcp.destination_port),
            length(tcp.payload, tcp.cut),
        )),
        Payload::Udp(ip, udp) => Some((
            "udp",
            (ip.source, udp.source_port),
            (ip.destination, udp.destination_port),
            length(udp.payload, udp.cut),
        )),
        Payload::Arp { ip, target, .. } => Some(("arp", (*ip, 0), (*target, 0), 0)),
        _ => None,
    }
}

/// What the engine reads in the file, by frame number.
fn ours(file: &Path) -> BTreeMap<u64, Row> {
    let mut timeline = Timeline::open(vec![Input::Path(file.to_owned())]).unwrap();
    let mut counters = Counters::new();
    let mut defragmenter = Defragmenter::new(&Limits::default());
    let mut rows = BTreeMap::new();
    while let Some(frame) = timeline.next() {
        let packet = decode(frame.link_type, frame.bytes, frame.original_len, &mut counters);
        let id = FrameId { file: frame.file, number: frame.number };
        let found = match &packet.payload {
            Payload::Fragment(ip, fragment) => defragmenter
                .push(&packet.link, ip, fragment, id, frame.time_ns, &mut counters)
                .and_then(|whole| row(&decode_whole(&whole, &mut counters))),
            _ => row(&packet),
        };
        rows.extend(found.map(|row| (frame.number, row)));
    }
    rows
}

/// What tshark reads in the file, by frame number: of nested packets the innermost.
fn theirs(file: &Path) -> BTreeMap<u64, Row> {
    let names = [
        "frame.number",
        "frame.protocols",
        "ip.src",
        "ip.dst",
        "ipv6.src",
        "ipv6.dst",
        "tcp.srcport",
        "tcp.dstport",
        "tcp.len",
        "udp.srcport",
        "udp.dstport",
        "udp.length",
        "arp.src.proto_ipv4",
        "arp.dst.proto_ipv4",
        "arp.opcode",
    ];
    let mut rows = BTreeMap::new();
    for line in tshark::fields(file, &names) {
        let last = |name: &str| {
            let column = names.iter().position(|known| *known == name).unwrap();
            line.get(column)?.rsplit(',').next().filter(|value| !value.is_empty())
        };
        let end = |address: &str, port: &str| {
            Some((last(address)?.parse::<IpAddr>().ok()?, last(port)?.parse::<u16>().ok()?))
        };
        let layers: Vec<&str> = last("frame.protocols").unwrap_or_default().split(':').collect();
        let place = |names: &[&str]| layers.iter().rposition(|layer| names.contains(layer));
        // An error message quotes the packet that it is about.
        let quoted = place(&["icmp", "icmpv6"]).is_some();
        // A packet in a tunnel may have nothing in it that is compared.
        let empty = |at: &usize| layers[*at] != "arp" && place(&["ip", "ipv6"]) > Some(*at);
        let innermost =
            place(&["tcp", "udp", "arp"]).filter(|at| !quoted && !empty(at)).map(|at| layers[at]);
        let (source, destination) = if place(&["ipv6"]) > place(&["ip"]) {
            ("ipv6.src", "ipv6.dst")
        } else {
            ("ip.src", "ip.dst")
        };
        let found = match innermost {
            Some("tcp") => (|| {
                let length = last("tcp.len")?.parse().ok()?;
                Some(("tcp", end(source, "tcp.srcport")?, end(destination, "tcp.dstport")?, length))
            })(),
            Some("udp") => (|| {
                let length = last("udp.length")?.parse::<usize>().ok()?.checked_sub(8)?;
                Some(("udp", end(source, "udp.srcport")?, end(destination, "udp.dstport")?, length))
            })(),
            Some("arp") if matches!(last("arp.opcode"), Some("1" | "2")) => (|| {
                let source = last("arp.src.proto_ipv4")?.parse().ok()?;
                let target = last("arp.dst.proto_ipv4")?.parse().ok()?;
                Some(("arp", (source, 0), (target, 0), 0))
            })(),
            _ => None,
        };
        let number = last("frame.number").unwrap().parse().unwrap();
        rows.extend(found.map(|row| (number, row)));
    }
    rows
}

/// The frames of which the two read something else.
fn differing(file: &Path) -> Vec<u64> {
    let (ours, theirs) = (ours(file), theirs(file));
    let mut frames: Vec<u64> = ours.keys().chain(theirs.keys()).copied().collect();
    frames.sort_unstable();
    frames.dedup();
    frames.retain(|frame| ours.get(frame) != theirs.get(frame));
    for frame in frames.iter().take(3) {
        let (ours, theirs) = (ours.get(frame), theirs.get(frame));
        println!("{} {frame}: {ours:?}, tshark {theirs:?}", file.display());
    }
    frames
}

#[test]
fn every_packet_is_read_as_tshark_reads_it() {
    let Some(folder) = captures::captures() else { return };
    if !tshark::tshark() {
        return;
    }
    let public = folder.join("public");
    let all = std::env::var_os("OTMON_REQUIRE_TSHARK").is_some_and(|wanted| wanted == "1");
    let folders = if all { &FOLDERS[..] } else { &FOLDERS[..2] };
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|name| public.join(name).read_dir().unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (first, second) = files.split_at(files.len() / 2);
    let compare = |files: &[PathBuf]| -> Vec<(String, usize)> {
        files
            .iter()
            .map(|file| {
                let name = file.strip_prefix(&public).unwrap().to_string_lossy().into_owned();
                (name, differing(file).len())
            })
            .filter(|(_, count)| *count > 0)
            .collect()
    };
    let mut found = std::thread::scope(|scope| {
        let other = scope.spawn(|| compare(second));
        let mut found = compare(first);
        found.extend(other.join().unwrap());
        found
    });
    found.sort();

    let mut expected: Vec<_> = DIFFERING
        .iter()
        .filter(|(name, ..)| folders.iter().any(|folder| Path::new(name).starts_with(folder)))
        .map(|(name, count, _)| ((*name).to_owned(), *count))
        .collect();
    expected.sort();
    assert_eq!(expected, found);
}
