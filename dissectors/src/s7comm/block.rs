//! Program blocks: their names, and their way into and out of a controller.
//!
//! ```text
//!  request download  1a | status | .. .. | id 4 | name | 1, load length 6, code length 6
//!  download block    1b | status | .. .. | id 4 | name             asked by the controller
//!    answer          1b | status, then the data: length | 00 fb | bytes     by the client
//!  download ended    1c | status | error | id 4 | name
//!  start upload      1d | status | .. .. | id 4 | name
//!    answer          1d | status | .. .. | id 4 | length as text
//!  upload            1e | status | .. .. | id 4, answered like a downloaded block
//!  end upload        1f | status | error | id 4
//!  name  length, then _ | type 2 | number 5 | file system;   status  1 more, 2 error
//! ```
//!
//! Source: captures tia_s300_downloadHwConfig (download), cisagov snap7
//! (upload); block types and languages as tshark 4.0.17 names them.

use alloc::boxed::Box;
use alloc::format;

use super::Flow;
use super::fields::{
    BLOCK_LENGTH, CODE_LENGTH, CODE_TIME, FILE_SYSTEM, INTERFACE_TIME, KNOW_HOW_PROTECTED,
    LANGUAGE, LOAD_LENGTH, MORE_FOLLOWS, UPLOAD_ID,
};
use super::function::{DOWNLOAD_BLOCK, END_UPLOAD, REQUEST_DOWNLOAD, START_UPLOAD};
use super::time;
use crate::pdu::Pdu;
use crate::reader::Reader;
use crate::sink::{ContentKind, Sink};
use crate::target::{Space, Span, Target};
use crate::value::{Value, text};

/// What the protection of a block holds where its program is hidden.
pub(super) const KNOW_HOW: u32 = 3;

const BLOCK: Space = Space::new("block");
const FILE: Space = Space::new("file");

/// The word of a block type by its two characters.
pub(super) const fn block_type(code: [u8; 2]) -> Option<&'static str> {
    Some(match &code {
        b"08" => "OB",
        b"0A" => "DB",
        b"0B" => "SDB",
        b"0C" => "FC",
        b"0D" => "SFC",
        b"0E" => "FB",
        b"0F" => "SFB",
        _ => return None,
    })
}

/// The word of a block's language.
pub(super) const fn language(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "stl",
        2 => "lad",
        3 => "fbd",
        4 => "scl",
        5 => "db",
        6 => "graph",
        7 => "sdb",
        8 => "cpu_db",
        0x11 => "sdb_after_reset",
        0x12 => "sdb_routing",
        0x29 => "encrypted",
        _ => return None,
    })
}

/// The word of the memory that a block is in or goes to.
const fn file_system(code: u8) -> Option<&'static str> {
    Some(match code {
        b'P' => "passive",
        b'A' => "active",
        b'B' => "both",
        _ => return None,
    })
}

/// The two characters of a block type by its word.
pub(super) fn code(word: &str) -> Option<[u8; 2]> {
    [*b"08", *b"0A", *b"0B", *b"0C", *b"0D", *b"0E", *b"0F"]
        .into_iter()
        .find(|code| block_type(*code) == Some(word))
}

/// The target of a block by the two characters of its type: `block:OB1`.
pub(super) fn numbered(kind: [u8; 2], number: u16) -> Target {
    let name = match block_type(kind) {
        Some(word) => format!("{word}{number}"),
        None => format!("{}:{number}", text(&kind)),
    };
    Target::new(BLOCK, Span::Named(name.into()))
}

/// The same, with the type as a number.
pub(super) fn coded(kind: u8, number: u16) -> Target {
    let mut digits = [b'0'; 2];
    for (digit, nibble) in digits.iter_mut().zip([kind >> 4, kind & 0x0f]) {
        *digit = b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or(b'?');
    }
    numbered(digits, number)
}

/// The target of eight bytes: type, number, file system.
pub(super) fn eight(bytes: &[u8]) -> Option<(Target, Option<&'static str>)> {
    let [a, b, digits @ .., memory] = bytes else { return None };
    let number = number(digits).and_then(|number| u16::try_from(number).ok())?;
    Some((numbered([*a, *b], number), file_system(*memory)))
}

/// The target of a file name: a block, or a file of a numerical control.
fn named(name: &[u8]) -> (Target, Option<&'static str>) {
    let block = match name {
        [b'_' | b'$', block @ ..] if block.len() == 8 => eight(block),
        _ => None,
    };
    block.unwrap_or_else(|| (Target::new(FILE, Span::Named(text(name))), None))
}

/// What a target is called in a transfer: `OB1`.
fn transfer_name(target: Option<&Target>) -> &str {
    match target {
        Some(Target { span: Span::Named(name), .. }) => name,
        _ => "",
    }
}

/// One upload under way.
#[derive(Clone, Copy, Debug)]
struct Upload {
    id: u32,
    length: u8,
    name: [u8; Upload::LONGEST],
}

impl Upload {
    const LONGEST: usize = 40;
}

/// The uploads under way, latest first; the jobs after the first name only their id.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uploads([Option<Upload>; 2]);

impl Uploads {
    fn begin(&mut self, id: u32, target: &Target) {
        let Target { span: Span::Named(file), space } = target else { return };
        self.end(id);
        let mut upload = Upload { id, length: 0, name: [0; Upload::LONGEST] };
        // The first byte tells a file from a block.
        let kind = [u8::from(*space == FILE)];
        for (to, from) in upload.name.iter_mut().zip(kind.iter().chain(file.as_bytes())) {
            *to = *from;
            upload.length = upload.length.saturating_add(1);
        }
        self.0.rotate_right(1);
        let [first, ..] = &mut self.0;
        *first = Some(upload);
    }

