//! Runs the reference and komod on one folder of objects, and compares.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use super::common::Scratch;
use komod_build::Tree;
use komod_build::modpost::{
    self, Dialect, Disk, Files, Input, ModuleObject, Options, Output, SymbolDump,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How the sources of test modules start.
pub const HEAD: &str = ".section .modinfo,\"a\"\n.asciz \"license=GPL\"\n.text\n";

/// A folder with objects and what modpost is to do with them.
pub struct Case {
    tree: Tree,
    pub scratch: Scratch,
    /// Paths without `.o`.
    pub modules: Vec<String>,
    /// Dumps beside the kernel's.
    pub dumps: Vec<String>,
    /// Leave out the kernel's dump.
    pub without_kernel: bool,
    /// Name the objects relative to the folder.
    pub relative: bool,
    pub options: Options,
}

/// What one of the two left behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub messages: String,
    pub failed: bool,
    /// Name and contents of `.mod.c` files and `Module.symvers`.
    pub files: BTreeMap<String, String>,
}

impl Case {
    pub fn new(tree: &Tree, name: &str) -> Self {
        Case {
            tree: tree.clone(),
            scratch: Scratch::new(name),
            modules: Vec::new(),
            dumps: Vec::new(),
            without_kernel: false,
            relative: false,
            options: Options::default(),
        }
    }

    pub fn dialect(&self) -> Dialect {
        Dialect::of_tree(&self.tree).unwrap()
    }

    /// Adds a module from assembly.
    pub fn assembly(&mut self, name: &str, text: &str) {
        let source = self.scratch.write(&format!("{name}.s"), text);
        let object = source.with_extension("o");
        let status = Command::new("as")
            .args(["--no-warn"])
            .arg(&source)
            .arg("-o")
            .arg(&object)
            .status()
            .unwrap();
        assert!(status.success());
        self.object(name);
    }

    /// The `.cmd` file of a module, to be written before the module is added.
    pub fn crcs(&self, name: &str, text: &str) {
        self.scratch.write(&format!(".{name}.o.cmd"), text);
    }

    /// The `.cmd` file of a module whose source is `sources[0]`; the others are its dependencies.
    pub fn sources(&self, name: &str, sources: &[&str]) {
        let root = self.scratch.0.display();
        let mut text = format!("cmd_{root}/{name}.o := gcc\n\n");
        for (index, source) in sources.iter().enumerate() {
            if index == 0 {
                text += &format!("source_{root}/{name}.o := {root}/{source}\n\n");
                text += &format!("deps_{root}/{name}.o := \\\n  /usr/include/linux/a.h \\\n");
                text += "    $(wildcard include/config/A) \\\n";
            } else {
                text += &format!("  {root}/{source} \\\n");
            }
        }
        text += &format!("\n{root}/{name}.o: $(deps_{root}/{name}.o)\n\n{root}/{}\n", sources[0]);
        self.crcs(name, &text);
    }

    /// Writes a dump.
    pub fn dump(&self, name: &str, text: &str) -> String {
        self.scratch.write(name, text).to_str().unwrap().to_owned()
    }

    /// What `EXPORT_SYMBOL` and its relatives leave in the object.
    pub fn export(&self, symbol: &str, gpl_only: bool, namespace: &str) -> String {
        self.export_as(symbol, symbol, if gpl_only { "GPL" } else { "" }, namespace)
    }

    pub fn export_as(&self, name: &str, symbol: &str, license: &str, namespace: &str) -> String {
        match self.dialect() {
            Dialect::Ksymtab => {
                let gpl = if license == "GPL" { "_gpl" } else { "" };
                format!(
                    ".section ___ksymtab{gpl}+{name},\"a\"\n__ksymtab_{name}: .long {symbol} - .\n\
                     .section __ksymtab_strings,\"aMS\",@progbits,1\n\
                     __kstrtab_{name}: .asciz \"{name}\"\n\
                     __kstrtabns_{name}: .asciz \"{namespace}\"\n.text\n"
                )
            }
            Dialect::ExportSymbol => format!(
                ".section .export_symbol,\"a\"\n__export_symbol_{name}: .asciz \"{license}\"\n\
                 .asciz \"{namespace}\"\n.balign 8\n.quad {symbol}\n.text\n"
            ),
        }
    }

    /// Ends the symbol names of a module's object at a byte, so that local names can repeat.
    pub fn cut_names(&self, name: &str, at: u8) {
        let path = self.scratch.0.join(format!("{name}.o"));
        let mut bytes = fs::read(&path).unwrap();
        let range = {
            let elf = komod_object::elf::Elf::parse(&bytes).unwrap();
            let strings = elf.symbols().unwrap().string_section;
            let header = elf.section(strings).unwrap().header;
            header.offset as usize..(header.offset + header.size) as usize
        };
        bytes[range].iter_mut().filter(|byte| **byte == at).for_each(|byte| *byte = 0);
        fs::write(path, bytes).unwrap();
    }

