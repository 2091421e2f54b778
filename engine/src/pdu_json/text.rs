//! Values as JSON text: numbers, texts, addresses, times.

use std::io::Write as _;
use std::net::IpAddr;

use dissectors::dissector::{FrameId, Frames};
use dissectors::pdu::Pdu;
use dissectors::value::Value;

use crate::packet::Mac;

pub(super) fn list<T>(
    out: &mut Vec<u8>,
    all: &[T],
    count: usize,
    mut write: impl FnMut(&mut Vec<u8>, &T),
) {
    out.push(b'[');
    for (at, one) in all.iter().take(count).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, one);
    }
    out.push(b']');
}

pub(super) fn write_frames(out: &mut Vec<u8>, frames: &Frames) {
    out.push(b'[');
    for FrameId { number, .. } in &frames.earlier {
        write_number(out, *number);
        out.push(b',');
    }
    write_number(out, frames.last.number);
    out.push(b']');
}

pub(super) fn write_anomalies(out: &mut Vec<u8>, pdu: &Pdu) {
    if pdu.anomalies.is_empty() {
        out.extend_from_slice(b"[]");
        return;
    }
    let all: Vec<_> = pdu.anomalies.iter().collect();
    list(out, &all, all.len(), |out, anomaly| write_text(out, anomaly.as_str()));
}

/// A value; bytes in hexadecimal, a time as text, what is no number as null.
pub(super) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Unsigned(number) => write_number(out, *number),
        Value::Signed(number) => {
            if *number < 0 {
                out.push(b'-');
            }
            write_number(out, number.unsigned_abs());
        }
        Value::Float(number) if number.is_finite() => {
            // Rust's shortest form that reads back the same is valid JSON.
            let _ = write!(out, "{number:?}");
        }
        Value::Float(_) => out.extend_from_slice(b"null"),
        Value::Text(text) => write_text(out, text),
        Value::Word(word) => write_text(out, word),
        Value::Bytes(bytes) => {
            out.push(b'"');
            bytes.iter().for_each(|byte| write_hexadecimal(out, *byte));
            out.push(b'"');
        }
        Value::Time(time_ns) => write_time(out, *time_ns),
    }
}

pub(super) fn write_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => write_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// A JSON string.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    out.extend_from_slice(b"\\u00");
                    write_hexadecimal(out, byte);
                }
                _ => out.push(byte),
            }
        }
    }
    out.push(b'"');
}

pub(super) fn write_ip(out: &mut Vec<u8>, ip: Option<IpAddr>) {
    match ip {
        Some(IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            out.push(b'"');
            for (at, octet) in [a, b, c, d].into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                write_number(out, octet.into());
            }
            out.push(b'"');
        }
        Some(ip) => {
            let _ = write!(out, "\"{ip}\"");
        }
        None => out.extend_from_slice(b"null"),
    }
}

pub(super) fn write_mac(out: &mut Vec<u8>, mac: Option<Mac>) {
    let Some(mac) = mac else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    for (at, byte) in mac.into_iter().enumerate() {
        if at > 0 {
            out.push(b':');
        }
        write_hexadecimal(out, byte);
    }
    out.push(b'"');
}

pub(super) fn write_hexadecimal(out: &mut Vec<u8>, byte: u8) {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0'.wrapping_add(nibble)
        } else {
            b'a'.wrapping_add(nibble.wrapping_sub(10))
        }
    };
    out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
}

/// A whole number in decimal.
pub(super) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut used = 0usize;
    for place in digits.iter_mut().rev() {
        let digit = (number % 10) as u8;
        *place = b'0'.wrapping_add(digit);
        used = used.saturating_add(1);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20usize.saturating_sub(used)..).unwrap_or_default());
}

/// The same with at least `width` digits.
pub(super) fn write_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut least = 1u64;
    for _ in 1..width {
        least = least.saturating_mul(10);
    }
    while least > 1 && number < least {
        out.push(b'0');
        least /= 10;
    }
    write_number(out, number);
}

