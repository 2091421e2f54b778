//! What was seen, dropped, gapped, evicted and suppressed.

use std::collections::BTreeMap;

use dissectors::anomaly::Anomaly;
use dissectors::registry::ProtocolId;

/// Ethertypes of industrial protocols that no dissector reads: PROFINET, EtherCAT,
/// POWERLINK, GOOSE, GSE management, sampled values, SERCOS III (IEEE registry [S]).
const INDUSTRIAL_ETHERTYPES: [u16; 7] = [0x8892, 0x88a4, 0x88ab, 0x88b8, 0x88b9, 0x88ba, 0x88cd];

/// Declares the plain counters once: field, and what it counts.
macro_rules! counters {
    ($($name:ident $doc:literal;)+) => {
        /// Everything that is counted, from the start of the run.
        #[derive(Clone, Debug, Default)]
        pub struct Counters {
            $(#[doc = $doc] pub $name: u64,)+
            /// PDUs by protocol, in the order of [`ProtocolId::ALL`].
            pub pdus: Vec<u64>,
            /// Places where no PDU could begin, by protocol.
            pub bad: Vec<u64>,
            /// Times the next PDU was searched for, by protocol.
            pub resync: Vec<u64>,
            /// Dissector faults that were caught, by protocol.
            pub panics: Vec<u64>,
            /// Anomalies, in the order of [`Anomaly::ALL`].
            pub anomalies: Vec<u64>,
            /// Bytes that could not be read further, by reason.
            pub undecoded: BTreeMap<&'static str, u64>,
            /// Frames by link type.
            pub link_types: BTreeMap<u16, u64>,
            /// Frames by ethertype, of [`INDUSTRIAL_ETHERTYPES`] alone.
            pub ethertypes: BTreeMap<u16, u64>,
        }

        impl Counters {
            /// All counters at zero.
            #[must_use]
            pub fn new() -> Self {
                Self {
                    pdus: vec![0; ProtocolId::ALL.len()],
                    bad: vec![0; ProtocolId::ALL.len()],
                    resync: vec![0; ProtocolId::ALL.len()],
                    panics: vec![0; ProtocolId::ALL.len()],
                    anomalies: vec![0; Anomaly::ALL.len()],
                    ..Self::default()
                }
            }

            /// Every counter by name, such as `frames` or `pdus.modbus`; the
            /// plain ones even when zero.
            #[must_use]
            pub fn named(&self) -> BTreeMap<String, u64> {
                let mut all = BTreeMap::new();
                $(all.insert(stringify!($name).to_owned(), self.$name);)+
                for (group, counts) in [
                    ("pdus", &self.pdus), ("bad", &self.bad),
                    ("resync", &self.resync), ("panics", &self.panics),
                ] {
                    for (protocol, count) in ProtocolId::ALL.iter().zip(counts).filter(|(_, n)| **n > 0) {
                        all.insert(format!("{group}.{}", protocol.registration().name), *count);
                    }
                }
                for (anomaly, count) in Anomaly::ALL.iter().zip(&self.anomalies).filter(|(_, n)| **n > 0) {
                    all.insert(format!("anomalies.{}", anomaly.as_str()), *count);
                }
                all.extend(self.undecoded.iter().map(|(why, n)| (format!("undecoded_bytes.{why}"), *n)));
                all.extend(self.link_types.iter().map(|(kind, n)| (format!("link_types.{kind}"), *n)));
                all.extend(self.ethertypes.iter().map(|(kind, n)| (format!("ethertypes.{kind:04x}"), *n)));
                all
            }

            /// What each plain counter counts.
            pub const MEANINGS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($name), $doc)),+];
        }
    };
}

