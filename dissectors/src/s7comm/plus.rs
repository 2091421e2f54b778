//! S7comm-plus: what a controller says of itself as a session begins; no more of it is read.
//!
//! ```text
//!  0    1        2       4    5       7
//!  | 72 | version | length | op | 0000 | function ...   big-endian; op 31 request, 32 response
//! ```
//!
//! Siemens never published it. Layout, and the text `1;6ES7 511-1AK00-0AB0;V1.0` in the
//! answer that creates a session: bytes of captures of S7-1200 and S7-1500 [V].

use crate::reader::{Reader, byte, u16_be_at};
use crate::sink::{Attribute, Sink, Subject};

const PROTOCOL: u8 = 0x72;
const RESPONSE: u8 = 0x32;
const CREATE_OBJECT: u16 = 0x04ca;
/// What a text begins with, before its length.
const TEXT: u8 = 0x15;
const HEADER: usize = 4;

/// Whether `message` begins as one of S7comm-plus does.
pub(crate) fn is_message(message: &[u8]) -> bool {
    let Some(&[PROTOCOL, 1..=3, high, low]) = message.first_chunk() else { return false };
    let length = usize::from(u16::from_be_bytes([high, low]));
    message.len().checked_sub(HEADER).is_some_and(|rest| rest >= length)
}

/// Says what the answer that creates a session tells of the controller.
pub(crate) fn claim(message: &[u8], out: &mut Sink) {
    if byte(message, HEADER) != Some(RESPONSE) || u16_be_at(message, 7) != Some(CREATE_OBJECT) {
        return;
    }
    let mut reader = Reader::new(message);
    while let Some(kind) = reader.u8() {
        let mut text = Reader::new(reader.rest());
        if kind == TEXT
            && let Some((order_code, firmware)) =
                text.u8().and_then(|length| identity(text.take(length.into())?))
        {
            let mut say = |attribute, value: &[u8]| {
                out.claim(Subject::Sender, attribute, value, "s7comm_plus_session", 95);
            };
            say(Attribute::Vendor, b"Siemens");
            say(Attribute::OrderCode, order_code);
            say(Attribute::Firmware, firmware);
            say(Attribute::Role, b"plc");
            return;
        }
    }
}

/// Order code and firmware out of `1;6ES7 511-1AK00-0AB0;V1.0`.
fn identity(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = text.split(|byte| *byte == b';');
    let (number, order_code, firmware) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = number.iter().all(u8::is_ascii_digit)
        && order_code.starts_with(b"6ES7")
        && firmware.first() == Some(&b'V')
        && parts.next().is_none();
    fits.then(|| (order_code.trim_ascii(), firmware.trim_ascii()))
}
