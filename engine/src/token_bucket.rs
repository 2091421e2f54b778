//! How often something may happen, in packet time.

const SECOND: i64 = 1_000_000_000;

/// A rate with a burst, kept as the time when the bucket is full again.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenBucket {
    full_again_ns: Option<i64>,
}

impl TokenBucket {
    /// Takes a token of a bucket that fills at `per_second` up to `burst`; false
    /// where there is none.
    pub fn take(&mut self, now_ns: i64, (per_second, burst): (u32, u32)) -> bool {
        let each = SECOND.checked_div(per_second.into()).unwrap_or(i64::MAX);
        let room = each.saturating_mul(i64::from(burst).saturating_sub(1));
        let mut full_again = self.full_again_ns.map_or(now_ns, |time| time.max(now_ns));
        if full_again.saturating_sub(now_ns) > room.saturating_add(each) {
            // No bucket takes longer: the clock was set back. One token is left.
            full_again = now_ns.saturating_add(room);
        }
        if burst == 0 || full_again.saturating_sub(now_ns) > room {
            return false;
        }
        self.full_again_ns = Some(full_again.saturating_add(each));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{SECOND, TokenBucket};

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = TokenBucket::default();
        let at_once = (0..10).filter(|_| bucket.take(0, (2, 5))).count();
        let later = (0..10).filter(|_| bucket.take(SECOND, (2, 5))).count();

        assert_eq!((5, 2), (at_once, later));
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_one_token() {
        let mut bucket = TokenBucket::default();
        while bucket.take(1000 * SECOND, (2, 5)) {}
        let later = (1..10).map(|time| bucket.take(time * SECOND, (2, 5))).collect::<Vec<_>>();

        assert_eq!(later, [true; 9]);
    }

    #[test]
    fn a_full_bucket_holds_no_more_than_its_burst() {
        let mut bucket = TokenBucket::default();
        bucket.take(0, (2, 5));

        assert_eq!(5, (0..10).filter(|_| bucket.take(1000 * SECOND, (2, 5))).count());
    }
}
