//! A case for each reason to refuse a module that can come up here, and for what only makes the
//! kernel complain.

use super::case::{Case, Load, Step};
use super::mutate::{E_MACHINE, E_SHENTSIZE, E_SHSTRNDX, E_TYPE, Header, Mutant};
use super::ours::Built;
use crate::kernels::Kernel;
use crate::modules::ModuleTree;
use crate::project;
use anyhow::{Context, Result, bail};
use komod_object::elf::{
    SHF_ALLOC, SHF_EXECINSTR, SHF_RELA_LIVEPATCH, SHF_WRITE, SHT_NOBITS, SHT_NULL, SHT_PROGBITS,
    SHT_REL, SHT_STRTAB, SHT_SYMTAB,
};

/// Codes of SUPPORT.md that no case here leads to, and why.
pub const NOT_HERE: &[(&str, &str)] = &[
    ("L-18", "a request carries the module's uncompressed file"),
    ("L-39", "neither kernel is built with CONSTRUCTORS"),
    ("L-50", "the kernel does not check, and would corrupt its memory"),
];

/// Codes whose cases are accepted with a taint, and what would make them refusals.
pub const ONLY_TAINTS: &[(&str, &str)] = &[
    ("L-04", "both kernels are built with MODULE_FORCE_LOAD"),
    ("L-07", "both kernels are built with MODULE_FORCE_LOAD"),
    ("L-38", "both kernels are built with MODULE_FORCE_LOAD"),
];

/// What Linux up to 6.3 takes and later ones refuse.
pub const ONLY_LATER: &[&str] = &[
    "L-13 larger",
    "L-17 strings of another kind",
    "L-17 names of another kind",
    "L-17 two .modinfo",
    "L-17 two symbol tables",
];

/// The code that the last load of a case must be refused with, if it must.
pub fn expected<'c>(case: &'c Case, kernel: &Kernel) -> Option<&'c str> {
    let code = code(&case.name)?;
    let taints = ONLY_TAINTS.iter().any(|(c, _)| *c == code);
    let taken = kernel.series == "6.1" && ONLY_LATER.contains(&case.name.as_str());
    (!taints && !taken).then_some(code)
}

fn code(name: &str) -> Option<&str> {
    name.split(' ').next().filter(|word| word.starts_with("L-"))
}

/// Every code of SUPPORT.md has a case, or a reason why it has none.
fn complete(cases: &[Case]) -> Result<()> {
    let support = std::fs::read_to_string(project::root().join("SUPPORT.md"))?;
    for line in support.lines().filter_map(|line| line.strip_prefix("| L-")) {
        let wanted = format!("L-{}", line.split(' ').next().unwrap_or_default());
        let has = cases.iter().any(|case| code(&case.name) == Some(&wanted));
        let reason = NOT_HERE.iter().find(|(code, _)| *code == wanted);
        if has == reason.is_some() {
            bail!("{wanted}: needs a case, or a reason to have none, and not both");
        }
    }
    Ok(())
}

/// The modules that the cases are made of.
pub struct Makings<'m> {
    pub built: &'m Built,
    pub tree: &'m ModuleTree,
    /// Modules of the other kernel, signed with a key that this one does not know.
    pub foreign: &'m ModuleTree,
}

const THIS_MODULE: &str = ".gnu.linkonce.this_module";
const MODULES_DISABLED: (&str, &str) = ("/proc/sys/kernel/modules_disabled", "1");
const SIG_ENFORCE: (&str, &str) = ("/sys/module/module/parameters/sig_enforce", "1");
const LOCKDOWN: (&str, &str) = ("/sys/kernel/security/lockdown", "integrity");
/// A stock module that needs no other one and uses GPL-only symbols.
const STOCK: &str = "drivers/net/dummy.ko";

/// Stands for [`Makings::namespaced`].
const NAMESPACED: &str = "drivers/NAMESPACED";

type Change = fn(&mut Mutant) -> Result<()>;

/// One module, changed.
struct Changed {
    name: &'static str,
    base: &'static str,
    change: Change,
}

const fn changed(name: &'static str, base: &'static str, change: Change) -> Changed {
    Changed { name, base, change }
}

