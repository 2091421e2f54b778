//! How much waits of which stations, told so fast that it costs a read nothing to ask.

use std::net::IpAddr;

use crate::observation::Endpoint;

/// Counts that stations share by chance.
const BUCKETS: usize = 4096;

/// Counts by station; several may share one.
#[derive(Debug)]
pub(super) struct Crowd {
    counts: Vec<u32>,
    all: usize,
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], all: 0 }
    }

    /// Of all stations.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Whether something may wait of a station.
    #[inline]
    pub(super) fn has(&self, server: &Endpoint, unit: Option<u32>) -> bool {
        self.all > 0 && self.counts.get(bucket(server, unit)).is_some_and(|count| *count > 0)
    }

    pub(super) fn add(&mut self, server: &Endpoint, unit: Option<u32>, count: usize) {
        self.all = self.all.saturating_add(count);
        if let Some(own) = self.counts.get_mut(bucket(server, unit)) {
            *own = own.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn take(&mut self, server: &Endpoint, unit: Option<u32>, count: usize) {
        self.all = self.all.saturating_sub(count);
        if let Some(own) = self.counts.get_mut(bucket(server, unit)) {
            *own = own.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
        self.all = 0;
    }
}

#[inline]
fn bucket(server: &Endpoint, unit: Option<u32>) -> usize {
    let host = match (server.ip, server.mac) {
        (Some(IpAddr::V4(ip)), _) => u32::from(ip),
        (Some(IpAddr::V6(ip)), _) => {
            let wide = u128::from(ip);
            #[expect(clippy::cast_possible_truncation, reason = "it is folded")]
            let folded = (wide ^ wide >> 32 ^ wide >> 64 ^ wide >> 96) as u32;
            folded
        }
        (None, Some(mac)) => {
            let [_, _, a, b, c, d] = mac;
            u32::from_be_bytes([a, b, c, d])
        }
        (None, None) => 0,
    };
    let mixed = (host ^ unit.unwrap_or(0).wrapping_mul(0x85eb_ca6b)).wrapping_mul(0x9e37_79b1);
    usize::try_from(mixed >> 20).unwrap_or(0)
}
