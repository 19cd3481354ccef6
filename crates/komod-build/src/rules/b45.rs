//! B-45: a source is from the future
//!
//! # What
//! make says that a file's time of change lies in the future, and builds it again each time.
//!
//! # Why
//! make decides by times what is out of date. A clock that was wrong, an archive, or a shared folder of
//! another machine give files times that have not come yet.
//!
//! # Example
//! ```text
//! make[2]: Warning: File '/home/me/test/test.c' has modification time 86355 s in the future
//! make[2]: warning:  Clock skew detected.  Your build may be incomplete.
//! ```
//!
//! # Way out
//! Set the clock, then give the file a new time: `touch FILE`.

use komod_diag::{Diagnostic, Evidence, Severity};

use super::{Finding, Outcome, complete};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let now = std::time::SystemTime::now();
    let texts = ["in the future", "Clock skew"];
    let Some(said) = outcome.said("make", &texts) else { return Vec::new() };
    let title = "a file is from the future: it is built again each time";
    let mut diagnostic = Diagnostic::new("B-45", Severity::Warning, title);
    let mut touched = Vec::new();
    for (path, _) in outcome.sources() {
        let time = std::fs::metadata(&path).and_then(|meta| meta.modified());
        if let Ok(ahead) = time.map(|time| time.duration_since(now).unwrap_or_default())
            && ahead.as_secs() > 0
        {
            let label = format!("was changed {} s from now", ahead.as_secs());
            diagnostic = diagnostic.with_evidence(Evidence::file(&path, label));
            touched.push(path.display().to_string());
        }
    }
    let hint = match touched.is_empty() {
        true => "set the clock right".to_owned(),
        false => format!("if the clock is right: touch {}", touched.join(" ")),
    };
    vec![complete(diagnostic, Some(said), vec![hint]).into()]
}
