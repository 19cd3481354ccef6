//! One who signed: `SignerInfo` (RFC 5652 5.3).

use super::{Hash, KeyId, Scheme};

/// A signature, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The issuer of the signer's certificate: the contents of its `Name`.
    pub issuer: &'a [u8],
    /// Its serial number there.
    pub serial: &'a [u8],
    /// What the key is found by: serial number and issuer, or its identifier.
    pub id: KeyId<'a>,
    /// The hash of what is signed.
    pub hash: Hash,
    /// How it is signed.
    pub scheme: Scheme,
    /// The signature.
    pub signature: &'a [u8],
    /// It signs attributes, and not the contents themselves.
    pub has_attributes: bool,
}
