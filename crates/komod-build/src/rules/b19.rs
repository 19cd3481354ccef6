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

use std::path::Path;

use komod_diag::{Diagnostic, Evidence};

use super::{Finding, Outcome, complete, error};
use crate::packages;

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    let path = &outcome.tree.path;
    if outcome.succeeded() || path.is_dir() {
        return Vec::new();
    }
    let diagnostic = without_tree(path, Some(&outcome.tree.release));
    let said = outcome.said("make", &["No such file or directory"]);
    vec![complete(diagnostic, said, Vec::new()).into()]
}

/// The diagnosis for a folder that is not there, of a kernel with this release if that is known.
pub fn without_tree(path: &Path, release: Option<&str>) -> Diagnostic {
    let label = match std::fs::read_link(path) {
        Ok(target) => format!("is a link to {}, which is missing", target.display()),
        Err(_) => "does not exist".to_owned(),
    };
    let title = match release {
        Some(release) => format!("there is no build tree for kernel {release}"),
        None => "there is no such build tree".to_owned(),
    };
    let mut hints = vec!["see which trees there are: komod kernel list".to_owned()];
    match release {
        Some(release) => hints.extend(packages::headers_to_install(release)),
        None => hints.push("get one without root: komod kernel fetch".to_owned()),
    }
    let diagnostic = error("B-19", title)
        .with_evidence(Evidence::file(path, label))
        .with_explanation("A module is built with the headers of the kernel it shall run in.");
    complete(diagnostic, None, hints)
}
