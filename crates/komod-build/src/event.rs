//! What a build tells while it goes on.

use std::path::Path;

/// Something that has just happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It is known what there is to do.
    Planned {
        /// How many modules will be made.
        modules: usize,
        /// In how many steps.
        steps: usize,
    },
    /// A step begins.
    Started {
        /// What is done, in kbuild's words: `CC`, `LD`.
        word: &'a str,
        /// To which file.
        file: &'a Path,
    },
    /// A step has ended, or did not have to run.
    Ended,
    /// kbuild, which does the work, has printed a line.
    Said(&'a str),
}

/// Hears what happens, from several threads.
pub trait Listener: std::fmt::Debug + Send + Sync {
    /// It has happened.
    fn hear(&self, event: Event<'_>);
}

/// Does not listen.
#[derive(Clone, Copy, Debug)]
pub struct Deaf;

impl Listener for Deaf {
    fn hear(&self, _: Event<'_>) {}
}