    /// Adds an object that is there already, with empty companions.
    pub fn object(&mut self, name: &str) {
        let root = self.scratch.0.to_str().unwrap();
        let path = if self.relative { name.to_owned() } else { format!("{root}/{name}") };
        self.scratch.write(&format!("{name}.mod"), &format!("{path}.o\n"));
        let (dir, base) = name.rsplit_once('/').unwrap_or((".", name));
        let command = format!("{dir}/.{base}.o.cmd");
        if !self.scratch.0.join(&command).exists() {
            self.scratch.write(&command, "");
        }
        self.modules.push(path);
    }

    fn dump_paths(&self) -> Vec<String> {
        let kernel = self.tree.path.join("Module.symvers").to_str().unwrap().to_owned();
        let kernel = (!self.without_kernel).then_some(kernel);
        kernel.into_iter().chain(self.dumps.iter().cloned()).collect()
    }

    pub fn reference(&self) -> Left {
        let order = self.scratch.0.join("order");
        let list: String = self.modules.iter().map(|path| format!("{path}.o\n")).collect();
        fs::write(&order, list).unwrap();
        let symvers = self.scratch.0.join("Module.symvers");
        let mut command = Command::new(self.tree.path.join("scripts/mod/modpost"));
        if self.dialect() == Dialect::ExportSymbol {
            command.arg("-M");
        }
        command.current_dir(&self.scratch.0).arg("-o").arg(&symvers).arg("-T").arg(&order);
        let options = &self.options;
        for (flag, on) in [
            ("-e", options.external),
            ("-m", options.modversions),
            ("-a", options.all_versions),
            ("-n", options.ignore_missing),
            ("-w", options.warn_unresolved),
            ("-W", options.extra_warnings),
            ("-E", options.mismatch_is_error),
            ("-N", options.allow_missing_namespaces),
        ] {
            if on {
                command.arg(flag);
            }
        }
        for dump in self.dump_paths() {
            command.arg("-i").arg(dump);
        }
        let output = command.output().unwrap();
        let mut files = BTreeMap::new();
        let sources = self.modules.iter().map(|path| format!("{path}.mod.c"));
        for path in sources.chain([symvers.to_str().unwrap().to_owned()]) {
            let file = self.scratch.0.join(&path);
            if let Ok(bytes) = fs::read(&file) {
                files.insert(path, lossy(&bytes));
                fs::remove_file(file).unwrap();
            }
        }
        Left { messages: lossy(&output.stderr), failed: !output.status.success(), files }
    }

    pub fn output(&self) -> Output {
        let texts: Vec<_> =
            self.dump_paths().into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
        let dumps: Vec<_> =
            texts.iter().map(|(text, path)| SymbolDump::parse(path, text).unwrap()).collect();
        let bytes: Vec<_> = self
            .modules
            .iter()
            .map(|path| fs::read(self.scratch.0.join(format!("{path}.o"))).unwrap())
            .collect();
        let modules: Vec<_> = self
            .modules
            .iter()
            .zip(&bytes)
            .map(|(path, bytes)| ModuleObject { path, bytes })
            .collect();
        modpost::run(&Input {
            modules: &modules,
            dumps: &dumps.iter().collect::<Vec<_>>(),
            files: &In(&self.scratch.0),
            options: self.options,
            dialect: self.dialect(),
        })
    }

    pub fn ours(&self) -> Left {
        let output = self.output();
        let mut files = BTreeMap::new();
        if let Some(symvers) = output.symvers {
            let path = self.scratch.0.join("Module.symvers");
            files.insert(path.to_str().unwrap().to_owned(), symvers);
        }
        for module in output.modules {
            if let Some(source) = module.source {
                files.insert(format!("{}.mod.c", module.path), lossy(&source));
            }
        }
        let messages = output.messages.iter().map(|message| format!("{message}\n")).collect();
        Left { messages, failed: output.failed, files }
    }

    /// Both must leave the same.
    pub fn compare(&self) -> Left {
        let (reference, ours) = (self.reference(), self.ours());
        let at = self.tree.path.display();
        for (ours, reference) in ours.messages.lines().zip(reference.messages.lines()) {
            assert_eq!(ours, reference, "a message, {at}");
        }
        assert_eq!(ours.messages, reference.messages, "messages, {at}");
        for (path, text) in &reference.files {
            let none = String::new();
            assert_eq!(ours.files.get(path).unwrap_or(&none), text, "{path}, {at}");
        }
        assert_eq!(ours, reference, "{at}");
        reference
    }
}

/// The file system as seen from a folder.
struct In<'a>(&'a Path);

impl Files for In<'_> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        Disk.read(self.0.join(path).to_str()?)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
