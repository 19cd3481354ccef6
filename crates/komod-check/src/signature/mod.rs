//! Module signatures, verified as the kernel does it: which certificates it trusts, which
//! algorithms it has, and what it makes of a PKCS#7 message.
//!
//! Sources: `kernel/module/signing.c`, `certs/system_keyring.c`, `crypto/asymmetric_keys`,
//! Linux 6.1 and 6.12. A kernel's certificates stand in its image; those of a machine (UEFI,
//! machine owner keys) are given.
//!
//! Not taken into account are revocations (UEFI's dbx, `.blacklist`), and keys of kinds that no
//! module is signed with: GOST, SM2, NIST P-192.

mod algorithms;
mod certificates;
mod digest;
mod ecdsa;
mod key;
mod keys;
mod multiples;
mod pem;
mod proven;
mod rsa;
mod verify;

pub(crate) use algorithms::Algorithms;
pub(crate) use certificates::certificates;
pub use keys::{KeyError, Keys};
pub(crate) use proven::Proven;

use std::sync::Arc;

use komod_load::{LogLine, SignatureVerdict};
use komod_object::cms::{Dialect, Message};

/// Whom a kernel trusts, and how it verifies.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    pub(crate) keys: Keys,
    pub(crate) algorithms: Algorithms,
    pub(crate) dialect: Dialect,
    /// The certificates in the kernel's image are among the keys. Without them, a signature by who
    /// signed this module of the kernel's own counts as good.
    pub(crate) stock: Option<Vec<u8>>,
    /// What need not be verified again.
    pub(crate) proven: Option<Arc<Proven>>,
}

impl Trust {
    /// Judges a signature. `modprobe`: the kernel can have modules of algorithms loaded.
    pub(crate) fn judge(
        &self,
        payload: &[u8],
        signature: &[u8],
        modprobe: bool,
        log: &mut Vec<LogLine>,
    ) -> SignatureVerdict {
        let proven = self.proven.as_deref();
        let verifier = verify::Verifier {
            keys: self.keys.ring(&self.algorithms, self.dialect, proven),
            algorithms: &self.algorithms,
            dialect: self.dialect,
            modprobe,
            proven,
        };
        match verifier.verify(payload, signature, log) {
            SignatureVerdict::UnknownKey if self.is_stock(signature) => SignatureVerdict::Valid,
            verdict => verdict,
        }
    }

    /// The signer is the one of the kernel's own modules, as far as is known.
    fn is_stock(&self, signature: &[u8]) -> bool {
        let signer = |message: &[u8]| {
            let parsed =
                Message::parse(message, self.dialect, &mut Vec::new(), &mut |_| Ok(())).ok()?;
            let first = parsed.signers.first()?;
            Some((first.issuer.to_vec(), first.serial.to_vec()))
        };
        self.stock.as_deref().and_then(signer).is_some_and(|of| signer(signature) == Some(of))
    }
}
