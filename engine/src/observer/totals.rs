//! What flows carried.

/// What one direction of a flow carried.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectionTotals {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bytes that the sensor did not see.
    pub gap_bytes: u64,
    /// Packet time of the last packet.
    pub last_seen_ns: i64,
}

impl DirectionTotals {
    /// What came since `before`.
    const fn since(self, before: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(before.packets),
            bytes: self.bytes.saturating_sub(before.bytes),
            gap_bytes: self.gap_bytes.saturating_sub(before.gap_bytes),
            ..self
        }
    }
}

/// What a flow carried, in all or since it was last counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowTotals {
    /// Flows: none where it was counted before.
    pub flows: u64,
    /// First packet time.
    pub first_seen_ns: i64,
    /// Last packet time.
    pub last_seen_ns: i64,
    /// Sent by the client.
    pub client: DirectionTotals,
    /// Sent by the server.
    pub server: DirectionTotals,
    /// Whether the client got nothing for its trouble.
    pub vain: bool,
}

impl FlowTotals {
    /// What came since the flow was counted as `before`; none where nothing did.
    #[must_use]
    pub fn since(self, before: &Self) -> Option<Self> {
        let (client, server) = (self.client.since(before.client), self.server.since(before.server));
        let news = self.vain || client.packets > 0 || server.packets > 0;
        let flows = self.flows.saturating_sub(before.flows);
        news.then_some(Self { flows, client, server, ..self })
    }
}
