//! TCP streams, as bad as they come.

use super::*;

#[test]
fn what_is_sent_again_is_no_second_pdu() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.client(13, 12, ACK, &read(2));
    wire.server(12, 25, ACK, &answer(2));

    assert_eq!(vec!["3", "4", "5", "7"], wire.frames());
    assert_eq!((1, 0), (wire.count("tcp_retransmissions"), wire.count("tcp_overlap_conflicts")));
}

#[test]
fn what_is_sent_again_with_other_bytes_is_a_conflict_and_the_first_copy_counts() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1]);
    wire.client(13, 12, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 9]);
    wire.server(12, 25, ACK, &[0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1]);

    assert_eq!(vec!["3", "4", "5", "7"], wire.frames());
    assert_eq!(
        (1, 1),
        (wire.count("tcp_overlap_conflicts"), wire.count("anomalies.overlap_conflict"))
    );
    assert_eq!(0, wire.count("anomalies.value_mismatch"));
}

#[test]
fn of_early_segments_that_overlap_the_first_copy_wins() {
    let mut wire = identified();
    let write = [0, 2, 0, 0, 0, 6, 1, 6, 0, 1, 0, 1];
    let mut forged = write;
    forged[11] = 9;
    wire.client(13 + 6, 12, ACK, &write[6..]);
    wire.client(13, 12, ACK, &forged);
    wire.server(12, 25, ACK, &write);

    assert_eq!(vec!["3", "4", "5,6", "7"], wire.frames());
    assert_eq!(
        (1, 0),
        (wire.count("tcp_overlap_conflicts"), wire.count("anomalies.value_mismatch"))
    );
}

#[test]
fn a_keep_alive_byte_is_not_part_of_the_stream() {
    let mut wire = identified();
    wire.client(12, 12, ACK, &[0]);
    wire.client(13, 12, ACK, &read(2));

    assert_eq!(vec!["3", "4", "6"], wire.frames());
    assert_eq!(0, wire.count("tcp_retransmissions"));
}

#[test]
fn a_zero_window_probe_is_the_first_byte_of_what_follows() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2)[..1]);
    wire.client(13, 12, ACK, &read(2));

    assert_eq!(vec!["3", "4", "5,6"], wire.frames());
}

#[test]
fn a_hole_that_the_other_side_has_filled_is_given_up() {
    let mut wire = identified();
    // Request 2 was not seen; request 3 waits until its bytes are acknowledged.
    wire.client(25, 12, ACK, &read(3));
    wire.server(12, 37, ACK, &answer(3));

    assert_eq!(vec!["3", "4", "5", "6"], wire.frames());
    assert_eq!((12, 0), (wire.count("tcp_gap_bytes"), wire.count("unsolicited")));
}

#[test]
fn a_hole_in_one_direction_seen_alone_is_given_up_after_two_seconds() {
    let mut wire = Wire::to_port(502);
    for n in 0..4 {
        wire.client(1 + n * 12, 1, ACK, &read(1));
    }
    wire.client(73, 1, ACK, &read(2));
    wire.time_ns += 3 * SECOND;
    wire.client(85, 1, ACK, &read(3));

    assert_eq!(vec!["1", "2", "3", "4", "5", "6"], wire.frames());
    assert_eq!(24, wire.count("tcp_gap_bytes"));
}

#[test]
fn another_syn_on_the_same_ports_is_another_flow() {
    let mut wire = identified();
    wire.client(500_000, 0, SYN, &[]);
    wire.server(900_000, 500_001, SYN | ACK, &[]);
    wire.client(500_001, 900_001, ACK, &read(1));
    wire.server(900_001, 500_013, ACK, &answer(1));

    assert_eq!(vec!["3", "4", "7", "8"], wire.frames());
    assert_eq!((2, 0), (wire.count("flows"), wire.count("tcp_gap_bytes")));
}

#[test]
fn a_syn_sent_again_is_the_same_flow() {
    let mut wire = Wire::to_port(502);
    wire.client(0, 0, SYN, &[]);
    wire.client(0, 0, SYN, &[]);
    wire.server(0, 1, SYN | ACK, &[]);
    wire.client(1, 1, ACK, &read(1));
    wire.client(0, 0, SYN, &[]);

    assert_eq!((vec!["4".to_owned()], 1), (wire.frames(), wire.count("flows")));
}

