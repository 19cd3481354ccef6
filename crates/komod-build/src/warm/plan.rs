//! What is kept beside a server's socket: what it was started for, and what comes after it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The file's content: strings, each ended by a zero byte.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// The digest of the source's preamble.
    pub preamble: String,
    /// The assembler and its arguments, the last of which is the assembly file.
    pub assembler: Vec<OsString>,
}

impl Plan {
    /// The plan as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.preamble.as_bytes().to_vec();
        bytes.push(0);
        for arg in &self.assembler {
            bytes.extend(arg.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    /// The plan from bytes; `None` if they are not a whole one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Plan> {
        let mut strings = bytes.strip_suffix(b"\0")?.split(|&b| b == 0);
        let preamble = String::from_utf8(strings.next()?.to_vec()).ok()?;
        let assembler: Vec<_> = strings.map(|s| OsString::from_vec(s.to_vec())).collect();
        (preamble.len() == 64 && assembler.len() > 1).then_some(Plan { preamble, assembler })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let plan = Plan {
            preamble: "a".repeat(64),
            assembler: ["as", "", "-o", "x y.o", "z.s"].map(OsString::from).to_vec(),
        };
        let bytes = plan.to_bytes();
        assert_eq!(Plan::from_bytes(&bytes), Some(plan));
        for cut in 0..64 {
            assert_eq!(Plan::from_bytes(&bytes[..cut]), None);
        }
        assert_eq!(Plan::from_bytes(&bytes[..bytes.len() - 1]), None);
    }
}
