//! Who asks for whose address, and who gives answers that nobody asked for.
//! [`room`] says who leaves where there are too many.

mod room;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use dissectors::dissector::FrameId;

use crate::observation::Arp;
use crate::packet::Mac;

/// Packet time of one window.
const WINDOW_NS: i64 = 60_000_000_000;
/// Targets from which on a window is told, at once and whenever they have doubled.
const TARGETS: usize = 8;
/// Targets of a sender that are told apart; beyond them they are only more.
const MOST_TARGETS: usize = 1024;

type Segment = Option<u16>;

/// One ARP message.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// The sender as the message has it.
    pub mac: Mac,
    /// Its address.
    pub ip: IpAddr,
    /// Whom it asks for, or answers.
    pub target: IpAddr,
    /// Whether it is an answer.
    pub reply: bool,
    /// Outermost VLAN id.
    pub vlan: Segment,
    /// The interface.
    pub interface: u32,
    /// The frame.
    pub frame: FrameId,
    /// Packet time.
    pub time_ns: i64,
}

/// A sender as its messages have it.
type Sender = (Mac, IpAddr, Segment);

#[derive(Debug)]
struct Row {
    record: Arp,
    targets: BTreeSet<IpAddr>,
    tell_at: usize,
}

impl Row {
    /// Whether it did more than ask for a few.
    fn tells(&self) -> bool {
        let own = &self.record;
        own.gratuitous_count > 0
            || own.unasked_count > 0
            || usize::try_from(own.target_count).is_ok_and(|count| count >= TARGETS)
    }
}

/// When an address was heard last, and whether it was more than once.
#[derive(Clone, Copy, Debug)]
struct Heard {
    again: bool,
    last_ns: i64,
}

/// The senders of the window at hand, in order of their first message.
#[derive(Debug)]
pub struct Arps {
    window_ns: i64,
    rows: Vec<Row>,
    by_sender: HashMap<Sender, usize>,
    /// Who was asked for, by whom, and was not heard since, with the time of the question.
    asked: HashMap<(IpAddr, IpAddr, Segment), i64>,
    /// Who was ever heard.
    heard: HashMap<(IpAddr, Segment), Heard>,
    news: Vec<Arp>,
    /// Senders in a window, questions that wait for their answer, addresses known.
    most: usize,
    /// How many of them have left to make room.
    pub evicted_count: u64,
}

impl Arps {
    /// Nobody yet.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            window_ns: 0,
            rows: Vec::new(),
            by_sender: HashMap::new(),
            asked: HashMap::new(),
            heard: HashMap::new(),
            news: Vec::new(),
            most,
            evicted_count: 0,
        }
    }

    /// Counts a message.
    pub fn note(&mut self, message: &Message) {
        let Message { ip, target, vlan, .. } = *message;
        // A probe (RFC 5227) has no sender's address.
        if !ip.is_unspecified() {
            self.hear((ip, vlan), message.time_ns);
        }
        let asked_before = message.reply && self.asked.remove(&(target, ip, vlan)).is_some();
        let silent = !self.heard.contains_key(&(target, vlan));
        let Some(row) = self.row(message) else { return };
        let own = &mut row.record;
        own.until_ns = own.until_ns.max(message.time_ns);
        own.frames.1 = message.frame;
        if ip == target {
            own.gratuitous_count = own.gratuitous_count.saturating_add(1);
        } else if message.reply {
            own.reply_count = own.reply_count.saturating_add(1);
            if !asked_before {
                own.unasked_count = own.unasked_count.saturating_add(1);
            }
        } else {
            own.request_count = own.request_count.saturating_add(1);
            if row.targets.len() < MOST_TARGETS && row.targets.insert(target) {
                own.target_count = own.target_count.saturating_add(1);
                own.silent_count = own.silent_count.saturating_add(silent.into());
            }
            let told = (row.targets.len() >= row.tell_at).then(|| {
                row.tell_at = row.tell_at.saturating_mul(2);
                row.record.clone()
            });
            self.news.extend(told);
            self.ask((ip, target, vlan), message.time_ns);
        }
    }

    fn row(&mut self, message: &Message) -> Option<&mut Row> {
        let key = (message.mac, message.ip, message.vlan);
        let at = match self.by_sender.get(&key) {
            Some(at) => *at,
            None => {
                if self.rows.len() >= self.most {
                    self.make_room();
                }
                let at = self.rows.len();
                let record = Arp {
                    sequence: 0,
                    mac: message.mac,
                    ip: message.ip,
                    vlan: message.vlan,
                    interface: message.interface,
                    from_ns: message.time_ns,
                    until_ns: message.time_ns,
                    request_count: 0,
                    target_count: 0,
                    silent_count: 0,
                    reply_count: 0,
                    unasked_count: 0,
                    gratuitous_count: 0,
                    frames: (message.frame, message.frame),
                };
                self.rows.push(Row { record, targets: BTreeSet::new(), tell_at: TARGETS });
                self.by_sender.insert(key, at);
                at
            }
        };
        self.rows.get_mut(at)
    }

    /// Ends the window where its time is over.
    pub fn turn(&mut self, now_ns: i64) {
        let window_ns = now_ns.saturating_sub(now_ns.rem_euclid(WINDOW_NS));
        // The time goes back where the clock was set back.
        if window_ns != self.window_ns {
            self.window_ns = window_ns;
            self.end();
        }
    }

    /// Ends the window: what was more than asking for a few is told.
    pub fn end(&mut self) {
        self.by_sender.clear();
        let told = self.rows.drain(..).filter(Row::tells).map(|row| row.record);
        self.news.extend(told);
    }

    /// What is to be told.
    pub fn take_news(&mut self) -> Vec<Arp> {
        std::mem::take(&mut self.news)
    }
}
