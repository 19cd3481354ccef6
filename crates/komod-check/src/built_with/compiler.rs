//! The compilers of a module and a kernel.

use komod_diag::{Diagnostic, Evidence, Severity};
use komod_object::elf::Elf;

/// Whose compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// GNU.
    Gcc,
    /// LLVM.
    Clang,
}

/// A compiler as it names itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// Whose it is.
    pub family: Family,
    /// First part of its version.
    pub major: u32,
    /// Its own words.
    pub text: String,
}

impl Compiler {
    /// From `GCC: (Debian 12.2.0-14) 12.2.0`, `gcc-12 (Debian …) 12.2.0`, `clang version 14.0.6`.
    pub fn of_text(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (family, version) = if let Some((_, after)) = lower.split_once("clang version ") {
            (Family::Clang, after.split_whitespace().next()?)
        } else if lower.contains("gcc") {
            (Family::Gcc, lower.rsplit(' ').next()?)
        } else {
            return None;
        };
        let major = version.split('.').next()?.parse().ok()?;
        Some(Compiler { family, major, text: text.to_owned() })
    }

    /// From the module's `.comment`.
    pub fn of_module(elf: &Elf<'_>) -> Option<Self> {
        let section = elf.section_by_name(".comment")?;
        let mut texts = section.data().split(|&byte| byte == 0).filter(|text| !text.is_empty());
        texts.find_map(|text| Compiler::of_text(std::str::from_utf8(text).ok()?))
    }
}

/// What is told if they are not alike.
pub fn advice(module: &Compiler, kernel: &Compiler) -> Option<Diagnostic> {
    let (severity, title) = if module.family != kernel.family {
        (Severity::Warning, "it was built by another compiler than the kernel")
    } else if module.major != kernel.major {
        (Severity::Note, "it was built by another version of the kernel's compiler")
    } else {
        return None;
    };
    let told = Diagnostic::new("L-51", severity, title)
        .with_evidence(Evidence::fact("module", module.text.clone()))
        .with_evidence(Evidence::fact("kernel", kernel.text.clone()))
        .with_hint("build it with the kernel's compiler");
    Some(told)
}
