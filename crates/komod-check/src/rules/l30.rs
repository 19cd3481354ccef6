//! L-30: there is no room for the per-CPU data
//!
//! # What
//! `Could not allocate N bytes percpu data`, ENOMEM.
//!
//! # Why
//! Static per-CPU data of modules comes from a small reserve.
//!
//! # Example
//! ```text
//! illegal size (200000) or align (64) for percpu allocation
//! hello: Could not allocate 200000 bytes percpu data
//! ```
//!
//! # Way out
//! Allocate with alloc_percpu() instead of DEFINE_PER_CPU, or use less.

pub(crate) use super::way_out as hints;
