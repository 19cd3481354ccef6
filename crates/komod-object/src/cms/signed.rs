//! Who signed a module, for people: as modinfo(8) tells it.

use super::{Dialect, Message, certificate};
use crate::signature;
use alloc::string::String;
use alloc::vec::Vec;

/// A module's signature in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The common name of who issued the signer's certificate (`signer`).
    pub signer: Option<String>,
    /// The serial number of that certificate (`sig_key`).
    pub key: Vec<u8>,
    /// The hash (`sig_hashalgo`).
    pub hash: &'static str,
    /// The signature itself (`signature`).
    pub signature: Vec<u8>,
}

impl Signed {
    /// Of a whole module file; `None` if it has no signature that can be read.
    pub fn of(module: &[u8]) -> Option<Self> {
        let split = signature::split(module).ok()??;
        (split.id_type == signature::PKEY_ID_PKCS7).then(|| Signed::of_message(split.bytes))?
    }

    /// Of a PKCS#7 message: its first signer.
    pub fn of_message(message: &[u8]) -> Option<Self> {
        let read =
            |dialect| Message::parse(message, dialect, &mut Vec::new(), &mut |_| Ok(())).ok();
        let message = read(Dialect::Linux6_12).or_else(|| read(Dialect::Linux6_1))?;
        let first = message.signers.first()?;
        // An integer's sign takes a byte where the first bit is set.
        let key = match first.serial {
            [0, rest @ ..] if !rest.is_empty() => rest,
            whole => whole,
        };
        Some(Signed {
            signer: certificate::common_name(first.issuer),
            key: key.to_vec(),
            hash: first.hash.name(),
            signature: first.signature.to_vec(),
        })
    }
}