impl Makings<'_> {
    fn base(&self, name: &str) -> Result<Mutant> {
        match name.contains('/') {
            _ if name == NAMESPACED => self.namespaced(),
            true => Ok(Mutant::new(&self.tree.module(name)?.bytes)),
            false => Ok(Mutant::new(&self.built.load(name)?.bytes)),
        }
    }

    /// The first stock module that needs no other one and imports a namespace.
    fn namespaced(&self) -> Result<Mutant> {
        for key in self.tree.keys().iter().filter(|key| key.starts_with("drivers/")) {
            let module = self.tree.module(key)?;
            let parsed = komod_object::Module::parse(&module.bytes)?;
            let imports = parsed.modinfo().get("import_ns").is_some();
            if module.depends.is_empty() && imports {
                return Ok(Mutant::new(&module.bytes));
            }
        }
        bail!("no stock module imports a namespace")
    }

    fn make(&self, base: &str, change: Change) -> Result<Load> {
        let mut mutant = self.base(base)?;
        change(&mut mutant)?;
        Ok(Load::new(base.rsplit('/').next().unwrap_or(base), &mutant.0))
    }

    pub fn cases(&self) -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        for Changed { name, base, change } in ONE_MODULE {
            let load = self.make(base, *change).with_context(|| (*name).to_owned())?;
            cases.push(case(name, [Step::Load(load)]));
        }
        for (name, params) in PARAMETERS {
            let load = Load { params: (*params).to_owned(), ..self.built.load("params")? };
            cases.push(case(name, [Step::Load(load)]));
        }
        for (name, force_vermagic, force_modversions, change) in FORCED {
            let load = self.make("hello", *change)?;
            let load = Load {
                force_vermagic: *force_vermagic,
                force_modversions: *force_modversions,
                ..load
            };
            cases.push(case(name, [Step::Load(load)]));
        }
        self.signatures(&mut cases)?;
        self.several(&mut cases)?;
        complete(&cases)?;
        Ok(cases)
    }

    fn signatures(&self, cases: &mut Vec<Case>) -> Result<()> {
        let stock = self.tree.module(STOCK)?;
        let foreign = self.foreign.module(STOCK)?;
        let write = |(path, text)| Step::Write(path, text);
        let signed = |bytes: &[u8]| Step::Load(Load::new("dummy", bytes));
        let hello = || self.built.load("hello").map(Step::Load);
        let with_trailer = |id_type: u8, len: u32, unused: u8| -> Result<Step> {
            let mut bytes = self.base("hello")?.0;
            bytes.extend(b"signature");
            bytes.extend([unused, 0, id_type, 0, 0, 0, 0, 0]);
            bytes.extend(len.to_be_bytes());
            bytes.extend(komod_object::signature::MARKER);
            Ok(Step::Load(Load::new("hello", &bytes)))
        };
        let edited = |at: usize| {
            let mut bytes = stock.bytes.clone();
            let at = if at == 0 { 0x40 } else { bytes.len() - at };
            bytes[at] ^= 1;
            bytes
        };
        cases.push(case("a good signature, enforced", [write(SIG_ENFORCE), signed(&stock.bytes)]));
        cases.push(case("L-19 unsigned", [write(SIG_ENFORCE), hello()?]));
        cases.push(case("L-19 another key", [write(SIG_ENFORCE), signed(&foreign.bytes)]));
        let other_kind = with_trailer(1, 9, 0)?;
        cases
            .push(case("L-19 another kind of signature", [write(SIG_ENFORCE), other_kind.clone()]));
        cases.push(case("another kind of signature", [other_kind]));
        cases.push(case("another key", [signed(&foreign.bytes)]));
        let forced = Load { force_modversions: true, ..Load::new("dummy", &stock.bytes) };
        cases.push(case("L-19 by force", [write(SIG_ENFORCE), Step::Load(forced.clone())]));
        cases.push(case("signed and forced", [Step::Load(forced)]));
        cases.push(case("L-20 unsigned", [write(LOCKDOWN), hello()?]));
        cases.push(case("L-20 another key", [write(LOCKDOWN), signed(&foreign.bytes)]));
        cases.push(case("L-21 too long", [with_trailer(2, 1 << 20, 0)?]));
        cases.push(case("L-21 not PKCS#7 inside", [with_trailer(2, 9, 0)?]));
        cases.push(case("L-21 unused field", [with_trailer(2, 9, 1)?]));
        cases.push(case(
            "L-21 trailer alone",
            [Step::Load(Load::new("hello", komod_object::signature::MARKER))],
        ));
        cases.push(case("L-22 contents", [signed(&edited(0))]));
        cases.push(case("L-22 signature", [signed(&edited(60))]));
        Ok(())
    }

    fn several(&self, cases: &mut Vec<Case>) -> Result<()> {
        let load = |name: &str| self.built.load(name).map(Step::Load);
        let make = |base: &str, change: Change| self.make(base, change).map(Step::Load);
        let (disable, yes) = MODULES_DISABLED;
        cases.push(case("L-01 switched off", [Step::Write(disable, yes), load("hello")?]));
        cases.push(case("L-10 dependency not loaded", [load("reader")?]));
        cases.push(case("L-24 twice", [load("hello")?, load("hello")?]));
        let renamed = make("counter", |m| m.name("second"))?;
        cases.push(case("L-33 two modules", [load("counter")?, renamed]));
        let proprietary = || make("counter", |m| m.modinfo("license", Some("Secret")));
        cases.push(case("L-34", [proprietary()?, load("every_kind")?]));
        cases.push(case("a licence is inherited", [proprietary()?, load("reader")?]));
        cases.push(case("sections of every kind", [load("counter")?, load("every_kind")?]));
        cases.push(case("twice while it starts", [load("starting")?, load("starting")?]));
        cases.push(case("L-44", [load("starting")?, load("needs_starting")?]));
        Ok(())
    }
}

