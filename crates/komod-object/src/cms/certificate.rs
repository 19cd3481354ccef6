//! A certificate: X.509 (RFC 5280 4.1), read as by the kernel (`crypto/asymmetric_keys/x509.asn1`,
//! `x509_akid.asn1`, `x509_cert_parser.c`, Linux 6.1 and 6.12).

use super::asn1::{Decoder, Element, tag};
use super::{CmsError, Dialect, Hash, KeyId, KeyKind, Notes, Scheme, oids};
use alloc::format;
use alloc::string::String;

/// A certificate.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// What is signed.
    pub signed: &'a [u8],
    /// How.
    pub scheme: Scheme,
    /// The hash of it.
    pub hash: Hash,
    /// The signature.
    pub signature: &'a [u8],
    /// Its number with its issuer.
    pub serial: &'a [u8],
    /// The contents of the issuer's `Name`.
    pub issuer: &'a [u8],
    /// The contents of its own `Name`.
    pub subject: &'a [u8],
    /// The public key, as its kind writes it.
    pub key: &'a [u8],
    /// The kind of the public key.
    pub key_kind: KeyKind,
    /// The identifier of its key.
    pub key_id: Option<&'a [u8]>,
    /// The identifier of the key that it is signed with.
    pub authority_key: Option<KeyId<'a>>,
    /// Serial number and issuer of the certificate of that key.
    pub authority: Option<KeyId<'a>>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; `notes` get what the kernel logs about it.
    pub fn parse(bytes: &'a [u8], dialect: Dialect, notes: &mut Notes) -> Result<Self, CmsError> {
        let decoder = Decoder::new(bytes)?;
        Reader { decoder, dialect, notes, oid: b"" }.certificate()
    }

    /// What it is found by: serial number and issuer.
    pub fn id(&self) -> KeyId<'a> {
        KeyId(self.serial, self.issuer)
    }

    /// The name it is for.
    pub fn name(&self) -> Option<String> {
        common_name(self.subject)
    }
}

/// The common name in the contents of a `Name`.
pub(super) fn common_name(name: &[u8]) -> Option<String> {
    let mut sets = Decoder::new(name).ok()?;
    let mut found = None;
    while let Ok(Some(set)) = sets.any_more() {
        let mut pairs = Decoder::new(set.contents).ok()?;
        while let Ok(Some(pair)) = pairs.any_more() {
            let mut parts = Decoder::new(pair.contents).ok()?;
            let kind = parts.any().ok()?;
            let value = parts.any().ok()?;
            if kind.contents == oids::COMMON_NAME {
                found = Some(String::from_utf8_lossy(value.contents).into_owned());
            }
        }
    }
    found
}

struct Reader<'a, 'r> {
    decoder: Decoder<'a>,
    dialect: Dialect,
    notes: &'r mut Notes,
    /// The identifier read last.
    oid: &'a [u8],
}

/// What extensions tell.
#[derive(Default)]
struct Extensions<'a> {
    key_id: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
}

fn malformed(element: Element<'_>, what: &'static str) -> CmsError {
    CmsError::Malformed { what, offset: element.offset }
}

