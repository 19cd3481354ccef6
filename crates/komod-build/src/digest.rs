//! Names for contents: SHA-256 over parts, in hexadecimal.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The name of these parts; where one ends and the next begins matters.
pub fn of<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let mut name = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The name of these bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    of([bytes])
}

#[cfg(test)]
mod tests {
    #[test]
    fn borders_count() {
        assert_eq!(super::of(["a", "b"]), super::of(["a", "b"]));
        assert_ne!(super::of(["a", "b"]), super::of(["ab"]));
        assert_eq!(super::of([""; 0]).len(), 64);
    }
}
