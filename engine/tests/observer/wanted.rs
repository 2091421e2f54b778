//! What leaves one by one because somebody wants to be told.

use engine::dissectors::field::FieldId;
use engine::dissectors::operation::Class;
use engine::dissectors::pdu::{Item, Pdu, Role, Status};
use engine::dissectors::registry::ProtocolId;
use engine::dissectors::target::{Space, Span, Target};
use engine::dissectors::value::Value;
use engine::limits::Limits;
use engine::wanted::Wanted;

use super::{Plant, READ, SECOND, request, transactions};

const MODBUS: Wanted = Wanted::all_of(ProtocolId::Modbus);

/// How many of the reads of `hr:0-9`, `hr:100` and `hr:200-203` leave, each seen twice.
fn leaving(wanted: &Wanted) -> usize {
    let mut plant = Plant::new();
    plant.observer.watch(vec![wanted.clone()]);
    for turn in 0..2 {
        plant.read(0, 10, turn * SECOND);
        plant.read(100, 1, turn * SECOND);
        plant.read(200, 4, turn * SECOND);
    }
    transactions(&plant.taken()).len()
}

#[test]
fn a_read_leaves_each_time_where_it_is_wanted() {
    assert_eq!(6, leaving(&MODBUS));
    assert_eq!(0, leaving(&Wanted::all_of(ProtocolId::Dnp3)));
}

#[test]
fn everything_that_is_given_must_hold() {
    let hr = || Some("hr".to_owned());
    let code = request(READ, 0, 1).code;
    let unit = request(READ, 0, 1).unit;

    assert_eq!(6, leaving(&Wanted { class: Some(Class::Read), ..MODBUS }));
    assert_eq!(0, leaving(&Wanted { class: Some(Class::Browse), ..MODBUS }));
    assert_eq!(6, leaving(&Wanted { code: Some(code), unit, space: hr(), ..MODBUS }));
    assert_eq!(0, leaving(&Wanted { code: Some(code + 1), ..MODBUS }));
    assert_eq!(0, leaving(&Wanted { unit: Some(77), ..MODBUS }));
    assert_eq!(0, leaving(&Wanted { space: Some("ir".to_owned()), ..MODBUS }));
    let named = |name: &str| Wanted { operation: Some(name.to_owned()), ..MODBUS };
    assert_eq!(6, leaving(&named("read_holding_registers")));
    assert_eq!(0, leaving(&named("read_coils")));
}

#[test]
fn a_range_holds_what_reaches_into_it() {
    let range = |first, last| Wanted { range: Some((first, last)), ..MODBUS };

    assert_eq!(2, leaving(&range(9, 50)));
    assert_eq!(4, leaving(&range(100, 200)));
    assert_eq!(0, leaving(&range(10, 99)));
}

#[test]
fn a_value_holds_within_its_bounds() {
    let values = |low, high| Wanted { values: Some((low, high)), ..MODBUS };

    assert_eq!(6, leaving(&values(7.0, 7.0)));
    assert_eq!(0, leaving(&values(8.0, f64::INFINITY)));
}

#[test]
fn of_values_that_do_not_change_the_first_ones_leave() {
    let wanted = Wanted { changes: true, ..MODBUS };
    assert_eq!(3, leaving(&wanted));

    let mut plant = Plant::new();
    plant.observer.watch(vec![wanted]);
    for (second, value) in [7, 7, 8, 8, 7].into_iter().enumerate() {
        let mut read = request(READ, 0, 1);
        read.quantity(1u8);
        plant.done(read, &[value], second as i64 * SECOND);
    }
    let times: Vec<_> =
        transactions(&plant.taken()).iter().map(|own| own.time_ns / SECOND).collect();
    assert_eq!(vec![0, 2, 4], times);
}

