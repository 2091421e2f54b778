//! The thread's work where frames come from interfaces: it never waits for Python.
//!
//! What Python has not taken yet stays in the channel, then in a backlog. Counts
//! are absolute, so of a full backlog only the latest of each thing is kept; what
//! does not fit even then is left out and counted. Frames go on being read.

use std::collections::HashSet;
use std::sync::mpsc::{SyncSender, TrySendError};

use engine::Engine;
use engine::capture::live::{Live, Next};
use engine::observation::Observation;
use engine::recent::RecentFrames;

use crate::worker::{Batch, LOOK, Shared};

/// Packet time after which the thread hands over what there is.
const HAND_OVER_NS: i64 = 100_000_000;
/// Packet time after which Python learns how late it is, though there is nothing else to say.
const SAY_TIME_NS: i64 = 500_000_000;
/// What is new and waits for Python at most: as much as all tables of the engine hold. What
/// senders that are made up let come anew, again and again, is left out beyond it.
const BACKLOG_NEW: usize = 400_000;
/// Packet time between two looks at the interfaces.
const TELL_NS: i64 = 1_000_000_000;
/// Room for frames that come while somebody looks through the latest ones.
const LATE: usize = 16 << 20;
/// Bytes of the PDU log that wait for Python at most, besides those in the channel, and
/// from which on it is cut: so it is not looked through for each batch.
const BACKLOG_PDUS: usize = 64 << 20;
const FULL_PDUS: usize = 80 << 20;

/// Watches until somebody says stop or nobody listens. So many observations of `backlog`
/// wait for Python at most, besides those in the channel and those told once only.
pub fn watch(
    live: &mut Live,
    engine: &mut Engine,
    shared: &Shared,
    send: &SyncSender<Batch>,
    backlog: usize,
) {
    let mut batch = Batch::default();
    let mut frames = 0u64;
    let (mut handed_ns, mut told_ns, mut sent_ns) = (i64::MIN, i64::MIN, i64::MIN);
    let mut late = RecentFrames::new(LATE);
    let mut dropped = vec![0; live.files().len()];
    let mut stopped_ns = None;
    loop {
        let (now_ns, quiet) = match live.next() {
            Next::Frame(frame) => {
                shared.keep(&frame, &mut late);
                engine.push(&frame);
                (frame.time_ns, false)
            }
            Next::Quiet(now_ns) => {
                engine.tick(now_ns);
                (now_ns, true)
            }
        };
        frames = frames.wrapping_add(1);
        let due = is_due(now_ns, handed_ns, HAND_OVER_NS);
        if !quiet && !due && !frames.is_multiple_of(LOOK) {
            continue;
        }
        handed_ns = now_ns;
        shared.teach(engine);
        batch.take(engine);
        if is_due(now_ns, told_ns, TELL_NS) {
            told_ns = now_ns;
            tell(live, engine, shared);
            tell_dropped(live, engine, &mut dropped);
        }
        if !batch.is_empty() || is_due(now_ns, sent_ns, SAY_TIME_NS) {
            match send.try_send(std::mem::take(&mut batch)) {
                Ok(()) => sent_ns = now_ns,
                Err(TrySendError::Full(back)) => batch = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
            let left_out = bound(&mut batch, backlog);
            engine.count_left_out(left_out);
        }
        if shared.is_stopping() {
            // What came before somebody said so is in the ring, or in a block that is not full.
            let until_ns = *stopped_ns.get_or_insert_with(Live::now_ns);
            if quiet || now_ns >= until_ns {
                break;
            }
        }
    }
    engine.finish();
    batch.take(engine);
    tell(live, engine, shared);
    // Where nobody listens any more, nobody misses it.
    let _ = send.send(batch);
}

/// Whether something is to be done again; where the clock was set back, at once.
const fn is_due(now_ns: i64, done_ns: i64, every_ns: i64) -> bool {
    now_ns.saturating_sub(done_ns).saturating_abs() >= every_ns
}

/// Tells how the interfaces are and what was counted.
pub fn tell(live: &mut Live, engine: &Engine, shared: &Shared) {
    shared.publish_interfaces(live.health());
    shared.publish_facts(live.files(), engine);
}

/// Tells the engine of frames that were lost since the last time.
fn tell_dropped(live: &Live, engine: &mut Engine, before: &mut [u64]) {
    for (line, (facts, before)) in (0..).zip(live.files().iter().zip(before)) {
        let all = facts.dropped_packets();
        engine.dropped(Some(line), all.saturating_sub(*before));
        *before = all;
    }
}

/// Brings the backlog within its bounds; gives how many observations and PDUs were left out.
fn bound(batch: &mut Batch, backlog: usize) -> u64 {
    let pdus = if batch.pdus.len() > FULL_PDUS { cut(&mut batch.pdus) } else { 0 };
    // A quarter more may wait: so it is not looked through for each batch.
    if batch.observations.len() <= backlog.saturating_add(backlog / 4) {
        return pdus;
    }
    keep_latest(&mut batch.observations);
    let (mut room, mut room_for_new) = (backlog, BACKLOG_NEW);
    let before = batch.observations.len();
    batch.observations.retain(|one| {
        // Whatever is new is told once only, and left out last.
        let kept = room > 0 || room_for_new > 0 && is_first(one);
        if room == 0 && kept {
            room_for_new = room_for_new.saturating_sub(1);
        }
        room = room.saturating_sub(1);
        kept
    });
    let left_out = before.saturating_sub(batch.observations.len());
    pdus.saturating_add(u64::try_from(left_out).unwrap_or(u64::MAX))
}

/// Cuts the log behind a whole line; gives how many lines that took away.
fn cut(pdus: &mut Vec<u8>) -> u64 {
    let newline = |byte: &u8| *byte == b'\n';
    let kept = pdus.get(..BACKLOG_PDUS).unwrap_or_default();
    let end = kept.iter().rposition(newline).map_or(0, |at| at.saturating_add(1));
    let lines = pdus.get(end..).unwrap_or_default().iter().filter(|byte| newline(byte)).count();
    pdus.truncate(end);
    u64::try_from(lines).unwrap_or(u64::MAX)
}

/// Of each thing that is counted, keeps its first observation and its latest.
fn keep_latest(observations: &mut Vec<Observation>) {
    let (mut seen, mut pairs) = (HashSet::new(), HashSet::new());
    let mut keep: Vec<bool> = observations
        .iter()
        .rev()
        .map(|one| match one {
            Observation::Behaviour(own) => own.new || seen.insert((0u8, own.id)),
            Observation::Conversation(own) => own.new || seen.insert((1, u128::from(own.id))),
            Observation::Address(own) => pairs.insert((own.mac, own.ip, own.vlan)),
            _ => true,
        })
        .collect();
    keep.reverse();
    let mut keep = keep.into_iter();
    observations.retain(|_| keep.next().unwrap_or(true));
}

fn is_first(observation: &Observation) -> bool {
    match observation {
        Observation::Behaviour(own) => own.new,
        Observation::Conversation(own) => own.new || own.left,
        // Nobody has to know that he may forget an address.
        Observation::Address(own) => !own.left,
        Observation::Transaction(_) => false,
        _ => true,
    }
}
