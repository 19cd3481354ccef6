//! The bytes of a file, read where they are wanted. What modinfo wants stands at the end; depmod,
//! which looks at thousands of files, reads other parts, into memory that it uses again
//! (`depmod::contents`).

use super::ModuleFileError;
use super::elf::Problem;
use super::header::LONGEST;
use super::unpacked;
use komod_object::compress::{Format, decompress};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// So much of a file's end is read at once: it has the table of sections, their names and the
/// signature of nearly all modules.
const TAIL: u64 = 16 << 10;
/// A file that is shorter is not looked at: the magic bytes of xz are this many.
const SHORTEST: u64 = 6;

/// An uncompressed file, or the contents of a compressed one.
#[derive(Debug)]
pub struct Source {
    /// Where what is not in `end` is read.
    file: Option<File>,
    size: u64,
    /// What the source has from `end_at` on.
    end: Vec<u8>,
    end_at: u64,
    /// What it begins with.
    start: Vec<u8>,
    compression: Option<Format>,
}

impl Source {
    pub fn open(path: &Path) -> Result<Self, ModuleFileError> {
        let read_error = |source| ModuleFileError::Read { path: path.to_owned(), source };
        // A pipe is not waited for.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(read_error)?;
        let metadata = file.metadata().map_err(read_error)?;
        let size = metadata.len();
        if !metadata.is_file() {
            return Err(read_error(io::Error::from_raw_os_error(libc::EINVAL)));
        }
        if size < SHORTEST {
            return Err(ModuleFileError::Short { path: path.to_owned(), size });
        }
        let mut start = vec![0; LONGEST];
        let len = file.read_at(&mut start, 0).map_err(read_error)?;
        start.truncate(len);
        let Some(format) = Format::detect(&start) else {
            let mut end = vec![0; usize::try_from(size.min(TAIL)).unwrap_or(0)];
            let end_at = size.saturating_sub(TAIL);
            file.read_exact_at(&mut end, end_at).map_err(read_error)?;
            let file = (end_at > 0).then_some(file);
            return Ok(Source { file, size, end, end_at, start, compression: None });
        };
        let mut packed = Vec::with_capacity(usize::try_from(size.min(64 << 20)).unwrap_or(0));
        let most = unpacked::MAX_PACKED;
        Read::by_ref(&mut file).take(most).read_to_end(&mut packed).map_err(read_error)?;
        let end = decompress(&packed, unpacked::limit(packed.len()))
            .map_err(|source| ModuleFileError::Compression { path: path.to_owned(), source })?
            .into_owned();
        start = end.get(..LONGEST).unwrap_or(&end).to_vec();
        let size = end.len() as u64;
        if size < SHORTEST {
            return Err(ModuleFileError::Short { path: path.to_owned(), size });
        }
        Ok(Source { file: None, size, end, end_at: 0, start, compression: Some(format) })
    }

    #[cfg(test)]
    pub fn of(bytes: &[u8]) -> Self {
        Source {
            file: None,
            size: bytes.len() as u64,
            end: bytes.to_vec(),
            end_at: 0,
            start: bytes.get(..LONGEST).unwrap_or(bytes).to_vec(),
            compression: None,
        }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn compression(&self) -> Option<Format> {
        self.compression
    }

    /// The first bytes, as many as the longest header has.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// So many bytes at an offset, all inside of the file.
    pub fn read(&self, offset: u64, size: u64) -> Result<Vec<u8>, Problem> {
        let outside = Problem::Outside { offset, size };
        let end = offset.checked_add(size).filter(|end| *end <= self.size);
        let (Some(_), Ok(len)) = (end, usize::try_from(size)) else { return Err(outside) };
        if let Some(at) = offset.checked_sub(self.end_at) {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let bytes = self.end.get(at..at.saturating_add(len));
            return bytes.map(<[u8]>::to_vec).ok_or(outside);
        }
        let Some(file) = &self.file else { return Err(outside) };
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, offset).map_err(Problem::Read)?;
        Ok(bytes)
    }
}
