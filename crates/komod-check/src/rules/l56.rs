//! L-56: returns are not protected
//!
//! # What
//! The module loads. Its functions end in plain `ret`; the kernel uses return thunks.
//!
//! # Why
//! The kernel patches thunks at boot to mitigate Retbleed and SRSO. A plain `ret` in a module is
//! not found by it and stays open.
//!
//! # Example
//! ```text
//! $ komod check hello.ko
//! warning[L-56]: its returns are not protected, the kernel's are
//! ```
//!
//! # Way out
//! Build the module again with the kernel's own build system (`-mfunction-return=thunk-extern`
//! and objtool).
