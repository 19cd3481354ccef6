//! What a run gives.

use super::{Exported, Message};

/// One entry of `__versions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// CRC of the import.
    pub crc: u32,
    /// The import.
    pub symbol: String,
}

/// One module after the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleOutput {
    /// Path without `.o`, as given.
    pub path: String,
    /// The text of `.mod.c`; `None` once an error was reported for this module or one before.
    pub source: Option<Vec<u8>>,
    /// Entries of `__versions`, in order.
    pub versions: Vec<Version>,
    /// Modules this one depends on.
    pub depends: Vec<String>,
    /// Texts of the aliases made from device tables, in order.
    pub aliases: Vec<Vec<u8>>,
    /// Checksum of the sources.
    pub srcversion: Option<String>,
    /// Exported symbols.
    pub exports: Vec<Exported<String>>,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The modules in the order they were given.
    pub modules: Vec<ModuleOutput>,
    /// The text of `Module.symvers`: what the given modules export. `None` if the run failed before
    /// it would be written.
    pub symvers: Option<String>,
    /// Everything that was said, in order.
    pub messages: Vec<Message>,
    /// An error was reported; nothing may be written.
    pub failed: bool,
}
