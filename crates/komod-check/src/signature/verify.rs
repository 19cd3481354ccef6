//! What the kernel makes of a signature message, in its order of steps (`pkcs7_verify()`,
//! `pkcs7_validate_trust()`, `crypto/asymmetric_keys/pkcs7_verify.c`, `pkcs7_trust.c`;
//! `verify_pkcs7_message_sig()`, `certs/system_keyring.c`, Linux 6.1 and 6.12).

use komod_load::{Errno, LogLine, SignatureVerdict};
use komod_object::cms::{Certificate, Dialect, Hash, KeyId, Message, Signer};

use super::algorithms::Algorithms;
use super::digest::digest;
use super::key::PublicKey;
use super::key::errno::{EBADMSG, EKEYREJECTED, ENOENT, ENOKEY, ENOPKG};
use super::keys::{Key, Keyring};
use super::proven::{Claim, Proven};

/// `KERN_ERR` and `KERN_WARNING`.
const ERR: u8 = 3;
const WARNING: u8 = 4;

/// A kernel that verifies.
pub(super) struct Verifier<'k> {
    pub(super) keys: Keyring<'k>,
    pub(super) algorithms: &'k Algorithms,
    pub(super) dialect: Dialect,
    pub(super) modprobe: bool,
    pub(super) proven: Option<&'k Proven>,
}

/// A signer, with what has been found out about it.
struct Examined<'m, 'a> {
    signer: &'m Signer<'a>,
    digest: Vec<u8>,
    /// Its certificate in the message, and those that vouch for it, by number.
    chain: Vec<usize>,
    /// The last of the chain vouches for itself.
    rooted: bool,
    unsupported: bool,
}

