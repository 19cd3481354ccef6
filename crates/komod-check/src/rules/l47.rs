//! L-47: the module taints the kernel
//!
//! # What
//! The module loads, and the kernel remembers it: /proc/sys/kernel/tainted, the letters after
//! `Tainted:` in an oops, /sys/module/NAME/taint. O: out of tree, P: proprietary, C: staging,
//! F: loaded by force, K: live patch, N: test module.
//!
//! # Why
//! The module's .modinfo or the way it is loaded says so: no `intree`, a licence that is not
//! compatible with the GPL, `staging`, `test`. Some taints switch off lock debugging, and a
//! proprietary module cannot share symbols with those that need the GPL (L-34).
//!
//! # Example
//! ```text
//! hello: loading out-of-tree module taints kernel.
//! ```
//!
//! # Way out
//! Nothing has to be done about O. P goes away with a licence that the kernel knows as compatible:
//! MODULE_LICENSE("GPL"), "Dual MIT/GPL" and others.
