//! Errors that know the way out.

use std::fmt;

/// An error with hints, to be printed as `hint:` lines.
#[derive(Debug)]
pub struct Explained {
    pub message: String,
    pub hints: Vec<String>,
    /// It was the command line that was wrong: exit status 2.
    pub usage: bool,
}

impl Explained {
    pub fn new(message: impl Into<String>) -> Explained {
        Explained { message: message.into(), hints: Vec::new(), usage: false }
    }

    pub fn usage(message: impl Into<String>) -> Explained {
        Explained { usage: true, ..Explained::new(message) }
    }

    /// From a library's error, whose text has hints as lines of their own.
    pub fn from_error(error: &impl std::error::Error) -> Explained {
        let mut e = Explained::new("");
        for line in error.to_string().lines() {
            match line.strip_prefix("hint: ") {
                Some(hint) => e.hints.push(hint.to_owned()),
                None if e.message.is_empty() => e.message.push_str(line),
                None => {
                    e.message.push('\n');
                    e.message.push_str(line);
                }
            }
        }
        e
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Explained {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Explained {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_taken_out_of_library_texts() {
        #[derive(Debug)]
        struct Library;
        impl fmt::Display for Library {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no kernel\nhint: fetch one\ntried: a, b")
            }
        }
        impl std::error::Error for Library {}
        let e = Explained::from_error(&Library);
        assert_eq!(e.message, "no kernel\ntried: a, b");
        assert_eq!(e.hints, ["fetch one"]);
    }
}
