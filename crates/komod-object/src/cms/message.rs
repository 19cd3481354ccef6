//! A signature message: `SignedData` (RFC 5652 5.1), read as by the kernel
//! (`crypto/asymmetric_keys/pkcs7.asn1`, `pkcs7_parser.c`, Linux 6.1 and 6.12).

use super::asn1::{Decoder, Element, tag};
use super::{Certificate, CmsError, Dialect, Hash, KeyId, Notes, Scheme, Signer, oids};
use alloc::format;
use alloc::vec::Vec;

/// A signature message.
#[derive(Clone, Debug, Default)]
pub struct Message<'a> {
    /// Who signed, in order.
    pub signers: Vec<Signer<'a>>,
    /// The certificates that came along.
    pub certificates: Vec<Certificate<'a>>,
    /// What is signed is said to be plain data.
    pub is_data: bool,
    /// What is signed stands in the message itself.
    pub has_content: bool,
}

/// Says whether a certificate can be taken; the error number if not. The kernel verifies one that
/// signs itself as soon as it has read it.
pub type Judge<'j> = dyn FnMut(&Certificate<'_>) -> Result<(), i32> + 'j;

impl<'a> Message<'a> {
    /// Reads a message; `notes` get what the kernel logs about it.
    pub fn parse(
        bytes: &'a [u8],
        dialect: Dialect,
        notes: &mut Notes,
        judge: &mut Judge<'_>,
    ) -> Result<Self, CmsError> {
        let mut reader = Reader {
            decoder: Decoder::new(bytes)?,
            dialect,
            notes,
            judge,
            oid: b"",
            version: 0,
            by_key: false,
            issuer: b"",
            serial: b"",
            key: b"",
            content_type: b"",
            message: Message::default(),
        };
        reader.content_info()?;
        let mut with_attributes = reader.message.signers.iter().map(|signer| signer.has_attributes);
        let first = with_attributes.next();
        if first.is_none_or(|first| with_attributes.any(|other| other != first)) {
            reader.note("Inconsistently supplied authAttrs");
            return Err(CmsError::Invalid { what: "no or differing kinds of signers", offset: 0 });
        }
        Ok(reader.message)
    }

    /// True if what is signed are attributes.
    pub fn has_attributes(&self) -> bool {
        self.signers.first().is_some_and(|signer| signer.has_attributes)
    }
}

/// Attributes that a signer has signed, each at most once.
#[derive(Default)]
struct Attributes {
    seen: Vec<&'static [u8]>,
}

impl Attributes {
    fn has(&self, oid: &[u8]) -> bool {
        self.seen.contains(&oid)
    }
}

struct Reader<'a, 'r, 'j> {
    decoder: Decoder<'a>,
    dialect: Dialect,
    notes: &'r mut Notes,
    judge: &'r mut Judge<'j>,
    /// The identifier read last.
    oid: &'a [u8],
    version: u8,
    /// Signers are told by an identifier of their key.
    by_key: bool,
    // These stay from one signer to the next, as in the kernel.
    issuer: &'a [u8],
    serial: &'a [u8],
    key: &'a [u8],
    content_type: &'a [u8],
    message: Message<'a>,
}

impl<'a> Reader<'a, '_, '_> {
    fn note(&mut self, text: &str) {
        self.notes.push(format!("PKCS7: {text}"));
    }

    fn invalid(&mut self, element: Element<'_>, what: &'static str) -> CmsError {
        self.note(what);
        CmsError::Invalid { what, offset: element.offset }
    }

    fn malformed(&mut self, element: Element<'_>, what: &'static str) -> CmsError {
        self.note(what);
        CmsError::Malformed { what, offset: element.offset }
    }

    fn rejected(&mut self, element: Element<'_>, what: &'static str) -> CmsError {
        self.note(what);
        CmsError::Rejected { what, offset: element.offset }
    }

