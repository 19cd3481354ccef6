//! The kernel's own symbol table, read out of the image.
//!
//! A kernel with `CONFIG_KALLSYMS` carries all its symbols in `.rodata`, packed so that 150,000 of
//! them fit into two megabytes: every name is a string of token numbers, and a table of 256 tokens
//! says what each stands for. Nothing in the stripped `vmlinux` says where these tables are, but
//! their shape gives them away; [`decode`] finds them by it and accepts them only if all of them
//! fit together. So no `System.map` is needed (distributions ship a stub, or keep it from users).
//!
//! Source: Linux 6.1 and 6.12 `scripts/kallsyms.c` (what is written), `kernel/kallsyms.c` (how it
//! is read back).

mod decode;

pub use crate::symbols::{Symbol, SymbolTable as Kallsyms};
pub use decode::decode;

/// Why no symbol table could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KallsymsError {
    #[error(transparent)]
    Elf(#[from] crate::image::ImageError),
    #[error("vmlinux has no .rodata section with contents")]
    NoRodata,
    #[error(".rodata holds no kallsyms token table (is CONFIG_KALLSYMS set?)")]
    NoTokens,
    #[error(
        ".rodata holds a token table at offset {tokens:#x}, but no symbol names that go with it"
    )]
    NoNames { tokens: usize },
    #[error("the {count} names at .rodata offset {names:#x} have no table of addresses with them")]
    NoAddresses { names: usize, count: usize },
    #[error("symbol {index} at .rodata offset {offset:#x} has a name that is not text")]
    BadName { index: usize, offset: usize },
}

#[cfg(test)]
mod tests;
