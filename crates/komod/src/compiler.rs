//! The compiler of this process's builds: kept warm from one build to the next, unless that is not
//! wanted or not possible.

use crate::kernels;
use komod_build::Compile;
use komod_build::warm::{Compiler, Limits};
use komod_place::process::RuntimeDir;
use std::sync::{Arc, OnceLock};

/// Set, it has the effect of `--no-warm` (scripts and tests that build once).
const NO_WARM: &str = "KOMOD_NO_WARM";

static WARM: OnceLock<Option<Arc<Compiler>>> = OnceLock::new();

/// The warm compiler; none: the plain one compiles.
pub fn warm() -> Option<Arc<dyn Compile>> {
    let compiler = WARM.get_or_init(|| {
        if std::env::var_os(NO_WARM).is_some_and(|value| !value.is_empty()) {
            return None;
        }
        open().map(Arc::new)
    });
    compiler.clone().map(|compiler| compiler as Arc<dyn Compile>)
}

fn open() -> Option<Compiler> {
    let runtime = RuntimeDir::open().ok()?;
    Compiler::new(&kernels::cache().ok()?, runtime.path(), Limits::default()).ok()
}

/// Everything has been shown: keeps warm what was compiled plainly.
pub fn settle() {
    if let Some(Some(compiler)) = WARM.get() {
        compiler.settle();
    }
}

/// Ends all compilers that are kept warm.
pub fn end_all() {
    if let Some(compiler) = open() {
        compiler.end_all();
    }
}
