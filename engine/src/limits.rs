//! Every bound of the engine, in one struct. Reaching one is counted.

/// Tunnels, one inside the other, that are opened to reach a packet.
pub const TUNNEL_DEPTH: u8 = 6;

/// Bounds on what traffic can fill. The defaults hold a whole run under 300 MB.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Flows remembered at a time.
    pub flows: usize,
    /// Flows that hold dissector state and open requests.
    pub sessions: usize,
    /// Share of the flows that one source may hold, in percent.
    pub flows_per_source_percent: usize,
    /// Segments that wait for an earlier one, per direction of a flow.
    pub out_of_order_segments: usize,
    /// Bytes of them, per direction of a flow.
    pub out_of_order_bytes: usize,
    /// Bytes of them in all flows.
    pub out_of_order_total: usize,
    /// Bytes of all flows that copies are held against.
    pub history_bytes: usize,
    /// Bytes in all flows that wait for the rest of their PDU or fragment.
    pub carry_total: usize,
    /// Payload bytes per direction that wait until a flow is identified.
    pub held_bytes: usize,
    /// Payloads per flow that wait until it is identified.
    pub held_payloads: usize,
    /// Payload bytes of all flows that wait until they are identified.
    pub held_total: usize,
    /// Servers remembered that speak a protocol away from its own port.
    pub known_servers: usize,
    /// Application fragments being joined, per flow.
    pub joins_per_flow: usize,
    /// Bytes of one joined application message.
    pub join_bytes: usize,
    /// Bytes of IP fragments that wait for others.
    pub ip_fragment_total: usize,
    /// Pieces of one IP packet.
    pub ip_fragment_pieces: usize,
    /// Depth of containers in a PDU.
    pub depth: usize,
    /// Behaviours.
    pub behaviours: usize,
    /// Share of the behaviours that one source may hold, in percent.
    pub behaviours_per_source_percent: usize,
    /// Address intervals kept per behaviour.
    pub intervals: usize,
    /// Address ranges whose rhythm is kept, per behaviour.
    pub request_groups: usize,
    /// Places whose rhythm is watched, where somebody asks.
    pub rhythms: usize,
    /// Clients and servers, and stations behind them, whose unanswered calls are
    /// counted, where somebody asks.
    pub calls: usize,
    /// Values remembered of objects, where somebody asks.
    pub object_values: usize,
    /// Cells of writes that wait to be read back, and targets of which it is known how
    /// they read back, where somebody asks.
    pub readbacks: usize,
    /// Points whose quality is known, where somebody asks.
    pub point_flags: usize,
    /// What somebody wants to be told one by one.
    pub wanted: usize,
    /// Conversations.
    pub conversations: usize,
    /// Pairs of hardware and IP address. One hardware address may hold the same share of
    /// them as a source of the flows.
    pub addresses: usize,
    /// Senders of ARP in a minute, their questions that wait for an answer, and addresses that
    /// were heard by it, where somebody asks.
    pub arp: usize,
    /// Distinct claims. Those about one device may be the same share of them.
    pub claims: usize,
    /// Transfers being hashed.
    pub contents: usize,
    /// Bytes of one transfer that are hashed.
    pub content_bytes: u64,
    /// Values in an observation.
    pub observation_values: usize,
    /// New behaviours per source and second, and their burst.
    pub new_behaviours: (u32, u32),
    /// Notable PDUs per source, class and second, and their burst.
    pub notable: (u32, u32),
    /// Failed or unanswered reads that leave one by one, per behaviour and
    /// second, and their burst.
    pub failed_reads: (u32, u32),
    /// Unanswered reads of one behaviour that leave one by one, before only
    /// every doubling of their count does.
    pub unanswered_reads: u64,
    /// Bytes of the PDU log that wait for earlier frames.
    pub pdu_log_waiting: usize,
    /// Frame copies remembered by the duplicate filter.
    pub duplicate_ring: usize,
    /// Nanoseconds within which the same bytes are a copy.
    pub duplicate_window_ns: i64,
    /// The same for IP packets without an identification of their own.
    pub duplicate_unidentified_ns: i64,
    /// Nanoseconds after which an idle TCP flow is forgotten.
    pub tcp_idle_ns: i64,
    /// The same for a TCP flow that nobody has answered yet.
    pub opening_ns: i64,
    /// The same for UDP.
    pub udp_idle_ns: i64,
    /// The same for a closed TCP flow.
    pub closed_ns: i64,
    /// Nanoseconds that a hole in a stream may stay open.
    pub gap_ns: i64,
    /// Nanoseconds that a request may stay open before it counts as unanswered.
    pub answer_ns: i64,
    /// Nanoseconds that fragments may wait for each other.
    pub fragment_ns: i64,
}

impl Default for Limits {
    fn default() -> Self {
        const SECOND: i64 = 1_000_000_000;
        Self {
            flows: 262_144,
            sessions: 65_536,
            flows_per_source_percent: 25,
            out_of_order_segments: 32,
            out_of_order_bytes: 65_536,
            out_of_order_total: 32 << 20,
            history_bytes: 4 << 20,
            carry_total: 16 << 20,
            held_bytes: 4_096,
            held_payloads: 16,
            held_total: 16 << 20,
            known_servers: 4_096,
            joins_per_flow: 4,
            join_bytes: 65_536,
            ip_fragment_total: 8 << 20,
            ip_fragment_pieces: 64,
            depth: 8,
            behaviours: 200_000,
            behaviours_per_source_percent: 10,
            intervals: 16,
            request_groups: 64,
            rhythms: 65_536,
            object_values: 1 << 20,
            calls: 65_536,
            readbacks: 65_536,
            point_flags: 1 << 20,
            wanted: 1024,
            conversations: 65_536,
            addresses: 65_536,
            arp: 16_384,
            claims: 65_536,
            contents: 256,
            content_bytes: 64 << 20,
            observation_values: 256,
            new_behaviours: (20, 200),
            notable: (50, 500),
            failed_reads: (1, 20),
            unanswered_reads: 8,
            pdu_log_waiting: 8 << 20,
            duplicate_ring: 4_096,
            duplicate_window_ns: 10_000_000,
            duplicate_unidentified_ns: 1_000_000,
            tcp_idle_ns: 24 * 3600 * SECOND,
            opening_ns: 60 * SECOND,
            udp_idle_ns: 120 * SECOND,
            closed_ns: 30 * SECOND,
            gap_ns: 2 * SECOND,
            answer_ns: 5 * SECOND,
            fragment_ns: 30 * SECOND,
        }
    }
}
