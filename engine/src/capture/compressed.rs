//! gzip and zstd, streamed: what a file is under its compression.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::bufread::GzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::error::Problem;
use super::file::Compression;
use super::format::{Kind, SIGHT};
use super::window::Window;

/// Compressed bytes read at a time.
const READ: usize = 1 << 16;
/// The largest window of a zstd frame, as the command `zstd` has it without
/// `--ultra --long=31`.
const MAX_ZSTD_WINDOW: u64 = 128 << 20;

/// Looks at the first bytes of `source`, and under its compression.
pub(super) fn look(
    source: Box<dyn Read + Send>,
    buffer: usize,
) -> (Window, Option<Compression>, Kind) {
    let mut window = Window::new(source, buffer);
    let kind = Kind::of(window.want(SIGHT));
    let compression = match kind {
        Kind::Gzip => Compression::Gzip,
        Kind::Zstd => Compression::Zstd,
        other => return (window, None, other),
    };
    let source = BufReader::with_capacity(READ, window.into_source());
    let expanded: Box<dyn Read + Send> = match compression {
        Compression::Gzip => Box::new(Gzip::new(source)),
        Compression::Zstd => Box::new(Zstd::new(source)),
    };
    let mut window = Window::new(expanded, buffer);
    let kind = match Kind::of(window.want(SIGHT)) {
        Kind::Gzip | Kind::Zstd => Kind::Refused(Problem::Nested),
        inner => inner,
    };
    (window, Some(compression), kind)
}

type Source = BufReader<Box<dyn Read + Send>>;

/// Reads the members of a gzip file one after the other.
struct Gzip {
    member: Option<GzDecoder<Source>>,
}

impl Gzip {
    fn new(source: Source) -> Self {
        Self { member: Some(GzDecoder::new(source)) }
    }
}

impl Read for Gzip {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let count = member.read(to)?;
            if count > 0 || to.is_empty() {
                return Ok(count);
            }
            let Some(mut source) = self.member.take().map(GzDecoder::into_inner) else {
                return Ok(0);
            };
            match source.fill_buf()?.first() {
                None => return Ok(0),
                Some(0x1f) => self.member = Some(GzDecoder::new(source)),
                // Tapes and block devices pad with zeros.
                Some(0) => return Ok(0),
                Some(_) => {
                    return Err(io::Error::new(
                        ErrorKind::InvalidData,
                        "bytes that are not gzip follow",
                    ));
                }
            }
        }
    }
}

/// Knows whether the stream ended while more was wanted.
struct Starving {
    source: Source,
    starved: bool,
}

impl Read for Starving {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(to)?;
        self.starved |= count == 0 && !to.is_empty();
        Ok(count)
    }
}

/// Reads the frames of a zstd file one after the other.
struct Zstd {
    source: Starving,
    decoder: FrameDecoder,
    in_frame: bool,
    failure: Option<io::Error>,
    ended: bool,
}

impl Zstd {
    fn new(source: Source) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_ZSTD_WINDOW);
        let source = Starving { source, starved: false };
        Self { source, decoder, in_frame: false, failure: None, ended: false }
    }

    /// Decodes a block, or the header of the next frame.
    fn step(&mut self) -> io::Result<()> {
        if self.in_frame && !self.decoder.is_finished() {
            return self
                .decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map(|_| ())
                .map_err(|error| self.fault(&error));
        }
        if self.in_frame {
            self.in_frame = false;
            let told = self.decoder.get_checksum_from_data();
            if told.is_some() && told != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(ErrorKind::InvalidData, "the checksum does not fit"));
            }
        }
        if self.source.source.fill_buf()?.is_empty() {
            self.ended = true;
            return Ok(());
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let wanted = u64::from(length);
                let skipped = io::copy(&mut (&mut self.source).take(wanted), &mut io::sink())?;
                if skipped < wanted {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(self.fault(&error)),
        }
        Ok(())
    }

    fn fault(&self, error: &FrameDecoderError) -> io::Error {
        if self.source.starved {
            return ErrorKind::UnexpectedEof.into();
        }
        io::Error::new(ErrorKind::InvalidData, error.to_string())
    }

    /// Ends the frame with an empty last block, so that the decoder gives away
    /// what it holds back as its window: everything before the fault.
    fn release(&mut self) {
        const LAST_BLOCK: &[u8] = &[1, 0, 0];
        const ANY_CHECKSUM: &[u8] = &[0; 4];
        if self.in_frame && !self.decoder.is_finished() {
            let ending = LAST_BLOCK.chain(ANY_CHECKSUM);
            // An error here only means that nothing more comes out.
            drop(self.decoder.decode_blocks(ending, BlockDecodingStrategy::UptoBlocks(1)));
        }
        self.in_frame = false;
    }
}

impl Read for Zstd {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(to);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.ended {
                return Ok(0);
            }
            // The decoder asserts; a corrupt file must not end the process.
            let step = catch_unwind(AssertUnwindSafe(|| self.step())).unwrap_or_else(|_| {
                self.decoder = FrameDecoder::new();
                Err(io::Error::new(ErrorKind::InvalidData, "the decoder gave up"))
            });
            if let Err(error) = step {
                self.ended = true;
                self.failure = Some(error);
                self.release();
            }
        }
    }
}
