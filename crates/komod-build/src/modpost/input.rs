//! What a run takes.

use super::{Dialect, Files, SymbolDump};

/// One module before linking.
#[derive(Clone, Copy, Debug)]
pub struct ModuleObject<'a> {
    /// Path of the object without `.o`, as it stands in `modules.order`.
    pub path: &'a str,
    /// The object file.
    pub bytes: &'a [u8],
}

/// Everything a run depends on.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The modules, in the order of `modules.order`.
    pub modules: &'a [ModuleObject<'a>],
    /// What others export: the kernel's `Module.symvers` first, then those of other folders. Of
    /// several dumps that export a symbol the last counts.
    pub dumps: &'a [&'a SymbolDump<'a>],
    /// The files beside the objects.
    pub files: &'a dyn Files,
    /// Command line.
    pub options: Options,
    /// Kernel line.
    pub dialect: Dialect,
}

/// modpost's command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-e`: modules outside the kernel tree.
    pub external: bool,
    /// `-m`: `CONFIG_MODVERSIONS`.
    pub modversions: bool,
    /// `-a`: a `srcversion` for every module, not only for those with `MODULE_VERSION`.
    pub all_versions: bool,
    /// `-n`: objects that cannot be read are ignored.
    pub ignore_missing: bool,
    /// `-w`: undefined symbols are warnings.
    pub warn_unresolved: bool,
    /// `-W`: missing descriptions are warnings (the later line).
    pub extra_warnings: bool,
    /// `-E`: section mismatches are an error.
    pub mismatch_is_error: bool,
    /// `-N`: missing namespace imports are warnings.
    pub allow_missing_namespaces: bool,
}

impl Default for Options {
    /// What kbuild passes for an external module of a kernel with `CONFIG_MODVERSIONS`.
    fn default() -> Self {
        Options {
            external: true,
            modversions: true,
            all_versions: false,
            ignore_missing: false,
            warn_unresolved: false,
            extra_warnings: false,
            mismatch_is_error: false,
            allow_missing_namespaces: false,
        }
    }
}
