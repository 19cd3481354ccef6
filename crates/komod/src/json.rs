//! JSON on stdout: one object per answer, each with `format` and `version`. The version of a
//! format rises when a field changes its meaning or goes away; new fields come without notice.

use crate::console;
use anyhow::{Context, Result};
use serde::{Serialize, Serializer};
use std::path::Path;

/// All formats are at their first version.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Envelope<'a, T> {
    format: &'a str,
    version: u32,
    #[serde(flatten)]
    body: T,
}

/// A path as text, also if it is none: `\u{fffd}` stands for what is not UTF-8.
pub fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// A structure as one line.
pub fn text<T: Serialize>(format: &str, body: T) -> Result<String> {
    serde_json::to_string(&Envelope { format, version: VERSION, body }).context("cannot write JSON")
}

/// Prints a structure as one line.
pub fn print<T: Serialize>(format: &str, body: T) -> Result<()> {
    console::line(&text(format, body)?);
    Ok(())
}
