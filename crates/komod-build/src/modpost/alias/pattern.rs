//! The text of an alias as it grows.

/// A pattern that `modalias` strings are matched against.
#[derive(Clone, Debug, Default)]
pub(super) struct Pattern {
    text: Vec<u8>,
}

impl Pattern {
    pub(super) fn new(prefix: &str) -> Self {
        Pattern { text: prefix.as_bytes().to_vec() }
    }

    /// Adds text as it is.
    pub(super) fn raw(mut self, text: &[u8]) -> Self {
        self.text.extend_from_slice(text);
        self
    }

    /// Adds a key and a number of `digits` upper-case hexadecimal digits, or `*` for none.
    pub(super) fn hex(mut self, key: &str, digits: usize, value: Option<u32>) -> Self {
        self.text.extend_from_slice(key.as_bytes());
        match value {
            Some(value) => self.text.extend(format!("{value:0digits$X}").bytes()),
            None => self.text.push(b'*'),
        }
        self
    }

    /// Adds a key and a text, or `*` for none.
    pub(super) fn word(mut self, key: &str, value: Option<&[u8]>) -> Self {
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(value.unwrap_or(b"*"));
        self
    }

    /// Replaces blanks, which a `modalias` cannot have.
    pub(super) fn no_blanks(mut self) -> Self {
        for byte in &mut self.text {
            if matches!(*byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r') {
                *byte = b'_';
            }
        }
        self
    }

    /// Lets anything follow, unless that is so already.
    pub(super) fn open(mut self) -> Vec<u8> {
        if self.text.last() != Some(&b'*') {
            self.text.push(b'*');
        }
        self.text
    }

    /// Nothing follows.
    pub(super) fn closed(self) -> Vec<u8> {
        self.text
    }
}

/// `value` if the condition holds.
pub(super) fn when(condition: bool, value: u32) -> Option<u32> {
    condition.then_some(value)
}

/// `value` unless it is the one that stands for any.
pub(super) fn unless(value: u32, any: u32) -> Option<u32> {
    (value != any).then_some(value)
}
