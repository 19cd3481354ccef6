//! B-19: there is no kernel build tree
//!
//! # What
//! The folder to build against does not exist, or is a link that leads nowhere.
//!
//! # Why
//! `/lib/modules/RELEASE/build` is a link made by the header package of that kernel. It is missing
//! or dangling when the headers are not installed, when they belong to another release than the
//! running one (a kernel updated but not yet booted), and in containers and WSL, where the running
//! kernel is not the distribution's.
//!
//! # Example
//! ```text
//! make: *** /lib/modules/6.1.0-56-amd64/build: No such file or directory.  Stop.
//! ```
//!
//! # Way out
//! `komod kernel list` shows the trees of this machine, `komod build --kernel RELEASE` takes one of
//! them, `komod kernel fetch RELEASE` gets one without root. Or install the headers of the running
//! kernel (Debian: `apt-get install linux-headers-$(uname -r)`).

use komod_diag::Evidence;

use super::{Finding, Outcome, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let path = &outcome.tree.path;
    if outcome.succeeded() || path.is_dir() {
        return Vec::new();
    }
    let label = match std::fs::read_link(path) {
        Ok(target) => format!("is a link to {}, which is missing", target.display()),
        Err(_) => "does not exist".to_owned(),
    };
    let title = format!("there is no build tree for kernel {}", outcome.tree.release);
    let diagnostic = error("B-19", title)
        .with_evidence(Evidence::file(path, label))
        .with_explanation("A module is built with the headers of the kernel it shall run in.");
    let said = outcome.said("make", &["No such file or directory"]);
    let mut hints = vec!["see which trees there are: komod kernel list".to_owned()];
    hints.extend(packages::headers(&outcome.tree.release));
    vec![complete(diagnostic, said, hints).into()]
}
