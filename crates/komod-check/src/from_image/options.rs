//! Build options, as the image itself betrays them.
//!
//! Only those that the loader and the deep checks ask for. Each has a trace that the kernel has if,
//! and only if, the option is on.

use komod_kernel::config::KernelConfig;
use komod_kernel::prepared::Prepared;

use crate::image_data::ImageData;

/// What an option leaves in an image.
#[derive(Debug, Clone, Copy)]
enum Trace {
    /// A word of the version magic.
    Magic(&'static str),
    /// A member of `struct module`.
    Member(&'static str),
    /// A symbol.
    Symbol(&'static str),
    /// A section, which only the linker script of such a kernel makes.
    Section(&'static str),
    /// A message, where it matters with the level it is logged at (a byte 1 and a digit,
    /// `include/linux/kern_levels.h`).
    Text(&'static str),
    /// A `bool` that is true from the start.
    True(&'static str),
    /// The kernel's symbol table, without which no image can be read.
    Always,
}

use Trace::{Always, Magic, Member, Section, Symbol, Text, True};

/// Linux 6.1 and 6.12: `include/linux/vermagic.h`, `include/linux/module.h` (`struct module`),
/// `kernel/module/` (`main.c`, `signing.c`, `strict_rwx.c`, `decompress.c`),
/// `crypto/`, `arch/x86/kernel/vmlinux.lds.S`, `arch/x86/kernel/cpu/bugs.c`, `include/asm-generic/vmlinux.lds.h`.
const TRACES: [(&str, Trace); 34] = [
    ("SMP", Magic("SMP")),
    ("PREEMPT_BUILD", Magic("preempt")),
    ("PREEMPT_RT", Magic("preempt_rt")),
    ("MODULE_UNLOAD", Magic("mod_unload")),
    ("MODVERSIONS", Magic("modversions")),
    ("MODULES", Symbol("load_module")),
    ("MODULE_SIG", Member("sig_ok")),
    ("MODULE_SIG_FORCE", True("sig_enforce")),
    ("LIVEPATCH", Member("klp")),
    ("CONSTRUCTORS", Member("ctors")),
    ("SYSFS", Member("param_lock")),
    ("CFI_CLANG", Member("kcfi_traps")),
    ("KALLSYMS", Always),
    // The banner is found by its name: data has symbols.
    ("KALLSYMS_ALL", Always),
    ("DYNAMIC_DEBUG_CORE", Symbol("ddebug_dyndbg_module_param_cb")),
    ("RETPOLINE", Symbol("retpoline_module_ok")),
    ("RETHUNK", Section(".return_sites")),
    ("X86_KERNEL_IBT", Section(".ibt_endbr_seal")),
    ("UNWINDER_ORC", Section(".orc_unwind")),
    ("MODULE_FORCE_LOAD", Text("\x014%s: %s: kernel tainted.\n")),
    (
        "MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS",
        Text("\x014%s: module uses symbol (%s) from namespace %s, but does not import it.\n"),
    ),
    ("STRICT_MODULE_RWX", Text("\x013%s: section %s (index %d) has invalid WRITE|EXEC flags\n")),
    ("MODULE_DECOMPRESS", Symbol("module_decompress")),
    ("MODULE_COMPRESS_XZ", Text("not an xz compressed module\n")),
    ("MODULE_COMPRESS_ZSTD", Text("not a zstd compressed module\n")),
    // Of algorithms only those that are built in.
    ("CRYPTO_MD4", Symbol("md4_mod_init")),
    ("CRYPTO_MD5", Symbol("md5_mod_init")),
    ("CRYPTO_SHA1", Symbol("sha1_generic_mod_init")),
    ("CRYPTO_SHA256", Symbol("sha256_generic_mod_init")),
    ("CRYPTO_SHA512", Symbol("sha512_generic_mod_init")),
    ("CRYPTO_SHA3", Symbol("sha3_generic_mod_init")),
    ("CRYPTO_SM3_GENERIC", Symbol("sm3_generic_mod_init")),
    ("CRYPTO_STREEBOG", Symbol("streebog_mod_init")),
    ("CRYPTO_ECDSA", Symbol("ecdsa_init")),
];

/// The options that an image shows to be on; of others nothing is known.
pub fn options(image: &Prepared) -> KernelConfig {
    let data = ImageData::open(image);
    let magic = data.as_ref().and_then(|data| data.string_of("vermagic")).unwrap_or_default();
    let texts = data.as_ref().and_then(|data| data.section(".rodata")).unwrap_or_default();
    let is_on = |trace| match trace {
        Magic(word) => magic.split(' ').any(|other| other == word),
        Member(name) => image.btf().field("module", name).is_some(),
        Symbol(name) => image.symbols().symbol(name).is_some(),
        Section(name) => image.section(name).is_some(),
        Text(text) => memchr::memmem::find(&texts, text.as_bytes()).is_some(),
        True(name) => data.as_ref().and_then(|data| data.byte_of(name)) == Some(1),
        Always => true,
    };
    let on = TRACES.iter().filter(|(_, trace)| is_on(*trace));
    let mut text: String = on.map(|(name, _)| format!("CONFIG_{name}=y\n")).collect();
    // `LINUX_COMPILER`: the compiler's text, a comma, the linker's (`scripts/mkcompile_h` and
    // `init/Makefile`, Linux 6.1).
    let compiler = image.facts().compiler.as_deref();
    if let Some(compiler) = compiler.map(|text| text.rsplit_once(", ").map_or(text, |both| both.0))
    {
        text.push_str(&format!("CONFIG_CC_VERSION_TEXT=\"{compiler}\"\n"));
    }
    KernelConfig::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_one_trace() {
        let mut names: Vec<&str> = TRACES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TRACES.len());
        for (name, trace) in TRACES {
            // Part of a message might be part of another.
            if let Text(text) = trace {
                assert!(text.ends_with('\n') && text.len() > 16, "{name}: {text:?}");
            }
        }
    }
}
