//! One difference, and how much it matters.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// How alike two modules are, most alike last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What the kernel loads differs.
    Different,
    /// L2: every section that takes memory is equal, except the build-id.
    Loaded,
    /// L1: equal after `strip -g`, without build-id and `.BTF`.
    Stripped,
    /// L0: equal, byte for byte.
    Bytes,
}

impl Level {
    /// `L0`, `L1`, `L2` or `different`.
    pub fn code(self) -> &'static str {
        match self {
            Level::Bytes => "L0",
            Level::Stripped => "L1",
            Level::Loaded => "L2",
            Level::Different => "different",
        }
    }

    /// The level of such a difference: the one a pair with nothing worse still has.
    pub(super) fn kept(loaded: bool, stripped: bool) -> Level {
        match (loaded, stripped) {
            (true, _) => Level::Different,
            (false, true) => Level::Loaded,
            (false, false) => Level::Stripped,
        }
    }
}

/// What kind of thing differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// A field of the ELF header.
    Header,
    /// A string of `.modinfo`: the licence, `vermagic`, an alias.
    Modinfo,
    /// A checksum in `__versions`.
    Version,
    /// An imported symbol.
    Import,
    /// An exported symbol: its presence, licence, namespace or checksum.
    Export,
    /// A field of `struct module`.
    ThisModule,
    /// A function's or object's bytes.
    Code,
    /// A string constant.
    Text,
    /// What a relocation names.
    Relocation,
    /// A section's presence or a field of its header.
    Section,
    /// A section's bytes that belong to no symbol.
    Contents,
    /// A symbol: its presence, value, size or binding.
    Symbol,
    /// A note other than the build-id.
    Note,
    /// The order or layout of things that are otherwise equal.
    Arrangement,
    /// The appended signature.
    Signature,
    /// The type information in `.BTF`.
    Btf,
    /// The build-id.
    BuildId,
    /// Debugging information.
    Debug,
}

impl Aspect {
    /// A stable name, in lower case with underscores.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Header => "header",
            Aspect::Modinfo => "modinfo",
            Aspect::Version => "version",
            Aspect::Import => "import",
            Aspect::Export => "export",
            Aspect::ThisModule => "this_module",
            Aspect::Code => "code",
            Aspect::Text => "text",
            Aspect::Relocation => "relocation",
            Aspect::Section => "section",
            Aspect::Contents => "contents",
            Aspect::Symbol => "symbol",
            Aspect::Note => "note",
            Aspect::Arrangement => "arrangement",
            Aspect::Signature => "signature",
            Aspect::Btf => "btf",
            Aspect::BuildId => "build_id",
            Aspect::Debug => "debug",
        }
    }
}

/// One side of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is not there.
    Absent,
    /// It is there; there is no more to say.
    Present,
    /// A number, shown in hexadecimal.
    Number(u64),
    /// Words.
    Text(String),
    /// Bytes: the first few of them.
    Bytes(Vec<u8>),
}

impl Value {
    /// Words, made from what is displayed.
    pub(super) fn text(text: impl fmt::Display) -> Value {
        Value::Text(format!("{text}"))
    }

    /// The first bytes of a slice.
    pub(super) fn bytes(bytes: &[u8]) -> Value {
        const SHOWN: usize = 8;
        Value::Bytes(bytes.get(..SHOWN).unwrap_or(bytes).to_vec())
    }

    /// A number that may be missing.
    pub(super) fn number(number: Option<u64>) -> Value {
        number.map_or(Value::Absent, Value::Number)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Absent => f.write_str("absent"),
            Value::Present => f.write_str("present"),
            Value::Number(number) => write!(f, "{number:#x}"),
            Value::Text(text) => f.write_str(text),
            Value::Bytes(bytes) if bytes.is_empty() => f.write_str("nothing"),
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte:02x}", if index == 0 { "" } else { " " })?;
                }
                Ok(())
            }
        }
    }
}

/// A difference: what, where, and both sides of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The level that files with this difference, and none worse, still have.
    pub breaks: Level,
    /// What kind of thing differs.
    pub aspect: Aspect,
    /// The section it is in.
    pub section: Option<String>,
    /// The symbol, function or object; for modinfo the key.
    pub symbol: Option<String>,
    /// Where in the section, or in the symbol if there is one.
    pub offset: Option<u64>,
    /// The field of it that differs.
    pub field: Option<String>,
    /// In the first file.
    pub a: Value,
    /// In the second file.
    pub b: Value,
}

impl Difference {
    pub(super) fn new(aspect: Aspect, breaks: Level, a: Value, b: Value) -> Difference {
        Difference { breaks, aspect, section: None, symbol: None, offset: None, field: None, a, b }
    }

    pub(super) fn section(mut self, name: impl fmt::Display) -> Difference {
        self.section = Some(format!("{name}"));
        self
    }

    pub(super) fn symbol(mut self, name: impl fmt::Display) -> Difference {
        self.symbol = Some(format!("{name}"));
        self
    }

    pub(super) fn offset(mut self, offset: u64) -> Difference {
        self.offset = Some(offset);
        self
    }

    pub(super) fn field(mut self, field: impl fmt::Display) -> Difference {
        self.field = Some(format!("{field}"));
        self
    }

    /// Order among differences that break the same level: causes before what follows from them.
    pub(super) fn rank(&self) -> (bool, Aspect) {
        (self.section.as_deref().is_some_and(is_derived), self.aspect)
    }

    /// True if it follows from other code: tables that compiler and objtool make of it.
    pub fn is_derived(&self) -> bool {
        self.rank().0
    }
}

/// Sections whose contents are lists of places in code (`include/asm-generic/vmlinux.lds.h` and
/// `scripts/module.lds.S`, Linux 6.1 and 6.12; made by gcc and `tools/objtool`).
fn is_derived(section: &str) -> bool {
    const NAMES: [&str; 14] = [
        ".orc_header",
        ".orc_unwind",
        ".orc_unwind_ip",
        ".return_sites",
        ".retpoline_sites",
        ".call_sites",
        ".ibt_endbr_seal",
        ".cfi_sites",
        ".altinstructions",
        ".parainstructions",
        ".static_call_sites",
        "__mcount_loc",
        "__patchable_function_entries",
        ".eh_frame",
    ];
    NAMES.contains(&section)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.aspect.name())?;
        if let Some(section) = &self.section {
            write!(f, " {section}")?;
        }
        if let Some(symbol) = &self.symbol {
            write!(f, " {symbol}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, "+{offset:#x}")?;
        }
        if let Some(field) = &self.field {
            write!(f, " {field}")?;
        }
        match (&self.a, &self.b) {
            (Value::Absent, Value::Present) => f.write_str(": only in B"),
            (Value::Present, Value::Absent) => f.write_str(": only in A"),
            (Value::Absent, b) => write!(f, ": only in B: {b}"),
            (a, Value::Absent) => write!(f, ": only in A: {a}"),
            (Value::Present, Value::Present) => f.write_str(": differs"),
            (a, b) => write!(f, ": {a} -> {b}"),
        }
    }
}
