//! Diagnostics for programs.
//!
//! One object: `{"version": 1, "diagnostics": [...]}`. The version rises when a field changes its
//! meaning or vanishes; new fields may appear within a version. The fields are those of
//! [`Diagnostic`](crate::Diagnostic).

use serde::{Deserialize, Serialize};

use crate::Diagnostic;

/// Version of the format.
pub const VERSION: u32 = 1;

/// The envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// The findings.
    pub diagnostics: Vec<Diagnostic>,
}

/// The diagnostics as JSON text, one line.
pub fn render(diagnostics: &[Diagnostic]) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Report { version: VERSION, diagnostics: diagnostics.to_vec() })
}

/// The same as a value, to be embedded in a larger answer.
pub fn value(diagnostics: &[Diagnostic]) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::to_value(Report { version: VERSION, diagnostics: diagnostics.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Applicability, Evidence, Fix, Severity, Span};

    #[test]
    fn what_is_written_reads_back_the_same() {
        let diagnostic = Diagnostic::new("B-28", Severity::Error, "t")
            .with_evidence(Evidence::source("a.c", Span::columns(3, 8, 11), "static int x", "here"))
            .with_evidence(Evidence::output("make", ["a", "b"]))
            .with_evidence(Evidence::file("x", "is missing"))
            .with_fix(Fix::new("f", Applicability::Safe).replace("a.c", "static int x", 7..10, "v"))
            .with_hint("h");
        let text = render(std::slice::from_ref(&diagnostic)).unwrap();
        assert!(
            text.starts_with(r#"{"version":1,"diagnostics":[{"code":"B-28","severity":"error""#)
        );
        assert!(text.contains(r#""kind":"source""#) && text.contains(r#""applicability":"safe""#));
        let report: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(report.diagnostics, [diagnostic]);
    }
}
