//! The keys a kernel trusts.

use std::fmt;
use std::sync::{Arc, OnceLock};

use komod_object::cms::{Certificate, CmsError, Dialect, KeyId, KeyKind};

use super::algorithms::Algorithms;
use super::key::PublicKey;
use super::key::errno::{EINVAL, EKEYREJECTED};
use super::pem;
use super::proven::Proven;
use super::verify::self_signed;

/// Certificates whose keys are trusted. They are read when a signature is verified first.
#[derive(Clone, Default)]
pub struct Keys {
    certificates: Vec<Vec<u8>>,
    loaded: OnceLock<Arc<[Key]>>,
}

/// The key of a certificate. Whether it gets into the kernel's keyring is found out when it is asked
/// for: that takes longer than to verify a signature.
pub(super) struct Key {
    /// Serial number and issuer, joined.
    id: Vec<u8>,
    /// The identifier in its certificate.
    key_id: Option<Vec<u8>>,
    pub(super) key: PublicKey,
    pub(super) kind: KeyKind,
    /// The key as it stands in its certificate.
    pub(super) bits: Vec<u8>,
    /// The number of its certificate.
    certificate: usize,
    taken: OnceLock<bool>,
}

/// The keys a kernel has, with what decides about them.
pub(super) struct Keyring<'k> {
    keys: &'k [Key],
    certificates: &'k [Vec<u8>],
    algorithms: &'k Algorithms,
    dialect: Dialect,
    proven: Option<&'k Proven>,
}

/// Why a file has no key that can be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is PEM, without a certificate.
    #[error("it holds no certificate")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("its certificate cannot be read: {0}")]
    Certificate(#[from] CmsError),
    /// Nor can its key.
    #[error("the kernel takes no key of this kind or size")]
    Key,
}

impl Keys {
    /// From certificates in DER, as a kernel has them built in.
    pub fn from_certificates<'c>(certificates: impl Iterator<Item = &'c [u8]>) -> Self {
        let certificates = certificates.map(<[u8]>::to_vec).collect();
        Keys { certificates, loaded: OnceLock::new() }
    }

    /// Adds the certificates of a file, PEM or DER; how many they are.
    pub fn add(&mut self, file: &[u8]) -> Result<usize, KeyError> {
        let added = pem::certificates(file).ok_or(KeyError::NoCertificate)?;
        for certificate in &added {
            // All kernels know more kinds than are older.
            let read = Certificate::parse(certificate, Dialect::Linux6_12, &mut Vec::new())?;
            PublicKey::new(read.key_kind, read.key).map_err(|_| KeyError::Key)?;
        }
        let count = added.len();
        self.certificates.extend(added);
        self.loaded = OnceLock::new();
        Ok(count)
    }

    /// No key is trusted, or none is known.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The keyring of a kernel that has these certificates.
    pub(super) fn ring<'k>(
        &'k self,
        algorithms: &'k Algorithms,
        dialect: Dialect,
        proven: Option<&'k Proven>,
    ) -> Keyring<'k> {
        let keys = self.loaded.get_or_init(|| {
            let load = |(number, bytes): (usize, &Vec<u8>)| {
                let certificate = Certificate::parse(bytes, dialect, &mut Vec::new()).ok()?;
                if !algorithms.has_key(certificate.key_kind, false) {
                    return None;
                }
                Some(Key {
                    id: [certificate.serial, certificate.issuer].concat(),
                    key_id: certificate.key_id.map(<[u8]>::to_vec),
                    key: PublicKey::new(certificate.key_kind, certificate.key).ok()?,
                    kind: certificate.key_kind,
                    bits: certificate.key.to_vec(),
                    certificate: number,
                    taken: OnceLock::new(),
                })
            };
            self.certificates.iter().enumerate().filter_map(load).collect()
        });
        Keyring { keys, certificates: &self.certificates, algorithms, dialect, proven }
    }
}

impl<'k> Keyring<'k> {
    /// The key of these identifiers: either that of its certificate or its own must be the first one
    /// given, and its own the second one, if both are (`find_asymmetric_key()`,
    /// `crypto/asymmetric_keys/asymmetric_type.c`, Linux 6.1 and 6.12).
    pub(super) fn find(
        &self,
        first: Option<KeyId<'_>>,
        second: Option<KeyId<'_>>,
    ) -> Result<Option<&'k Key>, i32> {
        let wanted = first.or(second).filter(|id| !id.is_empty()).ok_or(EINVAL)?;
        let is = |key: &&Key| KeyId(&key.id, b"") == wanted || key.own_id() == Some(wanted);
        let found = self.keys.iter().find(|key| is(key) && self.takes(key));
        match (found, first.and(second)) {
            (Some(key), Some(second)) if key.own_id() != Some(second) => Err(EKEYREJECTED),
            (found, _) => Ok(found),
        }
    }

    /// What a kernel cannot use as it boots, when there are no modules yet, does not get into its
    /// keyring.
    fn takes(&self, key: &Key) -> bool {
        *key.taken.get_or_init(|| {
            let bytes = self.certificates.get(key.certificate);
            bytes.is_some_and(|bytes| {
                Certificate::parse(bytes, self.dialect, &mut Vec::new()).is_ok_and(|certificate| {
                    self_signed(&certificate, self.algorithms, false, self.proven).is_ok()
                })
            })
        })
    }
}

impl Key {
    fn own_id(&self) -> Option<KeyId<'_>> {
        self.key_id.as_deref().map(|id| KeyId(id, b""))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} certificates)", self.certificates.len())
    }
}
