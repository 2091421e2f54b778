//! Hostile traffic fills no table past its bound, and hides nothing.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code,
    reason = "a test makes its own traffic, and one that fails may panic"
)]

mod traffic;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine::limits::Limits;
use engine::observation::Observation;
use engine::{Engine, Options};
use traffic::{ACK, End, Random, SYN, frame_of, owned, tcp, udp};

/// Counts what is allocated, in bytes.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The tests share the counts: one runs at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIB: usize = 1 << 20;

/// An engine under fire, and what it said.
struct Fire {
    engine: Engine,
    number: u64,
    time_ns: i64,
    notable: usize,
    start: usize,
}

impl Fire {
    fn new(limits: Limits) -> Self {
        let start = NOW.load(Ordering::Relaxed);
        PEAK.store(start, Ordering::Relaxed);
        let engine = Engine::new(Options { limits, ..Options::default() });
        Self { engine, number: 0, time_ns: 1_700_000_000_000_000_000, notable: 0, start }
    }

    fn push(&mut self, bytes: Vec<u8>) {
        self.number += 1;
        self.time_ns += 3_000;
        let frame = owned(self.time_ns, bytes);
        self.engine.push(&frame_of(&frame, self.number));
        if self.number.is_multiple_of(1024) {
            self.drain();
        }
    }

    fn drain(&mut self) {
        let observations = self.engine.drain();
        self.notable += observations
            .iter()
            .filter(|seen| matches!(seen, Observation::Transaction(one) if one.class.is_change()))
            .count();
    }

    fn counter(&self, name: &str) -> u64 {
        self.engine.counters().named().get(name).copied().unwrap_or_default()
    }

    /// Most bytes that the engine held at a time.
    fn peak(&self) -> usize {
        PEAK.load(Ordering::Relaxed) - self.start
    }
}

fn lock() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn any_end(random: &mut Random, port: u16) -> End {
    let [a, b, c, ..] = random.next().to_be_bytes();
    End { ip: [10, a, b, c], port }
}

const READ: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1];
const ANSWER: [u8; 11] = [0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 7];
const WRITE: [u8; 12] = [0, 9, 0, 0, 0, 6, 1, 6, 0, 4, 0, 99];

/// One write with its answer, over a connection of its own.
fn write_once(fire: &mut Fire) {
    let client = End { ip: [192, 168, 1, 1], port: 50_000 };
    let server = End { ip: [192, 168, 1, 2], port: 502 };
    fire.push(tcp(client, server, 0, 0, SYN, &[]));
    fire.push(tcp(server, client, 0, 1, SYN | ACK, &[]));
    fire.push(tcp(client, server, 1, 1, ACK, &WRITE));
    fire.push(tcp(server, client, 1, 13, ACK, &WRITE));
}

#[test]
fn spoofed_flows_fill_the_table_to_its_bound_and_hide_no_write() {
    let _guard = lock();
    let mut fire = Fire::new(Limits::default());
    let mut random = Random::new(1);
    let server = End { ip: [10, 0, 0, 2], port: 502 };
    for n in 0..400_000u32 {
        let client = any_end(&mut random, n as u16);
        fire.push(tcp(client, server, random.next() as u32, 0, SYN, &[]));
        if n == 300_000 {
            write_once(&mut fire);
        }
    }
    fire.engine.finish();
    fire.drain();

    assert_eq!(1, fire.notable);
    assert!(fire.counter("flows_evicted") > 100_000, "{}", fire.counter("flows_evicted"));
    assert!(fire.peak() < 250 * MIB, "{} MiB", fire.peak() / MIB);
}

#[test]
fn one_source_takes_no_more_than_its_share() {
    let _guard = lock();
    let limits = Limits { flows: 8_192, ..Limits::default() };
    let mut fire = Fire::new(limits);
    let mut random = Random::new(2);
    // Others talk first; the scanner must not push them out.
    for n in 0..4_000u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let client = End { ip: [10, 1, high, low], port: 40_000 };
        fire.push(tcp(client, End { ip: [10, 2, high, low], port: 502 }, 0, 0, SYN, &[]));
    }
    let before = fire.counter("flows");
    let scanner = [10, 9, 9, 9];
    for n in 0..50_000u32 {
        let from = End { ip: scanner, port: n as u16 };
        fire.push(tcp(from, any_end(&mut random, 102), 0, 0, SYN, &[]));
    }
    for n in 0..4_000u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let client = End { ip: [10, 1, high, low], port: 40_000 };
        fire.push(tcp(client, End { ip: [10, 2, high, low], port: 502 }, 1, 1, ACK, &[]));
    }

    let opened = fire.counter("flows") - before;
    let scanned = 50_000 - fire.counter("flows_refused");
    assert_eq!(scanned, opened, "the others' flows were still there");
}

