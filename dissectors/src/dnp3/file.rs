//! Files (group 70): which file is opened, read, written, deleted, and its content.
//!
//! An open names the file and a request id; its answer gives the request id and a
//! handle; blocks have the handle alone. [`OpenFiles`] puts the name to the handle.
//!
//! Source: IEEE 1815-2012, 4.3 (files) and A.32 (objects).

use super::field;
use super::point;
use crate::anomaly::Anomaly;
use crate::operation::Class;
use crate::pdu::{Pdu, Status};
use crate::reader::Reader;
use crate::target::{Span, Target};
use crate::value::{Value, text};

/// Longest file name remembered, in bytes; what is longer is cut.
const MAX_NAME: usize = 48;

/// A file that a master opened.
#[derive(Clone, Copy, Debug)]
struct OpenFile {
    outstation: u16,
    request_id: u16,
    handle: Option<u32>,
    /// The last block seen, so that a repeated one is not taken twice.
    block: Option<u32>,
    length: u8,
    name: [u8; MAX_NAME],
}

impl OpenFile {
    fn is(&self, outstation: u16, handle: u32) -> bool {
        self.outstation == outstation && self.handle == Some(handle)
    }
}

/// The last files opened on a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OpenFiles {
    files: [Option<OpenFile>; 2],
}

impl OpenFiles {
    /// Remembers that `name` is being opened.
    fn open(&mut self, outstation: u16, request_id: u16, name: &[u8]) {
        let mut file = OpenFile {
            outstation,
            request_id,
            handle: None,
            block: None,
            length: 0,
            name: [0; MAX_NAME],
        };
        for (to, from) in file.name.iter_mut().zip(name) {
            *to = *from;
            file.length = file.length.saturating_add(1);
        }
        let [newest, older] = &mut self.files;
        let again = newest
            .is_some_and(|open| (open.outstation, open.request_id) == (outstation, request_id));
        if !again {
            *older = *newest;
        }
        *newest = Some(file);
    }

    /// Puts the handle of an answer to the file that was asked for.
    fn opened(&mut self, outstation: u16, request_id: u16, handle: u32) {
        for file in self.files.iter_mut().flatten() {
            if (file.outstation, file.request_id) == (outstation, request_id) {
                file.handle = Some(handle);
                return;
            }
        }
    }

    /// The name of an open file.
    pub(super) fn name(&self, outstation: u16, handle: u32) -> Option<&[u8]> {
        let mut files = self.files.iter().flatten();
        let file = files.find(|file| file.is(outstation, handle))?;
        file.name.get(..file.length.into())
    }

    /// Whether a block comes for the first time.
    fn is_new_block(&mut self, outstation: u16, handle: u32, block: u32) -> bool {
        match self.files.iter_mut().flatten().find(|file| file.is(outstation, handle)) {
            Some(file) => file.block.replace(block) != Some(block),
            None => true,
        }
    }
}

/// A piece of a file's content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) handle: u32,
    pub(super) bytes: &'a [u8],
    pub(super) last: bool,
}

/// What a file object says besides what it put into the PDU.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FileFacts<'a> {
    /// The class that an open takes from its mode.
    pub(super) class: Option<Class>,
    /// How it went.
    pub(super) status: Status,
    /// Content, where the object carries some that is new.
    pub(super) block: Option<Block<'a>>,
}

/// What an object is read with.
#[derive(Debug)]
pub(super) struct FileContext<'f> {
    pub(super) files: &'f mut OpenFiles,
    pub(super) outstation: u16,
    /// Whether the message opens a file.
    pub(super) opens: bool,
    /// Whether the message is an answer.
    pub(super) answers: bool,
    /// The file that its request named.
    pub(super) asked: Option<&'f Target>,
}

/// What became of a file operation.
pub(super) const fn status(code: u8) -> Status {
    let name = match code {
        0 => return Status::Ok,
        1 => "permission_denied",
        2 => "invalid_mode",
        3 => "file_not_found",
        4 => "file_locked",
        5 => "too_many_open",
        6 => "invalid_handle",
        7 => "write_block_size",
        8 => "communication_lost",
        9 => "cannot_abort",
        16 => "not_opened",
        17 => "handle_expired",
        18 => "buffer_overrun",
        19 => "fatal_error",
        20 => "block_sequence",
        255 => "undefined_error",
        _ => "reserved_status",
    };
    Status::failed(code as u32, name)
}

