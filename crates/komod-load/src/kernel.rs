//! The kernel a module is to be loaded into, as facts and questions.

use crate::arch::{Architecture, X86_64};
use crate::{Errno, LogLine, StructModule, Taint};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Version of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `VERSION`.
    pub major: u32,
    /// `PATCHLEVEL`.
    pub minor: u32,
    /// `SUBLEVEL`.
    pub patch: u32,
}

impl Version {
    /// A version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Version { major, minor, patch }
    }

    /// Reads the numbers a release string starts with (`6.1.0-56-amd64`).
    pub fn from_release(release: &str) -> Option<Self> {
        let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
        let mut numbers = release[..end].split('.');
        let mut next = || numbers.next()?.parse().ok();
        Some(Version { major: next()?, minor: next()?, patch: next().unwrap_or(0) })
    }

    /// Linux 6.4 rewrote the loader: one allocation for each kind of memory, `struct module`
    /// checked for its size, taints set after the name is known to be free.
    pub(crate) fn has_module_memory(self) -> bool {
        self >= Version::new(6, 4, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The build options of a kernel that change how it loads modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// `MODVERSIONS`: imported symbols carry checksums.
    pub modversions: bool,
    /// `MODULE_FORCE_LOAD`: missing version information is a taint, not an error.
    pub force_load: bool,
    /// `MODULE_UNLOAD`: modules can be removed.
    pub unload: bool,
    /// `MODULE_FORCE_UNLOAD`: even those in use.
    pub force_unload: bool,
    /// `MODULE_SIG`: signatures are checked.
    pub sig: bool,
    /// `MODULE_SIG_FORCE`, `module.sig_enforce=1` or secure boot: signatures are demanded.
    pub sig_enforce: bool,
    /// Lockdown is at least at level integrity.
    pub lockdown: bool,
    /// `kernel.modules_disabled=1`.
    pub modules_disabled: bool,
    /// `LIVEPATCH`.
    pub livepatch: bool,
    /// `MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS`: a missing import is a warning.
    pub allow_missing_namespace_imports: bool,
    /// `STRICT_MODULE_RWX`: text, read-only and writable data on pages of their own.
    pub strict_rwx: bool,
    /// The kernel mitigates Spectre v2 with retpolines and warns about modules built without.
    pub retpoline: bool,
    /// `KALLSYMS`: symbol tables stay in memory.
    pub kallsyms: bool,
    /// `KALLSYMS_ALL`: those of data too.
    pub kallsyms_all: bool,
    /// `CONSTRUCTORS`: constructors are run.
    pub constructors: bool,
    /// `SMP`: per-CPU data exists.
    pub smp: bool,
    /// `SYSFS`.
    pub sysfs: bool,
    /// `DYNAMIC_DEBUG`: every module has a parameter `dyndbg`.
    pub dynamic_debug: bool,
    /// `MODULE_DECOMPRESS` with the one compression the kernel was built for.
    pub decompress: Option<Compression>,
}

impl Default for Config {
    /// What Debian's amd64 kernels 6.1 and 6.12 have in common.
    fn default() -> Self {
        Config {
            modversions: true,
            force_load: true,
            unload: true,
            force_unload: true,
            sig: true,
            sig_enforce: false,
            lockdown: false,
            modules_disabled: false,
            livepatch: true,
            allow_missing_namespace_imports: false,
            strict_rwx: true,
            retpoline: true,
            kallsyms: true,
            kallsyms_all: true,
            constructors: false,
            smp: true,
            sysfs: true,
            dynamic_debug: true,
            decompress: None,
        }
    }
}

impl Config {
    /// Reads the options from a kernel's configuration: `option` says whether
    /// `CONFIG_<name>` is `y`. What is decided at boot (`lockdown`, `modules_disabled`) starts off.
    pub fn from_options(option: impl Fn(&str) -> bool) -> Self {
        let decompress = if !option("MODULE_DECOMPRESS") {
            None
        } else if option("MODULE_COMPRESS_XZ") {
            Some(Compression::Xz)
        } else if option("MODULE_COMPRESS_ZSTD") {
            Some(Compression::Zstd)
        } else {
            Some(Compression::Gzip)
        };
        Config {
            modversions: option("MODVERSIONS"),
            force_load: option("MODULE_FORCE_LOAD"),
            unload: option("MODULE_UNLOAD"),
            force_unload: option("MODULE_FORCE_UNLOAD"),
            sig: option("MODULE_SIG"),
            sig_enforce: option("MODULE_SIG_FORCE"),
            lockdown: false,
            modules_disabled: false,
            livepatch: option("LIVEPATCH"),
            allow_missing_namespace_imports: option("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS"),
            strict_rwx: option("STRICT_MODULE_RWX"),
            retpoline: option("RETPOLINE") || option("MITIGATION_RETPOLINE"),
            kallsyms: option("KALLSYMS"),
            kallsyms_all: option("KALLSYMS_ALL"),
            constructors: option("CONSTRUCTORS"),
            smp: option("SMP"),
            sysfs: option("SYSFS"),
            dynamic_debug: option("DYNAMIC_DEBUG_CORE"),
            decompress,
        }
    }
}

/// A compression the kernel may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
}

