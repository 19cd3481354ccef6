//! L-09: an imported symbol has no checksum
//!
//! # What
//! `__versions` does not name a symbol that the module imports: `no symbol version for NAME`.
//!
//! # Why
//! modpost did not find the symbol in any Module.symvers; the build warned of it as
//! undefined.
//!
//! # Example
//! ```text
//! user: no symbol version for shared_function
//! user: Unknown symbol shared_function (err -22)
//! ```
//!
//! # Way out
//! Give the Module.symvers of the module that exports it (KBUILD_EXTRA_SYMBOLS), and build
//! again.

pub(crate) use super::way_out as hints;