/// Reads a file object of `variation` into the last item of `pdu`.
pub(super) fn read<'a>(
    variation: u8,
    reader: &mut Reader<'a>,
    cx: &mut FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<FileFacts<'a>> {
    match variation {
        2 => authentication(reader, pdu),
        3 => command(reader, cx, pdu),
        4 => command_status(reader, cx, pdu),
        5 => transport(reader, cx, pdu),
        6 => transport_status(reader, cx, pdu),
        7 => descriptor(reader, cx, pdu),
        // 8 is a name; 1, an obsolete identifier, has no layout that a source tells.
        8 => {
            name(reader.take_up_to(usize::MAX), pdu);
            Some(FileFacts::default())
        }
        _ => {
            pdu.value(Value::bytes(reader.take_up_to(usize::MAX)));
            Some(FileFacts::default())
        }
    }
}

/// Makes the name the target of the last item.
fn name(bytes: &[u8], pdu: &mut Pdu) {
    let name = text(bytes);
    if name.is_empty() {
        return;
    }
    if let Some(target) = pdu.items.last_mut().and_then(|item| item.target.as_mut()) {
        target.span = Span::Named(name);
    }
}

/// The string of `length` bytes that the object has behind its fixed part.
/// Offsets count from the start of the object, and strings follow one another.
fn string<'a>(length: u16, reader: &mut Reader<'a>, pdu: &mut Pdu) -> &'a [u8] {
    let bytes = reader.take_up_to(length.into());
    if bytes.len() < usize::from(length) {
        pdu.anomaly(Anomaly::LengthMismatch);
    }
    bytes
}

/// Variation 2: user and password. The password stays here.
fn authentication<'a>(reader: &mut Reader<'a>, pdu: &mut Pdu) -> Option<FileFacts<'a>> {
    let (_, user_length) = (reader.u16_le()?, reader.u16_le()?);
    let (_, password_length) = (reader.u16_le()?, reader.u16_le()?);
    let key = reader.u32_le()?;
    let user = string(user_length, reader, pdu);
    string(password_length, reader, pdu);
    if user_length > 0 {
        pdu.field(field::AUTH_USER, Value::text(user));
        pdu.field(field::AUTH_SECRET, if password_length > 0 { "other" } else { "none" });
    }
    // The answer to a good password is a key; to a bad one, 0.
    pdu.field(field::FILE_KEY_PRESENT, key != 0);
    Some(FileFacts::default())
}

/// Variation 3: the file and what to do with it.
fn command<'a>(
    reader: &mut Reader<'a>,
    cx: &mut FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<FileFacts<'a>> {
    let (_, name_length) = (reader.u16_le()?, reader.u16_le()?);
    let created = point::time(reader)?;
    let permissions = reader.u16_le()?;
    let key = reader.u32_le()?;
    let size = reader.u32_le()?;
    let mode = reader.u16_le()?;
    let block_size = reader.u16_le()?;
    let request_id = reader.u16_le()?;
    let bytes = string(name_length, reader, pdu);
    name(bytes, pdu);
    let (word, class) = match mode {
        0 => ("null", None),
        1 => ("read", Some(Class::FileRead)),
        2 => ("write", Some(Class::FileWrite)),
        3 => ("append", Some(Class::FileWrite)),
        _ => {
            pdu.anomaly(Anomaly::Malformed);
            ("reserved", None)
        }
    };
    pdu.field(field::FILE_MODE, word)
        .field(field::FILE_SIZE, size)
        .field(field::FILE_BLOCK_SIZE, block_size)
        .field(field::FILE_REQUEST_ID, request_id)
        .field(field::FILE_PERMISSIONS, permissions)
        .field(field::FILE_KEY_PRESENT, key != 0);
    if created != 0 {
        pdu.field(field::FILE_CREATED, Value::Time(created));
    }
    if cx.opens {
        cx.files.open(cx.outstation, request_id, bytes);
    }
    Some(FileFacts { class: class.filter(|_| cx.opens), ..FileFacts::default() })
}

