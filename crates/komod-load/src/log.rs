//! Lines of the kernel log.

use alloc::string::String;
use core::fmt;

/// `KERN_ERR`.
pub const ERR: u8 = 3;
/// `KERN_WARNING`.
pub const WARNING: u8 = 4;
/// `KERN_NOTICE`.
pub const NOTICE: u8 = 5;

/// One line as the kernel would log it, without its timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Level, 0 (emergency) to 7 (debug).
    pub level: u8,
    /// Text.
    pub text: String,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
