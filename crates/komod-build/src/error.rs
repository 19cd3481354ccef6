//! A build that failed.

use komod_diag::{Diagnostic, Evidence, Severity};

use crate::log::Log;
use crate::shadow::ShadowError;

/// Why there is no module: at least one diagnostic of severity error, and all that kbuild said.
#[derive(Debug, thiserror::Error)]
#[error("{}", .diagnostics.iter().find(|d| d.is_error()).map_or("the build failed", |d| &d.title))]
pub struct BuildError {
    /// What is wrong, the cause first.
    pub diagnostics: Vec<Diagnostic>,
    /// What kbuild printed; empty if it was never started.
    pub log: Log,
}

impl BuildError {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>, log: Log) -> Self {
        BuildError { diagnostics, log }
    }

    /// The build was stopped.
    pub(crate) fn stopped() -> Self {
        let diagnostic = Diagnostic::new("B-00", Severity::Error, "the build was stopped");
        BuildError::new(vec![diagnostic], Log::default())
    }

    /// make itself could not be started.
    pub(crate) fn start(error: &std::io::Error) -> Self {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let title = if missing {
            "make is not installed".into()
        } else {
            format!("cannot run make: {error}")
        };
        let hint = crate::packages::install(&["make"]);
        let diagnostic = Diagnostic::new("B-37", Severity::Error, title)
            .with_explanation("kbuild, the kernel's build system, is written in make.")
            .with_hint(hint);
        BuildError::new(vec![diagnostic], Log::default())
    }
}

impl From<ShadowError> for BuildError {
    fn from(error: ShadowError) -> Self {
        BuildError::new(vec![shadow_diagnostic(&error)], Log::default())
    }
}

fn shadow_diagnostic(error: &ShadowError) -> Diagnostic {
    let title = error.to_string();
    match error {
        ShadowError::Io { path, source, .. }
            if source.kind() == std::io::ErrorKind::StorageFull =>
        {
            crate::rules::b44::diagnostic(path, Evidence::output("the system", [title]))
        }
        ShadowError::Io { path, source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            crate::rules::b43::diagnostic(path, Evidence::output("the system", [title]))
        }
        ShadowError::Io { .. } => Diagnostic::new("B-00", Severity::Error, title)
            .with_hint("choose another folder for the products: KOMOD_TARGET_DIR=DIR komod build"),
        ShadowError::TooManyFiles(_) => Diagnostic::new("B-51", Severity::Error, title)
            .with_hint("name the folder that holds the module's own Makefile"),
    }
}