#[test]
fn beginnings_without_ends_stay_under_their_bound() {
    let _guard = lock();
    let mut fire = Fire::new(Limits::default());
    // A long write that never ends, in 60,000 flows; first an exchange to be identified.
    for n in 0..60_000u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let client = End { ip: [10, 1, high, low], port: 40_000 };
        let server = End { ip: [10, 2, high, low], port: 502 };
        fire.push(tcp(client, server, 0, 0, SYN, &[]));
        fire.push(tcp(client, server, 1, 1, ACK, &READ));
        fire.push(tcp(server, client, 1, 13, ACK, &ANSWER));
        let mut long = vec![0, 2, 0, 0, 0, 250, 1, 16, 0, 0, 0, 120, 240];
        long.resize(240, 7);
        fire.push(tcp(client, server, 13, 12, ACK, &long));
    }

    assert_eq!(60_000, fire.counter("identified_flows"));
    assert!(fire.peak() < 250 * MIB, "{} MiB", fire.peak() / MIB);
}

#[test]
fn segments_that_come_early_stay_under_their_bound() {
    let _guard = lock();
    let mut fire = Fire::new(Limits::default());
    let mut random = Random::new(3);
    let filler = vec![0x55; 1_400];
    for n in 0..40_000u32 {
        let [_, _, high, low] = (n % 2_000).to_be_bytes();
        let client = End { ip: [10, 1, high, low], port: 40_000 };
        let server = End { ip: [10, 2, high, low], port: 502 };
        if n < 2_000 {
            fire.push(tcp(client, server, 0, 0, SYN, &[]));
        }
        let ahead = 2_000 + (random.next() as u32 % 100_000);
        fire.push(tcp(client, server, ahead, 1, ACK, &filler));
    }

    assert!(fire.counter("tcp_out_of_order") > 30_000);
    assert!(fire.peak() < 100 * MIB, "{} MiB", fire.peak() / MIB);
}

#[test]
fn payloads_that_wait_for_identification_stay_under_their_bound() {
    let _guard = lock();
    let mut fire = Fire::new(Limits::default());
    let mut random = Random::new(4);
    for n in 0..250_000u32 {
        // A plausible request on another port, never answered.
        let client = any_end(&mut random, n as u16);
        fire.push(tcp(client, End { ip: [10, 0, 0, 2], port: 5_020 }, 1, 1, ACK, &READ));
    }

    assert_eq!(0, fire.counter("identified_flows"));
    assert!(fire.counter("held_dropped") > 0);
    assert!(fire.peak() < 200 * MIB, "{} MiB", fire.peak() / MIB);
}

#[test]
fn random_datagrams_and_fragments_stay_under_their_bound() {
    let _guard = lock();
    let mut fire = Fire::new(Limits::default());
    let mut random = Random::new(5);
    for n in 0..200_000u32 {
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.next() as u8).collect();
        let server = End { ip: [10, 0, 0, 2], port: 20_000 };
        let mut frame = udp(any_end(&mut random, 20_000), server, n as u16, &bytes);
        if random.once_in(3) {
            frame[20] = 0x20 | (random.next() as u8 & 0x1f);
            frame[21] = random.next() as u8;
        }
        fire.push(frame);
    }
    fire.engine.finish();

    assert_eq!(0, fire.counter("identified_flows"));
    assert!(fire.peak() < 200 * MIB, "{} MiB", fire.peak() / MIB);
}

#[test]
fn sessions_are_forgotten_before_there_are_too_many() {
    let _guard = lock();
    let limits = Limits { sessions: 500, ..Limits::default() };
    let mut fire = Fire::new(limits);
    for n in 0..3_000u32 {
        let [_, _, high, low] = n.to_be_bytes();
        let client = End { ip: [10, 1, high, low], port: 40_000 };
        let server = End { ip: [10, 2, high, low], port: 502 };
        fire.push(tcp(client, server, 0, 0, SYN, &[]));
        fire.push(tcp(client, server, 1, 1, ACK, &READ));
        fire.push(tcp(server, client, 1, 13, ACK, &ANSWER));
    }

    assert_eq!(3_000, fire.counter("identified_flows"));
    assert!(fire.counter("sessions_evicted") >= 2_500);
}

#[test]
fn a_run_that_repeats_takes_no_more_memory() {
    let _guard = lock();
    let mut fire = Fire::new(Limits::default());
    let client = End { ip: [10, 0, 0, 1], port: 40_000 };
    let server = End { ip: [10, 0, 0, 2], port: 502 };
    fire.push(tcp(client, server, 0, 0, SYN, &[]));
    let round = |fire: &mut Fire, n: u32| {
        let (sent, told) = (n.wrapping_mul(12) + 1, n.wrapping_mul(11) + 1);
        fire.push(tcp(client, server, sent, told, ACK, &READ));
        fire.push(tcp(server, client, told, sent + 12, ACK, &ANSWER));
    };
    for n in 0..10_000 {
        round(&mut fire, n);
    }
    fire.drain();
    let settled = NOW.load(Ordering::Relaxed);
    for n in 10_000..100_000 {
        round(&mut fire, n);
    }
    fire.drain();

    let grown = NOW.load(Ordering::Relaxed).saturating_sub(settled);
    assert!(grown < 64 << 10, "{grown} bytes");
}
