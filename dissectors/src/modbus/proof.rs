//! What one exchange proves: there is no magic, but an answer that is counted as its
//! request asked has more than a hundred bits that chance would have to get right.
//!
//! A repeated request proves nothing: many servers of other protocols send back what
//! they were sent.

use super::function::{EXCEPTION, fit, is_exception, is_plausible};
use crate::reader::{byte, u16_be_at};

/// Whether function and data of `answer` are what those of `request` ask for, in a function
/// whose answer looks different from its request.
pub(super) fn proves(request: &[u8], answer: &[u8]) -> bool {
    if !fit(request).request || !is_plausible(request) {
        return false;
    }
    let Some(code @ (1..=4 | 15 | 16 | 23 | 43)) = byte(request, 0) else { return false };
    if let [refused, why] = answer
        && *refused == code | EXCEPTION
    {
        return is_exception(*why);
    }
    let quantity = u16_be_at(request, 3).unwrap_or(0);
    let bytes = match code {
        1 | 2 => quantity.div_ceil(8),
        3 | 4 | 23 => quantity.saturating_mul(2),
        15 | 16 => return Some(answer) == request.get(..5),
        _ => {
            let same = answer.get(..3) == request.get(..3);
            return same && byte(request, 1) == Some(14) && fit(answer).response;
        }
    };
    byte(answer, 0) == Some(code)
        && byte(answer, 1).map(u16::from) == Some(bytes)
        && fit(answer).response
}

#[cfg(test)]
mod tests {
    use super::proves;

    #[test]
    fn an_answer_with_as_many_values_as_were_asked_for_proves() {
        assert!(proves(&[3, 0, 100, 0, 2], &[3, 4, 0, 1, 0, 2]));
        assert!(proves(&[1, 0, 0, 0, 10], &[1, 2, 0xff, 3]));
        assert!(proves(&[23, 0, 3, 0, 1, 0, 14, 0, 1, 2, 0, 9], &[23, 2, 0, 1]));
    }

    #[test]
    fn an_answer_with_more_or_less_proves_nothing() {
        assert!(!proves(&[3, 0, 100, 0, 2], &[3, 2, 0, 1]));
        assert!(!proves(&[1, 0, 0, 0, 10], &[1, 1, 0xff]));
        assert!(!proves(&[3, 0, 100, 0, 2], &[4, 4, 0, 1, 0, 2]));
    }

    #[test]
    fn a_write_of_several_proves_by_its_shorter_answer() {
        assert!(proves(&[16, 0, 5, 0, 1, 2, 0, 3], &[16, 0, 5, 0, 1]));
        assert!(proves(&[15, 0, 5, 0, 1, 1, 1], &[15, 0, 5, 0, 1]));
        assert!(!proves(&[16, 0, 5, 0, 1, 2, 0, 3], &[16, 0, 6, 0, 1]));
    }

    #[test]
    fn an_echo_proves_nothing() {
        assert!(!proves(&[6, 0, 1, 0, 2], &[6, 0, 1, 0, 2]));
        assert!(!proves(&[5, 0, 1, 0xff, 0], &[5, 0, 1, 0xff, 0]));
        assert!(!proves(&[3, 0, 100, 0, 2], &[3, 0, 100, 0, 2]));
    }

    #[test]
    fn a_refusal_of_the_same_function_proves() {
        assert!(proves(&[3, 2, 0x58, 0, 10], &[0x83, 2]));
        assert!(proves(&[43, 14, 1, 0], &[0xab, 4]));
        assert!(!proves(&[3, 2, 0x58, 0, 10], &[0x84, 2]));
        assert!(!proves(&[3, 2, 0x58, 0, 10], &[0x83, 99]));
        assert!(!proves(&[6, 0, 1, 0, 2], &[0x86, 2]));
    }

    #[test]
    fn an_identification_proves_by_its_objects() {
        assert!(proves(&[43, 14, 1, 0], &[43, 14, 1, 1, 0, 0, 1, 0, 1, b'A']));
        assert!(!proves(&[43, 14, 1, 0], &[43, 14, 2, 1, 0, 0, 1, 0, 1, b'A']));
    }

    #[test]
    fn what_is_no_sound_request_is_not_proven_by_its_answer() {
        assert!(!proves(&[3, 0, 100, 0, 0], &[3, 0]));
        assert!(!proves(&[3, 0xff, 0xff, 0, 2], &[3, 4, 0, 1, 0, 2]));
    }
}
