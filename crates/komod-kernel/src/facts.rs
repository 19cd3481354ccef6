//! Everything known about one kernel, each fact with the place it was learnt from.
//!
//! This is what `komod kernel show` prints. Nothing here is a guess: a fact that cannot be read
//! from the kernel's own files is left out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::KernelConfig;
use crate::find::FoundKernel;
use crate::find::tree::read_text;
use crate::le;
use crate::prepared::Prepared;

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// A stable name in lower case with underscores, or a configuration option.
    pub name: String,
    pub value: String,
    /// The file, and where in it.
    pub source: String,
}

/// Options that decide which modules a kernel accepts and what a module may rely on.
const OPTIONS: [&str; 14] = [
    "MODULES",
    "MODVERSIONS",
    "MODULE_SIG",
    "MODULE_SIG_FORCE",
    "MODULE_FORCE_LOAD",
    "MODULE_UNLOAD",
    "TRIM_UNUSED_KSYMS",
    "DEBUG_INFO_BTF",
    "DEBUG_INFO_BTF_MODULES",
    "MODULE_ALLOW_BTF_MISMATCH",
    "RANDOMIZE_BASE",
    "X86_KERNEL_IBT",
    "PREEMPT_DYNAMIC",
    "RUST",
];

/// A module file is read up to this size when its `vermagic` is wanted.
const MAX_MODULE: usize = 64 << 20;
/// Directory entries looked at when modules are counted.
const MAX_MODULE_FILES: usize = 100_000;

/// Gathers what is known about a kernel. `prepared` adds what only the unpacked image tells.
pub fn gather(kernel: &FoundKernel, prepared: Option<&Prepared>) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    facts.add("release", &kernel.release, release_source(kernel));
    let carried = || Some((KernelConfig::in_image(prepared?)?, kernel.image.clone()?));
    let config = KernelConfig::of(kernel).or_else(carried);
    let magic = vermagic(kernel, config.as_ref());
    let of_image =
        || Some((image_vermagic(prepared?)?, "vermagic in the unpacked image".to_owned()));
    if let Some((value, source)) = magic.or_else(of_image) {
        facts.add("vermagic", value, source);
    }
    if let Some(tree) = &kernel.tree {
        facts.add("build_tree", tree.display(), "found");
        facts.tree(tree);
    }
    if let Some((config, path)) = &config {
        facts.config(config, path);
    }
    if let Some(image) = &kernel.image {
        facts.add("image", image.display(), "found");
    }
    if let Some(prepared) = prepared {
        facts.image(prepared);
    }
    if let Some(modules) = &kernel.modules {
        facts.add("modules", modules.display(), "found");
        let count = module_files(&modules.join("kernel")).count();
        facts.add("module_count", count, format!("*.ko* in {}", modules.join("kernel").display()));
    }
    facts.0
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, name: &str, value: impl ToString, source: impl ToString) {
        self.0.push(Fact {
            name: name.to_owned(),
            value: value.to_string(),
            source: source.to_string(),
        });
    }

    fn tree(&mut self, tree: &Path) {
        let variables = tree.join(".kernelvariables");
        if let Some(compiler) = read_text(&variables).as_deref().and_then(named_compiler) {
            self.add("tree_compiler", compiler, format!("{}: CC", variables.display()));
        }
        let symvers = tree.join("Module.symvers");
        if let Ok(text) = std::fs::read(&symvers) {
            let count = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
            self.add("symvers", symvers.display(), "found");
            self.add("symvers_count", count, format!("lines of {}", symvers.display()));
        }
    }

    fn config(&mut self, config: &KernelConfig, path: &Path) {
        let source = |name: &str| format!("{}: CONFIG_{name}", path.display());
        let compiler = "CC_VERSION_TEXT";
        if let Some(value) = config.get(compiler) {
            self.add("config_compiler", value, source(compiler));
        }
        for name in OPTIONS {
            self.add(&format!("CONFIG_{name}"), config.get(name).unwrap_or("n"), source(name));
        }
    }

    fn image(&mut self, prepared: &Prepared) {
        let image = prepared.facts();
        let source = |fact: &str| {
            let known = image.provenance.iter().find(|known| known.fact == fact);
            known.map_or_else(String::new, |known| known.source.clone())
        };
        let sha256 = &image.source_sha256;
        self.add("banner", &image.banner, source("banner"));
        if let Some(compiler) = &image.compiler {
            self.add("image_compiler", compiler, source("compiler"));
        }
        if let Some(compression) = &image.compression {
            self.add("image_compression", compression, source("compression"));
        }
        self.add("image_sha256", sha256, source("source_sha256"));
        self.add("image_size", image.image_len, source("image_len"));
        self.add("link_base", format!("{:#x}", image.link_base), source("link_base"));
        self.add("symbols", image.symbols, source("symbols"));
        self.add("exports", image.exports, source("exports"));
        self.add("btf_size", image.btf_len, source("btf_len"));
        self.add("btf_types", prepared.btf().len(), source("btf_len"));
        self.add("percpu_size", image.percpu.len, source("percpu"));
        self.add("prepared", prepared.dir().display(), "komod's cache");
    }
}

