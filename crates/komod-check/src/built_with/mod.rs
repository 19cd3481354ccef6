//! What a module was built with, where the kernel was built with something else: the compiler and
//! the mitigations it was told to compile in. The kernel loads such modules.

mod compiler;

use komod_diag::{Diagnostic, Evidence, Severity};
use komod_object::Module;
use komod_object::elf::SHF_EXECINSTR;

pub use compiler::{Compiler, Family};

/// How a kernel was built, as far as its modules must be built alike. Linux 6.1 and 6.12
/// `arch/x86/Kconfig`, `arch/Kconfig`, `init/Kconfig`; options were renamed in 6.9.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelBuild {
    /// `CONFIG_CC_VERSION_TEXT`.
    pub compiler: Option<Compiler>,
    /// `CONFIG_RETHUNK`, `CONFIG_MITIGATION_RETHUNK`.
    pub return_thunks: bool,
    /// `CONFIG_X86_KERNEL_IBT`.
    pub ibt: bool,
    /// `CONFIG_CFI_CLANG`.
    pub cfi: bool,
    /// `CONFIG_UNWINDER_ORC`.
    pub orc: bool,
}

/// `endbr64`, which must be where an indirect call arrives (Intel SDM, CET).
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

impl KernelBuild {
    /// From the options that are on (without `CONFIG_`) and the compiler's text.
    pub fn from_options(compiler: Option<&str>, is_on: impl Fn(&str) -> bool) -> Self {
        KernelBuild {
            compiler: compiler.and_then(Compiler::of_text),
            return_thunks: is_on("RETHUNK") || is_on("MITIGATION_RETHUNK"),
            ibt: is_on("X86_KERNEL_IBT"),
            cfi: is_on("CFI_CLANG"),
            orc: is_on("UNWINDER_ORC"),
        }
    }
}

/// What a user is told about a module in such a kernel; nothing if they were built alike.
pub fn advice(module: &Module<'_>, kernel: &KernelBuild) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    let elf = module.elf();
    let has = |name: &str| elf.section_by_name(name).is_some();
    let has_code = elf
        .sections()
        .any(|section| section.header.flags & SHF_EXECINSTR != 0 && section.header.size > 0);
    if let (Some(ours), Some(theirs)) = (Compiler::of_module(elf), &kernel.compiler) {
        told.extend(compiler::advice(&ours, theirs));
    }
    if kernel.ibt {
        for symbol in [module.init(), module.exit()].into_iter().flatten() {
            let code = elf.section(usize::from(symbol.shndx)).map(|section| section.data());
            let start = usize::try_from(symbol.value).unwrap_or(usize::MAX);
            if code
                .and_then(|code| code.get(start..))
                .is_some_and(|code| !code.starts_with(&ENDBR64))
            {
                let text = format!("{} does not begin with endbr64", symbol.name);
                told.push(
                    warning("L-53", "it faults on a processor that tracks indirect branches")
                        .with_evidence(Evidence::fact("function", text)),
                );
                break;
            }
        }
    }
    let is_cfi = || {
        let mut symbols = elf.symbols().into_iter().flat_map(|table| table.iter());
        symbols.any(|symbol| symbol.name.starts_with("__cfi_"))
    };
    if kernel.cfi && has_code && !is_cfi() {
        told.push(warning("L-54", "the kernel checks its indirect calls, it has no type hashes"));
    }
    if kernel.orc && has_code && !has(".orc_unwind") {
        told.push(Diagnostic::new(
            "L-55",
            Severity::Note,
            "stack traces through it are unreliable: it has no unwind tables",
        ));
    }
    let thunks =
        || has(".return_sites") || module.imports().any(|i| i.name == "__x86_return_thunk");
    if kernel.return_thunks && !thunks() && ends_in_return(module) {
        told.push(warning("L-56", "its returns are not protected, the kernel's are"));
    }
    told
}

fn warning(code: &'static str, title: &str) -> Diagnostic {
    Diagnostic::new(code, Severity::Warning, title)
        .with_hint("build it with the kernel's own build system (`komod build`)")
}

/// Whether a function ends in `ret`, or in `ret; int3` as `-mharden-sls` has it. Many small modules
/// only jump to the kernel and have none.
fn ends_in_return(module: &Module<'_>) -> bool {
    const FUNCTION: u8 = 2;
    let elf = module.elf();
    let mut symbols = elf.symbols().into_iter().flat_map(|table| table.iter());
    symbols.any(|symbol| {
        let section = elf.section(usize::from(symbol.shndx));
        let executable = section.filter(|section| section.header.flags & SHF_EXECINSTR != 0);
        let start = usize::try_from(symbol.value).ok();
        let end = symbol.value.checked_add(symbol.size).and_then(|end| usize::try_from(end).ok());
        let code = executable
            .zip(start.zip(end))
            .and_then(|(section, (start, end))| section.data().get(start..end));
        symbol.kind() == FUNCTION && matches!(code, Some([.., 0xc3] | [.., 0xc3, 0xcc]))
    })
}