#[test]
fn a_syn_may_carry_the_first_bytes() {
    let mut wire = Wire::to_port(502);
    wire.client(0, 0, SYN, &read(1));
    wire.server(0, 13, SYN | ACK, &[]);
    wire.server(1, 13, ACK, &answer(1));

    assert_eq!(vec!["1", "3"], wire.frames());
}

#[test]
fn the_text_of_an_rst_is_no_payload() {
    let mut wire = identified();
    wire.server(12, 13, RST | ACK, b"connection reset by peer");

    assert_eq!(vec!["3", "4"], wire.frames());
    assert_eq!(0, wire.count("bad.modbus"));
}

#[test]
fn bytes_that_the_snap_length_cut_are_a_hole_of_known_size() {
    let mut wire = identified();
    wire.client(13, 12, ACK, &read(2));
    wire.segment(false, 12, 25, ACK, &answer(2), 4);
    wire.client(25, 23, ACK, &read(3));
    wire.server(23, 37, ACK, &answer(3));

    // Four bytes fewer leave a header without a function: that is no message.
    assert_eq!(vec!["3", "4", "5", "7", "8"], wire.frames());
    assert_eq!((4, 0), (wire.count("tcp_gap_bytes"), wire.count("tcp_out_of_order")));
}

#[test]
fn a_message_that_the_snap_length_cut_is_read_as_far_as_it_is_there() {
    let mut wire = identified();
    let write = [0, 2, 0, 0, 0, 11, 1, 16, 0, 100, 0, 2, 4, 0, 7, 0, 8];
    wire.segment(true, 13, 12, ACK, &write, 4);
    wire.server(12, 30, ACK, &[0, 2, 0, 0, 0, 6, 1, 16, 0, 100, 0, 2]);
    wire.client(30, 24, ACK, &read(3));
    wire.server(24, 42, ACK, &answer(3));

    assert_eq!(vec!["3", "4", "5", "6", "7", "8"], wire.frames());
    assert!(wire.log.lines().nth(2).unwrap().contains("write_multiple_registers"));
    assert_eq!(
        (1, 0),
        (wire.count("anomalies.truncated"), wire.count("anomalies.length_mismatch"))
    );
    assert_eq!((3, 0), (wire.count("transactions"), wire.count("skipped_bytes")));
}

#[test]
fn a_cut_datagram_is_read_as_far_as_it_is_there() {
    let mut wire = Wire::to_port(502);
    for id in 1..3 {
        wire.datagram(true, &read(id));
        wire.datagram(false, &answer(id));
    }
    for id in 3..8 {
        wire.datagram(true, &read(id));
        let payload = answer(id);
        let head = [&[1, 246, 0x9c, 0x40, 0, 19, 0, 0], &payload[..]].concat();
        wire.packet(17, (2, 1), &head, 2);
    }
    let count = wire.frames().len();

    assert_eq!((14, 7), (count, wire.count("transactions")));
    assert_eq!(
        (5, 0),
        (wire.count("anomalies.truncated"), wire.count("anomalies.length_mismatch"))
    );
}

#[test]
fn a_stream_taken_up_in_the_middle_of_a_message_begins_with_the_next() {
    let mut wire = Wire::to_port(502);
    wire.server(6, 1, ACK, &answer(0)[5..]);
    wire.client(1, 12, ACK, &read(2));
    wire.server(12, 13, ACK, &answer(2));

    assert_eq!(vec!["2", "3"], wire.frames());
    assert_eq!(0, wire.count("anomalies.protocol_violation"));
}

#[test]
fn after_bytes_that_are_no_message_the_next_one_in_the_segment_is_read() {
    let mut wire = identified();
    let mut bytes = vec![0xff; 7];
    bytes.extend(read(2));
    wire.client(13, 12, ACK, &bytes);
    wire.server(12, 32, ACK, &answer(2));

    assert_eq!(vec!["3", "4", "5", "6"], wire.frames());
    assert_eq!((7, 1), (wire.count("skipped_bytes"), wire.count("anomalies.discarded_data")));
}
