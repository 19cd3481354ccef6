//! What is foretold about one module and one kernel.

use komod_diag::Diagnostic;
use komod_load::{LogLine, Refusal, Taint};

use crate::condition::{Condition, Depends};

/// How a load ends.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The kernel takes the module and calls its init function.
    Loads {
        /// What the kernel logs before.
        dmesg: Vec<LogLine>,
        /// The module's taint.
        taint: Taint,
    },
    /// The kernel refuses it.
    Refused {
        /// Error number, log lines, evidence.
        refusal: Box<Refusal>,
        /// What it would be refused for if that were out of the way.
        later: Vec<Refusal>,
    },
}

/// A module in a kernel.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The module's name.
    pub module: String,
    /// The kernel's release.
    pub release: String,
    /// Whether it loads.
    pub outcome: Outcome,
    /// Modules that must be loaded before, if it loads.
    pub needs: Vec<String>,
    /// What a machine may have that would keep it out, if it loads otherwise.
    pub conditions: Vec<Condition>,
    /// What of the log depends on the machine.
    pub depends: Vec<Depends>,
    /// It can be unloaded again.
    pub can_leave: bool,
    /// The refusal explained, the deciding reason first. Empty if it loads.
    pub diagnostics: Vec<Diagnostic>,
    /// What else there is to know if it loads; it changes nothing about that.
    pub advice: Vec<Diagnostic>,
}

impl Verdict {
    /// Whether the kernel takes the module.
    pub fn loads(&self) -> bool {
        matches!(self.outcome, Outcome::Loads { .. })
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.outcome {
            Outcome::Refused { refusal, .. } => Some(refusal),
            Outcome::Loads { .. } => None,
        }
    }

    /// What the kernel logs, until init runs.
    pub fn dmesg(&self) -> &[LogLine] {
        match &self.outcome {
            Outcome::Loads { dmesg, .. } => dmesg,
            Outcome::Refused { refusal, .. } => &refusal.dmesg,
        }
    }
}
