//! `--fix`.

use std::path::PathBuf;

use komod_diag::{ApplyError, Diagnostic, Fix, apply_all};

/// What `--fix` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Files written.
    pub files: Vec<PathBuf>,
    /// Titles of the fixes made.
    pub titles: Vec<String>,
}

/// Applies the safe fix of every diagnostic that has one, all of them or none.
pub fn apply_fixes(diagnostics: &[Diagnostic]) -> Result<Applied, ApplyError> {
    let mut fixes: Vec<&Fix> = Vec::new();
    for fix in diagnostics.iter().filter_map(Diagnostic::safe_fix) {
        if !fixes.contains(&fix) {
            fixes.push(fix);
        }
    }
    let files = apply_all(fixes.iter().copied())?;
    Ok(Applied { files, titles: fixes.into_iter().map(|fix| fix.title.clone()).collect() })
}
