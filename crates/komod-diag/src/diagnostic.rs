//! The diagnostic itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Applicability, Evidence, Fix};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing failed and nothing will.
    Note,
    /// The work was done, but the result or the input has a flaw.
    Warning,
    /// The work was not done.
    Error,
}

impl Severity {
    /// The word shown to the user.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One finding, complete: a reader needs nothing else to understand and solve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Stable code, such as `B-28`; `komod explain CODE` prints its page.
    pub code: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// One line: what is wrong, in the user's terms.
    pub title: String,
    /// What the conclusion rests on, the most telling first.
    pub evidence: Vec<Evidence>,
    /// Why it is so, in a few sentences. May be empty.
    pub explanation: String,
    /// Changes that solve it, the preferred one first.
    pub fixes: Vec<Fix>,
    /// The way out, one action each.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic with nothing but its headline.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        severity: Severity,
        title: impl Into<String>,
    ) -> Self {
        Diagnostic {
            code: code.into(),
            severity,
            title: title.into(),
            evidence: Vec::new(),
            explanation: String::new(),
            fixes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Sets the explanation.
    #[must_use]
    pub fn with_explanation(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = explanation.into();
        self
    }

    /// Adds a fix.
    #[must_use]
    pub fn with_fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Is this an error?
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The fix that `--fix` applies: the first one that is safe.
    pub fn safe_fix(&self) -> Option<&Fix> {
        self.fixes.iter().find(|fix| fix.applicability == Applicability::Safe)
    }
}
