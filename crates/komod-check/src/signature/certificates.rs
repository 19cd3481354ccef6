//! The certificates that are built into a kernel.
//!
//! They stand one behind the other at `system_certificate_list` (`certs/system_certificates.S`),
//! and the kernel takes them apart by their lengths, which have two bytes
//! (`x509_load_certificate_list()`, `crypto/asymmetric_keys/x509_loader.c`, Linux 6.1 and 6.12).

use komod_kernel::prepared::Prepared;

use crate::image_data::ImageData;

const SEQUENCE_OF_TWO_BYTES: [u8; 2] = [0x30, 0x82];

/// The certificates in an image, in DER; none if it has none, or does not tell where.
pub(crate) fn certificates(image: &Prepared) -> Vec<Vec<u8>> {
    let list = || {
        let data = ImageData::open(image)?;
        let size = data.bytes_of("system_certificate_list_size", 8)?;
        let size = u64::from_le_bytes(*size.first_chunk()?);
        data.bytes_of("system_certificate_list", size)
    };
    list().map(|list| split(&list)).unwrap_or_default()
}

fn split(mut list: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(&[a, b, high, low]) = list.first_chunk() {
        let length = 4 + usize::from(u16::from_be_bytes([high, low]));
        let Some((certificate, rest)) = list.split_at_checked(length) else { break };
        if [a, b] != SEQUENCE_OF_TWO_BYTES {
            break;
        }
        all.push(certificate.to_vec());
        list = rest;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_behind_the_other() {
        let list = [0x30, 0x82, 0, 2, 1, 2, 0x30, 0x82, 0, 1, 3, 0x30, 0x82, 0, 9, 9];
        assert_eq!(split(&list), [&list[..6], &list[6..11]]);
        assert_eq!(split(&[0x30, 0x81, 0, 0]), [[0; 0]; 0]);
        assert_eq!(split(b""), [[0; 0]; 0]);
    }
}
