//! SHA-256 in hexadecimal, of bytes and of lists of strings.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The digest of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    finish(Sha256::new().chain_update(bytes))
}

/// The digest of a list: where one string ends and the next begins matters.
pub fn of_list<'a>(strings: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for string in strings {
        digest.update((string.len() as u64).to_le_bytes());
        digest.update(string);
    }
    finish(digest)
}

fn finish(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_matter() {
        assert_ne!(of_list([&b"ab"[..], b"c"]), of_list([&b"a"[..], b"bc"]));
        assert_eq!(hex(b"abc")[..16], *"ba7816bf8f01cfea");
    }
}
