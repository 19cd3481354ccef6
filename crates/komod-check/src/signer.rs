//! Who signed a module, as far as that can be told without cryptography.

/// Sizes of RSA signatures, in bytes: keys of 4096, 3072 and 2048 bits.
const SIZES: [usize; 3] = [512, 384, 256];

/// All of a PKCS#7 message in front of the signature itself: issuer, serial number and algorithms
/// (RFC 5652, `SignerInfo`; `scripts/sign-file.c` adds nothing after it). Equal for equal keys.
pub(crate) fn signer(message: &[u8]) -> Option<&[u8]> {
    SIZES.iter().find_map(|&size| {
        let head = message.get(..message.len().checked_sub(size)?)?;
        // The header of an OCTET STRING of that size.
        let [high, low] = u16::try_from(size).ok()?.to_be_bytes();
        head.ends_with(&[4, 0x82, high, low]).then_some(head)
    })
}

#[cfg(test)]
mod tests {
    use super::signer;

    #[test]
    fn the_signature_itself_does_not_count() {
        let message = |name: &[u8], fill: u8| [name, &[4, 0x82, 1, 0], &[fill; 256]].concat();
        let (a, b, other) = (message(b"debian", 1), message(b"debian", 2), message(b"mok", 1));
        assert!(signer(&a).is_some());
        assert_eq!(signer(&a), signer(&b));
        assert_ne!(signer(&a), signer(&other));
        assert_eq!(signer(b"short"), None);
        assert_eq!(signer(&[0; 600]), None);
    }
}