    fn target(&self, id: u32) -> Option<Target> {
        let upload = self.0.iter().flatten().find(|upload| upload.id == id)?;
        let (kind, name) = upload.name.get(..upload.length.into())?.split_first()?;
        let space = if *kind == 1 { FILE } else { BLOCK };
        Some(Target::new(space, Span::Named(text(name))))
    }

    fn end(&mut self, id: u32) {
        for upload in &mut self.0 {
            if upload.is_some_and(|upload| upload.id == id) {
                *upload = None;
            }
        }
    }
}

/// The status byte of a transfer.
fn status(reader: &mut Reader<'_>, pdu: &mut Pdu) -> Option<bool> {
    let status = reader.u8()?;
    let more = status & 1 != 0;
    if more {
        pdu.field(MORE_FOLLOWS, true);
    }
    Some(more)
}

/// Reads the job of a transfer.
pub(super) fn transfer_job(
    code: u8,
    flow: &Flow,
    reader: &mut Reader<'_>,
    pdu: &mut Pdu,
) -> Option<()> {
    status(reader, pdu)?;
    reader.skip(2)?;
    let id = reader.u32_be()?;
    if id != 0 || code > START_UPLOAD {
        pdu.field(UPLOAD_ID, id);
    }
    if code > START_UPLOAD {
        pdu.target = flow.uploads.target(id);
        return Some(());
    }
    let length = reader.u8()?;
    let (target, memory) = named(reader.take(length.into())?);
    pdu.target(target);
    if let Some(memory) = memory {
        pdu.field(FILE_SYSTEM, memory);
    }
    if code == REQUEST_DOWNLOAD && !reader.is_empty() {
        let length = reader.u8()?;
        let mut lengths = Reader::new(reader.take(length.into())?);
        lengths.skip(1)?;
        for field in [LOAD_LENGTH, CODE_LENGTH] {
            if let Some(bytes) = number(lengths.take(6)?) {
                pdu.field(field, bytes);
            }
        }
    }
    Some(())
}

/// A number in decimal digits.
fn number(digits: &[u8]) -> Option<u32> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    all_digits.then(|| core::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

/// Reads the answer to the job of a transfer, giving its piece of the block
/// and whether it is the last.
pub(super) fn transfer_answer<'a>(
    code: u8,
    flow: &mut Flow,
    parameter: &mut Reader<'_>,
    data: &mut Reader<'a>,
    pdu: &mut Pdu,
) -> Option<Option<(&'a [u8], bool)>> {
    if parameter.is_empty() {
        return Some(None);
    }
    let more = status(parameter, pdu)?;
    if code == START_UPLOAD {
        parameter.skip(2)?;
        let id = parameter.u32_be()?;
        pdu.field(UPLOAD_ID, id);
        let length = parameter.u8()?;
        // Some emulators leave the length's own length out.
        let digits = parameter.take_up_to(if length == 0 { usize::MAX } else { length.into() });
        let digits = digits.iter().position(|b| *b != 0).and_then(|at| digits.get(at..));
        if let Some(length) = digits.and_then(number) {
            pdu.field(BLOCK_LENGTH, length);
        }
        if let Some(target) = &pdu.target {
            flow.uploads.begin(id, target);
        }
        return Some(None);
    }
    if data.is_empty() {
        return Some(None);
    }
    let length = data.u16_be()?;
    data.skip(2)?;
    let piece = data.take(length.into())?;
    header(piece, pdu);
    Some(Some((piece, !more)))
}

/// Forgets an upload that ended.
pub(super) fn ended(code: u8, flow: &mut Flow, job: &Pdu) {
    if code != END_UPLOAD {
        return;
    }
    for (field, value) in &job.fields {
        if let (true, Value::Unsigned(id)) = (*field == UPLOAD_ID, value) {
            flow.uploads.end(u32::try_from(*id).unwrap_or(0));
        }
    }
}

/// Hands on a piece of a block.
pub(super) fn content(code: u8, target: Option<&Target>, piece: &[u8], last: bool, out: &mut Sink) {
    let name: Box<str> = transfer_name(target).into();
    // Both ways of one block may be under way in a flow.
    let transfer = name
        .bytes()
        .fold(u64::from(code), |id, byte| id.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(byte));
    let to_server = code == DOWNLOAD_BLOCK;
    out.content(transfer, ContentKind::Program, &name, to_server, piece, last);
}

/// Reads the header of a block, which its first piece begins with.
fn header(piece: &[u8], pdu: &mut Pdu) -> Option<()> {
    let mut reader = Reader::new(piece);
    if reader.u16_be()? != 0x7070 {
        return None;
    }
    reader.skip(2)?;
    if let Some(word) = language(reader.u8()?) {
        pdu.field(LANGUAGE, word);
    }
    reader.skip(3)?;
    pdu.field(LOAD_LENGTH, reader.u32_be()?);
    if reader.u32_be()? == KNOW_HOW {
        pdu.field(KNOW_HOW_PROTECTED, true);
    }
    pdu.field(CODE_TIME, time::block_time(reader.array()?));
    pdu.field(INTERFACE_TIME, time::block_time(reader.array()?));
    reader.skip(6)?;
    pdu.field(CODE_LENGTH, reader.u16_be()?);
    Some(())
}
