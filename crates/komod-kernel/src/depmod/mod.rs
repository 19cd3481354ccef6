//! depmod: a folder of modules → the index files that modprobe reads (depmod(8), modules.dep(5)).
//!
//! The data path, one type per step:
//!
//! ```text
//! depmod.d ─ config::Config ─┐
//! folder ─── walk::ModuleFile┴─ order ─ read ─ facts::Facts ─┬─ tree::Modules
//!                      cache::Cache ─ survey::Survey ──────────┘       │ resolve: exports, dependencies
//! files ◄─ publish ◄─ set ◄─ indexes::Index (text files, tries) ◄ tree::Tree
//! ```
//!
//! The files are byte for byte those of kmod 34: the order of modules and symbols is that of its hash
//! tables ([`hash`], [`order`]), the tries have its layout ([`trie`]). [`indexes`] has the grammar of
//! every file. What is wrong with a single module, line or symbol is a [`remark::Remark`]; the others
//! are indexed all the same. What ends the work is a [`error::DepmodError`]; then no file changes.
//!
//! How the modules are read makes it fast: [`contents`] reads with pread(2) only the parts that are
//! needed, on several threads; the signature and the checksums of symbols are not looked at (the
//! latter only for `-E`). With `--incremental`, [`survey`] tells which files [`cache`] knows; if all is as
//! it was, [`unchanged`] ends the work after the search.

mod ahead;
pub mod cache;
mod circles;
pub mod config;
mod config_lines;
mod contents;
pub mod devices;
mod elf;
pub mod error;
pub mod facts;
mod folder;
pub mod hash;
pub mod indexes;
pub mod kernel_symbols;
mod leftovers;
mod lists;
mod module_file;
mod order;
mod priority;
pub mod publish;
pub mod read;
pub mod remark;
pub mod resolve;
pub mod set;
mod stamp;
pub mod survey;
pub mod tree;
mod trie;
pub mod unchanged;
pub mod walk;

pub use lists::MODULES_BUILTIN;
pub use module_file::ModuleFileError;
