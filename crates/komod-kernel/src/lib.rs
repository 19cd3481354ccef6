//! One kernel as facts with provenance.
//!
//! Everything komod knows about a kernel comes from what a distribution ships: the boot image
//! (`vmlinuz`), the module directory and the header package. This crate turns those files into
//! typed facts, each with the place it was learnt from:
//!
//! * [`image`]: `vmlinuz` → the `vmlinux` inside → a flat image relocated to an address of our
//!   choice, as the boot loader and the kernel's own decompressor would leave it in memory;
//! * [`kallsyms`]: the kernel's built-in symbol table, read out of the image (no `System.map`);
//! * [`symbols`]: the same table in a form that is mapped from a file and used without parsing;
//! * [`btf`]: types, layouts and prototypes from the kernel's `.BTF` section;
//! * [`exports`]: what modules may link against, with namespaces and CRCs;
//! * [`prepared`]: all of the above, computed once and kept in the user's cache;
//! * [`find`]: the kernels of this machine and of the cache, and which one to use;
//! * [`fetch`]: getting a distribution's kernel into the cache, without root;
//! * [`host`]: the kernel this machine runs: modules in and out, `/proc`, `/sys`, its log;
//! * [`index`]: the tries that depmod writes; [`fnmatch`]: the patterns in them;
//! * [`module_file`]: what a module says of itself, without reading all of its file;
//! * [`modprobe`]: which modules a name means, and the steps to insert or remove them;
//! * [`depmod`]: the indexes of a kernel's modules, written as kmod does;
//! * [`config`], [`facts`]: a kernel's configuration, and all that is known about it.
//!
//! Parsers here read untrusted bytes: they return errors that carry the offending section, offset
//! and value; they never panic, and never allocate by a size they have not checked.

#![deny(unsafe_code)]

pub mod btf;
pub mod config;
mod config_in_image;
pub mod depmod;
mod elf;
pub mod exports;
pub mod facts;
pub mod fetch;
pub mod find;
pub mod fnmatch;
pub mod host;
pub mod identity;
pub mod image;
pub mod index;
pub mod kallsyms;
mod le;
pub mod map;
pub mod modprobe;
pub mod module_file;
pub mod name;
pub mod prepared;
#[cfg(test)]
mod scratch;
pub mod symbols;
