//! The objects of DNP3: how each group and variation stands on the wire.
//!
//! Source: IEEE 1815-2012, annex A [M]. Groups 1 to 4, 10 to 12, 20 to 23, 30, 32,
//! 40 to 42, 50 to 52, 70, 80, 85, 86 and 120 are seen in captures, and agree with
//! tshark 4.0.17 where it knows them [V]; 13, 31, 33, 34, 43, 101, 102, 121 and 122 [M].

/// An octet in front of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// None.
    None,
    /// Quality.
    Quality,
    /// Quality in the low seven bits, the point's state in the high one.
    State,
    /// Quality in the low six bits, the point's two-bit state in the high ones.
    DoubleState,
}

/// A number on the wire, low byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// None: the flag octet holds the state.
    None,
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, unsigned.
    U32,
    /// 16 bits, signed.
    I16,
    /// 32 bits, signed.
    I32,
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// Packed decimal digits in n bytes.
    Decimal(u8),
}

/// A time behind a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// None.
    None,
    /// Milliseconds since 1970, 48 bits.
    Absolute,
    /// Milliseconds since the common time of occurrence, 16 bits.
    Relative,
}

/// What an object looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One bit a point.
    Bits,
    /// Two bits a point.
    DoubleBits,
    /// Flag, number, time.
    Point(Flag, Number, Stamp),
    /// Control relay output block and pattern control block.
    Control,
    /// Number and status of an analog output command.
    AnalogCommand(Number),
    /// Status of a command that was carried out, its value and time. Without a
    /// number the status octet's high bit is the value.
    CommandEvent(Number, Stamp),
    /// Time in milliseconds since 1970.
    Time,
    /// The same, and an interval in milliseconds.
    TimeInterval,
    /// The same, with units of the interval.
    TimeIntervalUnits,
    /// Common time of occurrence.
    CommonTime,
    /// Delay in seconds or milliseconds.
    Delay {
        /// Milliseconds in one.
        unit_ms: u16,
    },
    /// Named by its header alone.
    Empty,
    /// As many bytes as the variation says: text or data.
    Octets,
    /// As many bytes as the variation says: a virtual terminal's input.
    TerminalInput,
    /// Data type, length, data.
    Attribute,
    /// One of the file objects.
    File,
    /// One of the authentication objects.
    Authentication,
    /// Flag, association, count, time.
    Statistic(Stamp),
    /// Description of a data set, sized by its header.
    DataSetDescription,
    /// Values of a data set, sized by its header.
    DataSetValues,
    /// Sized by its header; what is inside is not read.
    Sized,
}

