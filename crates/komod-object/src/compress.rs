//! Compressed modules: gzip, xz and zstd, told apart by their magic bytes.
//!
//! Distributions store modules as `.ko`, `.ko.gz`, `.ko.xz` or `.ko.zst` (`modules_install` with
//! `CONFIG_MODULE_COMPRESS_*`). The name says nothing here, only the contents count.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use std::io::{self, Read};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// gzip (RFC 1952).
    Gzip,
    /// xz (.xz file format 1.2).
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Format {
    /// Recognises a compressed file by its first bytes.
    pub fn detect(data: &[u8]) -> Option<Format> {
        match data {
            [0x1f, 0x8b, ..] => Some(Format::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Gzip => "gzip",
            Format::Xz => "xz",
            Format::Zstd => "zstd",
        })
    }
}

/// Why a file could not be decompressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecompressError {
    /// The compressed data is damaged or cut off.
    #[error("{format} data is damaged: {source}")]
    Damaged {
        /// The compression.
        format: Format,
        /// What the decoder says.
        source: io::Error,
    },
    /// The contents are larger than the caller allows.
    #[error("{format} data expands to more than {limit} bytes")]
    TooLarge {
        /// The compression.
        format: Format,
        /// The caller's limit.
        limit: usize,
    },
}

/// Memory an xz or zstd decoder may use for its window, however small the limit for the output is.
const MIN_WINDOW: usize = 16 << 20;

/// The contents of `data`: itself if it is not compressed, else at most `limit` bytes.
///
/// Output grows with the input actually decoded, so a small file that claims to be huge costs
/// nothing; the decoders' windows are bounded too.
pub fn decompress(data: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, DecompressError> {
    let Some(format) = Format::detect(data) else {
        return Ok(Cow::Borrowed(data));
    };
    let mut out = Vec::new();
    decompress_into(data, format, limit, &mut out)?;
    Ok(Cow::Owned(out))
}

/// As [`decompress`], of data known to be compressed, into memory that may serve many files. After
/// an error `out` has what could be read.
pub fn decompress_into(
    data: &[u8],
    format: Format,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    out.clear();
    match format {
        Format::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(data), limit, out),
        Format::Xz => xz(data, limit, out),
        Format::Zstd => zstd(data, limit, out),
    }
    .map_err(|source| DecompressError::Damaged { format, source })?;
    if out.len() > limit {
        return Err(DecompressError::TooLarge { format, limit });
    }
    Ok(())
}

fn xz(data: &[u8], limit: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let memory = limit.max(MIN_WINDOW).saturating_add(1 << 20) as u64;
    let stream = liblzma::stream::Stream::new_stream_decoder(memory, 0)?;
    read_bounded(liblzma::read::XzDecoder::new_stream(data, stream), limit, out)
}

fn zstd(data: &[u8], limit: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(data)?;
    decoder.window_log_max(limit.max(MIN_WINDOW).ilog2().clamp(24, 31))?;
    read_bounded(decoder, limit, out)
}

/// Reads at most one byte more than `limit`, so that the caller sees an excess.
fn read_bounded(decoder: impl Read, limit: usize, out: &mut Vec<u8>) -> io::Result<()> {
    decoder.take((limit as u64).saturating_add(1)).read_to_end(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(data: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 1).unwrap()
    }

    #[test]
    fn round_trips() {
        let data: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for (format, packed) in
            [(Format::Gzip, gzip(&data)), (Format::Xz, xz(&data)), (Format::Zstd, zstd(&data))]
        {
            assert_eq!(Format::detect(&packed), Some(format));
            assert_eq!(decompress(&packed, data.len()).unwrap(), data, "{format}");
            let error = decompress(&packed, data.len() - 1).unwrap_err();
            assert!(matches!(error, DecompressError::TooLarge { .. }), "{format}: {error}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let data = b"~Module signature appended~\n".repeat(20);
        for packed in [gzip(&data), xz(&data), zstd(&data)] {
            for len in 6..packed.len() {
                let result = decompress(&packed[..len], 1 << 20);
                assert!(matches!(result, Err(DecompressError::Damaged { .. })), "{len}");
            }
        }
    }

    #[test]
    fn plain_data_passes_through() {
        for data in [&b""[..], b"\x7fELF", b"\x1f"] {
            assert!(matches!(decompress(data, 0).unwrap(), Cow::Borrowed(same) if same == data));
        }
    }
}
