//! Signatures that were verified before. To raise a number of 4,096 bits to a power takes longer
//! than all else about most modules, and modules are checked again and again.
//!
//! ```text
//! 0   magic "komodSIG"                   8 bytes
//! 8   what was proven, each once, sorted: SHA-256 of key, scheme, hash, digest and signature
//! ```
//!
//! What is proven holds for every kernel and for ever, whether or not a kernel trusts the key: it is
//! about these bytes alone. A file's digest is computed each time. Only good signatures are kept.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use komod_kernel::map::{self, Bytes};
use komod_object::cms::{Hash, KeyKind, Scheme};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"komodSIG";
const SIZE: usize = 32;
/// When there are more than this, those of old are forgotten: 2 MiB.
const MOST: usize = 1 << 16;

type Proof = [u8; SIZE];

/// What is known to be proven, and what has been since.
#[derive(Debug)]
pub(crate) struct Proven {
    path: PathBuf,
    known: Bytes,
    new: Mutex<BTreeSet<Proof>>,
}

/// All that decides about a signature.
#[derive(Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) kind: KeyKind,
    pub(super) key: &'a [u8],
    pub(super) scheme: Scheme,
    pub(super) hash: Hash,
    pub(super) digest: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl Claim<'_> {
    fn proof(&self) -> Proof {
        let Claim { kind, key, scheme, hash, digest, signature } = self;
        let (k, d, s) = (key.len(), digest.len(), signature.len());
        let what = format!("{kind:?} {scheme:?} {hash:?} {k} {d} {s}\n");
        let parts = [what.as_bytes(), key, digest, signature];
        parts.iter().fold(Sha256::new(), |sum, part| sum.chain_update(part)).finalize().into()
    }
}

impl Proven {
    /// Those kept in a cache. There may be none.
    pub(crate) fn of(cache: &Path) -> Self {
        let path = cache.join("signatures");
        let known = read(&path);
        Proven { path, known, new: Mutex::default() }
    }

    /// The result of `verify`, or what is known of it already.
    pub(super) fn once(
        &self,
        claim: Claim<'_>,
        verify: impl FnOnce() -> Result<(), i32>,
    ) -> Result<(), i32> {
        let proof = claim.proof();
        let (known, _) = self.known.as_chunks::<SIZE>();
        if known.binary_search(&proof).is_ok() {
            return Ok(());
        }
        verify()?;
        // Whoever panicked with the lock has added one or not.
        self.new.lock().unwrap_or_else(|broken| broken.into_inner()).insert(proof);
        Ok(())
    }

    /// Keeps what is new. It is only a shortcut: failing to write it does no harm.
    pub(crate) fn keep(&self) {
        let new = std::mem::take(&mut *self.new.lock().unwrap_or_else(|b| b.into_inner()));
        if new.is_empty() {
            return;
        }
        // Others may have written since.
        let now = read(&self.path);
        let mut all: BTreeSet<&Proof> = new.iter().collect();
        let (known, _) = now.as_chunks::<SIZE>();
        if known.len() + all.len() <= MOST {
            all.extend(known);
        }
        let proofs = all.into_iter().flatten().copied();
        let _ = map::publish(&self.path, &MAGIC.iter().copied().chain(proofs).collect::<Vec<u8>>());
    }
}

/// The proofs in a file; none if it is not one of ours.
fn read(path: &Path) -> Bytes {
    let bytes = Bytes::map(path).ok().filter(|bytes| bytes.starts_with(MAGIC));
    bytes.and_then(|bytes| bytes.behind(MAGIC.len())).unwrap_or_else(|| Vec::new().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Claim<'_> = Claim {
        kind: KeyKind::Rsa,
        key: b"key",
        scheme: Scheme::Rsa,
        hash: Hash::Sha256,
        digest: b"digest",
        signature: b"signature",
    };

    fn folder(test: &str) -> PathBuf {
        std::env::temp_dir().join(format!("komod-proven-{}-{test}", std::process::id()))
    }

    /// Whether it had to be verified.
    fn asked(proven: &Proven, claim: Claim<'_>, result: Result<(), i32>) -> bool {
        let mut asked = false;
        let said = proven.once(claim, || {
            asked = true;
            result
        });
        assert_eq!(said, if asked { result } else { Ok(()) });
        asked
    }

    #[test]
    fn what_was_proven_is_not_asked_again() {
        let cache = folder("again");
        let first = Proven::of(&cache);
        assert!(asked(&first, Claim { digest: b"other", ..GOOD }, Err(129)));
        assert!(asked(&first, GOOD, Ok(())));
        first.keep();
        let again = Proven::of(&cache);
        assert!(!asked(&again, GOOD, Err(129)));
        // Each part counts, and where one ends.
        for other in [
            Claim { key: b"kez", ..GOOD },
            Claim { digest: b"other", ..GOOD },
            Claim { digest: b"diges", signature: b"tsignature", ..GOOD },
            Claim { signature: b"signaturf", ..GOOD },
            Claim { hash: Hash::Sha512, ..GOOD },
            Claim { kind: KeyKind::P256, ..GOOD },
            Claim { scheme: Scheme::Ecdsa, ..GOOD },
        ] {
            assert!(asked(&again, other, Err(129)));
        }
        // Who writes later does not take away what came in between.
        let (one, two) = (Proven::of(&cache), Proven::of(&cache));
        asked(&one, Claim { key: b"one", ..GOOD }, Ok(()));
        asked(&two, Claim { key: b"two", ..GOOD }, Ok(()));
        one.keep();
        two.keep();
        let all = Proven::of(&cache);
        for key in [b"key", b"one", b"two"] {
            assert!(!asked(&all, Claim { key, ..GOOD }, Err(129)));
        }
        std::fs::remove_dir_all(&cache).unwrap();
    }

    #[test]
    fn what_is_damaged_proves_nothing() {
        let cache = folder("damaged");
        let proven = Proven::of(&cache);
        asked(&proven, GOOD, Ok(()));
        proven.keep();
        let path = cache.join("signatures");
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.len(), MAGIC.len() + SIZE);
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            assert!(asked(&Proven::of(&cache), GOOD, Err(129)), "{at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(asked(&Proven::of(&cache), GOOD, Err(129)), "{at}");
        }
        std::fs::remove_dir_all(&cache).unwrap();
    }
}