impl<'a> Reader<'a, '_> {
    fn certificate(&mut self) -> Result<Certificate<'a>, CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        self.decoder.expect(tag::SEQUENCE)?;
        if self.decoder.optional(tag::context_of(0))?.is_some() {
            self.decoder.expect(tag::INTEGER)?;
            self.decoder.close()?;
            self.decoder.complete();
        }
        let serial = self.decoder.expect(tag::INTEGER)?.contents;
        let offset = self.decoder.offset();
        self.algorithm()?;
        let algorithm = self.oid;
        let (scheme, hash) = Scheme::of_certificate(algorithm, self.dialect)
            .ok_or(CmsError::Unsupported { what: "the signature's algorithm", offset })?;
        let issuer = self.name()?;
        self.decoder.expect(tag::SEQUENCE)?;
        let mut last = None;
        for _ in 0..2 {
            let utc = self.decoder.optional(tag::UTC_TIME)?;
            let general = self.decoder.or(tag::GENERAL_TIME)?;
            self.decoder.one_of_them()?;
            // Where nothing is left, the kernel looks at what it has read last.
            last = utc.or(general).or(last);
            let offset = self.decoder.offset();
            check_time(last.ok_or(CmsError::Malformed { what: "a time is missing", offset })?)?;
        }
        self.decoder.close()?;
        let subject = self.name()?;
        let (key_kind, key) = self.key()?;
        self.decoder.optional(tag::context(1))?;
        self.decoder.optional(tag::context(2))?;
        let mut extensions = Extensions::default();
        if self.decoder.optional(tag::context_of(3))?.is_some() {
            self.extensions(&mut extensions)?;
            self.decoder.complete();
        }
        let signed = self.decoder.close()?.whole;
        self.algorithm()?;
        let bits = self.decoder.expect(tag::BIT_STRING)?;
        if self.oid != algorithm {
            let number = |oid: &[u8]| {
                let none = || oids::unknown_number(self.dialect);
                oids::number(oid, self.dialect).unwrap_or_else(none)
            };
            self.notes.push(format!(
                "X.509: signatureAlgorithm ({}) differs from tbsCertificate.signature ({})",
                number(self.oid),
                number(algorithm)
            ));
            let what = "a signature by another algorithm than is signed";
            return Err(CmsError::Invalid { what, offset: bits.offset });
        }
        let signature = whole_bytes(bits)?;
        self.decoder.close()?;
        let mut certificate = Certificate {
            signed,
            scheme,
            hash,
            signature,
            serial,
            issuer,
            subject,
            key,
            key_kind,
            key_id: extensions.key_id,
            authority_key: None,
            authority: None,
        };
        if let Some(authority) = extensions.authority {
            authority_key_id(authority, &mut certificate).inspect_err(|_| {
                self.notes.push("X.509: Couldn't decode AuthKeyIdentifier".into());
            })?;
        }
        Ok(certificate)
    }

    /// An `AlgorithmIdentifier`; its parameters, whole.
    fn algorithm(&mut self) -> Result<Option<&'a [u8]>, CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        self.oid = self.decoder.expect(tag::OBJECT)?.contents;
        let parameters = self.decoder.any_more()?;
        self.decoder.close()?;
        self.decoder.complete();
        Ok(parameters.map(|element| element.whole))
    }

    fn name(&mut self) -> Result<&'a [u8], CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        let (contents, oid) = names(&mut self.decoder)?;
        self.oid = oid;
        self.decoder.complete();
        Ok(contents)
    }

    fn key(&mut self) -> Result<(KeyKind, &'a [u8]), CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        let parameters = self.algorithm()?;
        let bits = self.decoder.expect(tag::BIT_STRING)?;
        let unsupported = |what| CmsError::Unsupported { what, offset: bits.offset };
        let kind = match self.oid {
            oids::RSA => KeyKind::Rsa,
            oids::ECRDSA_KEY256 | oids::ECRDSA_KEY512 => KeyKind::Ecrdsa,
            oids::SM2 if self.dialect == Dialect::Linux6_1 => KeyKind::Sm2,
            oids::EC_KEY => {
                let curve = match parameters {
                    Some(&[tag::OBJECT, length, ref curve @ ..])
                        if !curve.is_empty() && usize::from(length) == curve.len() =>
                    {
                        curve
                    }
                    _ => return Err(malformed(bits, "a key whose curve is not named")),
                };
                let curve: &'a [u8] = curve;
                KeyKind::of_curve(curve, self.dialect).ok_or(unsupported("the curve"))?
            }
            _ => return Err(unsupported("the kind of key")),
        };
        let key = whole_bytes(bits)?;
        self.decoder.close()?;
        Ok((kind, key))
    }

    fn extensions(&mut self, found: &mut Extensions<'a>) -> Result<(), CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        loop {
            self.decoder.expect(tag::SEQUENCE)?;
            self.oid = self.decoder.expect(tag::OBJECT)?.contents;
            self.decoder.optional(tag::BOOLEAN)?;
            let value = self.decoder.expect(tag::OCTET_STRING)?;
            self.extension(value, found)?;
            self.decoder.close()?;
            if self.decoder.close_list()?.is_some() {
                break;
            }
        }
        self.decoder.close()?;
        Ok(())
    }

    /// `x509_process_extension()`.
    fn extension(&self, value: Element<'a>, found: &mut Extensions<'a>) -> Result<(), CmsError> {
        let length = value.contents.len();
        let limits = self.dialect == Dialect::Linux6_12;
        match (self.oid, value.contents) {
            (oids::SUBJECT_KEY_ID, &[tag::OCTET_STRING, says, ref id @ ..])
                if found.key_id.is_none() && length >= 3 && usize::from(says) == id.len() =>
            {
                found.key_id = Some(id);
            }
            (oids::SUBJECT_KEY_ID, _) => {
                return Err(malformed(value, "a bad identifier of the key"));
            }
            (oids::KEY_USAGE, &[tag::BIT_STRING, _, 0..=7, _, ..]) => {}
            (oids::KEY_USAGE, _) if limits => {
                return Err(malformed(value, "a bad usage of the key"));
            }
            (oids::BASIC_CONSTRAINTS, &[tag::SEQUENCE, says, ref inside @ ..]) if limits => {
                let sized = usize::from(says) == inside.len();
                let of_ca = matches!(inside, [tag::BOOLEAN, 1, 0xff, ..]);
                if !sized || !(inside.is_empty() || of_ca) {
                    return Err(malformed(value, "bad basic constraints"));
                }
            }
            (oids::BASIC_CONSTRAINTS, _) if limits => {
                return Err(malformed(value, "bad basic constraints"));
            }
            (oids::AUTHORITY_KEY_ID, authority) => found.authority = Some(authority),
            _ => {}
        }
        Ok(())
    }
}