/// Nanoseconds as milliseconds, to the last digit.
pub(super) fn write_milliseconds(out: &mut Vec<u8>, time_ns: i64) {
    let time_ns = time_ns.unsigned_abs();
    write_number(out, time_ns / 1_000_000);
    out.push(b'.');
    write_padded(out, time_ns % 1_000_000, 6);
}

/// RFC 3339 in UTC with nanoseconds: `2026-01-02T03:04:05.000000006Z`.
pub(super) fn write_time(out: &mut Vec<u8>, time_ns: i64) {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let days = seconds.div_euclid(86_400);
    let second_of_day = seconds.rem_euclid(86_400).unsigned_abs();
    let (year, month, day) = date(days);
    out.push(b'"');
    write_padded(out, year, 4);
    out.push(b'-');
    write_padded(out, month, 2);
    out.push(b'-');
    write_padded(out, day, 2);
    for (mark, number) in
        [(b'T', second_of_day / 3600), (b':', second_of_day / 60 % 60), (b':', second_of_day % 60)]
    {
        out.push(mark);
        write_padded(out, number, 2);
    }
    out.push(b'.');
    write_padded(out, time_ns.rem_euclid(1_000_000_000).unsigned_abs(), 9);
    out.extend_from_slice(b"Z\"");
}

/// Year, month and day of a day counted from 1970-01-01, by the proleptic
/// Gregorian calendar. Days are counted from 0000-03-01 in eras of 400 years, so
/// that the leap day is the last of its year.
fn date(days: i64) -> (u64, u64, u64) {
    const DAYS_TO_1970: i64 = 719_468;
    const ERA: i64 = 146_097;
    let days = days.saturating_add(DAYS_TO_1970);
    let era = days.div_euclid(ERA);
    let day = days.rem_euclid(ERA).unsigned_abs();
    let leap_days = (day / 1460).saturating_add(day / 146_096).saturating_sub(day / 36_524);
    let year_of_era = day.saturating_sub(leap_days) / 365;
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let day_of_year = day.saturating_sub(before);
    let month_from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day_of_month =
        day_of_year.saturating_sub(month_from_march.saturating_mul(153).saturating_add(2) / 5);
    let january = month_from_march >= 10;
    let month = if january {
        month_from_march.saturating_sub(9)
    } else {
        month_from_march.saturating_add(3)
    };
    // Times in i64 nanoseconds lie between 1677 and 2262: the era is 4 or 5.
    let year = era
        .unsigned_abs()
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(january.into());
    (year, month, day_of_month.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_time_is_rfc_3339_with_nanoseconds() {
        let time = |ns| written(|out| write_time(out, ns));

        assert_eq!("\"1970-01-01T00:00:00.000000000Z\"", time(0));
        assert_eq!("\"2024-02-29T23:59:59.999999999Z\"", time(1_709_251_199_999_999_999));
        assert_eq!("\"2000-03-01T00:00:00.000000001Z\"", time(951_868_800_000_000_001));
        assert_eq!("\"1969-12-31T23:59:59.999999999Z\"", time(-1));
        assert_eq!("\"1677-09-21T00:12:43.145224192Z\"", time(i64::MIN));
        assert_eq!("\"2262-04-11T23:47:16.854775807Z\"", time(i64::MAX));
    }

    #[test]
    fn a_value_is_json_whatever_it_holds() {
        let value = |value| written(|out| write_value(out, &value));

        assert_eq!("-9223372036854775808", value(Value::Signed(i64::MIN)));
        assert_eq!("18446744073709551615", value(Value::Unsigned(u64::MAX)));
        assert_eq!("0", value(Value::Unsigned(0)));
        assert_eq!("1.5", value(Value::Float(1.5)));
        assert_eq!("1e300", value(Value::Float(1e300)));
        assert_eq!("null", value(Value::Float(f64::NAN)));
        assert_eq!("\"00ff\"", value(Value::bytes(&[0, 255])));
        assert_eq!(r#""a\"\\\u0001é""#, value(Value::Text("a\"\\\u{1}é".into())));
    }

    #[test]
    fn a_latency_keeps_its_nanoseconds() {
        assert_eq!("12.000345", written(|out| write_milliseconds(out, 12_000_345)));
        assert_eq!("0.000001", written(|out| write_milliseconds(out, 1)));
    }
}