counters! {
    frames "Frames read.";
    bytes "Bytes of them on the wire.";
    frames_truncated "Frames that the snap length cut.";
    frames_empty "Frames without any bytes.";
    duplicate_frames "Second copies of mirrored packets.";
    redundant_frames "Second copies of a redundant network (PRP, HSR).";
    ip_fragments "IP fragments seen.";
    ip_fragments_joined "IP packets put together from fragments.";
    ip_fragments_dropped "IP fragments dropped: late, too many, without their whole.";
    ip_fragment_overlaps "IP fragments that overlap with other bytes.";
    flows "Flows seen.";
    flows_active "Flows in the table now: the one number here that also falls.";
    flows_evicted "Flows forgotten because the table was full.";
    flows_refused "Flows not opened because one source held its share.";
    sessions_evicted "Identified flows that lost their state because the table was full.";
    tcp_gaps "Holes in TCP streams.";
    tcp_gap_bytes "Bytes in them: sent, but not seen by the sensor.";
    tcp_overlap_conflicts "Retransmissions with other bytes than the first copy.";
    tcp_out_of_order "Segments that came before an earlier one.";
    tcp_retransmissions "Segments whose bytes were already seen.";
    one_sided_flows "TCP flows of which one direction was seen.";
    held_dropped "Payloads that waited for identification and were dropped.";
    known_servers_evicted "Servers away from their protocol's port that were forgotten because the table was full.";
    identified_flows "Flows whose protocol was recognised.";
    ambiguous_flows "Flows that two protocols recognised.";
    direction_flips "Flows whose client and server were corrected.";
    unpinned_flows "Flows that stopped following their protocol.";
    skipped_bytes "Payload bytes passed over while looking for the next PDU.";
    transactions "Requests joined with their answer.";
    unanswered "Requests without an answer.";
    unsolicited "Answers without a request.";
    open_requests_dropped "Requests forgotten because too many were open.";
    joins_dropped "Application messages dropped because a part was missing or too large.";
    carry_dropped "Streams cut because too many bytes waited for their PDU.";
    items_left_out "PDUs, items, claims or fields past a bound of one message.";
    behaviours "Behaviours.";
    behaviours_evicted "Behaviours forgotten because the table was full.";
    behaviours_overflow "Operations counted in an overflow row instead of their own.";
    suppressed_behaviours "New behaviours held back by the rate limit.";
    suppressed_notable "Notable operations held back by the rate limit.";
    suppressed_backlog "Observations and PDUs left out because nobody took them in time.";
    settled_writes "Cyclic writes folded because they had settled.";
    conversations "Conversations.";
    conversations_overflow "Conversations not kept because the table was full.";
    conversations_evicted "Conversations silent longest that made room for new ones.";
    rhythms_overflow "Places whose rhythm was not watched because the table was full.";
    object_values_overflow "Values of objects not kept, or not any more, because the table was full.";
    points_overflow "Writes that were not held against what was read after them, and points whose quality was not known, because a table was full.";
    calls_overflow "Clients and servers whose calls were not counted because the table was full.";
    addresses_evicted "Address pairs silent longest that made room for new ones.";
    addresses_overflow "Address pairs not kept because the table was full.";
    arp_evicted "Senders, questions and addresses of ARP that made room for new ones.";
    claims "Claims about assets, without repeats.";
    claims_evicted "Claims not said for longest that made room for new ones.";
    contents "Transfers hashed to their end.";
    contents_dropped "Transfers given up: too many at a time, or too long.";
    mirror_gaps "Mirrored packets missing by the sequence numbers of their tunnel.";
    time_backwards "Frames more than a second older than one before them, until the clock counts as set back.";
}

impl Counters {
    /// Adds one to the count of a protocol in `group`.
    #[inline]
    pub fn count(group: &mut [u64], protocol: ProtocolId) {
        if let Some(count) = group.get_mut(protocol as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Counts a frame that carries neither IP nor ARP.
    pub fn ethertype(&mut self, ethertype: u16) {
        if INDUSTRIAL_ETHERTYPES.contains(&ethertype) {
            let count = self.ethertypes.entry(ethertype).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Adds bytes that could not be read further.
    pub fn undecoded(&mut self, why: &'static str, bytes: u64) {
        let count = self.undecoded.entry(why).or_default();
        *count = count.saturating_add(bytes);
    }
}