fn release_source(kernel: &FoundKernel) -> String {
    match (&kernel.tree, &kernel.image, &kernel.modules) {
        (Some(tree), _, _) => {
            let header = tree.join("include/generated/utsrelease.h");
            if header.is_file() {
                format!("{}: UTS_RELEASE", header.display())
            } else {
                tree.join("include/config/kernel.release").display().to_string()
            }
        }
        (None, Some(image), _) => format!("boot header of {}", image.display()),
        (None, None, Some(modules)) => format!("name of {}", modules.display()),
        (None, None, None) => "a link in lib/modules".to_owned(),
    }
}

/// What modules for this kernel carry as `vermagic`, and how it is known: from a module the
/// distribution built, else from the configuration.
pub fn vermagic(
    kernel: &FoundKernel,
    config: Option<&(KernelConfig, PathBuf)>,
) -> Option<(String, String)> {
    let stock = stock_modules(kernel).find_map(|(path, bytes)| {
        let module = komod_object::Module::parse(&bytes).ok()?;
        let text = module.modinfo().get("vermagic")?.to_string();
        Some((text, format!("{}: .modinfo", path.display())))
    });
    stock.or_else(|| {
        let (config, path) = config?;
        let text = config.vermagic(&kernel.release);
        Some((text, format!("release, and options in {}", path.display())))
    })
}

/// The text that the kernel itself compares with (`kernel/module/version.c` and `main.c`, Linux
/// 6.12).
fn image_vermagic(image: &Prepared) -> Option<String> {
    let start = image.section(".rodata")?.address;
    let offset = image.symbols().lookup("vermagic")?.checked_sub(start)?;
    let data = image.section_bytes(".rodata").ok()??;
    let text = le::c_str(&data, usize::try_from(offset).ok()?)?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

/// One of the modules the distribution built for a kernel, uncompressed.
pub fn stock_module(kernel: &FoundKernel) -> Option<Vec<u8>> {
    stock_modules(kernel).map(|(_, bytes)| bytes).next()
}

/// The first few of them.
fn stock_modules(kernel: &FoundKernel) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let files = kernel.modules.iter().flat_map(|modules| module_files(&modules.join("kernel")));
    files.take(8).filter_map(|path| {
        let file = std::fs::read(&path).ok()?;
        let bytes = komod_object::compress::decompress(&file, MAX_MODULE).ok()?.into_owned();
        Some((path, bytes))
    })
}

/// Module files below a directory.
fn module_files(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut directories = vec![dir.to_owned()];
    let mut entries: Option<std::fs::ReadDir> = None;
    let mut seen = 0;
    std::iter::from_fn(move || {
        loop {
            let Some(open) = &mut entries else {
                entries = Some(std::fs::read_dir(directories.pop()?).ok()?);
                continue;
            };
            seen += 1;
            match open.next() {
                None => entries = None,
                Some(_) if seen > MAX_MODULE_FILES => return None,
                Some(Err(_)) => {}
                Some(Ok(entry)) => {
                    let path = entry.path();
                    if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                        directories.push(path);
                    } else if is_module(&path) {
                        return Some(path);
                    }
                }
            }
        }
    })
}

/// `x.ko`, or compressed as distributions do.
fn is_module(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let name = [".gz", ".xz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    name.ends_with(".ko")
}

/// The compiler that Debian's `.kernelvariables` names: `CC = $(if …) $(CROSS_COMPILE)gcc-12`.
pub(crate) fn named_compiler(variables: &str) -> Option<&str> {
    let line = variables.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim().trim_end_matches([':', '?']).trim_end();
        (name.trim_start_matches("override ") == "CC").then_some(value)
    })?;
    let name = line.rsplit([' ', ')']).next()?.trim();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_names_its_compiler() {
        let text = "override ARCH = x86\nCCACHE = ccache\nCC = $(if $(USE),$(CCACHE)) \
                    $(CROSS_COMPILE)gcc-12\nifneq ($(A),$(B))\n";
        assert_eq!(named_compiler(text), Some("gcc-12"));
        assert_eq!(named_compiler("CC := clang"), Some("clang"));
        assert_eq!(named_compiler("CCACHE = ccache\n"), None);
    }

    #[test]
    fn modules_are_known_by_their_names() {
        for name in ["a.ko", "a-b.ko.xz", "a.ko.zst", "a.ko.gz"] {
            assert!(is_module(Path::new(name)), "{name}");
        }
        for name in ["a.o", "ko", "a.ko.bz2", "modules.dep"] {
            assert!(!is_module(Path::new(name)), "{name}");
        }
    }
}
