//! The signature appended to a module.
//!
//! A signed file is `module | signature | struct module_signature | "~Module signature appended~\n"`
//! (`include/linux/module_signature.h`, `scripts/sign-file.c`, Linux 6.1). The twelve bytes of the
//! trailer hold five bytes of legacy fields, the kind of signature, and a big-endian length.

use crate::bytes;

/// What ends a signed module.
pub const MARKER: &[u8] = b"~Module signature appended~\n";

/// Size of `struct module_signature`.
pub const TRAILER_SIZE: usize = 12;

/// `id_type` of the only kind of signature today's kernels accept.
pub const PKEY_ID_PKCS7: u8 = 2;

/// What is wrong with a signature trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nothing is left before the marker.
    #[error("file of {len} bytes before the marker has no room for the trailer")]
    TooShort {
        /// Length before the marker.
        len: usize,
    },
    /// The length of the signature exceeds the file.
    #[error("signature of {signature_len} bytes does not fit {available} bytes of file")]
    Length {
        /// `sig_len`.
        signature_len: u32,
        /// Bytes before the trailer.
        available: usize,
    },
}

/// A module file taken apart: the module, the signature and its trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// What was signed: the module itself.
    pub payload: &'a [u8],
    /// The signature (PKCS#7 in DER, if `id_type` says so).
    pub bytes: &'a [u8],
    /// Kind of signature, see [`PKEY_ID_PKCS7`].
    pub id_type: u8,
    /// True if the fields PKCS#7 signatures leave unused are all zero, as the kernel demands.
    pub unused_fields_zero: bool,
}

/// True if `data` ends in the marker.
pub fn is_signed(data: &[u8]) -> bool {
    data.len() > MARKER.len() && data.ends_with(MARKER)
}

/// Splits off the signature; `Ok(None)` if there is no marker.
pub fn split(data: &[u8]) -> Result<Option<Signature<'_>>, SignatureError> {
    if !is_signed(data) {
        return Ok(None);
    }
    let signed = data.strip_suffix(MARKER).unwrap_or_default();
    let (rest, trailer) = match signed.split_last_chunk::<TRAILER_SIZE>() {
        Some(parts) if !parts.0.is_empty() => parts,
        _ => return Err(SignatureError::TooShort { len: signed.len() }),
    };
    let [algo, hash, id_type, signer_len, key_id_len, pad @ .., _, _, _, _] = trailer;
    let signature_len = bytes::array(trailer, 8).map(u32::from_be_bytes).unwrap_or(u32::MAX);
    let payload_len = rest
        .len()
        .checked_sub(signature_len as usize)
        .filter(|&len| len > 0)
        .ok_or(SignatureError::Length { signature_len, available: rest.len() })?;
    let (payload, signature) = rest.split_at(payload_len);
    let unused = [*algo, *hash, *signer_len, *key_id_len];
    Ok(Some(Signature {
        payload,
        bytes: signature,
        id_type: *id_type,
        unused_fields_zero: unused.iter().chain(pad).all(|&byte| byte == 0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn signed(payload: &[u8], signature: &[u8], id_type: u8, claimed: u32) -> Vec<u8> {
        let mut file = payload.to_vec();
        file.extend_from_slice(signature);
        file.extend_from_slice(&[0, 0, id_type, 0, 0, 0, 0, 0]);
        file.extend_from_slice(&claimed.to_be_bytes());
        file.extend_from_slice(MARKER);
        file
    }

    #[test]
    fn splits_payload_and_signature() {
        let file = signed(b"module", b"sig", PKEY_ID_PKCS7, 3);
        let found = split(&file).unwrap().unwrap();
        assert_eq!((found.payload, found.bytes), (&b"module"[..], &b"sig"[..]));
        assert_eq!(found.id_type, PKEY_ID_PKCS7);
        assert!(found.unused_fields_zero);
    }

    #[test]
    fn refuses_lengths_beyond_the_file() {
        for claimed in [9, 10, u32::MAX] {
            let file = signed(b"module", b"sig", PKEY_ID_PKCS7, claimed);
            let error = SignatureError::Length { signature_len: claimed, available: 9 };
            assert_eq!(split(&file), Err(error));
        }
    }

    #[test]
    fn unsigned_and_torn_files() {
        assert_eq!(split(b"no marker here"), Ok(None));
        assert_eq!(split(MARKER), Ok(None), "the marker alone signs nothing");
        let torn = [&b"x"[..], MARKER].concat();
        assert_eq!(split(&torn), Err(SignatureError::TooShort { len: 1 }));
    }

    #[test]
    fn notices_unused_fields() {
        let mut file = signed(b"module", b"sig", PKEY_ID_PKCS7, 3);
        let at = file.len() - MARKER.len() - TRAILER_SIZE;
        file[at + 5] = 1;
        assert!(!split(&file).unwrap().unwrap().unused_fields_zero);
    }
}
