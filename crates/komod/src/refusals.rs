//! The pages about the loader's reasons to refuse a module (`komod explain L-08`).
//!
//! The codes are `komod_load::RefusalCode`'s; each has one page here.

use std::fmt::Write;

/// What is to be said about a code.
pub struct Reason {
    pub code: &'static str,
    /// In a few words, to follow the error.
    pub title: &'static str,
    what: &'static str,
    why: &'static str,
    way_out: &'static str,
}

impl Reason {
    fn page(&self) -> String {
        let mut page = format!("{}: {}\n", self.code, self.title);
        for (head, text) in [("What", self.what), ("Why", self.why), ("Way out", self.way_out)] {
            let _ = write!(page, "\n# {head}\n{}\n", wrapped(text));
        }
        page
    }
}

/// In lines that fit a terminal.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 96;
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out
}

pub fn reason(code: &str) -> Option<&'static Reason> {
    REASONS.iter().find(|r| r.code.eq_ignore_ascii_case(code))
}

pub fn explain(code: &str) -> Option<String> {
    reason(code).map(Reason::page)
}

pub fn codes() -> impl Iterator<Item = &'static str> {
    REASONS.iter().map(|r| r.code)
}

const REBUILD: &str = "Build the module with `komod build --kernel RELEASE` for the kernel it \
    shall run in, or run it in the kernel it was built for (`komod info` shows which).";
const BROKEN_FILE: &str = "Build the module again, with the kernel's own build system, and copy \
    it whole. strip, objcopy and downloads damage modules (`strip --strip-debug` is safe).";

macro_rules! reasons {
    ($($code:literal $title:literal $what:expr, $why:expr, $way_out:expr;)*) => {
        static REASONS: &[Reason] = &[$(Reason {
            code: $code,
            title: $title,
            what: $what,
            why: $why,
            way_out: $way_out,
        }),*];
    };
}

