//! L-24: the module is already loaded, or being loaded
//!
//! # What
//! A module of this name is there: EEXIST. If its init still runs, the kernel waits for that:
//! EEXIST when it has worked, EBUSY when it has not; one that is going: EBUSY. The kernel logs
//! nothing.
//!
//! # Why
//! It was loaded before, perhaps as another module's dependency; the name counts, not the file.
//! In Linux 6.12 two who load the very same file at the same time both get the answer of the
//! first. `komod check` takes it that an init which runs will work.
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
