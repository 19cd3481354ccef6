//! Hashes.

use komod_object::cms::Hash;
use sha2::Digest;

/// The hash of bytes; `None` for those that no module can be signed with: the kernel has no
/// signature scheme for them that komod knows keys of.
pub(super) fn digest(hash: Hash, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match hash {
        Hash::Md5 => md5::Md5::digest(bytes).to_vec(),
        Hash::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        Hash::Sha224 => sha2::Sha224::digest(bytes).to_vec(),
        Hash::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        Hash::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
        Hash::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        Hash::Sha3_256 => sha3::Sha3_256::digest(bytes).to_vec(),
        Hash::Sha3_384 => sha3::Sha3_384::digest(bytes).to_vec(),
        Hash::Sha3_512 => sha3::Sha3_512::digest(bytes).to_vec(),
        Hash::Md4 | Hash::Sm3 | Hash::Streebog256 | Hash::Streebog512 => return None,
    })
}

/// What stands in front of the hash in an RSA signature: `DigestInfo` (RFC 8017 9.2), up to the
/// hash itself. `None` for hashes the kernel does not sign with RSA (`crypto/rsa-pkcs1pad.c`,
/// Linux 6.1 and 6.12; SHA-3 only in the latter).
pub(super) fn digest_info(hash: Hash) -> Option<&'static [u8]> {
    macro_rules! info {
        ($length:literal, $($oid:literal),*) => {{
            const OID: &[u8] = &[$($oid),*];
            const N: u8 = OID.len() as u8;
            &[0x30, N + 8 + $length, 0x30, N + 4, 6, N, $($oid,)* 5, 0, 4, $length]
        }};
    }
    Some(match hash {
        Hash::Md5 => info!(16, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5),
        Hash::Sha1 => info!(20, 0x2b, 0x0e, 3, 2, 0x1a),
        Hash::Sha224 => info!(28, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4),
        Hash::Sha256 => info!(32, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1),
        Hash::Sha384 => info!(48, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2),
        Hash::Sha512 => info!(64, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3),
        Hash::Sha3_256 => info!(32, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 8),
        Hash::Sha3_384 => info!(48, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 9),
        Hash::Sha3_512 => info!(64, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 10),
        Hash::Md4 | Hash::Sm3 | Hash::Streebog256 | Hash::Streebog512 => return None,
    })
}