impl Verifier<'_> {
    /// Judges; what is logged goes to `log`.
    pub(super) fn verify(
        &self,
        payload: &[u8],
        message: &[u8],
        log: &mut Vec<LogLine>,
    ) -> SignatureVerdict {
        match self.steps(payload, message, log) {
            Ok(()) => SignatureVerdict::Valid,
            Err(ENOKEY) => SignatureVerdict::UnknownKey,
            Err(ENOPKG) => SignatureVerdict::UnsupportedCrypto,
            Err(EKEYREJECTED) => SignatureVerdict::Rejected,
            Err(errno) => SignatureVerdict::Malformed(Errno(errno)),
        }
    }

    fn steps(&self, payload: &[u8], message: &[u8], log: &mut Vec<LogLine>) -> Result<(), i32> {
        let mut say = |level, text: &str| log.push(LogLine { level, text: text.to_owned() });
        let mut notes = Vec::new();
        let mut judge = |certificate: &Certificate<'_>| self.self_signed(certificate).map(|_| ());
        let parsed = Message::parse(message, self.dialect, &mut notes, &mut judge);
        notes.iter().for_each(|note| say(WARNING, note));
        let message = parsed.map_err(|error| error.errno())?;
        if message.has_content {
            say(ERR, "PKCS#7 signature with non-detached data");
            return Err(EBADMSG);
        }
        if !message.is_data {
            say(WARNING, "PKCS7: Invalid module sig (not pkcs7-data)");
            return Err(EKEYREJECTED);
        }
        if message.has_attributes() {
            say(WARNING, "PKCS7: Invalid module sig (has authattrs)");
            return Err(EKEYREJECTED);
        }
        let mut examined = Vec::with_capacity(message.signers.len());
        let mut verdict = Err(ENOPKG);
        for (number, signer) in (1..).zip(&message.signers) {
            let mut one = Examined {
                signer,
                digest: Vec::new(),
                chain: Vec::new(),
                rooted: false,
                unsupported: false,
            };
            match self.examine(payload, &message, number, &mut one, &mut say) {
                Ok(()) => verdict = Ok(()),
                Err(ENOPKG) => one.unsupported = true,
                Err(errno) => return Err(errno),
            }
            examined.push(one);
        }
        verdict?;

        let mut verdict = Err(ENOKEY);
        let mut seen = vec![None; message.certificates.len()];
        for one in &examined {
            match self.trust(&message, one, &mut seen) {
                Ok(()) => verdict = Ok(()),
                Err(ENOKEY) => {}
                Err(ENOPKG) if verdict == Err(ENOKEY) => verdict = Err(ENOPKG),
                Err(ENOPKG) => {}
                Err(errno) => return Err(errno),
            }
        }
        verdict
    }

    /// The digest, and the signatures of certificates in the message, as far as they are there.
    fn examine(
        &self,
        payload: &[u8],
        message: &Message<'_>,
        number: usize,
        one: &mut Examined<'_, '_>,
        say: &mut impl FnMut(u8, &str),
    ) -> Result<(), i32> {
        let signer = one.signer;
        if !self.algorithms.has(signer.hash, self.modprobe) {
            return Err(ENOPKG);
        }
        one.digest = digest(signer.hash, payload).unwrap_or_default();
        let certificates = &message.certificates;
        let Some(mut at) = certificates.iter().position(|c| c.id() == signer.id) else {
            return Ok(());
        };
        let mut certificate = &certificates[at];
        let key = self.key(certificate)?;
        key.verify(signer.scheme, signer.hash, &one.digest, signer.signature)?;
        let mut seen = vec![false; certificates.len()];
        loop {
            seen[at] = true;
            one.chain.push(at);
            if self.self_signed(certificate) == Ok(true) {
                one.rooted = true;
                return Ok(());
            }
            let wanted = certificate.authority_key;
            let next = match (certificate.authority, wanted) {
                (Some(authority), _) => certificates.iter().position(|c| c.id() == authority),
                (None, Some(_)) => certificates.iter().position(|c| own_id(c) == wanted),
                (None, None) => None,
            };
            let Some(next) = next else { return Ok(()) };
            let issuer = &certificates[next];
            if certificate.authority.is_some() && wanted.is_some() && own_id(issuer) != wanted {
                say(
                    WARNING,
                    &format!(
                        "PKCS7: Sig {number}: X.509 chain contains auth-skid nonmatch ({}->{})",
                        at + 1,
                        next + 1
                    ),
                );
                return Err(EKEYREJECTED);
            }
            if seen[next] {
                say(WARNING, &format!("PKCS7: Sig {number}: X.509 chain contains loop"));
                return Ok(());
            }
            self.verify_certificate(certificate, &self.key(issuer)?)?;
            (at, certificate) = (next, issuer);
        }
    }

    fn key(&self, certificate: &Certificate<'_>) -> Result<PublicKey, i32> {
        key_of(certificate, self.algorithms, self.modprobe)
    }

    fn self_signed(&self, certificate: &Certificate<'_>) -> Result<bool, i32> {
        self_signed(certificate, self.algorithms, self.modprobe, self.proven)
    }

    /// Verifies a certificate's signature.
    fn verify_certificate(&self, of: &Certificate<'_>, by: &PublicKey) -> Result<(), i32> {
        let digest = digest_for(of.hash, of.signed, self.algorithms, self.modprobe);
        by.verify(of.scheme, of.hash, &digest.ok_or(ENOPKG)?, of.signature)
    }

    /// Whether a trusted key vouches for one signer. `seen`: certificates looked at for signers
    /// before, and whether they were good.
    fn trust(
        &self,
        message: &Message<'_>,
        one: &Examined<'_, '_>,
        seen: &mut [Option<bool>],
    ) -> Result<(), i32> {
        if one.unsupported {
            return Err(ENOPKG);
        }
        let signer = one.signer;
        let by_signer = |key: &Key| {
            let Signer { scheme, hash, signature, .. } = *signer;
            let verify = || key.key.verify(scheme, hash, &one.digest, signature);
            let (kind, digest) = (key.kind, &one.digest);
            let claim = Claim { kind, key: &key.bits, scheme, hash, digest, signature };
            once(self.proven, claim, verify).map_err(|_| EKEYREJECTED)
        };
        let by_key = |certificate: &Certificate<'_>, key: &Key| {
            self.verify_certificate(certificate, &key.key).map_err(|_| EKEYREJECTED)
        };
        let verified = |seen: &mut [Option<bool>], upto: usize| {
            one.chain.iter().take(upto).for_each(|at| seen[*at] = Some(true));
            Ok(())
        };
        let mut before: Option<&Certificate<'_>> = None;
        for (depth, &at) in one.chain.iter().enumerate() {
            match seen[at].replace(false) {
                Some(true) => return verified(seen, depth + 1),
                Some(false) => return Err(ENOKEY),
                None => {}
            }
            let certificate = &message.certificates[at];
            // One that cannot be found goes on to the next.
            if let Ok(Some(key)) = self.keys.find(Some(certificate.id()), own_id(certificate)) {
                match before {
                    None => by_signer(key)?,
                    Some(before) => by_key(before, key)?,
                }
                return verified(seen, depth + 1);
            }
            if one.rooted && depth + 1 == one.chain.len() {
                return Err(ENOKEY);
            }
            before = Some(certificate);
        }
        if let Some(last) = before.filter(|c| c.authority.is_some() || c.authority_key.is_some())
            && let Some(key) = self.keys.find(last.authority, last.authority_key)?
        {
            by_key(last, key)?;
            return verified(seen, one.chain.len());
        }
        match self.keys.find(Some(signer.id), None)? {
            Some(key) => by_signer(key),
            None => Err(ENOKEY),
        }
    }
}

