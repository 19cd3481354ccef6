//! How one action went.

use crate::state::Record;

/// An action that ran or did not have to.
#[derive(Debug)]
pub struct Ran {
    /// What to remember; nothing if it failed.
    pub record: Option<Record>,
    /// What it printed.
    pub lines: Vec<String>,
    /// Did it run?
    pub started: bool,
}

impl Ran {
    /// It was up to date.
    pub fn fresh(record: Record) -> Self {
        Ran { record: Some(record), lines: Vec::new(), started: false }
    }
}
