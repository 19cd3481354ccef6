//! L-42: init returns a positive number
//!
//! # What
//! The module loads. The kernel logs `do_init_module: 'hello'->init suspiciously returned 5, it
//! should follow 0/-E convention` and a call trace.
//!
//! # Why
//! Init must return 0 or a negative error number. A positive number is mostly an error number that
//! lacks its minus, or a count that a called function returned.
//!
//! # Example
//! ```text
//! static int __init hello_init(void)
//! {
//!         return EINVAL;          /* -EINVAL is meant */
//! }
//! ```
//!
//! # Way out
//! Return 0 when init has worked, and a negative error number when it has not.
