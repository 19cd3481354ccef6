//! The bzImage container: boot header and payload.
//!
//! Source: Linux 6.12 `Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel Header".

use super::{ImageError, decompress};
use crate::le;

/// What the boot header says, as far as komod needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootHeader {
    /// Boot protocol version, e.g. 0x020f.
    pub protocol: u16,
    /// Release and build text ("6.1.0-56-amd64 (debian-kernel@…) #1 SMP …"), if present.
    pub version: Option<String>,
    /// Where the compressed payload lies in the file.
    pub payload: std::ops::Range<usize>,
}

/// Offset of the boot header's magic, "HdrS".
const MAGIC_AT: usize = 0x202;
/// The longest version text believed; Linux writes about 100 bytes.
const MAX_VERSION: usize = 512;

impl BootHeader {
    /// Reads the header of a bzImage.
    pub fn parse(image: &[u8]) -> Result<Self, ImageError> {
        Self::parse_start(image, image.len() as u64)
    }

    /// Reads the header from the first bytes of an image that is `size` bytes long: the setup
    /// code (at most 64 sectors) is enough.
    pub fn parse_start(image: &[u8], size: u64) -> Result<Self, ImageError> {
        let not_image = || ImageError::NotAnImage {
            start: image.get(..8.min(image.len())).unwrap_or_default().to_vec(),
        };
        if image.get(MAGIC_AT..MAGIC_AT + 4) != Some(b"HdrS") {
            return Err(not_image());
        }
        let protocol = le::u16(image, 0x206).ok_or_else(not_image)?;
        if protocol < 0x0208 {
            return Err(ImageError::OldProtocol { version: protocol });
        }
        // Zero means four, for images older than the field.
        let setup_sectors = match image.get(0x1f1).copied().ok_or_else(not_image)? {
            0 => 4,
            count => u64::from(count),
        };
        let offset = u64::from(le::u32(image, 0x248).ok_or_else(not_image)?);
        let length = u64::from(le::u32(image, 0x24c).ok_or_else(not_image)?);
        // All three are at most 32 bits wide: the sums cannot overflow.
        let start = (setup_sectors + 1) * 512 + offset;
        let payload = usize::try_from(start)
            .ok()
            .zip(usize::try_from(start + length).ok())
            .filter(|&(_, end)| end as u64 <= size && length > 0)
            .map(|(start, end)| start..end)
            .ok_or(ImageError::PayloadOutside { offset: start, length, size })?;
        let version = le::u16(image, 0x20e)
            .filter(|&pointer| pointer != 0)
            .and_then(|pointer| le::c_str(image, usize::from(pointer) + 0x200))
            .filter(|text| text.len() <= MAX_VERSION)
            .map(|text| String::from_utf8_lossy(text).into_owned());
        Ok(Self { protocol, version, payload })
    }

    /// The release: the first word of the version text.
    pub fn release(&self) -> Option<&str> {
        self.version.as_deref()?.split_ascii_whitespace().next()
    }
}

/// Takes the `vmlinux` (with the relocation lists behind it) out of a boot image. A plain ELF
/// `vmlinux` is returned as it is.
pub fn unpack(vmlinuz: &[u8]) -> Result<Vec<u8>, ImageError> {
    if vmlinuz.starts_with(b"\x7fELF") {
        return Ok(vmlinuz.to_vec());
    }
    let header = BootHeader::parse(vmlinuz)?;
    let payload = vmlinuz.get(header.payload).unwrap_or_default();
    let vmlinux = decompress::payload(payload)?;
    if !vmlinux.starts_with(b"\x7fELF") {
        return Err(ImageError::Elf { what: "the unpacked payload is not an ELF file" });
    }
    Ok(vmlinux)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bzImage with four setup sectors around `payload`.
    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 5 * 512];
        image[0x1f1] = 4;
        image[MAGIC_AT..MAGIC_AT + 4].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x020fu16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x0100u16.to_le_bytes());
        image[0x300..0x30c].copy_from_slice(b"9.9.9-test x");
        image[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        image.extend_from_slice(payload);
        image
    }

    #[test]
    fn header_says_where_the_payload_is() {
        let image = bzimage(b"0123456789");
        let header = BootHeader::parse(&image).unwrap();
        assert_eq!(&image[header.payload.clone()], b"0123456789");
        assert_eq!(header.release(), Some("9.9.9-test"));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let image = bzimage(b"0123456789");
        for length in 0..image.len() {
            assert!(BootHeader::parse(&image[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_payload_beyond_the_file_is_refused() {
        let mut image = bzimage(b"0123456789");
        image[0x248..0x24c].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(unpack(&image), Err(ImageError::PayloadOutside { .. })));
    }

    #[test]
    fn a_zero_filled_file_is_not_an_image() {
        assert!(matches!(unpack(&[0; 4096]), Err(ImageError::NotAnImage { .. })));
        assert!(matches!(unpack(b""), Err(ImageError::NotAnImage { .. })));
    }
}
