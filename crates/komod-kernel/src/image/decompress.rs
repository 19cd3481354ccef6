//! The payload's compressions, told apart by their magic bytes.
//!
//! Every format but gzip is followed by the unpacked length in four little-endian bytes, because
//! only gzip ends with one of its own (Linux 6.12 `scripts/Makefile.lib`, `size_append`).

use std::fmt;
use std::io::{Cursor, Read};

use super::ImageError;
use crate::le;

/// No payload larger than this is unpacked: distribution kernels are 60–120 MB.
pub const MAX_PAYLOAD: usize = 1 << 30;

/// How a payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    Gzip,
    Xz,
    Zstd,
    /// The legacy frame format (`lz4 -l`), the only one Linux reads.
    Lz4,
    Lzma,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Lzma => "lzma",
        })
    }
}

const LZ4_LEGACY: &[u8] = &[0x02, 0x21, 0x4c, 0x18];
/// Unpacked size of every block of the legacy LZ4 format but the last.
const LZ4_BLOCK: usize = 8 << 20;

impl Compression {
    /// Tells the format by the first bytes (Linux 6.12 `lib/decompress.c`, `compressed_formats`).
    pub fn detect(payload: &[u8]) -> Result<Self, ImageError> {
        let unsupported = |name| Err(ImageError::UnsupportedCompression { name });
        match payload {
            [0x1f, 0x8b | 0x9e, ..] => Ok(Self::Gzip),
            [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, ..] => Ok(Self::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Self::Zstd),
            [0x5d, 0x00, ..] => Ok(Self::Lzma),
            [0x42, 0x5a, ..] => unsupported("bzip2"),
            [0x89, 0x4c, 0x5a, ..] => unsupported("lzo"),
            _ if payload.starts_with(LZ4_LEGACY) => Ok(Self::Lz4),
            _ => Err(ImageError::UnknownCompression {
                magic: payload.get(..payload.len().min(8)).unwrap_or_default().to_vec(),
            }),
        }
    }
}

/// Unpacks a payload and checks the length that is written behind it.
pub(super) fn payload(payload: &[u8]) -> Result<Vec<u8>, ImageError> {
    let compression = Compression::detect(payload)?;
    let fail = |reason: String| ImageError::Decompress { compression, reason };
    let tail = payload
        .len()
        .checked_sub(4)
        .ok_or_else(|| fail("shorter than its length field".to_owned()))?;
    let said = le::u32(payload, tail).map_or(0, u64::from);
    if said > MAX_PAYLOAD as u64 {
        return Err(ImageError::TooLarge { limit: MAX_PAYLOAD });
    }
    let body = payload.get(..tail).unwrap_or_default();
    let limit = said as usize;
    let io = |error: std::io::Error| fail(error.to_string());
    let out = match compression {
        // gzip's own trailer is the length: the decoder needs it.
        Compression::Gzip => read_up_to(flate2::read::GzDecoder::new(payload), limit).map_err(io),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(MAX_PAYLOAD as u64, 0)
                .map_err(|error| fail(error.to_string()))?;
            read_up_to(liblzma::read::XzDecoder::new_stream(body, stream), limit).map_err(io)
        }
        Compression::Lzma => {
            let stream = liblzma::stream::Stream::new_lzma_decoder(MAX_PAYLOAD as u64)
                .map_err(|error| fail(error.to_string()))?;
            read_up_to(liblzma::read::XzDecoder::new_stream(body, stream), limit).map_err(io)
        }
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(Cursor::new(body))
                .map_err(io)?
                .single_frame();
            // Linux packs with a 128 MiB window (`zstd -22 --ultra`): more than the default limit.
            decoder.window_log_max(27).map_err(io)?;
            read_up_to(decoder, limit).map_err(io)
        }
        Compression::Lz4 => lz4_legacy(body, limit).map_err(fail),
    }?;
    if out.len() as u64 != said {
        return Err(ImageError::LengthMismatch { said, found: out.len() as u64 });
    }
    Ok(out)
}

