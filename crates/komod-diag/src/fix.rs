//! Changes that solve a problem, as data.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// May a program make the change without asking?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Applicability {
    /// Yes: the meaning of the code is what its author plainly wanted. `--fix` applies it.
    Safe,
    /// It solves the problem but may change what the code does: the user decides.
    Unsafe,
    /// A sketch to be read, not applied.
    Display,
}

/// One replacement of bytes in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The file.
    pub file: PathBuf,
    /// The bytes replaced.
    pub range: Range<usize>,
    /// What stands there now: if the file says otherwise, it has changed and is left alone.
    pub original: String,
    /// What shall stand there.
    pub replacement: String,
}

/// A titled set of edits that belong together: all are made, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What it does, as an order: `make it return void`.
    pub title: String,
    /// Who may apply it.
    pub applicability: Applicability,
    /// The edits. Those of one file must not overlap.
    pub edits: Vec<Edit>,
}

/// Why edits do not fit a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The range lies outside the text, or cuts a character.
    Range,
    /// Another text stands there.
    Changed,
    /// Two edits overlap.
    Overlap,
}

impl Fix {
    /// An empty fix.
    pub fn new(title: impl Into<String>, applicability: Applicability) -> Self {
        Fix { title: title.into(), applicability, edits: Vec::new() }
    }

    /// Adds the replacement of `range` of `contents` (the file's whole text). A range that does
    /// not fit adds nothing.
    #[must_use]
    pub fn replace(
        mut self,
        file: impl Into<PathBuf>,
        contents: &str,
        range: Range<usize>,
        replacement: impl Into<String>,
    ) -> Self {
        if let Some(original) = contents.get(range.clone()) {
            self.edits.push(Edit {
                file: file.into(),
                range,
                original: original.to_owned(),
                replacement: replacement.into(),
            });
        }
        self
    }

    /// The files it changes, each once, in order of first mention.
    pub fn files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = Vec::new();
        for edit in &self.edits {
            if !files.contains(&edit.file.as_path()) {
                files.push(&edit.file);
            }
        }
        files
    }

    /// What `contents` of `file` becomes.
    pub fn preview(&self, file: &Path, contents: &str) -> Result<String, Misfit> {
        let edits: Vec<&Edit> = self.edits.iter().filter(|edit| edit.file == file).collect();
        splice(contents, edits)
    }
}

/// Replaces the edits' ranges in `contents`.
pub(crate) fn splice(contents: &str, mut edits: Vec<&Edit>) -> Result<String, Misfit> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut result = String::with_capacity(contents.len());
    let mut done = 0;
    for edit in edits {
        if edit.range.start < done {
            return Err(Misfit::Overlap);
        }
        let kept = contents.get(done..edit.range.start).ok_or(Misfit::Range)?;
        let found = contents.get(edit.range.clone()).ok_or(Misfit::Range)?;
        if found != edit.original {
            return Err(Misfit::Changed);
        }
        result.push_str(kept);
        result.push_str(&edit.replacement);
        done = edit.range.end;
    }
    result.push_str(contents.get(done..).ok_or(Misfit::Range)?);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_applies_edits_in_order_of_place() {
        let text = "static int f(void) { return 0; }";
        let fix = Fix::new("x", Applicability::Safe).replace("a.c", text, 21..31, "").replace(
            "a.c",
            text,
            7..10,
            "void",
        );
        assert_eq!(fix.preview(Path::new("a.c"), text).unwrap(), "static void f(void) { }");
        assert_eq!(fix.files(), [Path::new("a.c")]);
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let text = "abcdef";
        let fix = Fix::new("x", Applicability::Safe).replace("a", text, 1..3, "X");
        assert_eq!(fix.preview(Path::new("a"), "axxdef"), Err(Misfit::Changed));
        assert_eq!(fix.preview(Path::new("a"), "a"), Err(Misfit::Range));
        let twice = fix.replace("a", text, 2..4, "Y");
        assert_eq!(twice.preview(Path::new("a"), text), Err(Misfit::Overlap));
        let outside = Fix::new("x", Applicability::Safe).replace("a", text, 4..9, "X");
        assert!(outside.edits.is_empty());
    }
}
