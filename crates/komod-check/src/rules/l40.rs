//! L-40: a parameter has a bad value
//!
//! # What
//! A value does not fit the parameter's type, or its own function refused it; the kernel logs
//! `"VALUE" invalid for parameter "NAME"` and gives that function's error. Init does not run.
//!
//! # Why
//! A number out of range or no number, a text too long, a list with too many values; or the
//! module's own check.
//!
//! # Example
//! ```text
//! hello: `abc' invalid for parameter `count'
//! ```
//!
//! # Way out
//! `komod info FILE.ko` lists the parameters and their types. A bool without value is written
//! after `--`: `komod run x.ko -- debug`.

pub(crate) use super::way_out as hints;
