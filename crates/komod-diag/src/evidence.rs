//! What a conclusion rests on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A stretch of one source line. Lines and columns count from 1; columns count bytes, as gcc does
/// for ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Line, from 1.
    pub line: u32,
    /// First column, from 1; 0 when only the line is known.
    pub column: u32,
    /// One past the last column; 0 when only the start is known.
    pub end_column: u32,
}

impl Span {
    /// A whole line.
    pub fn line(line: u32) -> Self {
        Span { line, column: 0, end_column: 0 }
    }

    /// Some columns of a line.
    pub fn columns(line: u32, column: u32, end_column: u32) -> Self {
        Span { line, column, end_column }
    }
}

/// One piece of evidence. Every variant carries its own text, so that it can be shown after the
/// file is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Evidence {
    /// A place in a source file, with the line's text.
    Source {
        /// The file, as the user knows it.
        path: PathBuf,
        /// Where in it.
        span: Span,
        /// The line's text, without its end.
        text: String,
        /// What is to be seen there. May be empty.
        label: String,
    },
    /// What a command printed.
    Output {
        /// The command, short: `make`, `gcc-12`, `modpost`.
        command: String,
        /// The lines that matter, as printed.
        lines: Vec<String>,
    },
    /// A file as a whole: missing, empty, unreadable.
    File {
        /// The file.
        path: PathBuf,
        /// What about it: `is missing`.
        label: String,
    },
    /// A place in an object file.
    Object {
        /// The object file.
        path: PathBuf,
        /// Section name.
        section: Option<String>,
        /// Symbol name.
        symbol: Option<String>,
        /// Offset in the section, or in the file if no section is given.
        offset: Option<u64>,
        /// The value found there, in words.
        value: Option<String>,
        /// What about it.
        label: String,
    },
    /// A fact that has no place: `CONFIG_CC_VERSION_TEXT` is `gcc-12`.
    Fact {
        /// Name of the fact.
        name: String,
        /// Its value.
        value: String,
    },
}

impl Evidence {
    /// A place in a source file.
    pub fn source(
        path: impl Into<PathBuf>,
        span: Span,
        text: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Evidence::Source { path: path.into(), span, text: text.into(), label: label.into() }
    }

    /// A place in a source file whose whole text is at hand: takes the line from it.
    pub fn source_in(
        path: impl Into<PathBuf>,
        contents: &str,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        let index = usize::try_from(span.line).unwrap_or(usize::MAX).saturating_sub(1);
        let text = contents.lines().nth(index).unwrap_or_default();
        Evidence::source(path, span, text, label)
    }

    /// What a command printed.
    pub fn output(
        command: impl Into<String>,
        lines: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Evidence::Output {
            command: command.into(),
            lines: lines.into_iter().map(Into::into).collect(),
        }
    }

    /// A file as a whole.
    pub fn file(path: impl Into<PathBuf>, label: impl Into<String>) -> Self {
        Evidence::File { path: path.into(), label: label.into() }
    }

    /// A fact without a place.
    pub fn fact(name: impl Into<String>, value: impl Into<String>) -> Self {
        Evidence::Fact { name: name.into(), value: value.into() }
    }
}
