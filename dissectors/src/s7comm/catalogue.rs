//! The blocks that a controller holds: how many of each type, which, and what one is.
//!
//! ```text
//!  counts  (type 2 | count 2) ...
//!  list    type 2;  answer: (number 2 | flags | language) ...              may come in parts
//!  block   type 2 | number 5 | file system;  answer: .. x 6 | 70 70 | version | attributes |
//!          language | type | number 2 | load length 4 | protection 4 | times 6, 6 | .. x 4 |
//!          local data 2 | code length 2 | author 8 | family 8 | name 8 | version | .. | checksum 2
//! ```
//!
//! Source: captures tia_s300_downloadHwConfig and cisagov snap7, against tshark 4.0.17.

use super::fields::{
    AUTHOR, BLOCK_CHECKSUM, BLOCK_NAME, BLOCK_VERSION, CODE_LENGTH, CODE_TIME, FAMILY, FILE_SYSTEM,
    INTERFACE_TIME, KNOW_HOW_PROTECTED, LANGUAGE, LOAD_LENGTH, LOCAL_DATA_LENGTH,
};
use super::userdata::{Head, Parts, UnderWay, further_part};
use super::{Flow, block, time};
use crate::anomaly::Anomaly;
use crate::operation::{Class, Operation};
use crate::pdu::{Pdu, Role};
use crate::reader::Reader;
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

const BLOCKS: Space = Space::new("blocks");

/// The operation of a subfunction.
pub(super) const fn operation(subfunction: u8) -> Operation {
    match subfunction {
        1 => Operation::new("list_blocks", Class::Browse),
        2 => Operation::new("list_blocks_of_type", Class::Browse),
        3 => Operation::new("get_block_info", Class::Identify),
        _ => Operation::unknown(0x300 | subfunction as u16),
    }
}

/// All blocks of one type.
pub(super) fn blocks(kind: [u8; 2]) -> Target {
    let name = block::block_type(kind).map_or_else(|| text(&kind), Into::into);
    Target::new(BLOCKS, Span::Named(name))
}

/// Lists of blocks, and what one block is.
pub(super) fn read(
    flow: &mut Flow,
    head: &Head,
    reader: &mut Reader<'_>,
    pdu: &mut Pdu,
) -> Option<()> {
    match (head.subfunction, head.role) {
        (1, Role::Response) => {
            while !reader.is_empty() {
                let kind = reader.array()?;
                let count = reader.u16_be()?;
                if let Some(item) = pdu.item(Some(blocks(kind))) {
                    item.quantity = Some(count.into());
                }
                pdu.value(count);
            }
        }
        (2, Role::Request) if !reader.is_empty() => {
            pdu.target(blocks(reader.array()?));
        }
        (2, Role::Request) => further_part(flow, head, pdu),
        (2, Role::Response) => {
            let kind = list_under_way(flow, head, pdu);
            let mut count = 0u32;
            while !reader.is_empty() {
                let number = reader.u16_be()?;
                reader.skip(1)?;
                let language = block::language(reader.u8()?);
                let target = kind.map(|kind| block::numbered(kind, number));
                pdu.item(target);
                pdu.value(number);
                if let Some(language) = language {
                    pdu.field(LANGUAGE, language);
                }
                count = count.saturating_add(1);
            }
            pdu.quantity(count);
        }
        (3, Role::Request) => {
            if let Some((target, memory)) = block::eight(reader.take(8)?) {
                pdu.target(target);
                if let Some(memory) = memory {
                    pdu.field(FILE_SYSTEM, memory);
                }
            } else {
                pdu.anomaly(Anomaly::Malformed);
            }
        }
        (3, Role::Response) => block_info(reader, pdu)?,
        _ => {}
    }
    Some(())
}

/// The type of the blocks in a list, remembered while further parts follow.
fn list_under_way(flow: &mut Flow, head: &Head, pdu: &mut Pdu) -> Option<[u8; 2]> {
    let before =
        flow.under_way.filter(|way| way.reference == head.reference && head.reference != 0);
    let kind = match before.map(|way| way.parts) {
        Some(Parts::Blocks { kind }) => Some(kind),
        _ => match &pdu.target {
            Some(Target { span: Span::Named(name), .. }) => block::code(name),
            _ => None,
        },
    };
    flow.under_way = match kind {
        Some(kind) if head.more => Some(UnderWay {
            sequence: head.sequence,
            reference: head.reference,
            parts: Parts::Blocks { kind },
        }),
        _ => None,
    };
    kind
}

/// What a controller says about one block.
fn block_info(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    // Lengths, the magic 7070, version and attributes.
    reader.skip(10)?;
    if let Some(word) = block::language(reader.u8()?) {
        pdu.field(LANGUAGE, word);
    }
    reader.skip(3)?;
    pdu.field(LOAD_LENGTH, reader.u32_be()?);
    if reader.u32_be()? == block::KNOW_HOW {
        pdu.field(KNOW_HOW_PROTECTED, true);
    }
    pdu.field(CODE_TIME, time::block_time(reader.array()?));
    pdu.field(INTERFACE_TIME, time::block_time(reader.array()?));
    reader.skip(4)?;
    pdu.field(LOCAL_DATA_LENGTH, reader.u16_be()?);
    pdu.field(CODE_LENGTH, reader.u16_be()?);
    for field in [AUTHOR, FAMILY, BLOCK_NAME] {
        let name = text(reader.take(8)?);
        if !name.is_empty() {
            pdu.field(field, Value::Text(name));
        }
    }
    let version = reader.u8()?;
    pdu.field(
        BLOCK_VERSION,
        Value::Text(alloc::format!("{}.{}", version >> 4, version & 15).into()),
    );
    reader.skip(1)?;
    pdu.field(BLOCK_CHECKSUM, reader.u16_be()?);
    Some(())
}
