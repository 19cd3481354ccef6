//! Which of the algorithms a kernel has: `crypto/Kconfig`, Linux 6.1 and 6.12.

use komod_object::cms::{Hash, KeyKind};

/// Whether an algorithm can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum There {
    No,
    /// A module has it, which the kernel asks modprobe for.
    AsModule,
    BuiltIn,
}

/// The hashes in `komod_object`'s order of declaration, with the options that bring them.
const HASHES: [(Hash, &[&str]); 13] = [
    (Hash::Md4, &["CRYPTO_MD4"]),
    (Hash::Md5, &["CRYPTO_MD5"]),
    (Hash::Sha1, &["CRYPTO_SHA1", "CRYPTO_SHA1_SSSE3"]),
    (Hash::Sha224, &["CRYPTO_SHA256", "CRYPTO_SHA256_SSSE3"]),
    (Hash::Sha256, &["CRYPTO_SHA256", "CRYPTO_SHA256_SSSE3"]),
    (Hash::Sha384, &["CRYPTO_SHA512", "CRYPTO_SHA512_SSSE3"]),
    (Hash::Sha512, &["CRYPTO_SHA512", "CRYPTO_SHA512_SSSE3"]),
    (Hash::Sm3, &["CRYPTO_SM3_GENERIC", "CRYPTO_SM3_AVX_X86_64"]),
    (Hash::Streebog256, &["CRYPTO_STREEBOG"]),
    (Hash::Streebog512, &["CRYPTO_STREEBOG"]),
    (Hash::Sha3_256, &["CRYPTO_SHA3"]),
    (Hash::Sha3_384, &["CRYPTO_SHA3"]),
    (Hash::Sha3_512, &["CRYPTO_SHA3"]),
];

/// What a kernel has.
#[derive(Debug, Clone)]
pub(crate) struct Algorithms {
    hashes: [There; HASHES.len()],
    ecdsa: There,
}

impl Algorithms {
    /// By the values of its options.
    pub(crate) fn from_options<'v>(value: impl Fn(&str) -> Option<&'v str>) -> Self {
        let there = |options: &[&str]| {
            let of = |option: &&str| match value(option) {
                Some("y") => There::BuiltIn,
                Some("m") => There::AsModule,
                _ => There::No,
            };
            options.iter().map(of).max().unwrap_or(There::No)
        };
        let hashes = HASHES.map(|(_, options)| there(options));
        Algorithms { hashes, ecdsa: there(&["CRYPTO_ECDSA"]) }
    }

    fn usable(there: There, modprobe: bool) -> bool {
        there == There::BuiltIn || there == There::AsModule && modprobe
    }

    /// Whether it can hash like this.
    pub(crate) fn has(&self, hash: Hash, modprobe: bool) -> bool {
        let mut known = HASHES.iter().zip(self.hashes);
        known.any(|((known, _), there)| *known == hash && Self::usable(there, modprobe))
    }

    /// Whether it can use keys of a kind. RSA comes with `CONFIG_MODULE_SIG`.
    pub(crate) fn has_key(&self, kind: KeyKind, modprobe: bool) -> bool {
        match kind {
            KeyKind::Rsa => true,
            KeyKind::P256 | KeyKind::P384 | KeyKind::P521 => Self::usable(self.ecdsa, modprobe),
            KeyKind::P192 | KeyKind::Ecrdsa | KeyKind::Sm2 => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_as_a_module_or_not_at_all() {
        let value = |option: &str| match option {
            "CRYPTO_SHA256" => Some("y"),
            "CRYPTO_SHA512_SSSE3" | "CRYPTO_ECDSA" => Some("m"),
            _ => None,
        };
        let algorithms = Algorithms::from_options(value);
        assert!(algorithms.has(Hash::Sha256, false) && !algorithms.has(Hash::Sha1, true));
        assert!(algorithms.has(Hash::Sha384, true) && !algorithms.has(Hash::Sha384, false));
        assert!(
            algorithms.has_key(KeyKind::Rsa, false) && !algorithms.has_key(KeyKind::P384, false)
        );
        assert!(algorithms.has_key(KeyKind::P384, true));
    }
}
