//! The end of a command that could not do its work: error, cause, way out.

use crate::building::BuildFailed;
use crate::console::{self, Paint, color_on_stderr, paint};
use crate::explained::Explained;
use crate::json;
use komod_diag::terminal;
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    error: String,
    hints: &'a [String],
    diagnostics: &'a [komod_diag::Diagnostic],
    /// What kbuild printed.
    output: &'a str,
}

/// Reports it and gives the exit status.
pub fn report(error: &anyhow::Error, as_json: bool) -> u8 {
    let built = error.downcast_ref::<BuildFailed>();
    let explained = error.chain().find_map(|e| e.downcast_ref::<Explained>());
    let message = error.chain().map(|e| e.to_string()).collect::<Vec<_>>().join(": ");
    if as_json {
        let answer = Answer {
            error: message,
            hints: explained.map(|e| e.hints.as_slice()).unwrap_or_default(),
            diagnostics: built.map(|b| b.diagnostics.as_slice()).unwrap_or_default(),
            output: built.map(|b| b.output.as_str()).unwrap_or_default(),
        };
        if let Err(e) = json::print("komod-error", answer) {
            console::people(&format!("error: {e:#}"));
        }
    } else if let Some(failed) = built {
        console::people(
            terminal::render_all(&failed.diagnostics, console::diagnostics()).trim_end(),
        );
        if failed.diagnostics.iter().any(|d| d.safe_fix().is_some()) {
            console::hint("the same command with --fix applies what is safe, and goes on");
        }
        for code in codes(failed) {
            console::hint(&format!("`komod explain {code}` says more"));
        }
    } else {
        let head = paint("error:", Paint::BoldRed, color_on_stderr());
        console::people(&format!("{head} {message}"));
        if let Some(e) = explained {
            e.hints.iter().for_each(|h| console::hint(h));
        }
    }
    if explained.is_some_and(|e| e.usage) { 2 } else { 1 }
}

/// Codes of errors that have a page.
fn codes(failed: &BuildFailed) -> Vec<&str> {
    let mut codes: Vec<&str> = failed
        .diagnostics
        .iter()
        .filter(|d| d.is_error())
        .map(|d| d.code.as_ref())
        .filter(|c| komod_build::rules::explain(c).is_some())
        .collect();
    codes.dedup();
    codes
}