reasons! {
    "L-01" "loading modules is not permitted"
        "init_module(2) fails with EPERM before the file is looked at. The kernel logs nothing.",
        "The caller has no CAP_SYS_MODULE, or modules were switched off for good by \
         /proc/sys/kernel/modules_disabled (or `nomodule` on the command line).",
        "On a real machine: be root; after `modules_disabled` only a reboot helps.";
    "L-02" "there is nothing to load"
        "The file has no bytes. The kernel answers EINVAL and logs nothing.",
        "A build that was interrupted, or a copy to a full disk.",
        "Build or copy it again.";
    "L-03" "the version magic differs"
        "The module's `vermagic` is not that of this kernel. The kernel logs both: `version magic \
         '…' should be '…'`, and answers ENOEXEC.",
        "The module was built for another release, or with another configuration of SMP, \
         preemption, module unloading or symbol versions. Such kernels have other structures.",
        REBUILD;
    "L-04" "there is no version magic"
        "`.modinfo` has no `vermagic`, and this kernel does not load by force.",
        "The module was not linked by the kernel's build system, or the field was stripped.",
        BROKEN_FILE;
    "L-05" "the module was built for another `struct module`"
        "The checksum of `module_layout` in `__versions` is not the kernel's. The kernel logs \
         `disagrees about version of symbol module_layout` and answers ENOEXEC.",
        "`struct module` or something in it looks different in the kernel the module was built \
         for, even if the release reads the same (another build, other options).",
        REBUILD;
    "L-06" "the checksum of `module_layout` is missing"
        "The module has checksums of symbols, but none of `module_layout`, which every module \
         built with symbol versions has.",
        "It was linked against an incomplete Module.symvers.",
        REBUILD;
    "L-07" "there are no checksums of symbols"
        "There is no `__versions` section, and this kernel neither loads without nor by force.",
        "The module was built for a kernel without CONFIG_MODVERSIONS, or without the kernel's \
         Module.symvers.",
        REBUILD;
    "L-08" "the checksum of an imported symbol differs"
        "The kernel logs `disagrees about version of symbol NAME` and answers EINVAL.",
        "With CONFIG_MODVERSIONS each exported symbol has a checksum over its types. Another \
         value means that the function or a structure it uses has changed since the module was \
         built: called all the same, it would corrupt memory. For a symbol of another module: \
         that one was built anew, or comes from another build.",
        "Build the module for this kernel; when the symbol is another module's, build both, so \
         that the other's Module.symvers is seen (KBUILD_EXTRA_SYMBOLS). `komod load --force` \
         ignores the checksums, at your own risk.";
    "L-09" "an imported symbol has no checksum"
        "`__versions` does not name a symbol that the module imports: `no symbol version for \
         NAME`.",
        "modpost did not find the symbol in any Module.symvers; the build warned of it as \
         undefined.",
        "Give the Module.symvers of the module that exports it (KBUILD_EXTRA_SYMBOLS), and build \
         again.";
    "L-10" "an imported symbol exists nowhere"
        "The kernel logs `Unknown symbol NAME (err -2)` for each and answers ENOENT.",
        "The module that exports it is not loaded; or this kernel does not have it: it was \
         renamed, removed, never exported, or is not configured.",
        "Load the exporting module first (komod does so if it is given, lies beside the file or \
         is the kernel's own). `komod symbols NAME` shows whether the kernel has it.";
    "L-11" "a GPL-only symbol is imported under another licence"
        "To a module whose licence is not compatible with the GPL, symbols of EXPORT_SYMBOL_GPL \
         do not exist: `Unknown symbol NAME (err -2)`, ENOENT.",
        "MODULE_LICENSE is missing or names a proprietary licence.",
        "If the source is under the GPL, say so: MODULE_LICENSE(\"GPL\"). If not, do without the \
         symbol.";
    "L-12" "a symbol's namespace is not imported"
        "The kernel logs `module uses symbol (NAME) from namespace NS, but does not import it` \
         and answers EINVAL.",
        "The symbol is exported into a namespace (EXPORT_SYMBOL_NS), to be used only by those \
         who ask for it.",
        "MODULE_IMPORT_NS(NS); from Linux 6.13 on with quotes: MODULE_IMPORT_NS(\"NS\").";
    "L-13" "`struct module` has another size"
        "The section `.gnu.linkonce.this_module` is not as large as this kernel's `struct \
         module`. The answer is ENOEXEC.",
        "The module was built with the headers of another kernel, or with other options.",
        REBUILD;
    "L-14" "there is no usable `.gnu.linkonce.this_module`"
        "That section is the module's `struct module`. It is missing, there twice or of a wrong \
         kind. The answer is ENOEXEC.",
        "The file is a plain object (`x.o`), not a module: `x.ko` is linked from it and from \
         what modpost makes.",
        "Load the .ko, built by the kernel's build system.";
    "L-15" "there is no symbol table"
        "The kernel logs `module has no symbols (stripped?)` and answers ENOEXEC.",
        "`strip` without options removes the symbols that the loader needs.",
        "Build it again, or strip with `--strip-debug` only.";
    "L-16" "not a relocatable ELF object for this machine, or cut off"
        "The ELF header is not that of a relocatable x86-64 object, or the file ends before its \
         section headers. The answer is ENOEXEC; some kernels log nothing about it.",
        "It is no module, one for another processor, or only a part of the file arrived.",
        "`file X.ko` says what it is. Build it for this machine, or copy it again.";
    "L-17" "the ELF structure is damaged"
        "A section, a name or an index points outside of the file or of its table. The kernel \
         logs which and answers ENOEXEC.",
        "The file was damaged or edited.",
        BROKEN_FILE;
    "L-18" "the file is compressed in a way the kernel does not take"
        "finit_module(2) was given a compressed file; the kernel knows one kind of compression \
         (CONFIG_MODULE_COMPRESS_*), or none.",
        "The file was compressed for another kernel.",
        "Unpack it (xz -d, zstd -d, gunzip), or use insmod or komod, which do.";
    "L-19" "the kernel demands a signature"
        "Loading fails with EKEYREJECTED: `loading of unsigned module is rejected` or one with an \
         unknown key.",
        "CONFIG_MODULE_SIG_FORCE or `module.sig_enforce` is on.",
        "Sign the module with a key the kernel trusts (scripts/sign-file), or boot without \
         `module.sig_enforce`.";
    "L-20" "lockdown demands a signature"
        "Loading fails with EPERM, the kernel names lockdown(7).",
        "The kernel is locked down (UEFI Secure Boot, or `lockdown=` on the command line).",
        "Sign the module with a key the machine owner has enrolled (mokutil), or switch Secure \
         Boot off.";
    "L-21" "the signature trailer is malformed"
        "The file ends like a signed module, but what stands before is no whole signature.",
        "It was cut, edited or stripped after signing: the signature covers all bytes.",
        "Sign it again, as the last step.";
    "L-22" "the signature is of a wrong kind, revoked or does not match"
        "The signature was checked and is not good.",
        "The module was changed after signing, or the key is on the kernel's blacklist.",
        "Sign it again, with a valid key.";
    "L-24" "the module is already loaded, or being loaded"
        "A module of this name is there: EEXIST; one that is still starting or going: EBUSY. The \
         kernel logs nothing.",
        "It was loaded before, perhaps as another module's dependency; the name counts, not the \
         file.",
        "`komod unload NAME` first.";
    "L-25" "the name is taken by built-in code"
        "/sys/module has the name already: `module is already loaded`, EINVAL.",
        "Code of this name is built into the kernel.",
        "Use what is built in, or give the module another name (obj-m := other.o).";
    "L-26" "the module is on the kernel's blacklist"
        "`Module NAME is blacklisted`, EPERM.",
        "`module_blacklist=` on the kernel's command line names it.",
        "Boot without it.";
    "L-27" "a live patch on a kernel without live patching"
        "The module says `livepatch` in its .modinfo; the answer is ENOEXEC.",
        "The kernel is built without CONFIG_LIVEPATCH.",
        "Use a kernel with live patching.";
    "L-29" "a section is both writable and executable"
        "The kernel logs the section's name and answers ENOEXEC (CONFIG_STRICT_MODULE_RWX).",
        "Hand-written assembly or a section attribute asks for both flags, or data and code \
         share a section.",
        "Give code \"ax\" and data \"aw\", in sections of their own.";
    "L-30" "there is no room for the per-CPU data"
        "`Could not allocate N bytes percpu data`, ENOMEM.",
        "Static per-CPU data of modules comes from a small reserve.",
        "Allocate with alloc_percpu() instead of DEFINE_PER_CPU, or use less.";
    "L-31" "the module is too large"
        "Its sections do not fit in the address space of modules, ENOMEM or ENOEXEC.",
        "A huge static array, or a damaged section size.",
        "Allocate large memory at run time (vmalloc).";
    "L-32" "there are common symbols"
        "`please compile with -fno-common`, ENOEXEC.",
        "A variable without value and without `extern` in several files, compiled with \
         -fcommon.",
        "Define it in one file and declare it `extern` in a header; leave the kernel's compiler \
         flags alone.";
    "L-33" "an exported symbol exists already"
        "`exports duplicate symbol NAME (owned by OWNER)`, ENOEXEC.",
        "The kernel or another loaded module exports the same name.",
        "Unload the other one, or rename the symbol (a prefix of your own).";
    "L-34" "a module that uses GPL-only symbols would use a proprietary one's"
        "The kernel logs it and treats the symbol as unknown, ENOENT.",
        "A module under a proprietary licence must not reach GPL-only symbols through another.",
        "Do without the proprietary module's symbols, or without the GPL-only ones.";
    "L-35" "a relocation of unknown type"
        "`Unknown rela relocation: N`, ENOEXEC.",
        "Compiler flags the kernel does not use (-fPIC, another code model), or a foreign object \
         linked in.",
        "Build all objects with kbuild's flags.";
    "L-36" "a relocated value does not fit"
        "`overflow in relocation type N`, ENOEXEC: a 32-bit place was to get an address that \
         needs more.",
        "Code not compiled with the kernel's code model (-mcmodel=kernel), or hand-written \
         assembly.",
        "Build all objects with kbuild's flags; in assembly refer to symbols by (%rip).";
    "L-37" "the place to relocate is not zero"
        "`Invalid relocation target, existing value is nonzero`, ENOEXEC.",
        "The object was relocated before, or its code was patched after linking.",
        BROKEN_FILE;
    "L-38" "exported symbols have no checksums"
        "The module exports symbols without checksums, on a kernel with symbol versions that \
         does not load by force: ENOEXEC.",
        "It was built for a kernel without CONFIG_MODVERSIONS.",
        REBUILD;
    "L-39" "constructors of two kinds"
        "`has both .ctors and .init_array`, EINVAL.",
        "Objects of two compilers, or of different options, are linked together.",
        "Compile all of them with one compiler.";
    "L-40" "a parameter has a bad value"
        "A value does not fit the parameter's type, or its own function refused it; the kernel \
         logs `\"VALUE\" invalid for parameter \"NAME\"` and gives that function's error. Init \
         does not run.",
        "A number out of range or no number, a text too long, a list with too many values; or \
         the module's own check.",
        "`komod info FILE.ko` lists the parameters and their types. A bool without value is \
         written after `--`: `komod run x.ko -- debug`.";
    "L-44" "a module that exports a needed symbol is starting or going"
        "The kernel waits half a minute for it, then gives up: EBUSY (ENOENT if it is going).",
        "Its init hangs, or has requested this module and waits for it: a circle.",
        "Load the other one first; do not call request_module() synchronously in init for a \
         module that needs this one.";
    "L-50" "the file is broken in a way the kernel does not check"
        "komod refuses, with ENOEXEC. The kernel's own loader would take the file, or read and \
         write outside of what it has allocated; it logs nothing.",
        "The kernel trusts much of a module's ELF structure, as loading needs root: indices, \
         offsets, the class byte of the header. komod checks them, for it must not go wrong on \
         any file.",
        BROKEN_FILE;
}

#[cfg(test)]
mod tests {
    use super::*;
    use komod_load::RefusalCode;

    #[test]
    fn every_code_has_one_page_and_every_page_a_code() {
        let known: Vec<&str> = RefusalCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(codes().collect::<Vec<_>>(), known);
    }

    #[test]
    fn pages_are_whole_and_fit_a_terminal() {
        for code in codes() {
            let page = explain(code).unwrap();
            assert!(page.starts_with(&format!("{code}: ")), "{page}");
            for part in ["\n# What\n", "\n# Why\n", "\n# Way out\n"] {
                assert!(page.contains(part), "{code} lacks {part:?}");
            }
            assert!(page.lines().all(|l| l.chars().count() <= 96), "{page}");
        }
        assert!(explain("l-08").is_some() && explain("L-99").is_none());
    }
}