#[test]
fn a_settled_write_and_cyclic_data_leave_where_they_are_wanted() {
    let mut plant = Plant::new();
    let cyclic = |plant: &mut Plant, time_ns| {
        let mut pdu = request(READ, 5, 1);
        (pdu.role, pdu.cyclic) = (Role::Event, true);
        plant.pair(None, Some(pdu), time_ns);
    };
    for turn in 0..200 {
        plant.write(3, 1, turn * SECOND);
        cyclic(&mut plant, turn * SECOND);
    }
    plant.taken();
    plant.write(3, 1, 200 * SECOND);
    cyclic(&mut plant, 200 * SECOND);
    assert_eq!(0, transactions(&plant.taken()).len());

    plant.observer.watch(vec![MODBUS]);
    plant.write(3, 1, 201 * SECOND);
    cyclic(&mut plant, 201 * SECOND);
    assert_eq!(2, transactions(&plant.taken()).len());

    plant.observer.watch(Vec::new());
    plant.write(3, 1, 202 * SECOND);
    assert_eq!(0, transactions(&plant.taken()).len());
}

#[test]
fn a_part_of_the_answer_is_found_by_its_index() {
    let wanted = |first| Wanted { range: Some((first, first)), ..MODBUS };
    let leaving = |wanted: Wanted| {
        let mut plant = Plant::new();
        plant.observer.watch(vec![wanted]);
        let mut answer = Pdu::new(ProtocolId::Modbus, Role::Response, 3, READ);
        answer.status(Status::Ok);
        answer.indices = vec![12, 90];
        answer.items.push(Item {
            target: Some(Target::new(Space::numbered("g", 30), Span::Whole)),
            indices: 0..2,
            ..Item::default()
        });
        plant.pair(Some(Pdu::new(ProtocolId::Modbus, Role::Request, 3, READ)), Some(answer), 0);
        transactions(&plant.taken()).len()
    };

    assert_eq!(1, leaving(wanted(90)));
    assert_eq!(0, leaving(wanted(13)));
}

#[test]
fn what_is_wanted_keeps_to_the_rate_of_its_source() {
    let mut plant = Plant::with(Limits { notable: (1, 4), ..Limits::default() });
    plant.observer.watch(vec![MODBUS]);
    for _ in 0..10 {
        plant.read(0, 10, 0);
    }

    assert_eq!(4, transactions(&plant.taken()).len());
    assert_eq!(6, plant.counters.suppressed_notable);
}

#[test]
fn what_is_past_the_bound_is_left_out() {
    let mut plant = Plant::with(Limits { wanted: 1, ..Limits::default() });
    let of = |unit| Wanted { unit: Some(unit), ..MODBUS };
    let unit = request(READ, 0, 1).unit.unwrap_or_default();
    plant.observer.watch(vec![of(unit + 1), of(unit)]);
    plant.read(0, 10, 0);

    assert_eq!(0, transactions(&plant.taken()).len());
}

#[test]
fn a_field_that_is_wanted_is_told_when_it_is_another() {
    let mut plant = Plant::new();
    let checksum = FieldId(12);
    assert_eq!("checksum", ProtocolId::Umas.registration().fields[12].name);
    let wanted =
        |name: &str| Wanted { field: Some(name.to_owned()), ..Wanted::all_of(ProtocolId::Umas) };
    let mut leaving = |of: Wanted, checksums: &[u64]| {
        plant.observer.watch(vec![of]);
        plant.taken();
        for value in checksums {
            let mut asked = Pdu::new(ProtocolId::Umas, Role::Request, 0x22, READ);
            asked.fields.push((checksum, Value::Unsigned(*value)));
            let mut answer = Pdu::new(ProtocolId::Umas, Role::Response, 0x22, READ);
            answer.status(Status::Ok);
            plant.pair(Some(asked), Some(answer), 0);
        }
        transactions(&plant.taken()).len()
    };

    assert_eq!(3, leaving(wanted("checksum"), &[7, 7, 8, 8, 8, 7]));
    assert_eq!(0, leaving(wanted("subcode"), &[7, 8]));
    assert_eq!(2, leaving(Wanted { field: None, ..wanted("") }, &[7, 7]));
}
