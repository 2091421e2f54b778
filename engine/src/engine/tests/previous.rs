//! What objects held before they were changed.

use super::*;
use dissectors::value::Value;

/// Writes with the values that they replaced, from these requests and answers.
fn writes(talk: &[(&[u8], &[u8])]) -> Vec<Vec<Value>> {
    let mut wire = Wire::to_port(502);
    wire.engine = Engine::new(Options { previous: true, ..Options::default() });
    wire.handshake();
    let (mut asked, mut answered) = (1, 1);
    for (request, answer) in talk {
        let adu = |pdu: &[u8]| [&[0, 1, 0, 0, 0, pdu.len() as u8 + 1, 1], pdu].concat();
        let (request, answer) = (adu(request), adu(answer));
        wire.client(asked, answered, ACK, &request);
        asked += request.len() as u32;
        wire.server(answered, asked, ACK, &answer);
        answered += answer.len() as u32;
    }
    wire.engine.finish();
    let write = |seen| match seen {
        Observation::Transaction(own) => Some(own.previous_values),
        _ => None,
    };
    wire.engine.drain().into_iter().filter_map(write).collect()
}

const READ: (&[u8], &[u8]) = (&[3, 0, 100, 0, 3], &[3, 6, 0, 7, 0, 8, 0, 9]);
const WRITE: (&[u8], &[u8]) = (&[6, 0, 101, 0, 50], &[6, 0, 101, 0, 50]);

#[test]
fn a_write_is_told_with_the_value_that_was_read_before() {
    assert_eq!(vec![vec![Value::Unsigned(8)]], writes(&[READ, WRITE]));
}

#[test]
fn a_write_is_told_with_the_value_that_was_written_before() {
    let again: (&[u8], &[u8]) = (&[6, 0, 101, 0, 60], &[6, 0, 101, 0, 60]);

    assert_eq!(
        vec![vec![Value::Unsigned(8)], vec![Value::Unsigned(50)]],
        writes(&[READ, WRITE, again])
    );
}

#[test]
fn a_refused_write_changes_nothing() {
    let refused: (&[u8], &[u8]) = (&[6, 0, 101, 0, 60], &[0x86, 3]);

    assert_eq!(
        vec![vec![Value::Unsigned(8)], vec![Value::Unsigned(8)]],
        writes(&[READ, refused, WRITE])
    );
}

#[test]
fn of_several_values_all_are_known_or_none_is_told() {
    let two: (&[u8], &[u8]) = (&[16, 0, 101, 0, 2, 4, 0, 1, 0, 2], &[16, 0, 101, 0, 2]);
    let beyond: (&[u8], &[u8]) = (&[16, 0, 102, 0, 2, 4, 0, 1, 0, 2], &[16, 0, 102, 0, 2]);

    assert_eq!(
        vec![vec![Value::Unsigned(8), Value::Unsigned(9)], vec![]],
        writes(&[READ, two, beyond])
    );
}