fn case<const N: usize>(name: &str, steps: [Step; N]) -> Case {
    Case { name: name.to_owned(), steps: steps.to_vec() }
}

/// Parameters of the example `params`.
const PARAMETERS: &[(&str, &str)] = &[
    ("L-40 not a number", "count=many"),
    ("L-40 too large a number", "count=99999999999"),
    ("L-40 a number and more", "count=3x"),
    ("L-40 no value", "count"),
    ("L-40 an empty value", "count="),
    ("L-40 not a bool", "loud=perhaps"),
    ("L-40 a string without value", "name"),
    ("L-40 too many elements", "numbers=1,2,3,4,5"),
    ("L-40 a bad element", "numbers=1,two"),
    ("L-40 too long a string", "label=0123456789abcdef"),
    ("L-40 after a good one", "count=2 loud=perhaps"),
    ("a bool without value", "loud"),
    ("unknown parameters", "colour=red count=2 shape"),
    ("quotes", "name=\"two words\" \"label=a b\""),
    ("behind two dashes", "count=2 -- more words"),
    ("spaces and dashes", "  count=0x10   name=a-b   "),
    ("dyndbg", "dyndbg=+p"),
];

/// Changes to `hello`, and whether version magic and checksums are ignored.
const FORCED: &[(&str, bool, bool, Change)] = &[
    ("force: nothing wrong", true, true, |_| Ok(())),
    ("force: version magic", true, false, |m| m.modinfo("vermagic", Some("none of ours"))),
    ("force: checksums", false, true, |m| m.versions(|_, _| Some(1))),
    ("L-03 force does not help", false, true, |m| m.modinfo("vermagic", Some("none of ours"))),
    ("L-05 force does not help", true, false, |m| m.versions(|_, _| Some(1))),
];

const AWX: u64 = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;
const AW: u64 = SHF_ALLOC | SHF_WRITE;

