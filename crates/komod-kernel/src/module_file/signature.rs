//! The signature behind a module, also those of Linux before 4.4.
//!
//! A file ends with the signature, `struct module_signature` and a marker. With PKCS#7 (the only
//! kind since Linux 4.4, `include/linux/module_signature.h`) the signature says who signed. Before,
//! the signer's name and the key's identifier stood in front of it, with their lengths in the
//! structure (`kernel/module_signing.c`, Linux 3.7).

use super::elf::Problem;
use super::source::Source;
use komod_object::signature::{MARKER, TRAILER_SIZE};

/// What a signature is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// OpenPGP; was never in use.
    Pgp,
    /// An X.509 certificate, before Linux 4.4.
    X509,
    /// PKCS#7.
    Pkcs7,
}

/// A signature taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// The kind, if it is one of those known.
    pub kind: Option<KeyKind>,
    /// Number of the hash (`enum pkey_hash_algo`, `include/crypto/public_key.h`, Linux 3.7).
    pub hash: u8,
    /// The signer's name.
    pub signer: Vec<u8>,
    /// The key's identifier.
    pub key: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Trailer {
    pub(super) fn read(source: &Source) -> Result<Option<Self>, Problem> {
        let behind = (TRAILER_SIZE + MARKER.len()) as u64;
        let Some(at) = source.size().checked_sub(behind) else { return Ok(None) };
        let end = source.read(at, behind)?;
        let Some(trailer) = end.strip_suffix(MARKER) else { return Ok(None) };
        let [_, hash, kind, signer, key, _, _, _, size @ ..] = trailer else { return Ok(None) };
        let Ok(size) = <[u8; 4]>::try_from(size).map(u32::from_be_bytes) else { return Ok(None) };
        let (signer, key) = (u64::from(*signer), u64::from(*key));
        let all = signer + key + u64::from(size);
        let Some(start) = at.checked_sub(all).filter(|_| size > 0) else { return Ok(None) };
        let mut name = source.read(start, all)?;
        let mut id = name.split_off(usize::try_from(signer).unwrap_or(0).min(name.len()));
        let signature = id.split_off(usize::try_from(key).unwrap_or(0).min(id.len()));
        let kind = match kind {
            0 => Some(KeyKind::Pgp),
            1 => Some(KeyKind::X509),
            2 => Some(KeyKind::Pkcs7),
            _ => None,
        };
        Ok(Some(Trailer { kind, hash: *hash, signer: name, key: id, signature }))
    }

    /// The name of the hash in signatures before PKCS#7.
    pub fn hash_name(&self) -> Option<&'static str> {
        const NAMES: [&str; 8] =
            ["md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224"];
        NAMES.get(usize::from(self.hash)).copied()
    }
}
