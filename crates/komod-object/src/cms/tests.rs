//! Messages made by hand, cut and changed.

use super::asn1::tag;
use super::*;
use alloc::vec::Vec;

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, high, low], &contents[..]].concat()
}

fn object(oid: &[u8]) -> Vec<u8> {
    element(tag::OBJECT, &[oid])
}

fn name(common: &[u8]) -> Vec<u8> {
    let pair = element(tag::SEQUENCE, &[&object(oids::COMMON_NAME), &element(0x0c, &[common])]);
    element(tag::SEQUENCE, &[&element(tag::SET, &[&pair])])
}

/// What a test may want to be different.
struct Made<'a> {
    version: u8,
    hash: &'a [u8],
    scheme: &'a [u8],
    content: &'a [u8],
    certificates: &'a [u8],
    signers: usize,
}

const PLAIN: Made<'_> = Made {
    version: 1,
    hash: oids::SHA256,
    scheme: oids::RSA,
    content: b"",
    certificates: b"",
    signers: 1,
};

impl Made<'_> {
    /// As `scripts/sign-file` writes it.
    fn message(&self) -> Vec<u8> {
        let algorithm = |oid: &[u8]| element(tag::SEQUENCE, &[&object(oid), &[5, 0]]);
        let id = element(tag::SEQUENCE, &[&name(b"someone"), &[2, 2, 0, 0x9a]]);
        let signer = element(
            tag::SEQUENCE,
            &[
                &[2, 1, self.version],
                &id,
                &algorithm(self.hash),
                &algorithm(self.scheme),
                &[4, 3, 7, 8, 9],
            ],
        );
        let data = element(
            tag::SEQUENCE,
            &[
                &[2, 1, 1],
                &element(tag::SET, &[&algorithm(self.hash)]),
                &element(tag::SEQUENCE, &[&object(oids::DATA), self.content]),
                self.certificates,
                &element(tag::SET, &[&signer.repeat(self.signers)]),
            ],
        );
        let content = element(tag::context_of(0), &[&data]);
        element(tag::SEQUENCE, &[&object(oids::SIGNED_DATA), &content])
    }
}

fn parse(bytes: &[u8], dialect: Dialect) -> (Result<usize, i32>, Notes) {
    let mut notes = Vec::new();
    let message = Message::parse(bytes, dialect, &mut notes, &mut |_| Ok(()));
    (message.map(|message| message.signers.len()).map_err(|error| error.errno()), notes)
}

#[test]
fn a_signature_in_words() {
    let signed = Signed::of_message(&PLAIN.message()).unwrap();
    assert_eq!(signed.signer.as_deref(), Some("someone"));
    assert_eq!((signed.key, signed.hash), ([0x9a].to_vec(), "sha256"));
    assert_eq!(signed.signature, [7, 8, 9]);
}

#[test]
fn every_truncation_is_malformed() {
    let whole = PLAIN.message();
    for length in 0..whole.len() {
        assert_eq!(parse(&whole[..length], Dialect::Linux6_12).0, Err(74), "{length}");
    }
    let behind = [&whole[..], b"behind"].concat();
    assert_eq!(parse(&behind, Dialect::Linux6_12).0, Ok(1), "what is behind is not read");
}

#[test]
fn every_changed_byte_is_taken_or_refused() {
    let whole = PLAIN.message();
    for place in 0..whole.len() {
        for value in [0, 1, 0x30, 0x7f, 0x80, 0x82, 0xa0, 0xff] {
            let mut changed = whole.clone();
            changed[place] = value;
            for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
                if let (Err(errno), _) = parse(&changed, dialect) {
                    assert!([22, 65, 74].contains(&errno), "{place}: {errno}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_taken_and_what_is_logged() {
    let of = |made: Made<'_>, dialect| parse(&made.message(), dialect);
    let (new, old) = (Dialect::Linux6_12, Dialect::Linux6_1);
    let noted = |text: &str| Notes::from([text.into()]);
    let sha3 = || Made { hash: oids::SHA3_256, ..PLAIN };
    assert_eq!(of(sha3(), new).0, Ok(1));
    // Once in the message's list of hashes, once at the signer.
    let (errno, notes) = of(sha3(), old);
    assert_eq!(errno, Err(65));
    assert_eq!(notes[0], "PKCS7: Unknown OID: [40] 2.16.840.1.101.3.4.2.8");
    assert_eq!(notes.last().unwrap(), "Unsupported digest algo: 98");
    let md5 = || Made { hash: oids::MD5, ..PLAIN };
    assert_eq!((of(md5(), old).0, of(md5(), new).0), (Ok(1), Err(65)));
    let scheme = Made { scheme: oids::SHA256, ..PLAIN };
    assert_eq!(of(scheme, new), (Err(65), noted("Unsupported pkey algo: 43")));
    let version = Made { version: 3, ..PLAIN };
    assert_eq!(of(version, new), (Err(74), noted("PKCS7: SignedData-SignerInfo version mismatch")));
    let version = Made { version: 2, ..PLAIN };
    assert_eq!(of(version, new), (Err(22), noted("PKCS7: Unsupported SignerInfo version")));
    assert_eq!(of(Made { signers: 3, ..PLAIN }, new).0, Ok(3));
    assert_eq!(of(Made { signers: 0, ..PLAIN }, new).0, Err(74));
    assert_eq!(parse(&object(b"x"), new).0, Err(74));
}

#[test]
fn contents_and_certificates_are_seen() {
    let content = element(tag::context_of(0), &[&[4, 1, 5]]);
    let message = Made { content: &content, ..PLAIN }.message();
    let parsed =
        Message::parse(&message, Dialect::Linux6_12, &mut Vec::new(), &mut |_| Ok(())).unwrap();
    assert!(parsed.has_content && parsed.is_data && !parsed.has_attributes());
    let certificates = element(tag::context_of(0), &[&[4, 1, 5]]);
    let no_certificate = Made { certificates: &certificates, ..PLAIN }.message();
    assert_eq!(parse(&no_certificate, Dialect::Linux6_12).0, Err(74));
}

#[test]
fn identifiers_are_compared_joined() {
    assert_eq!(KeyId(b"ab", b"c"), KeyId(b"a", b"bc"));
    assert_ne!(KeyId(b"ab", b"c"), KeyId(b"ab", b""));
    assert!(KeyId(b"", b"").is_empty());
}
