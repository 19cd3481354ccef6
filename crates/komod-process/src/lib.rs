//! The in-process kernel: a distribution's real kernel code, relocated into an unprivileged
//! process. See `DESIGN.md`, "The idea that sets it apart".
//!
//! This is the only crate of the workspace where `unsafe` is at home.

mod child;
pub mod client;
mod inside;
pub mod protocol;
mod sandbox;
mod spawn;
mod zygote;

pub use child::child_main;

/// Where everything lies that the in-process kernel allocates, but modules and per-CPU data.
pub const HEAP: std::ops::Range<u64> =
    inside::region::ARENA..inside::region::ARENA + inside::region::ARENA_LEN;
