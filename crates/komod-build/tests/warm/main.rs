//! Warm compiling against the plain compiler, byte for byte, and under everything that can go wrong.
#![forbid(unsafe_code)]

mod alike;
mod bench;
#[path = "../common/mod.rs"]
mod common;
mod identity;
mod life;
mod probed;
mod trouble;
