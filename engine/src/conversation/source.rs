//! A client on its segment: its rates, and its share of the tables.

use std::collections::VecDeque;

use dissectors::operation::Class;

use crate::limits::Limits;
use crate::token_bucket::TokenBucket;

/// A client on its segment: its rates, and its share of the tables.
#[derive(Debug, Default)]
pub struct Source {
    /// New behaviours that leave.
    pub new_behaviours: TokenBucket,
    /// Behaviours that it holds.
    pub behaviours: usize,
    /// Its behaviours on probation, oldest first: slot and generation.
    pub probation: VecDeque<(u32, u32)>,
    notable: Vec<(Class, TokenBucket)>,
    /// Conversations that it holds.
    pub(super) conversations: usize,
}

impl Source {
    /// Whether another operation of `class` may leave one by one.
    pub fn may_send(&mut self, class: Class, now_ns: i64, limits: &Limits) -> bool {
        match self.notable.iter_mut().find(|(known, _)| *known == class) {
            Some((_, bucket)) => bucket.take(now_ns, limits.notable),
            None => {
                let mut bucket = TokenBucket::default();
                let sends = bucket.take(now_ns, limits.notable);
                self.notable.push((class, bucket));
                sends
            }
        }
    }
}
