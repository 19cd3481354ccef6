//! A public key, and what it can verify.

use komod_object::cms::{Hash, KeyKind, Scheme};
use p256::NistP256;
use p384::NistP384;
use p521::NistP521;

use super::ecdsa::Ecdsa;
use super::rsa::Rsa;

/// Error numbers (`include/uapi/asm-generic/errno.h`).
pub(super) mod errno {
    pub const ENOENT: i32 = 2;
    pub const EINVAL: i32 = 22;
    pub const ENOPKG: i32 = 65;
    pub const EBADMSG: i32 = 74;
    pub const ENOKEY: i32 = 126;
    pub const EKEYREJECTED: i32 = 129;
}
use errno::{EINVAL, EKEYREJECTED, ENOENT};

/// A key of one of the kinds that modules are signed with.
pub(super) enum PublicKey {
    Rsa(Rsa),
    P256(Ecdsa<NistP256>),
    P384(Ecdsa<NistP384>),
    P521(Ecdsa<NistP521>),
}

impl PublicKey {
    /// From a certificate's bits.
    pub(super) fn new(kind: KeyKind, key: &[u8]) -> Result<Self, i32> {
        Ok(match kind {
            KeyKind::Rsa => PublicKey::Rsa(Rsa::new(key)?),
            KeyKind::P256 => PublicKey::P256(Ecdsa::new(key)?),
            KeyKind::P384 => PublicKey::P384(Ecdsa::new(key)?),
            KeyKind::P521 => PublicKey::P521(Ecdsa::new(key)?),
            KeyKind::P192 | KeyKind::Ecrdsa | KeyKind::Sm2 => return Err(ENOENT),
        })
    }

    /// Verifies (`public_key_verify_signature()`, `crypto/asymmetric_keys/public_key.c`, Linux 6.1
    /// and 6.12); the kernel's error number if it is not good.
    pub(super) fn verify(
        &self,
        scheme: Scheme,
        hash: Hash,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), i32> {
        let by_curve = |verify: &dyn Fn() -> Result<(), i32>| match (scheme, hash) {
            (Scheme::Ecdsa, Hash::Md4 | Hash::Md5 | Hash::Sm3) => Err(EINVAL),
            (Scheme::Ecdsa, Hash::Streebog256 | Hash::Streebog512) => Err(EINVAL),
            (Scheme::Ecdsa, _) => verify(),
            _ => Err(EKEYREJECTED),
        };
        match self {
            PublicKey::Rsa(key) if scheme == Scheme::Rsa => key.verify(hash, digest, signature),
            PublicKey::Rsa(_) => Err(EKEYREJECTED),
            PublicKey::P256(key) => by_curve(&|| key.verify(digest, signature)),
            PublicKey::P384(key) => by_curve(&|| key.verify(digest, signature)),
            PublicKey::P521(key) => by_curve(&|| key.verify(digest, signature)),
        }
    }
}
