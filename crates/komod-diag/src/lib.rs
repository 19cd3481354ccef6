//! What komod says when something is wrong, and how it says it.
//!
//! A [`Diagnostic`] is a value: a code, a severity, one line of title, the [`Evidence`] it was
//! concluded from, an explanation, [`Fix`]es that a program can apply, and hints (the way out).
//! Whoever finds a problem fills the value in and returns it; nobody prints.
//!
//! Renderers turn it into text and decide nothing about its content: [`terminal`] for people
//! (standard error), [`json`] for programs (standard output, versioned). The terminal text is
//! complete without colour.
//!
//! A fix carries the text it replaces. [`Fix::apply`] refuses to touch a file that has changed
//! since, and replaces files whole, by renaming, so an interrupted run leaves the old or the new
//! file and never half of one.
//!
//! ```
//! use komod_diag::{Diagnostic, Evidence, Severity, terminal};
//!
//! let d = Diagnostic::new("B-01", Severity::Error, "the kernel headers are incomplete")
//!     .with_evidence(Evidence::file("include/config/auto.conf", "is missing"))
//!     .with_hint("reinstall the headers: apt-get install --reinstall linux-headers-6.1.0-56-amd64");
//! let text = terminal::render(&d, terminal::Options::plain());
//! assert!(text.starts_with("error[B-01]: the kernel headers are incomplete"));
//! assert!(text.contains("hint: reinstall the headers"));
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod apply;
mod diagnostic;
mod evidence;
mod fix;
pub mod json;
pub mod sarif;
pub mod terminal;
pub mod tool_colors;
pub mod unified;

pub use apply::{ApplyError, apply_all};
pub use diagnostic::{Diagnostic, Severity};
pub use evidence::{Evidence, Span};
pub use fix::{Applicability, Edit, Fix, Misfit};
