//! L-48: the call is interrupted or its arguments are bad
//!
//! # What
//! finit_module fails and nothing is logged: EINVAL for a flag that does not exist or a file that
//! is a folder, EBADF for one that is not open for reading, EFAULT for a bad pointer; EINTR when a
//! signal comes while the kernel waits for another load of the same name.
//!
//! # Why
//! That is no matter of the module, but of the program that calls: `komod check` cannot foretell
//! it.
//!
//! # Example
//! ```text
//! $ strace -e trace=finit_module insmod hello.ko
//! finit_module(3, "", 0x80)               = -1 EINVAL (Invalid argument)
//! ```
//!
//! # Way out
//! Load it again. If that fails in the same way, look at the program that calls: `strace -e
//! trace=finit_module,init_module insmod hello.ko`.