const ONE_MODULE: &[Changed] = &[
    changed("nothing wrong", "hello", |_| Ok(())),
    changed("L-02 empty", "hello", |m| {
        m.0.clear();
        Ok(())
    }),
    changed("L-03 other flags", "hello", |m| m.modinfo("vermagic", Some("6.1.0 SMP mod_unload "))),
    changed("L-03 without checksums", "hello", |m| {
        m.rename("__versions", "none")?;
        m.modinfo("vermagic", Some("6.1.0 SMP preempt mod_unload modversions "))
    }),
    changed("another release", "hello", |m| {
        m.modinfo("vermagic", Some("5.0 SMP preempt mod_unload modversions "))
    }),
    changed("L-04", "hello", |m| m.modinfo("vermagic", None)),
    changed("L-05", "hello", |m| m.versions(|n, c| Some(c ^ u32::from(n == "module_layout")))),
    changed("L-06", "hello", |m| m.versions(|_, _| None)),
    changed("L-07", "hello", |m| m.rename("__versions", "none")),
    changed("L-08", "hello", |m| m.versions(|n, c| Some(c ^ u32::from(n == "_printk")))),
    changed("L-09", "hello", |m| m.versions(|n, c| (n != "_printk").then_some(c))),
    changed("L-10", "missing-symbol", |_| Ok(())),
    changed("a missing weak symbol", "missing-symbol", |m| {
        let at = m.symbol("komod_has_no_such_function")? + 4;
        m.put(at, &[2 << 4])
    }),
    changed("L-11", STOCK, |m| m.modinfo("license", Some("Secret"))),
    changed("L-12", NAMESPACED, |m| m.modinfo("import_ns", None)),
    changed("L-13 larger", "hello", |m| {
        let index = m.section(THIS_MODULE)?;
        let mut contents = m.contents(index)?;
        contents.extend([0; 64]);
        // Its relocations stay where they are.
        m.replace(index, &contents)
    }),
    changed("L-14 none", "hello", |m| m.rename(THIS_MODULE, "none")),
    changed("L-14 none, and no name", "hello", |m| {
        m.rename(THIS_MODULE, "none")?;
        m.rename(".modinfo", "info")
    }),
    changed("L-14 not in memory", "hello", |m| m.set(m.section(THIS_MODULE)?, Header::Flags, 0)),
    changed("L-15", "hello", |m| m.set(m.of_type(SHT_SYMTAB)?, Header::Type, SHT_PROGBITS.into())),
    changed("L-16 a few bytes", "hello", |m| {
        m.0.truncate(63);
        Ok(())
    }),
    changed("L-16 not ELF", "hello", |m| m.put(0, b"\xfd7zXZ")),
    changed("L-16 a shared object", "hello", |m| m.put(E_TYPE, &[3, 0])),
    changed("L-16 another machine", "hello", |m| m.put(E_MACHINE, &[183, 0])),
    changed("L-16 cut off", "hello", |m| {
        m.0.truncate(m.0.len() - 1);
        Ok(())
    }),
    changed("L-17 size of headers", "hello", |m| m.put(E_SHENTSIZE, &[40, 0])),
    changed("L-17 no name table", "hello", |m| m.put(E_SHSTRNDX, &[0, 0])),
    changed("L-17 name table far away", "hello", |m| m.put(E_SHSTRNDX, &[0xf0, 0xff])),
    changed("L-17 name table of another kind", "hello", |m| m.put(E_SHSTRNDX, &[1, 0])),
    changed("L-17 section 0", "hello", |m| m.set(0, Header::Type, 1)),
    changed("L-17 section 0 has a size", "hello", |m| m.set(0, Header::Size, 1)),
    changed("L-17 a section outside", "hello", |m| {
        m.set(m.section(".modinfo")?, Header::Offset, u64::MAX - 4)
    }),
    changed("L-17 a section too large", "hello", |m| {
        m.set(m.section(".modinfo")?, Header::Size, 1 << 40)
    }),
    changed("L-17 a name outside", "hello", |m| {
        m.set(m.section(".modinfo")?, Header::Name, 0xffff_ffff)
    }),
    changed("L-17 names not terminated", "hello", |m| {
        let names = m.section(".shstrtab")?;
        let size = m.get(names, Header::Size)?;
        m.set(names, Header::Size, size - 1)
    }),
    changed("L-17 symbols without strings", "hello", |m| {
        m.set(m.of_type(SHT_SYMTAB)?, Header::Link, 0)
    }),
    changed("L-17 strings of another kind", "hello", |m| {
        m.set(m.section(".strtab")?, Header::Type, SHT_PROGBITS.into())
    }),
    changed("L-17 names of another kind", "hello", |m| {
        m.set(m.section(".shstrtab")?, Header::Type, SHT_PROGBITS.into())
    }),
    changed("L-17 two .modinfo", "hello", |m| {
        m.add(".modinfo", SHT_PROGBITS, SHF_ALLOC, b"name=two\0", 0)
    }),
    changed("L-17 two symbol tables", "hello", |m| {
        let strings = m.section(".strtab")? as u64;
        m.add("more", SHT_SYMTAB, 0, &[0; 24], 0)?;
        m.set(m.section("more")?, Header::Link, strings)
    }),
    changed("L-17 a symbol's section", "hello", |m| {
        let at = m.symbol("init_module")? + 6;
        m.put(at, &[0xf0, 0xf0])
    }),
    changed("L-25", "hello", |m| m.name("printk")),
    changed("L-26", "hello", |m| m.name("blacklisted")),
    changed("L-27 a section's name", "hello", |m| {
        m.set(m.section(".rela.exit.text")?, Header::Flags, SHF_RELA_LIVEPATCH)
    }),
    changed("L-27 a symbol", "hello", |m| {
        m.set(m.section(".rela.exit.text")?, Header::Flags, SHF_RELA_LIVEPATCH)?;
        m.rename(".rela.exit.text", ".klp.rela.vmlinux..exit.text")
    }),
    changed("L-27 the kernel's name", "hello", |m| m.name("vmlinux")),
    changed("L-29", "hello", |m| m.set(m.section(".init.text")?, Header::Flags, AWX)),
    changed("L-30", "hello", |m| m.add(".data..percpu", SHT_NOBITS, AW, &[], 200_000)),
    // From 4 GiB on the kernel's sizes wrap: that is L-50, whatever komod calls it.
    changed("L-30 alignment", "hello", |m| {
        m.add(".data..percpu", SHT_PROGBITS, AW, &[0; 64], 0)?;
        m.set(m.section(".data..percpu")?, Header::Align, 24)
    }),
    changed("L-31", "counter", |m| m.set(m.section(".bss")?, Header::Size, 1 << 30)),
    changed("L-32", "hello", |m| {
        let at = m.symbol("_printk")? + 6;
        m.put(at, &0xfff2u16.to_le_bytes())
    }),
    changed("L-33 the kernel has it", "counter", |m| {
        // The name that the export table points at.
        m.patch("__ksymtab_strings", 0, b"ksize\0")
    }),
    changed("L-35", "hello", |m| {
        let at = m.first_rela(".init.text")? + 8;
        m.put(at, &[9, 0, 0, 0])
    }),
    changed("L-35 without addends", "hello", |m| {
        m.set(m.section(".rela.init.text")?, Header::Type, SHT_REL.into())
    }),
    changed("L-36", "hello", |m| {
        let at = m.first_rela(".init.text")? + 8;
        m.put(at, &[11, 0, 0, 0])?;
        m.put(at + 8, &0x7fff_ffff_u64.to_le_bytes())
    }),
    changed("L-37", "hello", |m| m.at_first_target(".init.text", &[0x90])),
    changed("L-38", "counter", |m| m.rename("__kcrctab", "none")),
    changed("constructors of two kinds", "hello", |m| {
        m.add(".ctors", SHT_PROGBITS, AW, &[0; 8], 0)?;
        m.add(".init_array", SHT_PROGBITS, AW, &[0; 8], 0)
    }),
    changed("obsolete parameters", "hello", |m| {
        m.add("__obsparm", SHT_PROGBITS, SHF_ALLOC, &[0; 64], 0)
    }),
    changed("no retpolines", "hello", |m| m.modinfo("retpoline", None)),
    changed("staging", "hello", |m| m.modinfo("staging", Some("Y"))),
    changed("a test", "hello", |m| m.modinfo("test", Some("Y"))),
    changed("in the tree", "hello", |m| m.modinfo("intree", Some("Y"))),
    changed("a live patch", "hello", |m| m.modinfo("livepatch", Some("Y"))),
    changed("no licence", "hello", |m| m.modinfo("license", None)),
    changed("ndiswrapper", "hello", |m| m.name("ndiswrapper")),
    changed("driverloader", "hello", |m| m.name("driverloader")),
    changed("no .modinfo", "hello", |m| m.rename(".modinfo", "info")),
    changed("a section of type null", "hello", |m| {
        m.set(m.section(".comment")?, Header::Type, SHT_NULL.into())
    }),
    changed("strings in memory", "hello", |m| {
        m.set(m.section(".comment")?, Header::Type, SHT_STRTAB.into())?;
        m.set(m.section(".comment")?, Header::Flags, SHF_ALLOC)
    }),
];