fn own_id<'a>(certificate: &Certificate<'a>) -> Option<KeyId<'a>> {
    certificate.key_id.map(|id| KeyId(id, b""))
}

fn key_of(
    certificate: &Certificate<'_>,
    algorithms: &Algorithms,
    modprobe: bool,
) -> Result<PublicKey, i32> {
    if !algorithms.has_key(certificate.key_kind, modprobe) {
        return Err(ENOENT);
    }
    PublicKey::new(certificate.key_kind, certificate.key)
}

fn digest_for(hash: Hash, of: &[u8], algorithms: &Algorithms, modprobe: bool) -> Option<Vec<u8>> {
    algorithms.has(hash, modprobe).then(|| digest(hash, of))?
}

/// Whether a certificate is signed by its own key; the error number if it says so and is not
/// (`x509_check_for_self_signed()`, `crypto/asymmetric_keys/x509_public_key.c`, Linux 6.1 and
/// 6.12).
pub(super) fn self_signed(
    certificate: &Certificate<'_>,
    algorithms: &Algorithms,
    modprobe: bool,
    proven: Option<&Proven>,
) -> Result<bool, i32> {
    if certificate.subject != certificate.issuer {
        return Ok(false);
    }
    let (by_name, by_key) = (certificate.authority, certificate.authority_key);
    if by_name.is_some() || by_key.is_some() {
        let own = own_id(certificate);
        let same_key = own.zip(by_key).is_some_and(|(own, by)| own == by);
        let same_name = by_name.is_some_and(|by| by == certificate.id());
        if !same_key && !same_name {
            return Ok(false);
        }
        if same_key != same_name && by_name.is_some() && by_key.is_some() {
            return Err(EKEYREJECTED);
        }
    }
    if !algorithms.has(certificate.hash, modprobe) {
        return Ok(false);
    }
    let key = key_of(certificate, algorithms, modprobe)?;
    let Some(digest) = digest_for(certificate.hash, certificate.signed, algorithms, modprobe)
    else {
        return Ok(false);
    };
    let Certificate { scheme, hash, signature, .. } = *certificate;
    let (kind, bits) = (certificate.key_kind, certificate.key);
    let claim = Claim { kind, key: bits, scheme, hash, digest: &digest, signature };
    match once(proven, claim, || key.verify(scheme, hash, &digest, signature)) {
        Ok(()) => Ok(true),
        Err(ENOPKG) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Verifies what is not known to be good.
fn once(
    proven: Option<&Proven>,
    claim: Claim<'_>,
    verify: impl FnOnce() -> Result<(), i32>,
) -> Result<(), i32> {
    match proven {
        Some(proven) => proven.once(claim, verify),
        None => verify(),
    }
}
