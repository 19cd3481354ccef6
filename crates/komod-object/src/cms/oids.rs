//! Object identifiers the kernel knows, in its order, which log lines count by
//! (`include/linux/oid_registry.h`, Linux 6.1 and 6.12).

use alloc::format;
use alloc::string::String;

/// Which kernels' reading of messages and certificates. Linux 6.7 dropped MD4, MD5 and SM2 and
/// took SHA-3; certificates' key usage is read since 6.4. Between the two kernels whose sources
/// are compared, a version takes the nearer one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As Linux 6.1.
    Linux6_1,
    /// As Linux 6.12.
    Linux6_12,
}

impl Dialect {
    /// Of a kernel's version.
    pub fn of_version(major: u32, minor: u32) -> Self {
        if (major, minor) < (6, 7) { Dialect::Linux6_1 } else { Dialect::Linux6_12 }
    }
}

/// 1.2.840.10045.2.1
pub const EC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
/// 1.2.840.10045.3.1.1
pub const P192: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x01";
/// 1.2.840.10045.3.1.7
pub const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// 1.2.840.10045.4.1
pub const ECDSA_SHA1: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x01";
/// 1.2.840.10045.4.3.1
pub const ECDSA_SHA224: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x01";
/// 1.2.840.10045.4.3.2
pub const ECDSA_SHA256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// 1.2.840.10045.4.3.3
pub const ECDSA_SHA384: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x03";
/// 1.2.840.10045.4.3.4
pub const ECDSA_SHA512: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x04";
/// 1.2.840.113549.1.1.1
pub const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// 1.2.840.113549.1.1.4
pub const RSA_MD4: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04";
/// 1.2.840.113549.1.1.5
pub const RSA_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
/// 1.2.840.113549.1.1.11
pub const RSA_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
/// 1.2.840.113549.1.1.12
pub const RSA_SHA384: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
/// 1.2.840.113549.1.1.13
pub const RSA_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";
/// 1.2.840.113549.1.1.14
pub const RSA_SHA224: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e";
/// 1.2.840.113549.1.7.1
pub const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
/// 1.2.840.113549.1.7.2
pub const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// 1.2.840.113549.1.9.3
pub const CONTENT_TYPE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
/// 1.2.840.113549.1.9.4
pub const MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
/// 1.2.840.113549.1.9.5
pub const SIGNING_TIME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05";
/// 1.2.840.113549.1.9.15
pub const SMIME_CAPABILITIES: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f";
/// 1.2.840.113549.2.4
pub const MD4: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x04";
/// 1.2.840.113549.2.5
pub const MD5: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x05";
/// 1.3.6.1.4.1.311.2.1.4
pub const MS_INDIRECT_DATA: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04";
/// 1.3.6.1.4.1.311.2.1.11
pub const MS_STATEMENT_TYPE: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0b";
/// 1.3.6.1.4.1.311.2.1.12
pub const MS_OPUS_INFO: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0c";
/// 1.3.14.3.2.26
pub const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
/// 1.3.132.0.34
pub const P384: &[u8] = b"\x2b\x81\x04\x00\x22";
/// 1.3.132.0.35
pub const P521: &[u8] = b"\x2b\x81\x04\x00\x23";
/// 2.16.840.1.101.3.4.2.1
pub const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
/// 2.16.840.1.101.3.4.2.2
pub const SHA384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
/// 2.16.840.1.101.3.4.2.3
pub const SHA512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";
/// 2.16.840.1.101.3.4.2.4
pub const SHA224: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x04";
/// 2.5.4.3
pub const COMMON_NAME: &[u8] = b"\x55\x04\x03";
/// 2.5.29.14
pub const SUBJECT_KEY_ID: &[u8] = b"\x55\x1d\x0e";
/// 2.5.29.15
pub const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
/// 2.5.29.19
pub const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
/// 2.5.29.35
pub const AUTHORITY_KEY_ID: &[u8] = b"\x55\x1d\x23";
/// 1.2.643.7.1.1.1.1
pub const ECRDSA_KEY256: &[u8] = b"\x2a\x85\x03\x07\x01\x01\x01\x01";
/// 1.2.643.7.1.1.1.2
pub const ECRDSA_KEY512: &[u8] = b"\x2a\x85\x03\x07\x01\x01\x01\x02";
/// 1.2.643.7.1.1.2.2
pub const STREEBOG256: &[u8] = b"\x2a\x85\x03\x07\x01\x01\x02\x02";
/// 1.2.643.7.1.1.2.3
pub const STREEBOG512: &[u8] = b"\x2a\x85\x03\x07\x01\x01\x02\x03";
/// 1.2.643.7.1.1.3.2
pub const ECRDSA_STREEBOG256: &[u8] = b"\x2a\x85\x03\x07\x01\x01\x03\x02";
/// 1.2.643.7.1.1.3.3
pub const ECRDSA_STREEBOG512: &[u8] = b"\x2a\x85\x03\x07\x01\x01\x03\x03";
/// 1.2.156.10197.1.301
pub const SM2: &[u8] = b"\x2a\x81\x1c\xcf\x55\x01\x82\x2d";
/// 1.2.156.10197.1.401
pub const SM3: &[u8] = b"\x2a\x81\x1c\xcf\x55\x01\x83\x11";
/// 1.2.156.10197.1.501
pub const SM2_WITH_SM3: &[u8] = b"\x2a\x81\x1c\xcf\x55\x01\x83\x75";
/// 2.16.840.1.101.3.4.2.8
pub const SHA3_256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x08";
/// 2.16.840.1.101.3.4.2.9
pub const SHA3_384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x09";
/// 2.16.840.1.101.3.4.2.10
pub const SHA3_512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x0a";
/// 2.16.840.1.101.3.4.3.10
pub const ECDSA_SHA3_256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x0a";
/// 2.16.840.1.101.3.4.3.11
pub const ECDSA_SHA3_384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x0b";
/// 2.16.840.1.101.3.4.3.12
pub const ECDSA_SHA3_512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x0c";
/// 2.16.840.1.101.3.4.3.14
pub const RSA_SHA3_256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x0e";
/// 2.16.840.1.101.3.4.3.15
pub const RSA_SHA3_384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x0f";
/// 2.16.840.1.101.3.4.3.16
pub const RSA_SHA3_512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x03\x10";