/// The rest of a `Name`, opened before; and the identifier read last.
fn names<'a>(decoder: &mut Decoder<'a>) -> Result<(&'a [u8], &'a [u8]), CmsError> {
    loop {
        let mut oid;
        decoder.expect(tag::SET)?;
        loop {
            decoder.expect(tag::SEQUENCE)?;
            oid = decoder.expect(tag::OBJECT)?.contents;
            decoder.any()?;
            decoder.close()?;
            if decoder.close_list()?.is_some() {
                break;
            }
        }
        if let Some(name) = decoder.close_list()? {
            return Ok((name.contents, oid));
        }
    }
}

/// A bit string of whole bytes.
fn whole_bytes<'a>(bits: Element<'a>) -> Result<&'a [u8], CmsError> {
    match bits.contents {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(malformed(bits, "a string of bits that are no bytes")),
    }
}

/// `AuthorityKeyIdentifier` (`x509_akid.asn1`).
fn authority_key_id<'a>(
    bytes: &'a [u8],
    certificate: &mut Certificate<'a>,
) -> Result<(), CmsError> {
    let mut decoder = Decoder::new(bytes)?;
    let mut issuer: Option<&'a [u8]> = None;
    decoder.expect(tag::SEQUENCE)?;
    if let Some(key) = decoder.optional(tag::context(0))? {
        certificate.authority_key = Some(KeyId(key.contents, b""));
    }
    if decoder.optional(tag::context_of(1))?.is_some() {
        loop {
            general_name(&mut decoder, &mut issuer)?;
            if decoder.close_list()?.is_some() {
                break;
            }
        }
        decoder.complete();
    }
    if let Some(serial) = decoder.optional(tag::context(2))? {
        let by_issuer = |issuer: &'a [u8]| KeyId(serial.contents, issuer);
        certificate.authority = issuer.filter(|issuer| !issuer.is_empty()).map(by_issuer);
    }
    decoder.close()?;
    Ok(())
}

/// One of a `GeneralNames`; a directory's name is kept.
fn general_name<'a>(
    decoder: &mut Decoder<'a>,
    issuer: &mut Option<&'a [u8]>,
) -> Result<(), CmsError> {
    if decoder.optional(tag::context_of(0))?.is_some() {
        decoder.expect(tag::OBJECT)?;
        decoder.expect(tag::context_of(0))?;
        decoder.any()?;
        decoder.close()?;
        decoder.close()?;
        decoder.complete();
    }
    decoder.or(tag::context(1))?;
    decoder.or(tag::context(2))?;
    if decoder.or(tag::context_of(3))?.is_some() {
        decoder.any()?;
        decoder.close()?;
        decoder.complete();
    }
    if decoder.or(tag::context_of(4))?.is_some() {
        decoder.expect(tag::SEQUENCE)?;
        *issuer = Some(names(decoder)?.0);
        decoder.close()?;
        decoder.complete();
    }
    if decoder.or(tag::context_of(5))?.is_some() {
        if decoder.optional(tag::context_of(0))?.is_some() {
            decoder.any()?;
            decoder.close()?;
            decoder.complete();
        }
        decoder.expect(tag::context_of(1))?;
        decoder.any()?;
        decoder.close()?;
        decoder.close()?;
        decoder.complete();
    }
    for number in [6, 7, 8] {
        decoder.or(tag::context(number))?;
    }
    decoder.one_of_them()
}

/// A time the kernel can read (`x509_decode_time()`).
pub(super) fn check_time(time: Element<'_>) -> Result<(), CmsError> {
    let bad = malformed(time, "no time");
    let [digits @ .., b'Z'] = time.contents else { return Err(bad) };
    let expected = match time.tag {
        tag::UTC_TIME => 12,
        tag::GENERAL_TIME => 14,
        _ => return Err(bad),
    };
    if digits.len() != expected || !digits.iter().all(u8::is_ascii_digit) {
        return Err(bad);
    }
    let mut pairs =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |n, &d| n * 10 + u32::from(d - b'0')));
    let mut next = || pairs.next().unwrap_or_default();
    let year = match time.tag {
        tag::UTC_TIME => match next() {
            year @ 50.. => 1900 + year,
            year => 2000 + year,
        },
        _ => {
            let year = next() * 100 + next();
            if (1950..=2049).contains(&year) {
                return Err(bad);
            }
            year
        }
    };
    let (month, day, hour, minute, second) = (next(), next(), next(), next(), next());
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(bad),
    };
    let sound =
        year >= 1970 && (1..=days).contains(&day) && hour <= 24 && minute <= 59 && second <= 60;
    if sound { Ok(()) } else { Err(bad) }
}
