//! L-48: the call is interrupted or its arguments are bad
//!
//! # What
//! init_module or finit_module fails with EINTR, EFAULT, EBADF or EINVAL, and nothing is logged.
//!
//! # Why
//! A signal came while the loader waited for another load of the same name, or the program that
//! calls gave a bad pointer, file descriptor or flag. That is no matter of the module:
//! `komod check` cannot foretell it.
//!
//! # Example
//! ```text
//! # timeout -s INT 1 insmod hello.ko
//! ```
//!
//! # Way out
//! Load it again. If that fails in the same way, look at the program that calls:
//! `strace -e trace=finit_module,init_module insmod hello.ko`.
