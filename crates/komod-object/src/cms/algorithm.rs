//! Algorithms, by what the kernel calls them.

use super::oids::{self, Dialect};

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Hash {
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sm3,
    Streebog256,
    Streebog512,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Rsa,
    Ecdsa,
    Ecrdsa,
    Sm2,
}

/// What kind of public key a certificate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum KeyKind {
    Rsa,
    P192,
    P256,
    P384,
    P521,
    Ecrdsa,
    Sm2,
}

impl Hash {
    /// The name in modinfo(8) and the kernel.
    pub fn name(self) -> &'static str {
        match self {
            Hash::Md4 => "md4",
            Hash::Md5 => "md5",
            Hash::Sha1 => "sha1",
            Hash::Sha224 => "sha224",
            Hash::Sha256 => "sha256",
            Hash::Sha384 => "sha384",
            Hash::Sha512 => "sha512",
            Hash::Sm3 => "sm3",
            Hash::Streebog256 => "streebog256",
            Hash::Streebog512 => "streebog512",
            Hash::Sha3_256 => "sha3-256",
            Hash::Sha3_384 => "sha3-384",
            Hash::Sha3_512 => "sha3-512",
        }
    }

    /// The hash of a `digestAlgorithm` (`pkcs7_sig_note_digest_algo()`,
    /// `crypto/asymmetric_keys/pkcs7_parser.c`, Linux 6.1 and 6.12).
    pub fn of(oid: &[u8], dialect: Dialect) -> Option<Hash> {
        let old = dialect == Dialect::Linux6_1;
        Some(match oid {
            oids::MD4 if old => Hash::Md4,
            oids::MD5 if old => Hash::Md5,
            oids::SHA1 => Hash::Sha1,
            oids::SHA224 => Hash::Sha224,
            oids::SHA256 => Hash::Sha256,
            oids::SHA384 => Hash::Sha384,
            oids::SHA512 => Hash::Sha512,
            oids::SM3 => Hash::Sm3,
            oids::STREEBOG256 => Hash::Streebog256,
            oids::STREEBOG512 => Hash::Streebog512,
            oids::SHA3_256 if !old => Hash::Sha3_256,
            oids::SHA3_384 if !old => Hash::Sha3_384,
            oids::SHA3_512 if !old => Hash::Sha3_512,
            _ => return None,
        })
    }
}

impl Scheme {
    /// The scheme of a `digestEncryptionAlgorithm` (`pkcs7_sig_note_pkey_algo()`, the same file).
    pub fn of(oid: &[u8], dialect: Dialect) -> Option<Scheme> {
        let old = dialect == Dialect::Linux6_1;
        Some(match oid {
            oids::RSA => Scheme::Rsa,
            oids::ECDSA_SHA1
            | oids::ECDSA_SHA224
            | oids::ECDSA_SHA256
            | oids::ECDSA_SHA384
            | oids::ECDSA_SHA512 => Scheme::Ecdsa,
            oids::ECDSA_SHA3_256 | oids::ECDSA_SHA3_384 | oids::ECDSA_SHA3_512 if !old => {
                Scheme::Ecdsa
            }
            oids::ECRDSA_KEY256 | oids::ECRDSA_KEY512 => Scheme::Ecrdsa,
            oids::SM2_WITH_SM3 if old => Scheme::Sm2,
            _ => return None,
        })
    }

    /// Scheme and hash that a certificate is signed with (`x509_note_sig_algo()`,
    /// `crypto/asymmetric_keys/x509_cert_parser.c`, Linux 6.1 and 6.12).
    pub fn of_certificate(oid: &[u8], dialect: Dialect) -> Option<(Scheme, Hash)> {
        let old = dialect == Dialect::Linux6_1;
        Some(match oid {
            oids::RSA_MD4 if old => (Scheme::Rsa, Hash::Md4),
            oids::RSA_SHA1 => (Scheme::Rsa, Hash::Sha1),
            oids::RSA_SHA224 => (Scheme::Rsa, Hash::Sha224),
            oids::RSA_SHA256 => (Scheme::Rsa, Hash::Sha256),
            oids::RSA_SHA384 => (Scheme::Rsa, Hash::Sha384),
            oids::RSA_SHA512 => (Scheme::Rsa, Hash::Sha512),
            oids::RSA_SHA3_256 if !old => (Scheme::Rsa, Hash::Sha3_256),
            oids::RSA_SHA3_384 if !old => (Scheme::Rsa, Hash::Sha3_384),
            oids::RSA_SHA3_512 if !old => (Scheme::Rsa, Hash::Sha3_512),
            oids::ECDSA_SHA1 => (Scheme::Ecdsa, Hash::Sha1),
            oids::ECDSA_SHA224 => (Scheme::Ecdsa, Hash::Sha224),
            oids::ECDSA_SHA256 => (Scheme::Ecdsa, Hash::Sha256),
            oids::ECDSA_SHA384 => (Scheme::Ecdsa, Hash::Sha384),
            oids::ECDSA_SHA512 => (Scheme::Ecdsa, Hash::Sha512),
            oids::ECDSA_SHA3_256 if !old => (Scheme::Ecdsa, Hash::Sha3_256),
            oids::ECDSA_SHA3_384 if !old => (Scheme::Ecdsa, Hash::Sha3_384),
            oids::ECDSA_SHA3_512 if !old => (Scheme::Ecdsa, Hash::Sha3_512),
            oids::ECRDSA_STREEBOG256 => (Scheme::Ecrdsa, Hash::Streebog256),
            oids::ECRDSA_STREEBOG512 => (Scheme::Ecrdsa, Hash::Streebog512),
            oids::SM2_WITH_SM3 if old => (Scheme::Sm2, Hash::Sm3),
            _ => return None,
        })
    }
}

impl KeyKind {
    /// The kind of a curve (`x509_extract_key_data()`, the same file).
    pub fn of_curve(oid: &[u8], dialect: Dialect) -> Option<KeyKind> {
        let old = dialect == Dialect::Linux6_1;
        Some(match oid {
            oids::P192 => KeyKind::P192,
            oids::P256 => KeyKind::P256,
            oids::P384 => KeyKind::P384,
            oids::P521 if !old => KeyKind::P521,
            oids::SM2 if old => KeyKind::Sm2,
            _ => return None,
        })
    }
}
