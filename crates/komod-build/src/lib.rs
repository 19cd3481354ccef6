//! From a folder of C sources to `.ko` files, and from kbuild's words to a diagnosis.
//!
//! A Linux module is built by the kernel's own build system, kbuild, started in a *kernel build
//! tree* (a folder such as `/usr/src/linux-headers-6.1.0-56-amd64`) and pointed at the module's
//! folder with `M=`. kbuild writes its products beside the sources, so one folder serves one
//! kernel at a time and needs write access. This crate builds in a folder of its own instead, and
//! for the most part without kbuild, whose exact commands it knows:
//!
//! ```text
//! Project::open(dir or file)      what there is to build
//!   └─ overlay::repair            a damaged kernel tree is made whole, without touching it
//!   └─ location::choose           where its products may live
//!       └─ Shadow::mirror         a folder of links to the sources, per kernel release
//!           └─ native::build      is all as it was? then that was it. Else:
//!           │   ├─ Recipe::open   per kernel tree, probed once: what kbuild works out each time
//!           │   ├─ plan::make     the makefiles read by make -n: kbuild's commands as actions
//!           │   └─ execute::run   the actions that are out of date; State remembers
//!           └─ kbuild::Run        where native says Doubt: make -C TREE M=SHADOW modules
//!               ├─ modules::load_order    the .ko files, exporters before users
//!               └─ rules::diagnose        what went wrong: code, evidence, way out, fix
//! ```
//!
//! [`Options::in_place`] makes the project's own folder that folder, as make does; what is made there
//! is noted, so that [`clean_in_place`] finds it. Each build leaves `compile_commands.json`.
//!
//! The user's Makefile is read as it is; a single `.c` needs none. Whatever the compiler says is
//! reported with the user's own paths.
//!
//! [`compile_builtin`] compiles the same sources as if they were linked into the kernel.
//! [`warm`] compiles a file that was edited without reading its headers again.
//! [`rules`] holds one file per known failure; its page is `komod explain CODE`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod action;
mod build;
mod builtin;
mod c_source;
mod child;
mod clean;
pub mod command_line;
mod compile_commands;
mod depfile;
mod digest;
mod doubt;
mod error;
mod evaluate;
pub mod event;
mod execute;
mod fixing;
mod generated;
mod in_place;
pub mod jobserver;
mod kbuild;
mod location;
mod log;
mod makefile;
pub mod messages;
pub mod modpost;
mod modules;
mod native;
mod neighbours;
pub mod overlay;
mod packages;
mod plan;
pub mod project;
mod recipe;
mod repaired;
mod replace;
pub mod rules;
mod shadow;
mod stamp;
mod state;
pub mod stop;
mod tree;
pub mod warm;

pub use build::{Built, Options};
pub use builtin::BuiltinObject;
pub use clean::clean;
pub use error::BuildError;
pub use event::{Event, Listener};
pub use execute::{Compile, Finished, Job, Plain};
pub use fixing::{Applied, apply_fixes};
pub use in_place::clean as clean_in_place;
pub use log::Log;
pub use project::{Project, ProjectError};
pub use repaired::{build, compile_builtin};
pub use tree::Tree;