/// Lines the kernel logs only once in its life (`pr_notice_once`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// `module verification failed: …`
    pub unsigned: bool,
    /// `tainting kernel with TAINT_LIVEPATCH`
    pub livepatch: bool,
    /// `Disabling lock debugging due to kernel taint`
    pub lock_debugging: bool,
}

/// What is known of a kernel before any module is looked at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Version.
    pub version: Version,
    /// The version magic its modules must have.
    pub vermagic: String,
    /// Build options.
    pub config: Config,
    /// Layout of `struct module`, see [`StructModule`].
    pub layout: StructModule,
    /// Machine.
    pub arch: &'static dyn Architecture,
    /// The boot parameter `module_blacklist=`: names separated by commas.
    pub blacklist: String,
    /// The kernel's taint before the load.
    pub taint: Taint,
    /// What has been logged before the load.
    pub notices: Notices,
    /// Bytes of address space for modules; a larger module cannot be loaded.
    pub module_area: u64,
    /// Bytes of per-CPU memory left for modules, if known.
    pub percpu_free: Option<u64>,
}

impl Facts {
    /// Facts of an x86-64 kernel with [`Config::default`] and an unknown `struct module`.
    pub fn new(version: Version, vermagic: impl Into<String>) -> Self {
        Facts {
            version,
            vermagic: vermagic.into(),
            config: Config::default(),
            layout: StructModule::unknown(),
            arch: &X86_64,
            blacklist: String::new(),
            taint: Taint::default(),
            notices: Notices::default(),
            // MODULES_LEN with CONFIG_RANDOMIZE_BASE (arch/x86/include/asm/pgtable_64_types.h).
            module_area: 0x3f00_0000,
            percpu_free: None,
        }
    }
}

/// Life of a module, with the kernel's numbers (`enum module_state`, `include/linux/module.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Usable.
    Live = 0,
    /// Formed, its init runs.
    Coming = 1,
    /// Being removed.
    Going = 2,
    /// Being put together.
    Unformed = 3,
}

/// Who defines a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'k> {
    /// The kernel image.
    Kernel,
    /// A loaded module.
    Module {
        /// Its name.
        name: &'k str,
        /// Its state.
        state: State,
        /// Its taints.
        taints: Taint,
    },
}

impl<'k> Owner<'k> {
    /// The name the kernel prints for the owner.
    pub fn name(self) -> &'k str {
        match self {
            Owner::Kernel => "kernel",
            Owner::Module { name, .. } => name,
        }
    }
}

/// An exported symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'k> {
    /// Address.
    pub address: u64,
    /// Checksum, if the exporter has checksums.
    pub crc: Option<u32>,
    /// Only for modules under a GPL-compatible licence.
    pub gpl_only: bool,
    /// Namespace it must be imported from.
    pub namespace: Option<&'k str>,
    /// Exporter.
    pub owner: Owner<'k>,
}

/// What checking a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// Signed with a key the kernel trusts.
    Valid,
    /// Signed with a key the kernel does not have (`-ENOKEY`).
    UnknownKey,
    /// An algorithm the kernel lacks (`-ENOPKG`).
    UnsupportedCrypto,
    /// The signature does not match the contents, or is revoked (`-EKEYREJECTED`).
    Rejected,
    /// The signature cannot be read (`-EBADMSG`), or is of a form the kernel does not take
    /// (`-EINVAL` and others).
    Malformed(Errno),
}

/// A kernel one can ask. [`Described`](crate::Described) answers from tables.
pub trait Kernel {
    /// The facts.
    fn facts(&self) -> &Facts;

    /// The exported symbol `name`: the kernel's own first, then those of the loaded modules in
    /// the order of the module list. GPL-only symbols are found too; the planner judges.
    fn lookup(&self, name: &str) -> Option<Resolved<'_>>;

    /// State of the module `name`, if it is in the module list.
    fn module_state(&self, name: &str) -> Option<State>;

    /// True if `/sys/module/<name>` exists without such a module being loaded: built-in code.
    fn is_builtin(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// Judges a signature over `payload`. This crate has no cryptography: unless overridden, a
    /// signature whose trailer is sound counts as valid. What is logged about it goes to `log`.
    fn verify_signature(
        &self,
        payload: &[u8],
        signature: &[u8],
        log: &mut Vec<LogLine>,
    ) -> SignatureVerdict {
        let _ = (payload, signature, log);
        SignatureVerdict::Valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_releases() {
        assert_eq!(Version::from_release("6.1.0-56-amd64"), Some(Version::new(6, 1, 0)));
        assert_eq!(Version::from_release("6.12.117+deb12-amd64"), Some(Version::new(6, 12, 117)));
        assert_eq!(Version::from_release("6.4-rc1"), Some(Version::new(6, 4, 0)));
        assert_eq!(Version::from_release("generic"), None);
        assert!(!Version::new(6, 3, 99).has_module_memory());
        assert!(Version::new(6, 12, 0).has_module_memory());
    }
}
