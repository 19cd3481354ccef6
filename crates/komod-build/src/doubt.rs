//! Why komod does not build a module by itself but leaves it to kbuild.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What the native builder met that it cannot do exactly as kbuild does.
#[derive(Debug, thiserror::Error)]
pub enum Doubt {
    /// The caller wants kbuild.
    #[error("kbuild was asked for")]
    Asked,
    /// There is no folder to keep what was learnt about the kernel tree.
    #[error("there is no cache folder to keep the kernel tree's recipe in")]
    NoCache,
    /// The kernel tree lacks a file that every build needs.
    #[error("the kernel tree has no {0}")]
    TreeLacks(&'static str),
    /// A variable for make that only kbuild itself understands.
    #[error("the variable {0} is for kbuild itself")]
    Variable(String),
    /// kbuild did not build the probe.
    #[error("kbuild does not build a probe module for this tree: {0}")]
    Probe(String),
    /// komod's own build of the probe is another one.
    #[error("komod's build of a probe module differs from kbuild's in {0}")]
    Differs(String),
    /// make did not get through the makefiles.
    #[error("make does not evaluate the makefile: {0}")]
    Evaluation(String),
    /// make was still reading the makefiles after this time.
    #[error("make was still reading the makefile after {0:?}")]
    Endless(Duration),
    /// A command that is no step of building a module from C and assembly.
    #[error("the makefile makes {target} in a way of its own ({step})")]
    Step {
        /// The file.
        target: String,
        /// kbuild's name of the command, or the command.
        step: String,
    },
    /// An object without a source to make it from.
    #[error("no command makes {0}")]
    NotMade(String),
    /// kbuild knows no module to build.
    #[error("the makefile lists no module")]
    NoModules,
    /// Two modules of one name.
    #[error("two modules are called {0}")]
    SameName(String),
    /// A native step failed in a way that komod cannot explain.
    #[error("a step of the native build failed: {0}")]
    Failed(String),
    /// The system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Doubt {
    /// For `map_err`: what was tried on which path.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Doubt {
        let path = path.into();
        move |source| Doubt::Io { action, path, source }
    }
}
