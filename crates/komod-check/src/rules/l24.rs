//! L-24: the module is already loaded, or being loaded
//!
//! # What
//! A module of this name is there: EEXIST; one that is still starting or going: EBUSY. The
//! kernel logs nothing.
//!
//! # Why
//! It was loaded before, perhaps as another module's dependency; the name counts, not the
//! file.
//!
//! # Example
//! ```text
//! $ insmod hello.ko
//! $ insmod hello.ko
//! insmod: ERROR: could not insert module hello.ko: File exists
//! ```
//!
//! # Way out
//! `komod unload NAME` first.

pub(crate) use super::way_out as hints;