    fn object(&mut self) -> Result<Element<'a>, CmsError> {
        let element = self.decoder.expect(tag::OBJECT)?;
        self.note_object(element);
        Ok(element)
    }

    fn note_object(&mut self, element: Element<'a>) {
        self.oid = element.contents;
        if oids::number(self.oid, self.dialect).is_none() {
            let text = oids::dotted(self.oid);
            self.note(&format!("Unknown OID: [{}] {text}", element.offset));
        }
    }

    fn oid_number(&self) -> usize {
        let none = || oids::unknown_number(self.dialect);
        oids::number(self.oid, self.dialect).unwrap_or_else(none)
    }

    fn content_info(&mut self) -> Result<(), CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        let object = self.object()?;
        if self.oid != oids::SIGNED_DATA {
            return Err(self.invalid(object, "Only support pkcs7_signedData type"));
        }
        if self.decoder.optional(tag::context_of(0))?.is_some() {
            self.signed_data()?;
            self.decoder.complete();
        }
        self.decoder.close()?;
        Ok(())
    }

    fn signed_data(&mut self) -> Result<(), CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        let version = self.decoder.expect(tag::INTEGER)?;
        let &[number @ (1 | 3)] = version.contents else {
            return Err(self.invalid(version, "Unsupported SignedData version"));
        };
        self.version = number;
        if self.decoder.optional(tag::SET)?.is_some() {
            self.list(Self::algorithms)?;
        }
        if self.decoder.or(tag::SEQUENCE)?.is_some() {
            self.list(Self::algorithms)?;
        }
        self.decoder.one_of_them()?;

        self.decoder.expect(tag::SEQUENCE)?;
        let object = self.object()?;
        self.note_object(object);
        if self.decoder.optional(tag::context_of(0))?.is_some() {
            self.decoder.any()?;
            self.message.has_content = true;
            self.decoder.close()?;
            self.decoder.complete();
        }
        let content = self.decoder.close()?;
        if ![oids::DATA, oids::MS_INDIRECT_DATA].contains(&self.oid) {
            self.note(&format!("Unsupported data type {}", self.oid_number()));
            let what = "an unsupported type of content";
            return Err(CmsError::Invalid { what, offset: content.offset });
        }
        self.content_type = self.oid;
        self.message.is_data = self.oid == oids::DATA;

        for number in [0, 2] {
            let tag = tag::context_of(number);
            let first = number == 0;
            let there = if first { self.decoder.optional(tag)? } else { self.decoder.or(tag)? };
            if there.is_some() {
                self.certificates(first)?;
            }
        }
        // The kernel reads revocation lists as lists of certificates, and forgets them.
        for number in [1, 3] {
            let tag = tag::context_of(number);
            let there =
                if number == 1 { self.decoder.optional(tag)? } else { self.decoder.or(tag)? };
            if there.is_some() {
                self.list(Self::revocations)?;
            }
        }
        if self.decoder.optional(tag::SET)?.is_some() {
            self.list(Self::signer)?;
        }
        if self.decoder.or(tag::SEQUENCE)?.is_some() {
            self.list(Self::signer)?;
        }
        self.decoder.one_of_them()?;
        self.decoder.close()?;
        self.decoder.close()?;
        Ok(())
    }

    /// A list whose elements are sequences that `read` reads and closes.
    fn list(
        &mut self,
        read: fn(&mut Self) -> Result<(), CmsError>,
    ) -> Result<Element<'a>, CmsError> {
        loop {
            self.decoder.expect(tag::SEQUENCE)?;
            read(self)?;
            self.decoder.complete();
            if let Some(list) = self.decoder.close_list()? {
                self.decoder.complete();
                return Ok(list);
            }
        }
    }

    /// The inside of an `AlgorithmIdentifier`, with its end.
    fn algorithms(&mut self) -> Result<(), CmsError> {
        self.object()?;
        self.decoder.any_more()?;
        self.decoder.close()?;
        Ok(())
    }

    fn certificates(&mut self, as_set: bool) -> Result<(), CmsError> {
        loop {
            if as_set {
                // A choice of anything, or else anything.
                if let Some(element) = self.decoder.any_more()? {
                    self.certificate(element, true)?;
                }
                self.decoder.one_of_them()?;
            } else {
                let element = self.decoder.any()?;
                self.certificate(element, true)?;
            }
            if self.decoder.close_list()?.is_some() {
                self.decoder.complete();
                return Ok(());
            }
        }
    }

    fn revocations(&mut self) -> Result<(), CmsError> {
        loop {
            let element = self.decoder.any()?;
            self.certificate(element, false)?;
            if self.decoder.close_list()?.is_some() {
                return Ok(());
            }
        }
    }

    fn certificate(&mut self, element: Element<'a>, keep: bool) -> Result<(), CmsError> {
        if element.tag != tag::SEQUENCE {
            let what = "a certificate that is no sequence";
            return Err(CmsError::Malformed { what, offset: element.offset });
        }
        let certificate = Certificate::parse(element.whole, self.dialect, self.notes)?;
        (self.judge)(&certificate).map_err(|errno| CmsError::SelfSigned { errno })?;
        if keep {
            self.message.certificates.push(certificate);
        }
        Ok(())
    }

    /// The inside of a `SignerInfo`, with its end.
    fn signer(&mut self) -> Result<(), CmsError> {
        let version = self.decoder.expect(tag::INTEGER)?;
        match version.contents {
            [1] if self.version == 1 => self.by_key = false,
            [3] if self.version != 1 => self.by_key = true,
            [1 | 3] => {
                return Err(self.malformed(version, "SignedData-SignerInfo version mismatch"));
            }
            _ => return Err(self.invalid(version, "Unsupported SignerInfo version")),
        }
        if self.decoder.optional(tag::SEQUENCE)?.is_some() {
            self.issuer_and_serial()?;
            self.decoder.complete();
        }
        if let Some(key) = self.decoder.or(tag::context(0))? {
            self.key = key.contents;
        }
        self.decoder.one_of_them()?;

        self.decoder.expect(tag::SEQUENCE)?;
        let at = self.decoder.offset();
        self.algorithms()?;
        self.decoder.complete();
        let Some(hash) = Hash::of(self.oid, self.dialect) else {
            self.notes.push(format!("Unsupported digest algo: {}", self.oid_number()));
            return Err(CmsError::Unsupported { what: "the hash", offset: at });
        };

        let mut has_attributes = false;
        let mut attributes = Attributes::default();
        if self.decoder.optional(tag::context_of(0))?.is_some() {
            let set = self.attributes(&mut attributes)?;
            has_attributes = true;
            if ![oids::CONTENT_TYPE, oids::MESSAGE_DIGEST].into_iter().all(|o| attributes.has(o)) {
                return Err(self.malformed(set, "Missing required AuthAttr"));
            }
            if self.message.is_data && attributes.has(oids::MS_OPUS_INFO) {
                return Err(self.malformed(set, "Unexpected Authenticode AuthAttr"));
            }
        }
        if self.decoder.or(tag::context_of(2))?.is_some() {
            // Read, and not taken for attributes.
            self.decoder.expect(tag::SEQUENCE)?;
            self.attributes(&mut attributes)?;
            self.decoder.close()?;
            self.decoder.complete();
        }

        self.decoder.expect(tag::SEQUENCE)?;
        let at = self.decoder.offset();
        self.algorithms()?;
        let Some(scheme) = Scheme::of(self.oid, self.dialect) else {
            self.notes.push(format!("Unsupported pkey algo: {}", self.oid_number()));
            return Err(CmsError::Unsupported { what: "the public key algorithm", offset: at });
        };
        let signature = self.decoder.expect(tag::OCTET_STRING)?.contents;
        if self.decoder.optional(tag::context_of(1))?.is_some() {
            self.list(Self::unsigned_attribute)?;
        }
        if self.decoder.or(tag::context_of(3))?.is_some() {
            self.list(Self::unsigned_attribute)?;
        }
        let whole = self.decoder.close()?;
        if !self.message.is_data && !has_attributes {
            return Err(self.malformed(whole, "Authenticode requires AuthAttrs"));
        }
        let id = match self.by_key {
            false => KeyId(self.serial, self.issuer),
            true => KeyId(self.key, b""),
        };
        let (issuer, serial) = (self.issuer, self.serial);
        let signer = Signer { issuer, serial, id, hash, scheme, signature, has_attributes };
        self.message.signers.push(signer);
        Ok(())
    }

    fn issuer_and_serial(&mut self) -> Result<(), CmsError> {
        self.decoder.expect(tag::SEQUENCE)?;
        let issuer = loop {
            self.decoder.expect(tag::SET)?;
            loop {
                self.decoder.expect(tag::SEQUENCE)?;
                self.object()?;
                self.decoder.any()?;
                self.decoder.close()?;
                if self.decoder.close_list()?.is_some() {
                    break;
                }
            }
            if let Some(name) = self.decoder.close_list()? {
                break name;
            }
        };
        self.issuer = issuer.contents;
        self.serial = self.decoder.expect(tag::INTEGER)?.contents;
        self.decoder.close()?;
        Ok(())
    }

    /// A list of signed attributes, opened before.
    fn attributes(&mut self, attributes: &mut Attributes) -> Result<Element<'a>, CmsError> {
        loop {
            self.decoder.expect(tag::SEQUENCE)?;
            self.object()?;
            self.decoder.expect(tag::SET)?;
            loop {
                let value = self.decoder.any()?;
                self.attribute(value, attributes)?;
                if self.decoder.close_list()?.is_some() {
                    break;
                }
            }
            self.decoder.close()?;
            self.decoder.complete();
            if let Some(set) = self.decoder.close_list()? {
                self.decoder.complete();
                return Ok(set);
            }
        }
    }

    /// One value of a signed attribute (`pkcs7_sig_note_authenticated_attr()`).
    fn attribute(&mut self, value: Element<'a>, of: &mut Attributes) -> Result<(), CmsError> {
        const ONCE: [&[u8]; 6] = [
            oids::CONTENT_TYPE,
            oids::SIGNING_TIME,
            oids::MESSAGE_DIGEST,
            oids::SMIME_CAPABILITIES,
            oids::MS_OPUS_INFO,
            oids::MS_STATEMENT_TYPE,
        ];
        let Some(oid) = ONCE.into_iter().find(|oid| *oid == self.oid) else { return Ok(()) };
        if of.has(oid) {
            return Err(self.rejected(value, "Repeated/multivalue AuthAttrs not permitted"));
        }
        of.seen.push(oid);
        match oid {
            oids::CONTENT_TYPE if value.contents != self.content_type => {
                let number = |oid: &[u8]| {
                    let none = || oids::unknown_number(self.dialect);
                    oids::number(oid, self.dialect).unwrap_or_else(none)
                };
                let (ours, theirs) = (number(self.content_type), number(value.contents));
                // Signers are numbered when they have been read.
                self.note(&format!(
                    "Mismatch between global data type ({ours}) and sinfo 0 ({theirs})"
                ));
                let what = "another type of content";
                Err(CmsError::Malformed { what, offset: value.offset })
            }
            oids::SIGNING_TIME => super::certificate::check_time(value),
            oids::MESSAGE_DIGEST if value.tag != tag::OCTET_STRING => {
                let what = "a digest that is no string";
                Err(CmsError::Malformed { what, offset: value.offset })
            }
            oids::SMIME_CAPABILITIES if self.message.is_data => {
                Err(self.rejected(value, "S/MIME Caps only allowed with Authenticode"))
            }
            oids::MS_OPUS_INFO | oids::MS_STATEMENT_TYPE if self.message.is_data => {
                Err(self.rejected(value, "Authenticode AuthAttrs only allowed with Authenticode"))
            }
            _ => Ok(()),
        }
    }

    /// The inside of an attribute that is not signed.
    fn unsigned_attribute(&mut self) -> Result<(), CmsError> {
        self.decoder.expect(tag::OBJECT)?;
        self.decoder.expect(tag::SET)?;
        loop {
            self.decoder.any()?;
            if self.decoder.close_list()?.is_some() {
                break;
            }
        }
        self.decoder.close()?;
        Ok(())
    }
}
