//! Cyclic and change driven data, and data records.
//!
//! ```text
//!  subscribe    count 2 | time base | factor | addresses ...       as in item.rs
//!  data         count 2 | a value each                             answer and pushes
//!  unsubscribe  function | job
//!  read record  .. | count | addresses ...;  answer: .. | count | return code | type |
//!               status length | status | length 2 | bytes
//! ```
//!
//! Pushes carry the sequence number of the answer to their subscription and no addresses, so
//! the addresses of the latest subscription of a flow are remembered.
//!
//! Source: as tshark 4.0.17 reads it; no capture is known.

use super::Flow;
use super::fields::{INTERVAL_MS, JOB_SEQUENCE};
use super::item::{self, Address, Data};
use super::userdata::Head;
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::Reader;
use crate::value::Value;

/// The operation of a subfunction.
pub(super) const fn operation(subfunction: u8) -> Operation {
    match subfunction {
        1 => Operation::new("subscribe_cyclic", Class::Subscribe),
        4 => Operation::new("unsubscribe_cyclic", Class::ReportDisable),
        5 => Operation::new("subscribe_changes", Class::Subscribe),
        7 => Operation::new("modify_subscription", Class::Subscribe),
        8 => Operation::new("read_data_record", Class::Read),
        _ => Operation::unknown(0x200 | subfunction as u16),
    }
}

const CYCLIC_DATA: Operation = Operation::new("cyclic_data", Class::Read);

/// Addresses remembered of a subscription.
const MAX_ADDRESSES: usize = 8;

/// The addresses of a subscription, without their syntax.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription {
    reference: u16,
    /// Known once it is answered.
    sequence: Option<u8>,
    addresses: [[u8; 9]; MAX_ADDRESSES],
}

impl Subscription {
    fn address(&self, n: u16) -> Option<Address> {
        let bytes = self.addresses.get(usize::from(n))?;
        item::any(&mut Reader::new(bytes)).filter(|address| address.quantity != Some(0))
    }
}

/// Reads cyclic services.
pub(super) fn read(
    flow: &mut Flow,
    head: &Head,
    reference: u16,
    reader: &mut Reader<'_>,
    open: Option<&Pdu>,
    pdu: &mut Pdu,
) -> Option<()> {
    match (head.subfunction, head.role) {
        (1 | 5 | 7, Role::Request) if !reader.is_empty() => {
            let subscription = subscribe(reference, reader, pdu)?;
            flow.subscription = Some(subscription);
            Some(())
        }
        (1 | 5 | 7, Role::Response | Role::Event) => {
            if head.role == Role::Event {
                pdu.cyclic = true;
                pdu.operation = CYCLIC_DATA;
            }
            let subscription = match &mut flow.subscription {
                Some(known) if head.role == Role::Response && known.reference == reference => {
                    known.sequence = Some(head.sequence);
                    Some(&*known)
                }
                Some(known) if known.sequence == Some(head.sequence) => Some(&*known),
                _ => None,
            };
            if reader.is_empty() { Some(()) } else { data(subscription, reader, open, pdu) }
        }
        (4, Role::Request) if !reader.is_empty() => {
            reader.skip(1)?;
            pdu.field(JOB_SEQUENCE, reader.u8()?);
            Some(())
        }
        (8, Role::Request) if !reader.is_empty() => {
            reader.skip(1)?;
            let count = reader.u8()?;
            for _ in 0..count {
                let (address, specification) = Address::read(reader)?;
                address.put(specification, count > 1, pdu);
            }
            Some(())
        }
        (8, Role::Response | Role::Event) if !reader.is_empty() => {
            reader.skip(2)?;
            pdu.status(item::return_code(reader.u8()?));
            reader.skip(1)?;
            let status = reader.u8()?;
            reader.skip(status.into())?;
            let length = reader.u16_be()?;
            pdu.value(Value::bytes(reader.take(length.into())?));
            Some(())
        }
        _ => Some(()),
    }
}

/// What is to be sent, and how often.
fn subscribe(reference: u16, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<Subscription> {
    let mut subscription =
        Subscription { reference, sequence: None, addresses: [[0; 9]; MAX_ADDRESSES] };
    let count = reader.u16_be()?;
    let unit: u32 = match reader.u8()? {
        0 => 100,
        1 => 1000,
        _ => 10_000,
    };
    pdu.field(INTERVAL_MS, u32::from(reader.u8()?).saturating_mul(unit));
    let mut remembered = subscription.addresses.iter_mut();
    for _ in 0..count {
        let (address, specification) = Address::read(reader)?;
        item::pad(specification, reader);
        if let (Some(to), Some((0x10, any))) = (remembered.next(), specification.split_first())
            && let Some(any) = any.first_chunk()
        {
            *to = *any;
        }
        address.put(specification, count > 1, pdu);
    }
    Some(subscription)
}

/// The values of a subscription.
fn data(
    subscription: Option<&Subscription>,
    reader: &mut Reader<'_>,
    open: Option<&Pdu>,
    pdu: &mut Pdu,
) -> Option<()> {
    let count = reader.u16_be()?;
    for n in 0..count {
        let value = Data::read(reader, n.saturating_add(1) == count)?;
        let (target, quantity, element) =
            match (open, subscription.and_then(|known| known.address(n))) {
                (Some(request), _) => item::asked(request, n.into(), count > 1),
                (None, Some(address)) => (address.target, address.quantity, address.element),
                (None, None) => (None, None, None),
            };
        item::put_result(target, quantity, &value, count > 1, pdu);
        value.put(element, pdu);
    }
    Some(())
}