/// Who has an identifier in its table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Both,
    Old,
    New,
}
use In::{Both, New, Old};

#[rustfmt::skip]
static TABLE: &[(&[u8], In)] = &[
    (b"\x2a\x86\x48\xce\x2e\x04\x03", Both), // 1.2.840.10030.4.3
    (b"\x2a\x86\x48\xce\x38\x04\x01", Both), // 1.2.840.10040.4.1
    (EC_KEY, Both), // 1.2.840.10045.2.1
    (P192, Both), // 1.2.840.10045.3.1.1
    (P256, Both), // 1.2.840.10045.3.1.7
    (ECDSA_SHA1, Both), // 1.2.840.10045.4.1
    (ECDSA_SHA224, Both), // 1.2.840.10045.4.3.1
    (ECDSA_SHA256, Both), // 1.2.840.10045.4.3.2
    (ECDSA_SHA384, Both), // 1.2.840.10045.4.3.3
    (ECDSA_SHA512, Both), // 1.2.840.10045.4.3.4
    (RSA, Both), // 1.2.840.113549.1.1.1
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02", Old), // 1.2.840.113549.1.1.2
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x03", Old), // 1.2.840.113549.1.1.3
    (RSA_MD4, Old), // 1.2.840.113549.1.1.4
    (RSA_SHA1, Both), // 1.2.840.113549.1.1.5
    (RSA_SHA256, Both), // 1.2.840.113549.1.1.11
    (RSA_SHA384, Both), // 1.2.840.113549.1.1.12
    (RSA_SHA512, Both), // 1.2.840.113549.1.1.13
    (RSA_SHA224, Both), // 1.2.840.113549.1.1.14
    (DATA, Both), // 1.2.840.113549.1.7.1
    (SIGNED_DATA, Both), // 1.2.840.113549.1.7.2
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", Both), // 1.2.840.113549.1.9.1
    (CONTENT_TYPE, Both), // 1.2.840.113549.1.9.3
    (MESSAGE_DIGEST, Both), // 1.2.840.113549.1.9.4
    (SIGNING_TIME, Both), // 1.2.840.113549.1.9.5
    (SMIME_CAPABILITIES, Both), // 1.2.840.113549.1.9.15
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0b", Both), // 1.2.840.113549.1.9.16.2.11
    (b"\x2a\x86\x48\x86\xf7\x0d\x02\x02", Old), // 1.2.840.113549.2.2
    (MD4, Old), // 1.2.840.113549.2.4
    (MD5, Old), // 1.2.840.113549.2.5
    (b"\x2a\x86\x48\x82\xf7\x12\x01\x02\x02", Both), // 1.2.840.48018.1.2.2
    (b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02", Both), // 1.2.840.113554.1.2.2
    (b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03", Both), // 1.2.840.113554.1.2.2.3
    (MS_INDIRECT_DATA, Both), // 1.3.6.1.4.1.311.2.1.4
    (MS_STATEMENT_TYPE, Both), // 1.3.6.1.4.1.311.2.1.11
    (MS_OPUS_INFO, Both), // 1.3.6.1.4.1.311.2.1.12
    (b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f", Both), // 1.3.6.1.4.1.311.2.1.15
    (b"\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x15", Both), // 1.3.6.1.4.1.311.2.1.21
    (b"\x2b\x06\x01\x04\x01\x82\x37\x10\x04", Both), // 1.3.6.1.4.1.311.16.4
    (b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a", Both), // 1.3.6.1.4.1.311.2.2.10
    (b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x1e", New), // 1.3.6.1.4.1.311.2.2.30
    (b"\x2b\x06\x01\x05\x05\x02", Both), // 1.3.6.1.5.5.2
    (b"\x2b\x06\x01\x05\x02\x05", Both), // 1.3.6.1.5.2.5
    (b"\x2b\x05\x01\x05\x02\x07", Both), // 1.3.5.1.5.2.7
    (b"\x2b\x06\x01\x05\x05\x0e", Both), // 1.3.6.1.5.5.14
    (b"\x2b\x06\x01\x05\x05\x07\x01\x01", Both), // 1.3.6.1.5.5.7.1.1
    (SHA1, Both), // 1.3.14.3.2.26
    (P384, Both), // 1.3.132.0.34
    (P521, New), // 1.3.132.0.35
    (SHA256, Both), // 2.16.840.1.101.3.4.2.1
    (SHA384, Both), // 2.16.840.1.101.3.4.2.2
    (SHA512, Both), // 2.16.840.1.101.3.4.2.3
    (SHA224, Both), // 2.16.840.1.101.3.4.2.4
    (COMMON_NAME, Both), // 2.5.4.3
    (b"\x55\x04\x04", Both), // 2.5.4.4
    (b"\x55\x04\x06", Both), // 2.5.4.6
    (b"\x55\x04\x07", Both), // 2.5.4.7
    (b"\x55\x04\x08", Both), // 2.5.4.8
    (b"\x55\x04\x0a", Both), // 2.5.4.10
    (b"\x55\x04\x0b", Both), // 2.5.4.11
    (b"\x55\x04\x0c", Both), // 2.5.4.12
    (b"\x55\x04\x0d", Both), // 2.5.4.13
    (b"\x55\x04\x29", Both), // 2.5.4.41
    (b"\x55\x04\x2a", Both), // 2.5.4.42
    (b"\x55\x04\x2b", Both), // 2.5.4.43
    (b"\x55\x04\x2c", Both), // 2.5.4.44
    (SUBJECT_KEY_ID, Both), // 2.5.29.14
    (KEY_USAGE, Both), // 2.5.29.15
    (b"\x55\x1d\x11", Both), // 2.5.29.17
    (b"\x55\x1d\x12", Both), // 2.5.29.18
    (BASIC_CONSTRAINTS, Both), // 2.5.29.19
    (b"\x55\x1d\x1f", Both), // 2.5.29.31
    (b"\x55\x1d\x20", Both), // 2.5.29.32
    (AUTHORITY_KEY_ID, Both), // 2.5.29.35
    (b"\x55\x1d\x25", Both), // 2.5.29.37
    (b"\x2a\x85\x70\x2b\x0e\x02", Both), // 1.2.752.43.14.2
    (b"\x2a\x85\x70\x2b\x0e\x03", Both), // 1.2.752.43.14.3
    (b"\x2a\x85\x03\x02\x02\x23\x01", Both), // 1.2.643.2.2.35.1
    (b"\x2a\x85\x03\x02\x02\x23\x02", Both), // 1.2.643.2.2.35.2
    (b"\x2a\x85\x03\x02\x02\x23\x03", Both), // 1.2.643.2.2.35.3
    (ECRDSA_KEY256, Both), // 1.2.643.7.1.1.1.1
    (ECRDSA_KEY512, Both), // 1.2.643.7.1.1.1.2
    (STREEBOG256, Both), // 1.2.643.7.1.1.2.2
    (STREEBOG512, Both), // 1.2.643.7.1.1.2.3
    (ECRDSA_STREEBOG256, Both), // 1.2.643.7.1.1.3.2
    (ECRDSA_STREEBOG512, Both), // 1.2.643.7.1.1.3.3
    (b"\x2a\x85\x03\x07\x01\x02\x01\x01\x01", Both), // 1.2.643.7.1.2.1.1.1
    (b"\x2a\x85\x03\x07\x01\x02\x01\x01\x02", Both), // 1.2.643.7.1.2.1.1.2
    (b"\x2a\x85\x03\x07\x01\x02\x01\x01\x03", Both), // 1.2.643.7.1.2.1.1.3
    (b"\x2a\x85\x03\x07\x01\x02\x01\x01\x04", Both), // 1.2.643.7.1.2.1.1.4
    (b"\x2a\x85\x03\x07\x01\x02\x01\x02\x01", Both), // 1.2.643.7.1.2.1.2.1
    (b"\x2a\x85\x03\x07\x01\x02\x01\x02\x02", Both), // 1.2.643.7.1.2.1.2.2
    (b"\x2a\x85\x03\x07\x01\x02\x01\x02\x03", Both), // 1.2.643.7.1.2.1.2.3
    (SM2, Both), // 1.2.156.10197.1.301
    (SM3, Both), // 1.2.156.10197.1.401
    (SM2_WITH_SM3, Both), // 1.2.156.10197.1.501
    (b"\x2a\x81\x1c\xcf\x55\x01\x83\x78", Both), // 1.2.156.10197.1.504
    (b"\x67\x81\x05\x0a\x01\x03", Both), // 2.23.133.10.1.3
    (b"\x67\x81\x05\x0a\x01\x04", Both), // 2.23.133.10.1.4
    (b"\x67\x81\x05\x0a\x01\x05", Both), // 2.23.133.10.1.5
    (SHA3_256, New), // 2.16.840.1.101.3.4.2.8
    (SHA3_384, New), // 2.16.840.1.101.3.4.2.9
    (SHA3_512, New), // 2.16.840.1.101.3.4.2.10
    (ECDSA_SHA3_256, New), // 2.16.840.1.101.3.4.3.10
    (ECDSA_SHA3_384, New), // 2.16.840.1.101.3.4.3.11
    (ECDSA_SHA3_512, New), // 2.16.840.1.101.3.4.3.12
    (RSA_SHA3_256, New), // 2.16.840.1.101.3.4.3.14
    (RSA_SHA3_384, New), // 2.16.840.1.101.3.4.3.15
    (RSA_SHA3_512, New), // 2.16.840.1.101.3.4.3.16
];

fn of(dialect: Dialect) -> impl Iterator<Item = &'static [u8]> {
    let other = if dialect == Dialect::Linux6_1 { New } else { Old };
    TABLE.iter().filter(move |(_, of)| *of != other).map(|(oid, _)| *oid)
}

/// Its number in the kernel, if it has one.
pub fn number(oid: &[u8], dialect: Dialect) -> Option<usize> {
    of(dialect).position(|known| known == oid)
}

/// The number of what has none: how many there are.
pub fn unknown_number(dialect: Dialect) -> usize {
    of(dialect).count()
}

/// Longest text of an identifier in a log line; what does not fit is cut off
/// (`pkcs7_note_OID()`, `crypto/asymmetric_keys/pkcs7_parser.c`, Linux 6.12).
const LONGEST: usize = 49;

/// Its dotted form, as the kernel logs it (`sprint_oid()`, `lib/oid_registry.c`, Linux 6.12).
pub fn dotted(oid: &[u8]) -> String {
    let Some((&first, rest)) = oid.split_first() else { return "(bad)".into() };
    let mut text = format!("{}.{}", first / 40, first % 40);
    let mut arc: u64 = 0;
    let mut open = false;
    for &byte in rest {
        arc = if open { arc << 7 } else { 0 } | u64::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if !open {
            text += &format!(".{arc}");
            if text.len() > LONGEST {
                text.truncate(LONGEST);
                return text;
            }
        }
    }
    if open {
        text += "(bad)";
        text.truncate(LONGEST);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        // As in the enumerations of the two versions' headers.
        assert_eq!(number(EC_KEY, Dialect::Linux6_1), Some(2));
        assert_eq!(number(MD4, Dialect::Linux6_12), None);
        assert_eq!(number(SHA3_512, Dialect::Linux6_1), None);
        assert_eq!(
            (unknown_number(Dialect::Linux6_1), unknown_number(Dialect::Linux6_12)),
            (98, 103)
        );
    }

    #[test]
    fn dotted_as_logged() {
        assert_eq!(dotted(SHA256), "2.16.840.1.101.3.4.2.1");
        assert_eq!(dotted(SIGNED_DATA), "1.2.840.113549.1.7.2");
        assert_eq!(dotted(b""), "(bad)");
        assert_eq!(dotted(b"\x2a\x86"), "1.2(bad)");
        assert_eq!(dotted(&[0xff; 1]), "6.15");
        assert_eq!(dotted(&[1; 60]).len(), 49);
    }
}
