//! L-55: there are no unwind tables
//!
//! # What
//! The module loads. It has code and no `.orc_unwind`, and the kernel unwinds by ORC.
//!
//! # Why
//! objtool did not see the module. Stack traces through it are guesses, marked by `?`, and
//! livepatches do not trust them.
//!
//! # Example
//! ```text
//! $ objcopy --remove-section=.orc_unwind hello.ko
//! $ komod check hello.ko
//! note[L-55]: stack traces through it are unreliable: it has no unwind tables
//! ```
//!
//! # Way out
//! Build the module again with the kernel's own build system, which runs objtool.
