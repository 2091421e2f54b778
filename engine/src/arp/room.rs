//! Room for new senders: those with the least to tell leave, and what they have is told.
//!
//! Whoever makes up addresses lets each of them send once. So of the addresses that were heard
//! those leave first that were heard once; of the questions, those that wait longest.

use std::net::IpAddr;

use super::{Arps, Heard, Segment};
use crate::slots::leaving;

impl Arps {
    /// Notes that an address was heard.
    pub(super) fn hear(&mut self, who: (IpAddr, Segment), time_ns: i64) {
        if let Some(own) = self.heard.get_mut(&who) {
            *own = Heard { again: true, last_ns: own.last_ns.max(time_ns) };
            return;
        }
        if self.heard.len() >= self.most {
            let all = self.heard.iter().map(|(who, own)| ((own.again, own.last_ns), *who));
            let gone = leaving(all, self.most);
            self.count(gone.len());
            for (_, who) in gone {
                self.heard.remove(&who);
            }
        }
        self.heard.insert(who, Heard { again: false, last_ns: time_ns });
    }

    /// Notes a question that waits for its answer.
    pub(super) fn ask(&mut self, question: (IpAddr, IpAddr, Segment), time_ns: i64) {
        if self.asked.len() >= self.most && !self.asked.contains_key(&question) {
            let all = self.asked.iter().map(|(question, asked_ns)| (*asked_ns, *question));
            let gone = leaving(all, self.most);
            self.count(gone.len());
            for (_, question) in gone {
                self.asked.remove(&question);
            }
        }
        self.asked.insert(question, time_ns);
    }

    /// Makes room for more senders in the window at hand.
    #[cold]
    pub(super) fn make_room(&mut self) {
        let all = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| ((row.tells(), row.record.target_count, row.record.until_ns), at));
        let mut gone = leaving(all, self.most).into_iter().map(|(_, at)| at).peekable();
        self.count(gone.len());
        let rows = std::mem::take(&mut self.rows);
        self.by_sender.clear();
        for (at, row) in rows.into_iter().enumerate() {
            if gone.next_if_eq(&at).is_some() {
                self.news.extend(row.tells().then_some(row.record));
                continue;
            }
            let own = &row.record;
            self.by_sender.insert((own.mac, own.ip, own.vlan), self.rows.len());
            self.rows.push(row);
        }
    }

    fn count(&mut self, gone: usize) {
        let gone = u64::try_from(gone).unwrap_or(u64::MAX);
        self.evicted_count = self.evicted_count.saturating_add(gone);
    }
}

#[cfg(test)]
mod tests {
    use dissectors::dissector::FrameId;

    use super::*;
    use crate::arp::Message;
    use crate::observation::Arp;

    const MOST: usize = 64;

    /// Senders on one segment, each with a message a millisecond.
    struct Segment {
        arps: Arps,
        time_ns: i64,
    }

    impl Segment {
        fn new() -> Self {
            Self { arps: Arps::new(MOST), time_ns: 0 }
        }

        fn send(&mut self, sender: u16, target: u16, reply: bool) {
            self.time_ns = self.time_ns.saturating_add(1_000_000);
            let [high, low] = sender.to_be_bytes();
            let ip = |host: u16| {
                let [high, low] = host.to_be_bytes();
                IpAddr::from([10, 0, high, low])
            };
            self.arps.note(&Message {
                mac: [2, 0, 0, 0, high, low],
                ip: ip(sender),
                target: ip(target),
                reply,
                vlan: None,
                interface: 0,
                frame: FrameId { file: 0, number: 1 },
                time_ns: self.time_ns,
            });
        }

        fn asks(&mut self, sender: u16, target: u16) {
            self.send(sender, target, false);
        }

        fn answers(&mut self, sender: u16, target: u16) {
            self.send(sender, target, true);
        }

        /// What is told in the end, of one sender.
        fn told(&mut self, sender: u16) -> Vec<Arp> {
            self.arps.end();
            let [high, low] = sender.to_be_bytes();
            let own = |one: &Arp| one.mac == [2, 0, 0, 0, high, low];
            self.arps.take_news().into_iter().filter(own).collect()
        }
    }

    #[test]
    fn made_up_senders_hide_nobody_who_asks_for_many() {
        let mut segment = Segment::new();
        (1_000..1_200).for_each(|sender| segment.asks(sender, 9));
        for target in 100..120 {
            segment.asks(1, target);
            (0..20).for_each(|n| segment.asks(2_000 + target * 20 + n, 9));
        }

        let counts: Vec<_> = segment.told(1).iter().map(|own| own.target_count).collect();
        assert_eq!(vec![8, 16, 20], counts);
    }

    #[test]
    fn who_leaves_with_something_to_tell_is_told() {
        let mut segment = Segment::new();
        (1_000..1_500).for_each(|sender| segment.asks(sender, sender));
        segment.arps.end();

        let told: Vec<_> =
            segment.arps.take_news().iter().map(|own| own.gratuitous_count).collect();
        assert_eq!(vec![1; 500], told);
    }

    #[test]
    fn who_was_heard_again_stays_known() {
        let mut segment = Segment::new();
        for _ in 0..2 {
            (10..20).for_each(|sender| segment.answers(sender, 1));
        }
        (1_000..2_000).for_each(|sender| segment.asks(sender, 9));
        (10..20).for_each(|target| segment.asks(1, target));

        let told = segment.told(1);
        assert_eq!((10, 0), (told[1].target_count, told[1].silent_count));
    }

    #[test]
    fn questions_that_wait_longest_make_room_and_the_others_wait_on() {
        let mut segment = Segment::new();
        (1_000..1_060).for_each(|sender| segment.asks(sender, 9));
        segment.asks(1, 2);
        (1_060..1_070).for_each(|sender| segment.asks(sender, 9));
        segment.answers(2, 1);

        assert!(segment.told(2).is_empty());
    }

    #[test]
    fn no_table_grows_past_its_bound() {
        let mut segment = Segment::new();
        for sender in 1_000..5_000 {
            segment.asks(sender, sender ^ 7);
            segment.answers(sender, 1);
        }
        let arps = &segment.arps;
        let tables = [arps.rows.len(), arps.by_sender.len(), arps.asked.len(), arps.heard.len()];

        assert!(tables.iter().all(|count| *count <= MOST), "{tables:?}");
        assert!(arps.evicted_count > 3 * 3_900);
    }
}