/// Variation 4: handle and outcome of an open, or the handle to close.
fn command_status<'a>(
    reader: &mut Reader<'a>,
    cx: &mut FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<FileFacts<'a>> {
    let handle = reader.u32_le()?;
    let size = reader.u32_le()?;
    let block_size = reader.u16_le()?;
    let request_id = reader.u16_le()?;
    let code = reader.u8()?;
    let words = reader.take_up_to(usize::MAX);
    if cx.answers && handle != 0 {
        cx.files.opened(cx.outstation, request_id, handle);
    }
    match (cx.files.name(cx.outstation, handle), cx.asked) {
        (Some(known), _) => name(known, pdu),
        // A file that was not opened has no handle.
        (None, Some(asked)) => {
            if let Some(item) = pdu.items.last_mut() {
                item.target = Some(asked.clone());
            }
        }
        (None, None) => {}
    }
    pdu.field(field::FILE_HANDLE, handle)
        .field(field::FILE_SIZE, size)
        .field(field::FILE_BLOCK_SIZE, block_size)
        .field(field::FILE_REQUEST_ID, request_id);
    Some(outcome(code, words, pdu))
}

/// Variation 5: a block of content, or in a read the block that is wanted.
fn transport<'a>(
    reader: &mut Reader<'a>,
    cx: &mut FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<FileFacts<'a>> {
    let (handle, number) = block_number(reader, cx, pdu)?;
    let bytes = reader.take_up_to(usize::MAX);
    pdu.field(field::FILE_BYTES, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let new = !bytes.is_empty() && cx.files.is_new_block(cx.outstation, handle, number);
    let block = new.then_some(Block { handle, bytes, last: number & LAST_BLOCK != 0 });
    Some(FileFacts { block, ..FileFacts::default() })
}

/// Variation 6: how the transport of a block went.
fn transport_status<'a>(
    reader: &mut Reader<'a>,
    cx: &mut FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<FileFacts<'a>> {
    block_number(reader, cx, pdu)?;
    let code = reader.u8()?;
    let words = reader.take_up_to(usize::MAX);
    Some(outcome(code, words, pdu))
}

/// Variation 7: name, type, size, time and permissions of a file.
fn descriptor<'a>(
    reader: &mut Reader<'a>,
    cx: &FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<FileFacts<'a>> {
    let (_, name_length) = (reader.u16_le()?, reader.u16_le()?);
    let kind = reader.u16_le()?;
    let size = reader.u32_le()?;
    let created = point::time(reader)?;
    let permissions = reader.u16_le()?;
    let request_id = reader.u16_le()?;
    let bytes = string(name_length, reader, pdu);
    name(bytes, pdu);
    pdu.field(field::FILE_REQUEST_ID, request_id);
    // A request has the name alone.
    if cx.answers {
        pdu.field(field::FILE_TYPE, if kind == 0 { "directory" } else { "file" })
            .field(field::FILE_SIZE, size)
            .field(field::FILE_PERMISSIONS, permissions);
        if created != 0 {
            pdu.field(field::FILE_CREATED, Value::Time(created));
        }
    }
    Some(FileFacts::default())
}

/// The bit of a block number that marks the last block.
const LAST_BLOCK: u32 = 0x8000_0000;

/// Handle and block number, with the last-block bit.
fn block_number(
    reader: &mut Reader<'_>,
    cx: &mut FileContext<'_>,
    pdu: &mut Pdu,
) -> Option<(u32, u32)> {
    let handle = reader.u32_le()?;
    let number = reader.u32_le()?;
    if let Some(known) = cx.files.name(cx.outstation, handle) {
        name(known, pdu);
    }
    pdu.field(field::FILE_HANDLE, handle)
        .field(field::FILE_BLOCK, number & !LAST_BLOCK)
        .field(field::FILE_LAST_BLOCK, number & LAST_BLOCK != 0);
    Some((handle, number))
}

/// Status and the outstation's words on it.
fn outcome<'a>(code: u8, words: &[u8], pdu: &mut Pdu) -> FileFacts<'a> {
    let status = status(code);
    pdu.field(field::FILE_STATUS, status.as_str().unwrap_or("ok"));
    if !words.is_empty() {
        pdu.field(field::FILE_TEXT, Value::text(words));
    }
    FileFacts { status, ..FileFacts::default() }
}
