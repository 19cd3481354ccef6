//! The signature's own format: PKCS#7 `SignedData` (RFC 2315, RFC 5652 as CMS) and the X.509
//! certificates (RFC 5280) it names. No cryptography.
//!
//! What is accepted here is what the kernel's parsers accept, in the order in which they refuse
//! (`crypto/asymmetric_keys/pkcs7_parser.c`, `x509_cert_parser.c`, `lib/asn1_decoder.c`, Linux 6.1
//! and 6.12): a [`CmsError`] has the error number of theirs, and [`Notes`] their log lines.
//!
//! [`Signed`] is the same for people, as modinfo(8) shows it.

mod algorithm;
pub mod asn1;
mod certificate;
mod error;
mod message;
pub mod oids;
mod signed;
mod signer;
#[cfg(test)]
mod tests;

pub use algorithm::{Hash, KeyKind, Scheme};
pub use certificate::Certificate;
pub use error::{CmsError, Notes};
pub use message::Message;
pub use oids::Dialect;
pub use signed::Signed;
pub use signer::Signer;

/// What a key is found by: two byte strings, one behind the other. The kernel compares them joined
/// (`asymmetric_key_generate_id()`, `crypto/asymmetric_keys/asymmetric_type.c`, Linux 6.12).
#[derive(Clone, Copy, Debug)]
pub struct KeyId<'a>(pub &'a [u8], pub &'a [u8]);

impl KeyId<'_> {
    /// Without a byte; the kernel cannot look for such a key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty() && self.1.is_empty()
    }
}

impl PartialEq for KeyId<'_> {
    fn eq(&self, other: &KeyId<'_>) -> bool {
        self.0.len() + self.1.len() == other.0.len() + other.1.len()
            && self.0.iter().chain(self.1).eq(other.0.iter().chain(other.1))
    }
}
