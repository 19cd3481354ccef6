//! L-42: init returns a positive number
//!
//! # What
//! The module loads. The kernel logs that this is suspicious, and a call trace.
//!
//! # Why
//! Init must return 0 or a negative error number. A positive number is mostly an error number that
//! lacks its minus, or a count that a called function returned. `komod check` finds it if a
//! constant stands in front of a return; what was computed, only a run shows: `komod run hello.ko`.
//!
//! # Example
//! ```text
//! do_init_module: 'hello'->init suspiciously returned 22, it should follow 0/-E convention
//! do_init_module: loading module anyway...
//! CPU: 0 PID: 38 Comm: insmod Tainted: G           OE      6.1.0-56-amd64
//! ```
//!
//! # Way out
//! Return 0 when init has worked, and a negative error number (-EINVAL, not EINVAL) when it has
//! not.
