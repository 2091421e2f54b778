//! Dates and times of the controller, as nanoseconds since 1970.
//!
//! Binary coded decimals; years below 90 belong to 2000. The last byte holds the
//! lowest digit of the milliseconds and the weekday.
//!
//! Source: STEP 7 data types DATE and DATE_AND_TIME; captures cisagov snap7 (clock).

use crate::value::Value;

const DAY_NS: i64 = 86_400_000_000_000;
/// Days from 1970-01-01 to 1984-01-01 and to 1990-01-01.
const DAYS_TO_1984: i64 = 5113;
const DAYS_TO_1990: i64 = 7305;

/// Two decimal digits, or `None` where they are none.
fn decimal(byte: u8) -> Option<i64> {
    let (tens, ones) = (byte >> 4, byte & 0x0f);
    (tens < 10 && ones < 10)
        .then(|| i64::from(tens).saturating_mul(10).saturating_add(i64::from(ones)))
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the leap day is its last.
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let month = (month.saturating_add(9)).rem_euclid(12);
    let day_of_year = month
        .saturating_mul(153)
        .saturating_add(2)
        .div_euclid(5)
        .saturating_add(day)
        .saturating_sub(1);
    let leap_days = year
        .div_euclid(4)
        .saturating_sub(year.div_euclid(100))
        .saturating_add(year.div_euclid(400));
    year.saturating_mul(365)
        .saturating_add(leap_days)
        .saturating_add(day_of_year)
        .saturating_sub(719_468)
}

/// The time of eight bytes, or `None` where they are no time.
pub(super) fn nanoseconds(bytes: [u8; 8]) -> Option<i64> {
    let [year, month, day, hour, minute, second, millis, last] = bytes;
    let year = decimal(year)?;
    let year = if year < 90 { year.saturating_add(2000) } else { year.saturating_add(1900) };
    let (month, day) = (decimal(month)?, decimal(day)?);
    let (hour, minute, second) = (decimal(hour)?, decimal(minute)?, decimal(second)?);
    let lowest = last >> 4;
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
        || lowest > 9
    {
        return None;
    }
    let millis = decimal(millis)?.saturating_mul(10).saturating_add(lowest.into());
    let seconds = days(year, month, day)
        .saturating_mul(86_400)
        .saturating_add(hour.saturating_mul(3600))
        .saturating_add(minute.saturating_mul(60))
        .saturating_add(second);
    Some(seconds.saturating_mul(1000).saturating_add(millis).saturating_mul(1_000_000))
}

/// A value of type DATE_AND_TIME; bytes where it is no time.
pub(super) fn date_and_time(bytes: [u8; 8]) -> Value {
    nanoseconds(bytes).map_or_else(|| Value::bytes(&bytes), Value::Time)
}

/// A value of type DATE: days since 1990.
pub(super) fn date(bytes: [u8; 2]) -> Value {
    let days = i64::from(u16::from_be_bytes(bytes)).saturating_add(DAYS_TO_1990);
    Value::Time(days.saturating_mul(DAY_NS))
}

/// The time stamp of a block: milliseconds of the day, and days since 1984.
pub(super) fn block_time(bytes: [u8; 6]) -> Value {
    let [a, b, c, d, e, f] = bytes;
    let millis = i64::from(u32::from_be_bytes([a, b, c, d]));
    let days = i64::from(u16::from_be_bytes([e, f])).saturating_add(DAYS_TO_1984);
    Value::Time(days.saturating_mul(DAY_NS).saturating_add(millis.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_controller_counts_from_1970() {
        let bytes = [0x14, 0x07, 0x09, 0x22, 0x47, 0x22, 0x12, 0x34];

        assert_eq!(Some(1_404_946_042_123_000_000), nanoseconds(bytes));
    }

    #[test]
    fn years_from_90_on_belong_to_1900() {
        assert_eq!(Some(631_152_000_000_000_000), nanoseconds([0x90, 1, 1, 0, 0, 0, 0, 0]));
        assert_eq!(Value::Time(631_152_000_000_000_000), date([0, 0]));
        assert_eq!(Value::Time(441_763_200_000_000_000), block_time([0; 6]));
    }

    #[test]
    fn digits_that_are_none_give_no_time() {
        assert_eq!(None, nanoseconds([0x1a, 7, 9, 0, 0, 0, 0, 0]));
        assert_eq!(None, nanoseconds([0x14, 0x13, 9, 0, 0, 0, 0, 0]));
    }
}
