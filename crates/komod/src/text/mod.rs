//! What kernel and modules say, as text for people.

pub mod errno;
pub mod failure;
pub mod log;
pub mod narrator;
pub mod oops;
pub mod source;

/// `1 module`, `2 modules`.
pub fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}
