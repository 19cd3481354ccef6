//! B-50: beside the sources lies a module for another kernel
//!
//! # What
//! The project's folder holds a `.ko` that an earlier `make` has left, and it is for another kernel than
//! the one just built for.
//!
//! # Why
//! kbuild compares times and commands, not kernels. Where two kernel trees have the same commands (trees
//! of your own, Fedora, Arch), plain `make` for the second kernel does nothing and leaves the first one's
//! module; `insmod` then says "Invalid module format", or worse, loads it. komod keeps a folder for
//! each kernel and empties it when the kernel's tree changes; what it built is in `target/komod/RELEASE`.
//!
//! # Example
//! ```text
//! make: Nothing to be done for 'modules'.
//! ```
//!
//! # Way out
//! Load the module that komod has named, and remove the old one: `rm NAME.ko`.

use komod_diag::{Diagnostic, Evidence, Severity};
use komod_object::Module;

use super::{Finding, Outcome};

pub(crate) fn look(outcome: &Outcome<'_>) -> Vec<Finding> {
    if !outcome.succeeded() {
        return Vec::new();
    }
    let mut files: Vec<_> = std::fs::read_dir(&outcome.project.root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "ko"))
        .collect();
    files.sort();
    let mut found = Vec::new();
    for path in files {
        // Only those that this build has made anew elsewhere.
        let Some(name) = path.file_name() else { continue };
        let again = outcome.location.path.join(name);
        let Some(other) = release(&path).filter(|_| again != path && again.exists()) else { continue };
        if other == outcome.tree.release {
            continue;
        }
        let shown = outcome.project.show(name.as_ref());
        let title = format!("{} is for another kernel: do not load that one", shown.display());
        found.push(
            Diagnostic::new("B-50", Severity::Note, title)
                .with_evidence(Evidence::file(&shown, format!("is for {other}")))
                .with_evidence(Evidence::file(&again, format!("is for {}", outcome.tree.release)))
                .with_hint(format!("remove it: rm {}", shown.display()))
                .into(),
        );
    }
    found
}

/// The release a module says it is for: the first word of its vermagic.
fn release(path: &std::path::Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let module = Module::parse(&bytes).ok()?;
    let vermagic = module.modinfo().get("vermagic")?.to_string_lossy().into_owned();
    Some(vermagic.split(' ').next()?.to_owned())
}
