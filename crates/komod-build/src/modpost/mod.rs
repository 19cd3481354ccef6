//! What `scripts/mod/modpost` does between compiling a module and linking it, in Rust.
//!
//! A kernel build calls modpost once for all modules of a folder. It reads each module's object
//! and the symbol dumps (`Module.symvers`) of the kernel and of other folders, checks what can be
//! checked before linking, and writes for each module a `.mod.c` with the facts the kernel wants
//! to find in the `.ko`: CRCs of the imports, exports, dependencies, aliases of the device tables.
//!
//! ```text
//! Input { modules, dumps, files, options, dialect }
//!   └─ object     one ELF object → imports, exports, .modinfo facts, device tables
//!   │   ├─ alias      device tables → MODULE_ALIAS lines, one row per kind of bus
//!   │   ├─ mismatch   references between code that stays and code that goes
//!   │   └─ crcs       CRCs of the exports, from the .cmd files genksyms wrote to
//!   └─ link       imports against exports: undefined, GPL-only, namespaces, dependencies
//!       └─ source     the text of .mod.c;  Module.symvers
//! → Output { modules, symvers, messages }
//! ```
//!
//! [`run`] is a pure function: files it needs beside the objects come through [`Files`]. The texts
//! of files and messages are those of the kernel's own program, byte by byte, in the [`Dialect`]
//! of the kernel line. They were learnt by running it; none of its code is here.
//!
//! The generated text is not covered by komod's licence.

mod alias;
mod crcs;
mod dialect;
mod dump;
mod exports;
mod files;
mod input;
mod link;
mod linked;
mod md4;
mod message;
mod mismatch;
mod object;
mod output;
pub mod program;
mod run;
mod source;
mod srcversion;
mod symbol_name;

pub use dialect::{Dialect, UnknownDialect};
pub use dump::{DumpError, Exported, SymbolDump};
pub use files::{Disk, Files, NoFiles};
pub use input::{Input, ModuleObject, Options};
pub use linked::{Agreement, LinkedComparison, compare_linked};
pub use message::{Code, Level, Message, Place};
pub use output::{ModuleOutput, Output, Version};
pub use run::run;
