//! What is remembered of a flow: the requests and reports just before, open files.

use super::file::OpenFiles;
use super::function;

/// The last request of a master to an outstation.
#[derive(Clone, Copy, Debug)]
struct Asked {
    pair: u32,
    digest: u64,
    code: u8,
    sequence: u8,
}

/// The last unsolicited response of an outstation to a master.
#[derive(Clone, Copy, Debug)]
struct Reported {
    pair: u32,
    sequence: u8,
}

/// How a request stands to the one before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Previous {
    asked: Option<Asked>,
    sequence: u8,
    digest: u64,
    /// Whether every request since the flow's start was seen.
    complete: bool,
}

impl Previous {
    /// Whether an operate has no select of the same objects before it, and none
    /// can have been missed.
    pub(super) fn is_missing_select(&self) -> bool {
        let Some(asked) = self.asked else { return self.complete };
        let next = asked.sequence.wrapping_add(1) & 0x0f == self.sequence;
        let again = asked.sequence == self.sequence;
        let fits = asked.digest == self.digest
            && (asked.code == function::SELECT && next || asked.code == function::OPERATE && again);
        !fits && (next || self.complete)
    }
}

/// What is remembered of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// The last requests, newest first.
    asked: [Option<Asked>; 3],
    /// The last unsolicited responses, newest first.
    reported: [Option<Reported>; 2],
    pub(super) files: OpenFiles,
    /// Whether a request may have been missed.
    pub(super) lossy: bool,
}

impl Flow {
    /// Remembers a request and gives what is known of the one before it.
    pub(super) fn asked(&mut self, pair: u32, code: u8, sequence: u8, digest: u64) -> Previous {
        let complete = !self.lossy;
        let at = self.asked.iter().position(|asked| asked.is_some_and(|asked| asked.pair == pair));
        let asked = at.and_then(|at| self.asked.get_mut(at)).and_then(Option::take);
        self.lossy |= push_front(&mut self.asked, Asked { pair, digest, code, sequence });
        Previous { asked, sequence, digest, complete }
    }

    /// Remembers an unsolicited response, and says whether one before it is missing.
    /// One that comes again was not confirmed; a restart begins anew.
    pub(super) fn misses_report(&mut self, pair: u32, sequence: u8, restarted: bool) -> bool {
        let at = self.reported.iter().position(|last| last.is_some_and(|last| last.pair == pair));
        let last = at.and_then(|at| self.reported.get_mut(at)).and_then(Option::take);
        push_front(&mut self.reported, Reported { pair, sequence });
        last.is_some_and(|last| {
            let step = sequence.wrapping_sub(last.sequence) & 0x0f;
            step > 1 && !restarted && !self.lossy
        })
    }

    /// Forgets what a loss may have made untrue.
    pub(super) fn lose(&mut self) {
        self.asked = Default::default();
        self.reported = Default::default();
        self.lossy = true;
    }
}

/// Puts the newest first; says whether the oldest fell out.
fn push_front<T>(slots: &mut [Option<T>], newest: T) -> bool {
    let mut carried = Some(newest);
    for slot in slots {
        core::mem::swap(slot, &mut carried);
        if carried.is_none() {
            break;
        }
    }
    carried.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_requests_of_one_pair_are_compared() {
        let mut flow = Flow::default();
        for pair in 0..3 {
            assert!(flow.asked(pair, function::SELECT, 1, 7).is_missing_select());
        }

        assert!(!flow.asked(1, function::OPERATE, 2, 7).is_missing_select());
        assert!(flow.asked(2, function::OPERATE, 2, 8).is_missing_select());
    }

    #[test]
    fn a_report_that_is_left_out_is_missed() {
        let mut flow = Flow::default();

        assert!(!flow.misses_report(1, 14, false));
        assert!(!flow.misses_report(1, 15, false));
        assert!(!flow.misses_report(1, 15, false));
        assert!(!flow.misses_report(1, 0, false));
        assert!(flow.misses_report(1, 2, false));
        assert!(!flow.misses_report(1, 7, true));
        assert!(!flow.misses_report(2, 3, false));
    }

    #[test]
    fn after_a_loss_a_missing_select_is_not_claimed() {
        let mut flow = Flow::default();
        flow.lose();

        assert!(!flow.asked(1, function::OPERATE, 5, 7).is_missing_select());
        // The request just before was seen, and was no select.
        flow.asked(1, function::READ, 6, 7);
        assert!(flow.asked(1, function::OPERATE, 7, 7).is_missing_select());
    }
}
