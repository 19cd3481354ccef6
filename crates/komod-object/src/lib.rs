//! Linux kernel modules as data: bytes in, a checked [`Module`] out.
//!
//! A `.ko` file is a relocatable ELF object with a few conventions on top. This crate reads them
//! without ever trusting the input: every offset, index and size is checked, nothing is allocated
//! by a size the file claims, and a broken file yields a [`ParseError`] that names the section,
//! the offset and the value that is wrong.
//!
//! | convention | where it lives in the file | here |
//! |---|---|---|
//! | compression | whole file, gzip, xz or zstd | [`compress`] (feature `std`) |
//! | signature | appended after the ELF, with a trailer | [`signature`] |
//! | sections, symbols, relocations | ELF | [`elf`] |
//! | `key=value` facts (`vermagic`, `license`, `depends`, …) | `.modinfo` | [`modinfo`] |
//! | checksums of the imported symbols | `__versions` | [`versions`] |
//! | exported symbols | `__ksymtab`, `__ksymtab_gpl`, `__kcrctab*` | [`export`] |
//! | `struct module` as the compiler laid it out | `.gnu.linkonce.this_module` | [`Module::this_module`] |
//!
//! The table a kernel build leaves behind, `Module.symvers`, is read by [`symvers`].
//!
//! ```no_run
//! let file = std::fs::read("hello.ko.xz")?;
//! let bytes = komod_object::compress::decompress(&file, 256 << 20)?;
//! let module = komod_object::Module::parse(&bytes)?;
//! println!("{} for {}", module.name(), module.modinfo().get("vermagic").unwrap_or_default());
//! for import in module.imports() {
//!     println!("needs {}", import.name);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without the default feature `std` the crate is `no_std` + `alloc` and cannot decompress.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bytes;
pub mod cms;
#[cfg(feature = "std")]
pub mod compress;
pub mod diff;
pub mod elf;
mod error;
pub mod export;
pub mod modinfo;
mod module;
pub mod params;
pub mod signature;
pub mod symvers;
mod text;
pub mod versions;

pub use error::{ParseError, SectionId};
pub use module::{Import, Module};
pub use text::Text;
