//! What differs between two modules, and how much it matters.
//!
//! [`compare`] answers two questions. How alike are they: the [`Level`], decided by an exact
//! comparison (`exact`). And why: a list of [`Difference`]s, found by one file per aspect. These
//! compare by meaning: sections are matched by name, symbols by name and section, relocations by
//! the function they stand in and by what they name, strings by their text. So a symbol that
//! moved in its table, or an added string, is one difference and not a thousand.
//!
//! Explanations and verdict cannot drift apart: whatever the exact comparison finds and no aspect
//! explains is reported as [`Aspect::Arrangement`].
//!
//! ```
//! use komod_object::diff::{self, Level, Options};
//! # let (a, b) = (b"\x7fELF".as_slice(), b"\x7fELF".as_slice());
//! let diff = diff::compare(a, b, &Options::default())?;
//! assert_eq!(diff.level, Level::Bytes);
//! for difference in &diff.differences {
//!     println!("{difference}");
//! }
//! # Ok::<(), diff::DiffError>(())
//! ```

mod code;
mod debug;
mod difference;
mod exact;
mod exports;
mod header;
mod modinfo;
mod notes;
mod order;
mod places;
mod relocations;
mod sections;
mod side;
mod signature;
mod strings;
mod symbols;
mod this_module;
mod versions;

pub use difference::{Aspect, Difference, Level, Value};

use crate::ParseError;
use crate::elf::SectionHeader;
use alloc::string::String;
use alloc::vec::Vec;
use side::Side;

/// A field of `struct module`, to name what differs in `.gnu.linkonce.this_module`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its place in the struct.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// What the caller knows besides the files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The fields of the target kernel's `struct module`. Without them the name and the functions
    /// are still told apart, by what the module itself says of them.
    pub struct_module: Vec<Field>,
}

/// The result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// How alike the files are.
    pub level: Level,
    /// Why they are not more alike, most important first; empty for equal files.
    pub differences: Vec<Difference>,
}

/// Which of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    A,
    /// The second.
    B,
}

impl core::fmt::Display for Which {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Which::A => "first file",
            Which::B => "second file",
        })
    }
}

/// Why two files cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// One of them is no readable object.
    #[error("{which}: {source}")]
    Parse {
        /// Which one.
        which: Which,
        /// What is wrong.
        source: ParseError,
    },
    /// Sections of one of them overlap: together they are larger than the file.
    #[error("{which}: its sections claim {claimed} bytes, the file has {len}")]
    Overlap {
        /// Which one.
        which: Which,
        /// Sum of the sections' sizes.
        claimed: u64,
        /// Length of the file.
        len: usize,
    },
}

/// Compares two uncompressed modules (or other relocatable objects).
pub fn compare(a: &[u8], b: &[u8], options: &Options) -> Result<Diff, DiffError> {
    if a == b {
        return Ok(Diff { level: Level::Bytes, differences: Vec::new() });
    }
    let a = Side::new(a, Which::A)?;
    let b = Side::new(b, Which::B)?;
    let mut found = Vec::new();
    header::compare(&a, &b, &mut found);
    signature::compare(&a, &b, &mut found);
    modinfo::compare(&a, &b, &mut found);
    versions::compare(&a, &b, &mut found);
    exports::compare(&a, &b, &mut found);
    symbols::compare(&a, &b, &mut found);
    this_module::compare(&a, &b, &options.struct_module, &mut found);
    notes::compare(&a, &b, &mut found);
    sections::compare(&a, &b, &mut found);
    code::compare(&a, &b, &mut found);
    strings::compare(&a, &b, &mut found);
    relocations::compare(&a, &b, &mut found);
    debug::compare(&a, &b, &mut found);
    let level = exact::level(&a, &b);
    // An explanation looks at names, too; what the kernel loads may be equal all the same.
    found.iter_mut().for_each(|difference| difference.breaks = difference.breaks.max(level));
    order::explain_the_rest(&a, &b, level, &mut found);
    // Stable: within an aspect the file's order stays.
    found.sort_by_key(|difference| (difference.breaks, difference.rank()));
    Ok(Diff { level, differences: found })
}

/// Sections that a module keeps after `strip -g`.
fn is_debug(name: &str) -> bool {
    // What GNU strip takes for debugging sections (binutils 2.40, `man strip`, observed).
    const PREFIXES: [&str; 5] = [".debug", ".zdebug", ".gnu.debuglto_", ".line", ".stab"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The build-id's section: a hash over the others.
const BUILD_ID: &str = ".note.gnu.build-id";

/// The type information pahole adds; its numbering is not stable.
const BTF: &str = ".BTF";

/// True for a section of memory that Linux loads and whose contents two builds should share.
fn is_loaded(name: &str, header: &SectionHeader) -> bool {
    header.is_alloc() && name != BUILD_ID
}
