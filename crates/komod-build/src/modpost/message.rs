//! What modpost says.

use super::Dialect;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The module is built.
    Warning,
    /// All modules are looked at, none is written.
    Error,
    /// The run ends at once.
    Fatal,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The object is not a readable relocatable object.
    BadObject,
    /// Uninitialised data without a section.
    CommonSymbol,
    /// A section without `SHF_ALLOC` that is not known to be one for tools.
    NonAllocSection,
    /// No `MODULE_LICENSE`.
    MissingLicense,
    /// No `MODULE_DESCRIPTION`.
    MissingDescription,
    /// A symbol that nobody exports.
    UndefinedSymbol,
    /// More of them than are shown.
    MoreUndefinedSymbols,
    /// A GPL-only symbol and a licence that is not.
    GplOnlySymbol,
    /// A symbol out of a namespace that is not imported.
    MissingNamespace,
    /// The same symbol exported before.
    DuplicateExport,
    /// An export that is `static`.
    LocalExport,
    /// An export of what is thrown away.
    DiscardedExport,
    /// An export that nothing defines.
    UndefinedExport,
    /// A malformed `.export_symbol` section.
    BadExport,
    /// genksyms gave no CRC.
    MissingCrc,
    /// An import whose exporter has no CRC.
    ImportWithoutCrc,
    /// The module's name does not fit `struct module`.
    LongModuleName,
    /// The symbol's name does not fit `struct modversion_info`.
    LongSymbolName,
    /// A reference from what stays to what goes.
    SectionMismatch,
    /// An exception table entry that leads to data.
    ExceptionTable,
    /// There were mismatches, and `-E`.
    SectionMismatches,
    /// A device table with an incomplete last entry, or none that is empty.
    DeviceTable,
    /// A device table entry that cannot be an alias.
    DeviceTableEntry,
    /// A `.mod`, `.cmd` or source file is missing. modpost prints this one without a level.
    MissingFile,
}

/// Where in which object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Path of the object or module the message is about.
    pub object: String,
    /// Section.
    pub section: Option<String>,
    /// Symbol.
    pub symbol: Option<String>,
    /// Offset in the section.
    pub offset: Option<u64>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How bad it is.
    pub level: Level,
    /// What it is about.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// Lines that are printed before the message proper.
    pub before: Option<String>,
    /// The text after `WARNING: modpost: `, without a line end.
    pub text: String,
    /// Kernel line, which decides the word for [`Level::Fatal`].
    pub dialect: Dialect,
}

impl fmt::Display for Message {
    /// As modpost prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code == Code::MissingFile {
            return f.write_str(&self.text);
        }
        let word = match self.level {
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
            Level::Fatal => self.dialect.fatal_word(),
        };
        if let Some(before) = &self.before {
            writeln!(f, "{before}")?;
        }
        write!(f, "{word}: modpost: {}", self.text)
    }
}

/// The messages of a run.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) all: Vec<Message>,
    pub(super) dialect: Dialect,
}

impl Messages {
    pub(super) fn new(dialect: Dialect) -> Self {
        Messages { all: Vec::new(), dialect }
    }

    pub(super) fn add(&mut self, level: Level, code: Code, place: Place, text: String) {
        self.all.push(Message { level, code, place, before: None, text, dialect: self.dialect });
    }

    /// True if nothing may be written.
    pub(super) fn failed(&self) -> bool {
        self.all.iter().any(|message| message.level >= Level::Error)
    }

    /// True if the run has ended.
    pub(super) fn fatal(&self) -> bool {
        self.all.iter().any(|message| message.level == Level::Fatal)
    }
}

impl Place {
    pub(super) fn object(object: impl Into<String>) -> Self {
        Place { object: object.into(), ..Place::default() }
    }

    pub(super) fn symbol(self, symbol: impl Into<String>) -> Self {
        Place { symbol: Some(symbol.into()), ..self }
    }

    pub(super) fn section(self, section: impl Into<String>) -> Self {
        Place { section: Some(section.into()), ..self }
    }

    pub(super) fn offset(self, offset: u64) -> Self {
        Place { offset: Some(offset), ..self }
    }
}
