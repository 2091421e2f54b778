//! Evidence as pcapng: one little-endian section, nanoseconds, a comment for the
//! whole and for each frame.
//!
//! ```text
//!  SHB  comment, program          one, at the front
//!  IDB  link type, name, 10^-9 s  one for each interface and file, before its first frame
//!  EPB  time, bytes, comment      as captured, tags in place
//! ```
//!
//! Nothing is written to a disk here: evidence is bounded, and its bytes are handed on.
//!
//! Source: draft-ietf-opsawg-pcapng [S].

/// The option that ends a list.
const END: u16 = 0;
const COMMENT: u16 = 1;
const PROGRAM: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const INTERFACE_RESOLUTION: u16 = 9;
/// Nanoseconds, as a power of ten.
const NANOSECONDS: u8 = 9;
/// Longest option that is written; a longer text is cut between characters.
const LONGEST: usize = 32_768;

/// Where frames were captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// LINKTYPE_ value.
    pub link_type: u16,
    /// The name of the interface, where it has one.
    pub name: Option<String>,
    /// What it was: interface and capture file.
    pub description: String,
}

/// A frame to be written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Nanoseconds since 1970; before that it is written as 1970.
    pub time_ns: i64,
    /// Bytes on the wire.
    pub original_len: u32,
    /// The bytes that are there.
    pub bytes: &'a [u8],
    /// What a reader should know of it.
    pub comment: &'a str,
}

/// Writes a capture into memory.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    sources: Vec<Source>,
}

impl Writer {
    /// Begins a capture: what it is, and which program made it.
    #[must_use]
    pub fn new(comment: &str, program: &str) -> Self {
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend(1u16.to_le_bytes());
        body.extend(0u16.to_le_bytes());
        // The length of the section is not told.
        body.extend(u64::MAX.to_le_bytes());
        option(&mut body, COMMENT, text(comment));
        option(&mut body, PROGRAM, text(program));
        option(&mut body, END, &[]);
        let mut writer = Self { bytes: Vec::new(), sources: Vec::new() };
        writer.block(0x0a0d_0d0a, &body);
        writer
    }

    /// Writes a frame.
    pub fn frame(&mut self, source: &Source, frame: Written<'_>) {
        let interface = self.interface(source);
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let time = frame.time_ns.max(0).unsigned_abs().to_le_bytes();
        let mut body = Vec::with_capacity(frame.bytes.len().saturating_add(64));
        body.extend(interface.to_le_bytes());
        // The upper half of the time stands first.
        body.extend_from_slice(time.get(4..).unwrap_or_default());
        body.extend_from_slice(time.get(..4).unwrap_or_default());
        body.extend(length.to_le_bytes());
        body.extend(frame.original_len.max(length).to_le_bytes());
        body.extend_from_slice(frame.bytes);
        pad(&mut body);
        if !frame.comment.is_empty() {
            option(&mut body, COMMENT, text(frame.comment));
            option(&mut body, END, &[]);
        }
        self.block(6, &body);
    }

    /// The whole capture.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// The number of an interface; it is described where it has not been.
    fn interface(&mut self, source: &Source) -> u32 {
        let at = self.sources.iter().position(|own| own == source).unwrap_or_else(|| {
            let mut body = Vec::new();
            body.extend(source.link_type.to_le_bytes());
            body.extend(0u16.to_le_bytes());
            body.extend(0u32.to_le_bytes());
            if let Some(name) = &source.name {
                option(&mut body, INTERFACE_NAME, text(name));
            }
            option(&mut body, INTERFACE_DESCRIPTION, text(&source.description));
            option(&mut body, INTERFACE_RESOLUTION, &[NANOSECONDS]);
            option(&mut body, END, &[]);
            self.block(1, &body);
            self.sources.push(source.clone());
            self.sources.len().saturating_sub(1)
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = u32::try_from(body.len().saturating_add(12)).unwrap_or(u32::MAX);
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend_from_slice(body);
        self.bytes.extend(length.to_le_bytes());
    }
}

/// The bytes of a text, as many as an option holds.
fn text(text: &str) -> &[u8] {
    let end = text.floor_char_boundary(LONGEST);
    text.as_bytes().get(..end).unwrap_or_default()
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

/// Fills up to whole words.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::{Source, Writer, Written};
    use crate::capture::window::Window;
    use crate::capture::{FileFacts, file::Head, pcapng::Pcapng};

    fn source(description: &str) -> Source {
        Source { link_type: 1, name: Some("eth0".into()), description: description.into() }
    }

    fn written(time_ns: i64, bytes: &[u8]) -> Written<'_> {
        Written { time_ns, original_len: 100, bytes, comment: "a request" }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut writer = Writer::new("an alert", "otmon");
        writer.frame(&source("first"), written(1_700_000_000_123_456_789, &[1, 2, 3, 4, 5]));
        writer.frame(&source("second"), written(-5, &[6]));
        writer.frame(&source("first"), written(7, &[]));
        let bytes = writer.finish();

        let mut facts = FileFacts::default();
        let mut window = Window::new(Box::new(std::io::Cursor::new(bytes)), 4096);
        let mut records = Pcapng::start(&mut facts);
        let mut head = Head::default();
        let mut seen = Vec::new();
        while records.advance(&mut window, &mut facts, &mut head) {
            let bytes = window.at(head.mark, head.len).to_vec();
            seen.push((head.time_ns, head.interface, head.original_len, bytes));
        }

        let expected = vec![
            (1_700_000_000_123_456_789, 0, 100, vec![1, 2, 3, 4, 5]),
            (0, 1, 100, vec![6]),
            (7, 0, 100, vec![]),
        ];
        assert_eq!(expected, seen);
        assert_eq!((None, false, 0), (facts.error, facts.truncated, facts.skipped_bytes));
        assert_eq!(vec!["eth0", "eth0"], facts.interface_names);
        assert_eq!(4, facts.comment_count);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let long = format!("x{}", "\u{fc}".repeat(40_000));

        assert_eq!(32_767, super::text(&long).len());
        assert!(str::from_utf8(super::text(&long)).is_ok());
    }
}
