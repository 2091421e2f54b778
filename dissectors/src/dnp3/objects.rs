//! The objects of a message: headers to items, points to values, flags and times.

use super::found::Found;
use super::header::{Header, Prefix, number};
use super::link::Addresses;
use super::object::{self, Layout};
use super::{attribute, authentication, control, dataset, field, file, function, point};
use crate::anomaly::Anomaly;
use crate::pdu::{MAX_ITEMS, Pdu, Role, Status};
use crate::reader::Reader;
use crate::target::{Span, Target};
use crate::value::Value;

/// Reads the objects of one message.
pub(super) struct Objects<'a, 'm> {
    pub(super) code: u8,
    pub(super) role: Role,
    pub(super) link: Addresses,
    /// The request that this answers, where it is known.
    pub(super) request: Option<&'m Pdu>,
    pub(super) files: &'m mut file::OpenFiles,
    pub(super) found: &'m mut Found<'a>,
    pub(super) pdu: &'m mut Pdu,
}

impl<'a> Objects<'a, '_> {
    /// Reads until the end, or until an object whose size nobody can tell.
    pub(super) fn read(&mut self, reader: &mut Reader<'a>) {
        while !reader.is_empty() {
            let before = *reader;
            let header = match Header::read(reader) {
                Ok(header) => header,
                Err(anomaly) => {
                    self.pdu.anomaly(anomaly);
                    return;
                }
            };
            let whole = self.object(&header, reader).is_some();
            if matches!(header.group, 12 | 41) {
                let length = before.len().saturating_sub(reader.len());
                self.found.digest(before.rest().get(..length).unwrap_or_default());
            }
            if !whole {
                return;
            }
        }
    }

    /// Reads what follows a header. `None` where the rest cannot be read; the
    /// anomaly is noted.
    fn object(&mut self, header: &Header, reader: &mut Reader<'a>) -> Option<()> {
        if header.is_backward() {
            self.begin(header, header.range())?;
            self.quantity(0);
            return self.stop(Anomaly::Malformed);
        }
        if !header.is_sound() {
            self.pdu.anomaly(Anomaly::Malformed);
        }
        if !object::is_known(header.group, header.variation) {
            self.pdu.anomaly(Anomaly::UnknownObject);
        }
        let carries = function::carries_objects(self.code)
            || matches!(header.prefix, Prefix::Size(_))
            || header.group == 120
            || header.group == 50 && function::is_freeze_at_time(self.code);
        let layout = object::layout(header.group, header.variation);
        if !carries || layout == Some(Layout::Empty) {
            return self.named(header, reader);
        }
        let Some(count) = header.count() else {
            // Nothing tells how many objects follow.
            self.begin(header, None)?;
            return if reader.is_empty() { Some(()) } else { self.stop(Anomaly::Malformed) };
        };
        match layout {
            Some(Layout::Bits) => self.bits(header, count, 1, reader),
            Some(Layout::DoubleBits) => self.bits(header, count, 2, reader),
            Some(
                layout @ (Layout::Point(..)
                | Layout::Time
                | Layout::CommonTime
                | Layout::Delay { .. }
                | Layout::Octets
                | Layout::TerminalInput
                | Layout::Statistic(_)),
            ) => self.points(header, count, layout, reader),
            Some(layout) => self.single(header, count, layout, reader),
            None if matches!(header.prefix, Prefix::Size(_)) => {
                self.single(header, count, Layout::Sized, reader)
            }
            None => {
                self.begin(header, header.range())?;
                // Any variation of a known group has no size.
                let known = object::is_known(header.group, header.variation);
                self.stop(if known { Anomaly::Malformed } else { Anomaly::UnknownObject })
            }
        }
    }

    /// Notes why the rest of the message cannot be read.
    fn stop(&mut self, anomaly: Anomaly) -> Option<()> {
        self.pdu.anomaly(anomaly);
        None
    }

    /// Begins the item of a header, or of one of its points.
    fn begin(&mut self, header: &Header, points: Option<(u32, u32)>) -> Option<()> {
        let class = function::object_class(self.code, header.group);
        let item = self.pdu.item(Some(header.target(points)))?;
        item.class = class;
        if let Some(class) = class {
            self.found.rank(class);
        } else if self.role == Role::Response && self.request.is_none() {
            self.found.rank(function::answered_class(header.group));
        }
        self.pdu
            .field(field::VARIATION, header.variation)
            .field(field::QUALIFIER, header.qualifier);
        Some(())
    }

    /// Sets how many elements the last item has.
    fn quantity(&mut self, count: u32) {
        if let Some(item) = self.pdu.items.last_mut() {
            item.quantity = Some(count);
        }
    }

    /// Sets how it went with the last item.
    fn status(&mut self, status: Status) {
        if self.role != Role::Request
            && let Some(item) = self.pdu.items.last_mut()
        {
            item.status = status;
            self.found.fail(status);
        }
    }

    /// Objects that are only named: their points, without values.
    fn named(&mut self, header: &Header, reader: &mut Reader<'a>) -> Option<()> {
        self.begin(header, header.range())?;
        if let Some(count) = header.count() {
            self.quantity(count);
        }
        if header.group == 60 {
            if let (1..=4, function::READ) = (header.variation, self.code) {
                self.found.polled |= 1 << header.variation.saturating_sub(1);
            }
            self.found.event_class = header.variation.checked_sub(1).filter(|class| *class < 4);
        } else if self.code == function::ASSIGN_CLASS
            && let Some(class) = self.found.event_class
        {
            self.pdu.field(field::EVENT_CLASS, class);
        }
        if let Prefix::Index(width) = header.prefix {
            let Some(count) = header.count() else {
                // Nothing tells how many indices follow.
                return self.stop(Anomaly::Malformed);
            };
            let mut bounds = None;
            for _ in 0..count {
                let Some(index) = number(width, reader) else {
                    return self.stop(Anomaly::LengthMismatch);
                };
                self.pdu.index(index);
                bounds = Some(widen(bounds, index));
            }
            self.retarget(header, bounds);
        } else if header.group == 60 && self.role != Role::Request {
            // A class has no data; a count of it promises some.
            if header.count().is_some_and(|count| count > 0) {
                self.pdu.anomaly(Anomaly::CountOutOfRange);
            }
        }
        Some(())
    }

    /// Makes the points that were read the target of the last item.
    fn retarget(&mut self, header: &Header, bounds: Option<(u32, u32)>) {
        if let (Some(_), Some(item)) = (bounds, self.pdu.items.last_mut()) {
            item.target = Some(header.target(bounds));
        }
    }

    /// Packed bits, the lowest first: `width` of them a point.
    fn bits(
        &mut self,
        header: &Header,
        count: u32,
        width: u8,
        reader: &mut Reader<'a>,
    ) -> Option<()> {
        self.begin(header, header.range())?;
        self.quantity(count);
        if header.prefix != Prefix::None {
            return self.stop(Anomaly::Malformed);
        }
        let length = u64::from(count).saturating_mul(width.into()).div_ceil(8);
        let bytes = reader.take_up_to(usize::try_from(length).unwrap_or(usize::MAX));
        let mask = if width == 1 { 1 } else { 3 };
        let points = bytes
            .iter()
            .flat_map(|byte| (0..8).step_by(width.into()).map(move |bit| byte >> bit & mask));
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        // One past the bound, so that it is noted.
        for state in points.take(wanted.min(MAX_ITEMS.saturating_add(1))) {
            if width == 1 {
                self.pdu.value(state == 1);
            } else {
                self.pdu.value(state);
            }
        }
        if u64::try_from(bytes.len()).is_ok_and(|present| present < length) {
            return self.stop(Anomaly::LengthMismatch);
        }
        Some(())
    }

    /// Reads the index and the size in front of an object, and gives both: the
    /// object is the rest of the message where it has no size.
    fn prefix(
        header: &Header,
        offset: u32,
        reader: &mut Reader<'a>,
    ) -> Option<(Option<u32>, Option<Reader<'a>>)> {
        match header.prefix {
            Prefix::None => Some((header.index(offset), None)),
            Prefix::Index(width) => Some((Some(number(width, reader)?), None)),
            Prefix::Size(width) => {
                let size = usize::try_from(number(width, reader)?).ok()?;
                Some((header.index(offset), Some(Reader::new(reader.take(size)?))))
            }
        }
    }

    /// Points that share one item: values, flags and times in parallel.
    fn points(
        &mut self,
        header: &Header,
        count: u32,
        layout: Layout,
        reader: &mut Reader<'a>,
    ) -> Option<()> {
        self.begin(header, header.range())?;
        self.quantity(count);
        let mut bounds = None;
        for offset in 0..count {
            let Some((index, sized)) = Self::prefix(header, offset, reader) else {
                return self.stop(Anomaly::LengthMismatch);
            };
            if header.range().is_none()
                && let Some(index) = index
            {
                self.pdu.index(index);
                bounds = Some(widen(bounds, index));
            }
            let whole = match sized {
                Some(mut part) => {
                    let whole = self.point(header, layout, &mut part);
                    if !part.is_empty() {
                        self.pdu.anomaly(Anomaly::TrailingBytes);
                    }
                    whole
                }
                None => self.point(header, layout, reader),
            };
            if whole.is_none() {
                self.retarget(header, bounds);
                return self.stop(Anomaly::LengthMismatch);
            }
        }
        self.retarget(header, bounds);
        Some(())
    }

    /// One point of an item of many.
    #[inline]
    fn point(&mut self, header: &Header, layout: Layout, reader: &mut Reader<'a>) -> Option<()> {
        match layout {
            Layout::Point(flag, kind, stamp) => {
                let point = point::point((flag, kind, stamp), self.found.common_ns, reader)?;
                self.pdu.value(point.value);
                if let Some(flags) = point.flags {
                    self.pdu.flag(flags);
                }
                if let Some(time_ns) = point.time_ns {
                    self.pdu.time(time_ns);
                }
                if point.unanchored {
                    self.pdu.anomaly(Anomaly::Malformed);
                }
            }
            Layout::Time => {
                self.pdu.value(Value::Time(point::time(reader)?));
            }
            Layout::CommonTime => {
                let time_ns = point::time(reader)?;
                self.pdu.value(Value::Time(time_ns));
                self.found.common_ns = Some(time_ns);
            }
            Layout::Delay { unit_ms } => {
                let delay = u32::from(reader.u16_le()?).saturating_mul(unit_ms.into());
                self.pdu.value(delay);
            }
            Layout::Octets => {
                let bytes = reader.take(header.variation.into())?;
                self.pdu.value(point::octets(bytes));
            }
            Layout::TerminalInput => {
                // Passwords are typed here.
                reader.skip(header.variation.into())?;
                self.pdu.field(field::TERMINAL_BYTES, header.variation);
            }
            Layout::Statistic(stamp) => {
                let flags = reader.u8()?;
                let association = reader.u16_le()?;
                self.pdu.value(reader.u32_le()?).flag(flags);
                if stamp == object::Stamp::Absolute {
                    self.pdu.time(point::time(reader)?);
                }
                self.pdu.field(field::AUTH_ASSOCIATION, association);
            }
            _ => {}
        }
        Some(())
    }

    /// Objects with an item each: commands, files, attributes and the like.
    fn single(
        &mut self,
        header: &Header,
        count: u32,
        layout: Layout,
        reader: &mut Reader<'a>,
    ) -> Option<()> {
        if count == 0 {
            self.begin(header, header.range())?;
            self.quantity(0);
        }
        for offset in 0..count {
            if reader.is_empty() {
                if offset == 0 {
                    self.begin(header, header.range())?;
                    self.quantity(count);
                }
                return self.stop(Anomaly::LengthMismatch);
            }
            let Some((index, sized)) = Self::prefix(header, offset, reader) else {
                self.begin(header, header.range())?;
                return self.stop(Anomaly::LengthMismatch);
            };
            self.begin(header, index.map(|index| (index, index)))?;
            self.quantity(1);
            let whole = match sized {
                Some(mut part) => {
                    let whole = self.one(header, layout, &mut part);
                    if !part.is_empty() {
                        self.pdu.anomaly(Anomaly::TrailingBytes);
                    }
                    whole
                }
                // Without a size nobody knows where these end.
                None if layout.needs_size() => return self.stop(Anomaly::Malformed),
                None => self.one(header, layout, reader),
            };
            if whole.is_none() {
                return self.stop(Anomaly::LengthMismatch);
            }
        }
        Some(())
    }

    /// One object with an item of its own.
    fn one(&mut self, header: &Header, layout: Layout, reader: &mut Reader<'a>) -> Option<()> {
        match layout {
            Layout::Control => {
                let code = control::block(reader, self.pdu)?;
                self.command_status(code);
            }
            Layout::AnalogCommand(kind) => {
                let value = point::number(kind, reader)?;
                self.pdu.value(value);
                let code = reader.u8()?;
                self.command_status(code);
            }
            Layout::CommandEvent(kind, stamp) => {
                let octet = reader.u8()?;
                let value = match kind {
                    object::Number::None => Value::Bool(octet & 0x80 != 0),
                    _ => point::number(kind, reader)?,
                };
                self.pdu.value(value);
                // The report of a failure is no failure of the report.
                let status = control::status(octet & 0x7f);
                self.pdu.field(field::COMMAND_STATUS, status.as_str().unwrap_or("ok"));
                if stamp == object::Stamp::Absolute {
                    self.pdu.time(point::time(reader)?);
                }
            }
            Layout::TimeInterval | Layout::TimeIntervalUnits => {
                self.pdu.value(Value::Time(point::time(reader)?));
                self.pdu.field(field::INTERVAL, reader.u32_le()?);
                if layout == Layout::TimeIntervalUnits {
                    self.pdu.field(field::INTERVAL_UNITS, reader.u8()?);
                }
            }
            Layout::Attribute => {
                let bytes = attribute::read(reader, self.pdu)?;
                if attribute::claim(header.variation).is_some() {
                    self.found.claim(header.variation, bytes);
                }
            }
            Layout::File => {
                let mut cx = file::FileContext {
                    files: self.files,
                    outstation: self.link.outstation(),
                    opens: self.code == function::OPEN_FILE,
                    answers: self.role == Role::Response,
                    asked: self.request.and_then(named_target),
                };
                let facts = file::read(header.variation, reader, &mut cx, self.pdu)?;
                if let Some(class) = facts.class {
                    self.found.rank(class);
                }
                self.found.content = self.found.content.or(facts.block);
                self.status(facts.status);
            }
            Layout::DataSetDescription => dataset::description(reader, self.pdu)?,
            Layout::DataSetValues => dataset::values(reader, self.pdu)?,
            Layout::Authentication => {
                let facts = authentication::read(header.variation, reader, self.pdu)?;
                self.found.challenges |= matches!(header.variation, 1 | 2);
                if let (Some(class), Some(item)) = (facts.class, self.pdu.items.last_mut()) {
                    item.class = Some(class);
                    self.found.rank(class);
                }
                if let Some(item) = self.pdu.items.last_mut() {
                    item.status = facts.status;
                }
                self.found.fail(facts.status);
            }
            _ => {
                self.pdu.value(Value::bytes(reader.take_up_to(usize::MAX)));
            }
        }
        Some(())
    }

    /// The status octet of a command: asked for as 0, answered with the outcome. Its
    /// highest bit is reserved.
    fn command_status(&mut self, octet: u8) {
        let code = octet & 0x7f;
        if code != octet {
            self.pdu.anomaly(Anomaly::ReservedBits);
        }
        let status = control::status(code);
        if self.role != Role::Request || code != 0 {
            self.pdu.field(field::COMMAND_STATUS, status.as_str().unwrap_or("ok"));
        }
        self.status(status);
    }
}

/// The bounds, with `index` inside them.
fn widen(bounds: Option<(u32, u32)>, index: u32) -> (u32, u32) {
    bounds.map_or((index, index), |(low, high)| (low.min(index), high.max(index)))
}

/// What a request addresses by name.
fn named_target(request: &Pdu) -> Option<&Target> {
    let mut targets = request.items.iter().filter_map(|item| item.target.as_ref());
    targets.find(|target| matches!(target.span, Span::Named(_)))
}
