//! A refused load: error number, the kernel's own words, and the evidence.

use crate::kernel::Notices;
use crate::{Errno, LogLine, Taint};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use komod_object::SectionId;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal;)*) => {
        /// What kind of obstacle a load met. The short codes name the same thing everywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum RefusalCode {
            $($(#[$doc])* $variant,)*
        }

        impl RefusalCode {
            /// Every code, in order.
            pub const ALL: &[RefusalCode] = &[$(RefusalCode::$variant,)*];

            /// The short code (`L-05`).
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(RefusalCode::$variant => $code,)*
                }
            }
        }
    };
}

codes! {
    /// Loading modules is not permitted: no capability, or switched off.
    NotPermitted = "L-01";
    /// There is nothing to load.
    EmptyFile = "L-02";
    /// The version magic differs.
    VersionMagic = "L-03";
    /// There is no version magic, and the kernel does not load by force.
    NoVersionMagic = "L-04";
    /// The module was built for another `struct module`.
    ModuleLayoutCrc = "L-05";
    /// The checksum of `module_layout` is missing from `__versions`.
    NoModuleLayoutVersion = "L-06";
    /// There is no `__versions` section, and the kernel does not load by force.
    NoVersions = "L-07";
    /// The checksum of an imported symbol differs.
    SymbolCrc = "L-08";
    /// An imported symbol has no checksum in `__versions`.
    NoSymbolVersion = "L-09";
    /// An imported symbol exists nowhere.
    UnknownSymbol = "L-10";
    /// A GPL-only symbol is imported by a module under another licence.
    GplOnly = "L-11";
    /// A symbol's namespace is not imported.
    Namespace = "L-12";
    /// `struct module` has another size.
    ThisModuleSize = "L-13";
    /// There is no (usable) `.gnu.linkonce.this_module`.
    NoThisModule = "L-14";
    /// There is no symbol table.
    NoSymbols = "L-15";
    /// Not a relocatable ELF object for this machine, or cut off.
    NotAModule = "L-16";
    /// The ELF structure is damaged.
    CorruptElf = "L-17";
    /// The file is compressed in a way the kernel does not take.
    Compressed = "L-18";
    /// The kernel demands a signature.
    SignatureRequired = "L-19";
    /// Lockdown demands a signature.
    Lockdown = "L-20";
    /// The signature trailer is malformed.
    MalformedSignature = "L-21";
    /// The signature is of a wrong kind, revoked or does not match.
    BadSignature = "L-22";
    /// The module is already loaded, or being loaded.
    AlreadyLoaded = "L-24";
    /// The name is taken in `/sys/module`, by built-in code.
    NameTaken = "L-25";
    /// The module is on the kernel's blacklist.
    Blacklisted = "L-26";
    /// A live patch that this kernel cannot take.
    Livepatch = "L-27";
    /// A section is both writable and executable.
    WriteExec = "L-29";
    /// There is no room for the per-CPU data.
    PerCpu = "L-30";
    /// The module is too large.
    TooLarge = "L-31";
    /// There are common symbols.
    CommonSymbol = "L-32";
    /// An exported symbol exists already.
    DuplicateExport = "L-33";
    /// A GPL-using module would use symbols of a proprietary one.
    ProprietaryOwner = "L-34";
    /// A relocation of unknown type.
    UnknownRelocation = "L-35";
    /// A relocated value does not fit.
    RelocationOverflow = "L-36";
    /// The place to relocate is not zero.
    RelocationTarget = "L-37";
    /// Exported symbols have no checksums.
    NoExportVersions = "L-38";
    /// Constructors of two kinds.
    Constructors = "L-39";
    /// A parameter has a bad value.
    BadParameter = "L-40";
    /// A module that exports a needed symbol is still starting or already going.
    OwnerBusy = "L-44";
    /// The file is broken in a way the kernel does not check: it would corrupt memory.
    Unchecked = "L-50";
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the obstacle is and which values collide. Only what applies is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The section.
    pub section: Option<SectionId>,
    /// The symbol, parameter or key.
    pub symbol: Option<String>,
    /// Offset inside the section, or inside the file if no section is named.
    pub offset: Option<u64>,
    /// Address of the place in memory, once there is one.
    pub address: Option<u64>,
    /// What the kernel wants.
    pub expected: Option<String>,
    /// What the module has.
    pub found: Option<String>,
    /// The module that owns the symbol; `kernel` for the kernel itself.
    pub owner: Option<String>,
}

impl Evidence {
    pub(crate) fn symbol(name: impl Into<String>) -> Self {
        Evidence { symbol: Some(name.into()), ..Evidence::default() }
    }

    pub(crate) fn section(id: SectionId) -> Self {
        Evidence { section: Some(id), ..Evidence::default() }
    }

    pub(crate) fn found(found: impl Into<String>) -> Self {
        Evidence { found: Some(found.into()), ..Evidence::default() }
    }

    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    pub(crate) fn but(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(crate) fn wants(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }
}

/// One obstacle among those that made up a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Kind of obstacle.
    pub code: RefusalCode,
    /// The error it alone would lead to.
    pub errno: Errno,
    /// Where and what.
    pub evidence: Evidence,
}

/// Why the kernel refuses a module.
///
/// The kernel stops at the first failing step, but within a step may report several obstacles
/// (every unknown symbol, for one) and returns the error of the last. `findings` has them all;
/// the last one is the one that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What `init_module(2)` fails with.
    pub errno: Errno,
    /// Kind of the deciding obstacle.
    pub code: RefusalCode,
    /// Evidence of the deciding obstacle.
    pub evidence: Evidence,
    /// What the kernel logs during the attempt, in order, the earlier warnings included.
    pub dmesg: Vec<LogLine>,
    /// The kernel's taint after the attempt: it stays although the module does not.
    pub kernel_taint: Taint,
    /// What the kernel has said once, after the attempt.
    pub notices: Notices,
    /// All obstacles of the failing step.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.errno, self.code, self.errno.text())?;
        if let Some(line) = self.dmesg.last() {
            write!(f, ": {line}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Refusal {}
