//! Secure authentication (group 120): who is challenged, who answers, which keys
//! change. Challenge data, codes, keys and certificates stay here.
//!
//! Source: IEEE 1815-2012, clause 7 and A.45. Variations 1 to 9 and the code lists
//! agree with open stacks, 3, 4, 5, 6 and 9 also with captures [V]; 10 to 15 [M].

use super::field;
use super::point;
use crate::anomaly::Anomaly;
use crate::operation::Class;
use crate::pdu::{Pdu, Status};
use crate::reader::Reader;
use crate::value::Value;

/// What an authentication object says besides what it put into the PDU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AuthFacts {
    /// What it does to users or keys.
    pub(super) class: Option<Class>,
    /// How it went.
    pub(super) status: Status,
}

/// Reads an authentication object of `variation` into the last item of `pdu`.
pub(super) fn read(variation: u8, reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<AuthFacts> {
    let mut facts = AuthFacts::default();
    match variation {
        // Challenge.
        1 => {
            sequence_and_user(reader, pdu)?;
            pdu.field(field::AUTH_MAC_ALGORITHM, mac_algorithm(reader.u8()?));
            pdu.field(field::AUTH_REASON, reader.u8()?);
            rest(reader);
        }
        // Reply to it; session key change, which is routine of every quarter of an hour.
        2 | 6 => {
            sequence_and_user(reader, pdu)?;
            rest(reader);
        }
        // Update key change.
        13 => {
            sequence_and_user(reader, pdu)?;
            rest(reader);
            facts.class = Some(Class::AuthChange);
        }
        // Aggressive mode request; its code follows in variation 9.
        3 => sequence_and_user(reader, pdu)?,
        // Session key status request, and status.
        4 => user(reader, pdu)?,
        5 => {
            sequence_and_user(reader, pdu)?;
            pdu.field(field::AUTH_KEY_WRAP, key_wrap(reader.u8()?));
            let status = key_status(reader.u8()?);
            pdu.field(field::AUTH_KEY_STATUS, status);
            pdu.field(field::AUTH_MAC_ALGORITHM, mac_algorithm(reader.u8()?));
            let length = reader.u16_le()?;
            secret(length, reader, pdu);
            rest(reader);
        }
        7 => {
            sequence_and_user(reader, pdu)?;
            pdu.field(field::AUTH_ASSOCIATION, reader.u16_le()?);
            let code = reader.u8()?;
            facts.status = Status::failed(code.into(), error(code));
            facts.class = Some(Class::AuthFail);
            pdu.field(field::AUTH_ERROR, error(code));
            pdu.field(field::AUTH_ERROR_TIME, Value::Time(point::time(reader)?));
            let words = reader.take_up_to(usize::MAX);
            if !words.is_empty() {
                pdu.field(field::AUTH_ERROR_TEXT, Value::text(words));
            }
        }
        8 => {
            pdu.field(field::AUTH_KEY_CHANGE_METHOD, reader.u8()?);
            pdu.field(field::AUTH_CERTIFICATE_TYPE, reader.u8()?);
            rest(reader);
            facts.class = Some(Class::AuthChange);
        }
        10 => {
            user_status_change(reader, pdu)?;
            facts.class = Some(Class::AuthChange);
        }
        11 => {
            pdu.field(field::AUTH_KEY_CHANGE_METHOD, reader.u8()?);
            let (name, challenge) = (reader.u16_le()?, reader.u16_le()?);
            user_name(name, reader, pdu);
            secret(challenge, reader, pdu);
            facts.class = Some(Class::AuthChange);
        }
        12 => {
            sequence_and_user(reader, pdu)?;
            let length = reader.u16_le()?;
            secret(length, reader, pdu);
        }
        // Codes and signatures: 9, 14, 15.
        _ => rest(reader),
    }
    Some(facts)
}

fn sequence_and_user(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(field::AUTH_SEQUENCE, reader.u32_le()?);
    user(reader, pdu)
}

fn user(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(field::AUTH_USER_NUMBER, reader.u16_le()?);
    Some(())
}

fn user_name(length: u16, reader: &mut Reader<'_>, pdu: &mut Pdu) {
    let bytes = reader.take_up_to(length.into());
    pdu.field(field::AUTH_USER, Value::text(bytes));
    if bytes.len() < usize::from(length) {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
}

/// Passes over what must not leave.
fn secret(length: u16, reader: &mut Reader<'_>, pdu: &mut Pdu) {
    if reader.skip(length.into()).is_none() {
        rest(reader);
        pdu.anomaly(Anomaly::LengthMismatch);
    }
}

/// Passes over the rest, which must not leave.
fn rest(reader: &mut Reader<'_>) {
    reader.take_up_to(usize::MAX);
}

/// Variation 10: a user is added, deleted or changed.
fn user_status_change(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<()> {
    pdu.field(field::AUTH_KEY_CHANGE_METHOD, reader.u8()?);
    let operation = match reader.u8()? {
        1 => "add",
        2 => "delete",
        3 => "change",
        _ => "reserved",
    };
    pdu.field(field::AUTH_USER_OPERATION, operation);
    pdu.field(field::AUTH_SEQUENCE, reader.u32_le()?);
    pdu.field(field::AUTH_USER_ROLE, reader.u16_le()?);
    pdu.field(field::AUTH_ROLE_EXPIRY, reader.u16_le()?);
    let name = reader.u16_le()?;
    reader.skip(4)?;
    user_name(name, reader, pdu);
    rest(reader);
    Some(())
}

const fn mac_algorithm(code: u8) -> &'static str {
    match code {
        0 => "none",
        1 => "hmac_sha1_4",
        2 => "hmac_sha1_10",
        3 => "hmac_sha256_8",
        4 => "hmac_sha256_16",
        5 => "hmac_sha1_8",
        6 => "aes_gmac_12",
        _ => "unknown",
    }
}

const fn key_wrap(code: u8) -> &'static str {
    match code {
        1 => "aes_128",
        2 => "aes_256",
        _ => "unknown",
    }
}

const fn key_status(code: u8) -> &'static str {
    match code {
        1 => "ok",
        2 => "not_initialized",
        3 => "communication_failure",
        4 => "authentication_failure",
        _ => "unknown",
    }
}

const fn error(code: u8) -> &'static str {
    match code {
        1 => "authentication_failed",
        2 => "unexpected_reply",
        3 => "no_reply",
        4 => "aggressive_mode_not_permitted",
        5 => "mac_algorithm_not_permitted",
        6 => "key_wrap_algorithm_not_permitted",
        7 => "authorization_failed",
        8 => "key_change_method_not_permitted",
        9 => "invalid_signature",
        10 => "invalid_certification_data",
        11 => "unknown_user",
        12 => "too_many_key_status_requests",
        _ => "reserved_error",
    }
}
