//! L-43: there is an init function but no exit function
//!
//! # What
//! The module loads and can never be unloaded: delete_module fails with EBUSY, and the module shows
//! as `[permanent]` in /proc/modules.
//!
//! # Why
//! There is `module_init` but no `module_exit`. The kernel takes this as the wish to stay. (A
//! kernel with CONFIG_MODULE_FORCE_UNLOAD can be made to unload it: `rmmod -f`.)
//!
//! # Example
//! ```text
//! $ komod run hello.ko
//! error: cannot unload hello: EBUSY (Device or resource busy)
//! ```
//!
//! # Way out
//! Write an exit function that undoes what init does, and declare it with module_exit. If there is
//! nothing to undo, an empty one will do.
