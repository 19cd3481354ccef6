//! L-41: init returns an error
//!
//! # What
//! The load fails with the error that the module's init function returned, often silently: `insmod:
//! ERROR: could not insert module hello.ko: No such device`.
//!
//! # Why
//! The loader has accepted the module; its own code did not go on. ENODEV often means that the
//! hardware is not there. `komod check` does not run init: it tells of it only if the code has a
//! single way, which ends in the error.
//!
//! # Example
//! ```text
//! $ komod run hello.ko
//! error: init of hello returned -19, ENODEV (No such device)
//! ```
//!
//! # Way out
//! See what init does: `komod run hello.ko` runs it without touching the machine's kernel. The log
//! lines before the error are the module's own.
