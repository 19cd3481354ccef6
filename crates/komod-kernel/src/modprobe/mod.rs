//! What `modprobe` decides: which modules a name means, and what to do in which order to insert or
//! remove them. Nothing here touches the kernel.
//!
//! * [`config`]: `modprobe.d` and the kernel's command line, see modprobe.d(5);
//! * [`directory`]: a kernel's module directory by its indexes;
//! * [`lookup`]: from a name or an alias to modules;
//! * [`insertion`]: the steps that insert a module; [`removal`]: those that remove one;
//! * [`command`]: the text of an `install` or `remove` command.
//!
//! Names, paths and options are bytes: kernel and file system know no encoding.
//!
//! kmod takes the first `softdep` line of a module only, and forgets its `install` command when
//! there is one. Here all lines count and the command stays, unless [`Manner::Kmod`] is asked for. The
//! limits to what is loaded ([`config::limits`]) hold always.

pub mod command;
pub mod config;
pub mod directory;
pub mod insertion;
pub mod lookup;
pub mod removal;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use directory::Directory;
pub use lookup::{Module, Modules};

/// Where kmod's decisions are not what a reader of the configuration expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// All `softdep` lines of a module count; its `install` command stays in force.
    #[default]
    Komod,
    /// As kmod 30 and 34 decide (`KOMOD_COMPAT=kmod`).
    Kmod,
}
