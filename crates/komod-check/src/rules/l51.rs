//! L-51: another compiler built the kernel
//!
//! # What
//! The module loads. It was built by another compiler, or another major version of it, than
//! the kernel.
//!
//! # Why
//! Compiler families differ in what they generate for one header: plugins, asm goto, layout
//! randomisation, calling of helpers. The kernel does not compare; version magic has no compiler.
//!
//! # Example
//! ```text
//! $ make -C /lib/modules/$(uname -r)/build M=$PWD CC=clang
//! $ komod check hello.ko
//! warning[L-51]: it was built by another compiler than the kernel
//! ```
//!
//! # Way out
//! Build the module with the compiler of `CONFIG_CC_VERSION_TEXT`.
