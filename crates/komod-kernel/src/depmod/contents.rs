//! The bytes of a module's file, read piece by piece: depmod needs an eighth of them. Compressed
//! files are unpacked whole.

use super::module_file::ModuleFileError;
use super::stamp::Stamp;
use crate::module_file::header::Section;
use crate::module_file::unpacked::{self, MAX_PACKED};
use komod_object::compress::{self, Format};
use rustix::fs::{FileType, fstat};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// No piece is larger than this: not the symbols of the largest kernel module with all debugging
/// information (a `.symtab` of a few MiB).
const MAX_PIECE: usize = 256 << 20;
/// What is read in front of the table of sections: their names, in all modules of Debian's 6.1.
const WINDOW: u64 = 1 << 10;
/// To read so many bytes more is less work than to ask twice.
const NEAR: u64 = 4 << 10;
/// What is read first: an ELF header.
const START: usize = 64;

/// Memory for reading, used again for one file after another.
#[derive(Debug, Default)]
pub struct Buffers {
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    window: Vec<u8>,
}

/// The contents of a file.
pub struct Contents<'b> {
    kind: Kind<'b>,
    len: u64,
    /// How the file looked before it was read.
    pub stamp: Stamp,
}

enum Kind<'b> {
    /// Unpacked.
    Memory(&'b [u8]),
    /// On disk, but for a part of it.
    File { file: File, start: [u8; START], window: Window<'b> },
}

/// A part of a file that was read.
struct Window<'b> {
    /// Longer than the part, if an earlier one was.
    buffer: &'b mut Vec<u8>,
    start: u64,
    len: usize,
}

impl<'b> Contents<'b> {
    /// Looks into an open file and unpacks it, if it is compressed; its name says nothing about that.
    pub fn of(mut file: File, buffers: &'b mut Buffers) -> Result<Contents<'b>, ModuleFileError> {
        let stat = fstat(&file).map_err(io::Error::from)?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(ModuleFileError::NotAFile);
        }
        let len = u64::try_from(stat.st_size).unwrap_or_default();
        let stamp = Stamp::of(&stat);
        let mut start = [0; START];
        let start_len = START.min(usize::try_from(len).unwrap_or(usize::MAX));
        file.read_exact_at(start.get_mut(..start_len).unwrap_or_default(), 0)?;
        let Some(format) = Format::detect(start.get(..start_len).unwrap_or_default()) else {
            let window = Window { buffer: &mut buffers.window, start: 0, len: 0 };
            return Ok(Contents { kind: Kind::File { file, start, window }, len, stamp });
        };
        if len > MAX_PACKED {
            return Err(ModuleFileError::TooLarge { what: "compressed file", size: len });
        }
        let packed = &mut buffers.packed;
        packed.clear();
        // A regular file of this size: at most 1 GiB, and its end counts.
        packed.reserve(usize::try_from(len).unwrap_or_default().saturating_add(1));
        Read::by_ref(&mut file).take(MAX_PACKED).read_to_end(packed)?;
        let limit = unpacked::limit(packed.len());
        let unpacked = &mut buffers.unpacked;
        compress::decompress_into(packed, format, limit, unpacked)?;
        let len = unpacked.len() as u64;
        Ok(Contents { kind: Kind::Memory(unpacked), len, stamp })
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Reads a part that will be asked for in pieces, and what stands in front of it.
    pub fn prepare(&mut self, offset: u64, len: u64) -> Result<(), ModuleFileError> {
        if let Kind::File { file, window, .. } = &mut self.kind {
            let start = offset.saturating_sub(WINDOW);
            let end = offset.saturating_add(len).min(self.len);
            let size = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
            if size <= MAX_PIECE {
                file.read_exact_at(room(window.buffer, size), start)?;
                (window.start, window.len) = (start, size);
            }
        }
        Ok(())
    }

    /// A piece, in `scratch` if it has to be read from the file. `what` is for errors.
    pub fn piece<'s>(
        &'s self,
        what: &'static str,
        offset: u64,
        size: u64,
        scratch: &'s mut Vec<u8>,
    ) -> Result<&'s [u8], ModuleFileError> {
        let outside = ModuleFileError::Outside { what, offset, size, len: self.len };
        if offset.checked_add(size).is_none_or(|end| end > self.len) {
            return Err(outside);
        }
        let size = match usize::try_from(size) {
            Ok(size) if size <= MAX_PIECE => size,
            _ => return Err(ModuleFileError::TooLarge { what, size }),
        };
        if let Some(piece) = self.at_hand(offset, size) {
            return Ok(piece);
        }
        let Kind::File { file, .. } = &self.kind else { return Err(outside) };
        let scratch = room(scratch, size);
        file.read_exact_at(scratch, offset)?;
        Ok(scratch)
    }

    /// Two pieces, each with a name for errors. If they stand near each other, both are read in one
    /// go.
    pub fn pieces<'s>(
        &'s self,
        first: (&'static str, Section),
        second: (&'static str, Section),
        [scratch, other]: [&'s mut Vec<u8>; 2],
    ) -> Result<[&'s [u8]; 2], ModuleFileError> {
        let Some((from, size)) = self.together(first.1, second.1) else {
            let first = self.piece(first.0, first.1.offset, first.1.size, scratch)?;
            return Ok([first, self.piece(second.0, second.1.offset, second.1.size, other)?]);
        };
        let both = self.piece(first.0, from, size, scratch)?;
        Ok([first.1, second.1].map(|section| {
            // Both are in what was read, which is less than MAX_PIECE.
            let at = usize::try_from(section.offset - from).unwrap_or(usize::MAX);
            let size = usize::try_from(section.size).unwrap_or(usize::MAX);
            both.get(at..).and_then(|rest| rest.get(..size)).unwrap_or_default()
        }))
    }

    /// Where two sections begin together and how long both are, if it is worth it to read them so.
    fn together(&self, first: Section, second: Section) -> Option<(u64, u64)> {
        let from = first.offset.min(second.offset);
        let end = |section: Section| section.offset.checked_add(section.size);
        let size = end(first)?.max(end(second)?).checked_sub(from)?;
        let between = size.saturating_sub(first.size.saturating_add(second.size));
        let to_read = |section: Section| {
            let size = usize::try_from(section.size).unwrap_or(usize::MAX);
            size > 0 && self.at_hand(section.offset, size).is_none()
        };
        let fits = size <= MAX_PIECE as u64 && from.checked_add(size)? <= self.len;
        (fits && between <= NEAR && to_read(first) && to_read(second)).then_some((from, size))
    }

    /// A piece that was read before.
    fn at_hand(&self, offset: u64, size: usize) -> Option<&[u8]> {
        let (bytes, start) = match &self.kind {
            Kind::Memory(bytes) => (*bytes, 0),
            Kind::File { start, .. } if offset == 0 && size <= START => (start.as_slice(), 0),
            Kind::File { window, .. } => {
                (window.buffer.get(..window.len).unwrap_or_default(), window.start)
            }
        };
        let at = offset.checked_sub(start).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| bytes.get(at..at.checked_add(size)?))
    }
}

/// The beginning of a buffer that is made large enough.
fn room(buffer: &mut Vec<u8>, size: usize) -> &mut [u8] {
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    buffer.get_mut(..size).unwrap_or_default()
}
