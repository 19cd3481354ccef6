//! From a folder of C sources to `.ko` files, and from kbuild's words to a diagnosis.
//!
//! A Linux module is built by the kernel's own build system, kbuild, started in a *kernel build
//! tree* (a folder such as `/usr/src/linux-headers-6.1.0-56-amd64`) and pointed at the module's
//! folder with `M=`. kbuild writes its products beside the sources, so one folder serves one
//! kernel at a time and needs write access. This crate gives kbuild a folder of its own instead:
//!
//! ```text
//! Project::open(dir or file)      what there is to build
//!   └─ overlay::repair            a damaged kernel tree is made whole, without touching it
//!   └─ location::choose           where its products may live
//!       └─ Shadow::mirror         a folder of links to the sources, per kernel release
//!           └─ kbuild::Run        make -C TREE M=SHADOW modules, in a scrubbed environment
//!               ├─ modules::load_order    the .ko files, exporters before users
//!               └─ rules::diagnose        what went wrong: code, evidence, way out, fix
//! ```
//!
//! The user's Makefile is read as it is; a single `.c` needs none. Whatever the compiler says is
//! reported with the user's own paths.
//!
//! [`compile_builtin`] compiles the same sources as if they were linked into the kernel.
//! [`warm`] compiles a file that was edited without reading its headers again.
//! [`rules`] holds one file per known failure; its page is `komod explain CODE`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod build;
mod builtin;
mod c_source;
mod clean;
mod error;
mod evaluate;
mod fixing;
mod kbuild;
mod location;
mod log;
mod makefile;
mod messages;
pub mod modpost;
mod modules;
mod neighbours;
pub mod overlay;
mod packages;
pub mod project;
mod repaired;
pub mod rules;
mod shadow;
mod tree;
pub mod warm;

pub use build::{Built, Options};
pub use builtin::BuiltinObject;
pub use clean::clean;
pub use error::BuildError;
pub use fixing::{Applied, apply_fixes};
pub use log::Log;
pub use project::{Project, ProjectError};
pub use repaired::{build, compile_builtin};
pub use tree::Tree;
