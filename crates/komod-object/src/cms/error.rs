//! Why a signature message or a certificate is not taken, and what the kernel says about it.

use alloc::string::String;
use alloc::vec::Vec;

/// A refusal, at an offset in the message or certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CmsError {
    /// Not the ASN.1 that is expected there.
    #[error("{what} at offset {offset:#x}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// Well-formed, and of a kind that is not taken.
    #[error("{what} at offset {offset:#x}")]
    Invalid {
        /// What is not taken.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// An algorithm the kernel has no name for.
    #[error("{what} at offset {offset:#x} is none the kernel knows")]
    Unsupported {
        /// Of what kind.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// An attribute that must not be there.
    #[error("{what} at offset {offset:#x}")]
    Rejected {
        /// Which.
        what: &'static str,
        /// Where.
        offset: usize,
    },
    /// More than the kernel's decoder takes.
    #[error("{len} bytes are more than the 65535 that the kernel reads")]
    TooLong {
        /// The length.
        len: usize,
    },
    /// Who reads refuses a certificate: its own signature is bad.
    #[error("the certificate's own signature is not good")]
    SelfSigned {
        /// The kernel's error number.
        errno: i32,
    },
}

impl CmsError {
    /// The kernel's error number for it (`include/uapi/asm-generic/errno.h`).
    pub fn errno(&self) -> i32 {
        match self {
            CmsError::Malformed { .. } => 74,
            CmsError::Invalid { .. } => 22,
            CmsError::Unsupported { .. } => 65,
            CmsError::Rejected { .. } => 129,
            CmsError::TooLong { .. } => 90,
            CmsError::SelfSigned { errno } => *errno,
        }
    }
}

/// What the kernel logs while it reads, all of it as warnings.
pub type Notes = Vec<String>;
