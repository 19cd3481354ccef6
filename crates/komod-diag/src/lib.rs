//! See DESIGN.md.
#![forbid(unsafe_code)]