/// The layout of an object, where a source tells it. Variation 0, any variation,
/// has none: it stands in requests alone.
pub(super) const fn layout(group: u8, variation: u8) -> Option<Layout> {
    use Flag::{DoubleState, Quality, State};
    use Layout::{
        AnalogCommand, Attribute, Authentication, Bits, CommandEvent, CommonTime, Control,
        DataSetDescription, DataSetValues, Delay, DoubleBits, Empty, File, Octets, Point, Sized,
        Statistic, TerminalInput, Time, TimeInterval, TimeIntervalUnits,
    };
    use Number::{Decimal, F32, F64, I16, I32, U8, U16, U32};
    use Stamp::{Absolute, Relative};
    Some(match (group, variation) {
        (0, 1..=255) => Attribute,
        (1 | 10, 1) | (12, 3) | (80, 1) => Bits,
        (3, 1) => DoubleBits,
        (1 | 10, 2) | (2 | 11, 1) => Point(State, Number::None, Stamp::None),
        (2 | 11, 2) => Point(State, Number::None, Absolute),
        (2, 3) => Point(State, Number::None, Relative),
        (3, 2) | (4, 1) => Point(DoubleState, Number::None, Stamp::None),
        (4, 2) => Point(DoubleState, Number::None, Absolute),
        (4, 3) => Point(DoubleState, Number::None, Relative),
        (12, 1 | 2) => Control,
        (13, 1) => CommandEvent(Number::None, Stamp::None),
        (13, 2) => CommandEvent(Number::None, Absolute),
        // Delta counters, variations 3, 4, 7 and 8, are obsolete and have the same shape.
        (20..=23, 1 | 3) => Point(Quality, U32, Stamp::None),
        (20..=23, 2 | 4) => Point(Quality, U16, Stamp::None),
        (20, 5 | 7) | (21, 9 | 11) => Point(Flag::None, U32, Stamp::None),
        (20, 6 | 8) | (21, 10 | 12) => Point(Flag::None, U16, Stamp::None),
        (21..=23, 5 | 7) => Point(Quality, U32, Absolute),
        (21..=23, 6 | 8) => Point(Quality, U16, Absolute),
        (30..=33 | 40 | 42, 1) => Point(Quality, I32, Stamp::None),
        (30..=33 | 40 | 42, 2) => Point(Quality, I16, Stamp::None),
        (30, 3) | (31, 5) => Point(Flag::None, I32, Stamp::None),
        (30, 4) | (31, 6) => Point(Flag::None, I16, Stamp::None),
        (30 | 32 | 33 | 42, 5) | (31, 7) | (40, 3) => Point(Quality, F32, Stamp::None),
        (30 | 32 | 33 | 42, 6) | (31, 8) | (40, 4) => Point(Quality, F64, Stamp::None),
        (31..=33 | 42, 3) => Point(Quality, I32, Absolute),
        (31..=33 | 42, 4) => Point(Quality, I16, Absolute),
        (32 | 33 | 42, 7) => Point(Quality, F32, Absolute),
        (32 | 33 | 42, 8) => Point(Quality, F64, Absolute),
        (34, 1) => Point(Flag::None, U16, Stamp::None),
        (34, 2) => Point(Flag::None, U32, Stamp::None),
        (34, 3) => Point(Flag::None, F32, Stamp::None),
        (41, 1) => AnalogCommand(I32),
        (41, 2) => AnalogCommand(I16),
        (41, 3) => AnalogCommand(F32),
        (41, 4) => AnalogCommand(F64),
        (43, 1) => CommandEvent(I32, Stamp::None),
        (43, 2) => CommandEvent(I16, Stamp::None),
        (43, 3) => CommandEvent(I32, Absolute),
        (43, 4) => CommandEvent(I16, Absolute),
        (43, 5) => CommandEvent(F32, Stamp::None),
        (43, 6) => CommandEvent(F64, Stamp::None),
        (43, 7) => CommandEvent(F32, Absolute),
        (43, 8) => CommandEvent(F64, Absolute),
        (50, 1 | 3) => Time,
        (50, 2) => TimeInterval,
        (50, 4) => TimeIntervalUnits,
        (51, 1 | 2) => CommonTime,
        (52, 1) => Delay { unit_ms: 1000 },
        (52, 2) => Delay { unit_ms: 1 },
        (60, 1..=4) => Empty,
        (70, 1..=8) => File,
        (86, 2) => Point(Flag::None, U8, Stamp::None),
        (85, 1) | (86, 1) => DataSetDescription,
        (87, 1) | (88, 1) => DataSetValues,
        (82, 1) | (83, 1 | 2) | (86, 3) | (90, 1) | (91, 1) => Sized,
        (101, 1) => Point(Flag::None, Decimal(2), Stamp::None),
        (101, 2) => Point(Flag::None, Decimal(4), Stamp::None),
        (101, 3) => Point(Flag::None, Decimal(8), Stamp::None),
        (102, 1) => Point(Flag::None, U8, Stamp::None),
        (110 | 111 | 113, 1..=255) => Octets,
        (112, 1..=255) => TerminalInput,
        (120, 1..=15) => Authentication,
        (121, 1) | (122, 1) => Statistic(Stamp::None),
        (122, 2) => Statistic(Absolute),
        _ => return None,
    })
}

impl Layout {
    /// Whether only the header tells how long it is.
    pub(super) const fn needs_size(self) -> bool {
        matches!(self, Self::DataSetDescription | Self::DataSetValues | Self::Sized)
    }
}

/// Whether a request may name the object: a known one, or any variation of a
/// known group. All attributes of a device are variation 254, not 0.
pub(super) const fn is_known(group: u8, variation: u8) -> bool {
    layout(group, variation).is_some() || variation == 0 && group != 0 && layout(group, 1).is_some()
}
