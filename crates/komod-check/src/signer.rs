//! Who signed a module, as far as that can be told without cryptography.

/// DER tags (ITU-T X.690).
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;

/// Issuer and serial number of the certificate of the first signer of a PKCS#7 message, as they
/// stand there (RFC 5652, `SignedData` and `SignerInfo`). Equal for equal keys.
pub(crate) fn signer(message: &[u8]) -> Option<&[u8]> {
    let outer = Element::read(message)?.of(SEQUENCE)?;
    let content = outer.into_iter().nth(1)?.of(CONTEXT_0)?;
    let signed_data = content.into_iter().next()?.of(SEQUENCE)?;
    // Behind the algorithms and the content there may be certificates; the signers are the last.
    let signers = signed_data.into_iter().last()?.of(SET)?;
    let first = signers.into_iter().next()?.of(SEQUENCE)?;
    // Behind the version: issuer and serial number, or an identifier of the key.
    first.into_iter().nth(1).map(|element| element.contents)
}

/// One element of DER.
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = behind;
                digits.iter().fold(0_usize, |value, &digit| value << 8 | usize::from(digit))
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        Some(Element { tag, contents, rest })
    }

    /// What is inside, if the tag is this one.
    fn of(self, tag: u8) -> Option<Inside<'a>> {
        (self.tag == tag).then_some(Inside(self.contents))
    }
}

/// The elements inside another. What cannot be read ends them.
struct Inside<'a>(&'a [u8]);

impl<'a> Iterator for Inside<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let element = Element::read(self.0)?;
        self.0 = element.rest;
        Some(element)
    }
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