/// Reads `limit` bytes, and one more to notice a stream that does not end there. The buffer grows
/// with what arrives, so a lying length costs nothing.
fn read_up_to(reader: impl Read, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(limit.min(128 << 20));
    reader.take(limit as u64 + 1).read_to_end(&mut out)?;
    Ok(out)
}

/// The legacy LZ4 format: magic, then blocks of a 32-bit packed size and the packed bytes.
fn lz4_legacy(body: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut rest = body.get(LZ4_LEGACY.len()..).unwrap_or_default();
    let mut out = Vec::new();
    let mut block = vec![0; LZ4_BLOCK];
    while !rest.is_empty() {
        // The magic may be repeated between concatenated streams.
        if let Some(after) = rest.strip_prefix(LZ4_LEGACY) {
            rest = after;
            continue;
        }
        let at = body.len() - rest.len();
        let (size, after) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| format!("offset {at:#x}: half a block size"))?;
        let size = u32::from_le_bytes(*size) as usize;
        let packed = after
            .get(..size)
            .ok_or_else(|| format!("offset {at:#x}: a block of {size} bytes is cut off"))?;
        let length = lz4_flex::block::decompress_into(packed, &mut block)
            .map_err(|error| format!("offset {at:#x}: {error}"))?;
        out.extend_from_slice(block.get(..length).unwrap_or_default());
        if out.len() > limit {
            return Err(format!("more than the {limit} bytes it says"));
        }
        rest = after.get(size..).unwrap_or_default();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn sample() -> Vec<u8> {
        (0..300_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect()
    }

    fn with_length(mut packed: Vec<u8>, length: usize) -> Vec<u8> {
        packed.extend_from_slice(&(length as u32).to_le_bytes());
        packed
    }

    fn packed(compression: Compression, data: &[u8]) -> Vec<u8> {
        match compression {
            Compression::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(data).unwrap();
                with_length(encoder.finish().unwrap(), data.len())
            }
            Compression::Lzma => {
                let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
                let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
                let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
                encoder.write_all(data).unwrap();
                with_length(encoder.finish().unwrap(), data.len())
            }
            Compression::Zstd => with_length(zstd::encode_all(data, 3).unwrap(), data.len()),
            Compression::Lz4 => {
                let mut out = LZ4_LEGACY.to_vec();
                for chunk in data.chunks(LZ4_BLOCK) {
                    let block = lz4_flex::block::compress(chunk);
                    out.extend_from_slice(&(block.len() as u32).to_le_bytes());
                    out.extend_from_slice(&block);
                }
                with_length(out, data.len())
            }
        }
    }

    const ALL: [Compression; 5] = [
        Compression::Gzip,
        Compression::Xz,
        Compression::Lzma,
        Compression::Zstd,
        Compression::Lz4,
    ];

    #[test]
    fn every_compression_unpacks() {
        let data = sample();
        for compression in ALL {
            let bytes = packed(compression, &data);
            assert_eq!(Compression::detect(&bytes), Ok(compression));
            assert_eq!(payload(&bytes).as_deref(), Ok(&data[..]), "{compression}");
        }
    }

    #[test]
    fn truncated_and_overlong_payloads_are_errors() {
        let data = sample();
        for compression in ALL {
            let bytes = packed(compression, &data);
            for cut in [1, 4, 5, bytes.len() / 2, bytes.len() - 7] {
                assert!(payload(&bytes[..bytes.len() - cut]).is_err(), "{compression} -{cut}");
            }
            let mut lying = bytes.clone();
            let at = lying.len() - 4;
            lying[at..].copy_from_slice(&1000u32.to_le_bytes());
            assert!(payload(&lying).is_err(), "{compression} with a length too small");
            lying[at..].copy_from_slice(&u32::MAX.to_le_bytes());
            assert_eq!(payload(&lying), Err(ImageError::TooLarge { limit: MAX_PAYLOAD }));
        }
    }

    #[test]
    fn other_formats_are_named() {
        assert_eq!(
            payload(b"BZh91AY&SY"),
            Err(ImageError::UnsupportedCompression { name: "bzip2" })
        );
        assert!(matches!(payload(b"hello"), Err(ImageError::UnknownCompression { .. })));
    }
}
