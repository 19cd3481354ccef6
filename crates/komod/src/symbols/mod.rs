//! Symbols as people think of them: who exports them, who uses them, in which kernel.

pub mod difference;
pub mod exported;
pub mod index;
pub mod near;
pub mod renamed;
