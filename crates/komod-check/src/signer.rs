//! Who signed a module, as far as that can be told without cryptography.

use komod_object::cms::der::{self, Element};

/// DER tags (ITU-T X.690).
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;

/// Issuer and serial number of the certificate of the first signer of a PKCS#7 message, as they
/// stand there (RFC 5652, `SignedData` and `SignerInfo`). Equal for equal keys.
pub(crate) fn signer(message: &[u8]) -> Option<&[u8]> {
    let (outer, _) = der::read(message)?;
    let content = inside(outer, SEQUENCE)?.nth(1)?;
    let signed_data = inside(content, CONTEXT_0)?.next()?;
    // Behind the algorithms and the content there may be certificates; the signers are the last.
    let signers = inside(signed_data, SEQUENCE)?.last()?;
    let first = inside(signers, SET)?.next()?;
    // Behind the version: issuer and serial number, or an identifier of the key.
    inside(first, SEQUENCE)?.nth(1).map(|element| element.contents)
}

/// The elements inside another, if its tag is this one. What cannot be read ends them.
fn inside(element: Element<'_>, tag: u8) -> Option<impl Iterator<Item = Element<'_>>> {
    let mut rest = element.contents;
    let next = move || {
        let (element, behind) = der::read(rest)?;
        rest = behind;
        Some(element)
    };
    (element.tag == tag).then(|| std::iter::from_fn(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, high, low], &contents[..]].concat()
    }

    /// As `scripts/sign-file` writes it.
    fn message(key: &[u8], signature: &[u8]) -> Vec<u8> {
        let name = element(SEQUENCE, &[key]);
        let info = element(SEQUENCE, &[&[2, 1, 1], &name, &element(4, &[signature])]);
        let empty = element(SET, &[]);
        let data = element(SEQUENCE, &[&[2, 1, 1], &empty, &element(SET, &[&info])]);
        element(SEQUENCE, &[&[6, 1, 42], &element(CONTEXT_0, &[&data])])
    }

    #[test]
    fn the_signature_itself_does_not_count() {
        let (a, b) = (message(b"debian", &[1; 256]), message(b"debian", &[2; 71]));
        assert_eq!(signer(&a), Some(&b"debian"[..]));
        assert_eq!(signer(&a), signer(&b));
        assert_ne!(signer(&a), signer(&message(b"mok", &[1; 256])));
    }

    #[test]
    fn damage_is_no_signer() {
        let whole = message(b"debian", &[1; 16]);
        for length in 0..whole.len() {
            assert_eq!(signer(&whole[..length]), None, "{length}");
        }
        assert_eq!(signer(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1]), None);
        assert_eq!(signer(&[0; 600]), None);
    }
}
