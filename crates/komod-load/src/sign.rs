//! The signature check, the first thing a load does with the bytes.
//!
//! Sources: `module_sig_check()`, `kernel/module/signing.c`; `mod_check_sig()`,
//! `kernel/module_signature.c`, Linux 6.1 and 6.12.

use crate::kernel::SignatureVerdict;
use crate::session::{Session, Step};
use crate::{Errno, Evidence, RefusalCode};
use alloc::format;
use komod_object::signature::{self, PKEY_ID_PKCS7};

/// Checks the signature; the module without it, and whether it is a good one.
pub(crate) fn check<'a>(session: &mut Session<'_>, bytes: &'a [u8]) -> Step<(&'a [u8], bool)> {
    if !session.facts.config.sig {
        return Ok((bytes, false));
    }
    // A module loaded by force is no longer the one that was signed.
    let mangled = session.request.ignore_modversions || session.request.ignore_vermagic;
    let (payload, reason) = if mangled || !signature::is_signed(bytes) {
        (bytes, "unsigned module")
    } else {
        match verify(session, bytes)? {
            (payload, SignatureVerdict::Valid) => return Ok((payload, true)),
            (payload, SignatureVerdict::UnsupportedCrypto) => {
                (payload, "module with unsupported crypto")
            }
            (payload, _) => (payload, "module with unavailable key"),
        }
    };
    if session.facts.config.sig_enforce {
        session.notice(format!("Loading of {reason} is rejected"));
        let evidence = Evidence::found(reason);
        session.refuse(RefusalCode::SignatureRequired, Errno::EKEYREJECTED, evidence)?;
    } else if session.facts.config.lockdown {
        session.notice(format!(
            "Lockdown: {}: unsigned module loading is restricted; see man kernel_lockdown.7",
            session.request.command
        ));
        let evidence = Evidence::found(reason);
        session.refuse(RefusalCode::Lockdown, Errno::EPERM, evidence)?;
    }
    Ok((payload, false))
}

/// Splits and judges; verdicts that are fatal even where signatures are not demanded end here.
fn verify<'a>(session: &mut Session<'_>, bytes: &'a [u8]) -> Step<(&'a [u8], SignatureVerdict)> {
    let malformed = |session: &Session<'_>, errno: Errno, what: &str| {
        let evidence = Evidence::found(what);
        session.fatal(RefusalCode::MalformedSignature, errno, evidence)
    };
    const BAD: Errno = Errno::EBADMSG;
    let split = match signature::split(bytes) {
        Ok(Some(split)) => split,
        Ok(None) => return Ok((bytes, SignatureVerdict::UnknownKey)),
        Err(error) => return Err(malformed(session, BAD, &format!("{error}"))),
    };
    if split.id_type != PKEY_ID_PKCS7 {
        // The kernel has not cut the signature off at this point.
        session.error("module: not signed with expected PKCS#7 message");
        let len = bytes.len() - signature::MARKER.len();
        return Ok((&bytes[..len], SignatureVerdict::UnsupportedCrypto));
    }
    if !split.unused_fields_zero {
        session.error("module: PKCS#7 signature info has unexpected non-zero params");
        return Err(malformed(session, BAD, "trailer fields that must be zero are not"));
    }
    match session.kernel.verify_signature(split.payload, split.bytes, &mut session.log) {
        SignatureVerdict::Malformed(errno) => {
            Err(malformed(session, errno, "not a PKCS#7 message the kernel takes"))
        }
        SignatureVerdict::Rejected => {
            let evidence = Evidence::found("signature does not match, or is revoked");
            Err(session.fatal(RefusalCode::BadSignature, Errno::EKEYREJECTED, evidence))
        }
        verdict => Ok((split.payload, verdict)),
    }
}
