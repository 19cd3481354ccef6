//! From an address in a module to a line of its source, by the DWARF in the `.ko` file.
//!
//! A `.ko` is a relocatable object: every section starts at address 0 and the DWARF refers to
//! code by relocations. So the code sections get addresses of their own here, one after the
//! other, and the debug sections are relocated to them before `addr2line` reads them.

use gimli::{EndianRcSlice, RunTimeEndian, SectionId};
use komod_process::protocol::Location;
use object::read::elf::ElfFile64;
use object::{
    Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SymbolKind, elf,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// Room between the sections, so that an address behind one is not in the next.
const GAP: u64 = 0x1000;
/// The longest source file that is read for a snippet.
const MAX_SOURCE: u64 = 16 << 20;

type Reader = EndianRcSlice<RunTimeEndian>;

/// A line of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    pub file: PathBuf,
    pub line: u32,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let here = std::env::current_dir().ok();
        let short = here.and_then(|h| self.file.strip_prefix(h).ok());
        write!(f, "{}:{}", short.unwrap_or(&self.file).display(), self.line)
    }
}

impl SourceLine {
    /// The line itself, if the file is there.
    pub fn text(&self) -> Option<String> {
        if std::fs::metadata(&self.file).ok()?.len() > MAX_SOURCE {
            return None;
        }
        let source = std::fs::read(&self.file).ok()?;
        let line = source.split(|b| *b == b'\n').nth(self.line.checked_sub(1)? as usize)?;
        Some(String::from_utf8_lossy(line).trim_end().replace('\t', "    "))
    }
}

/// The debug information of the modules of a session, read when first needed.
#[derive(Default)]
pub struct Sources {
    modules: BTreeMap<String, Module>,
}

enum Module {
    File(PathBuf),
    Unread(Vec<u8>),
    Read(Box<Debug>),
    /// Without debug information, or with damaged one.
    Without,
}

struct Debug {
    /// Address by section name.
    sections: BTreeMap<String, u64>,
    /// Address by function name, of names that are there once.
    functions: HashMap<String, u64>,
    context: addr2line::Context<Reader>,
}

impl Sources {
    /// Remembers a module's ELF file.
    pub fn add(&mut self, module: &str, elf: Vec<u8>) {
        self.modules.insert(module.to_owned(), Module::Unread(elf));
    }

    /// Remembers where a module's file is.
    pub fn add_file(&mut self, module: &str, path: &Path) {
        self.modules.insert(module.to_owned(), Module::File(path.to_owned()));
    }

    /// The line of an address in a module; `back` is 1 for return addresses.
    pub fn line(&mut self, at: &Location, back: u64) -> Option<SourceLine> {
        let module = self.modules.get_mut(at.module.as_deref()?)?;
        if let Module::File(path) = module {
            let file = komod_place::dependencies::read(path, false);
            *module = file.map_or(Module::Without, |f| Module::Unread(f.elf));
        }
        if let Module::Unread(elf) = module {
            let debug = Debug::read(elf);
            *module = debug.map_or(Module::Without, |d| Module::Read(Box::new(d)));
        }
        let Module::Read(debug) = module else { return None };
        let start = match &at.section {
            Some((section, offset)) => debug.sections.get(section)?.checked_add(*offset)?,
            None => debug.functions.get(at.symbol.as_deref()?)?.checked_add(at.offset)?,
        };
        let address = start.checked_sub(back)?;
        debug.line(address)
    }
}

/// As deep as inlined functions may lie in each other.
const MOST_INLINED: usize = 64;

impl Debug {
    /// The line of the innermost function, which may be inlined, among those of the module's own
    /// sources: what a header of the kernel puts there says less than the line that calls it. Own
    /// is what lies in or below the folder of the outermost function's file.
    fn line(&self, address: u64) -> Option<SourceLine> {
        let mut frames = self.context.find_frames(address).skip_all_loads().ok()?;
        let mut lines = Vec::new();
        while let Ok(Some(frame)) = frames.next()
            && lines.len() < MOST_INLINED
        {
            let Some(at) = frame.location else { continue };
            if let (Some(file), Some(line)) = (at.file, at.line) {
                lines.push(SourceLine { file: without_dots(file), line });
            }
        }
        let folder = lines.last().and_then(|outermost| outermost.file.parent())?.to_owned();
        lines.into_iter().find(|line| line.file.starts_with(&folder))
    }

    fn read(file: &[u8]) -> Option<Debug> {
        let object = ElfFile64::<Endianness>::parse(file).ok()?;
        object.section_by_name(".debug_info")?;
        let mut sections = BTreeMap::new();
        let mut by_index = HashMap::new();
        let mut next = GAP;
        for section in object.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            if !sh_flags.contains(elf::SHF_EXECINSTR) {
                continue;
            }
            sections.insert(section.name().ok()?.to_owned(), next);
            by_index.insert(section.index(), next);
            next = next.checked_add(section.size())?.checked_add(GAP)? & !(GAP - 1);
        }
        let load = |id: SectionId| -> Result<Reader, gimli::Error> {
            let data = object
                .section_by_name(id.name())
                .and_then(|s| relocated(&object, &s, &by_index))
                .unwrap_or_default();
            Ok(EndianRcSlice::new(Rc::from(data), RunTimeEndian::Little))
        };
        let dwarf = gimli::Dwarf::load(load).ok()?;
        let context = addr2line::Context::from_dwarf(dwarf).ok()?;
        let functions = functions(&object, &by_index);
        Some(Debug { sections, functions, context })
    }
}

/// The path with `x/..` taken out, as a compiler writes it for `#include "../y.h"`.
fn without_dots(path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn functions(
    object: &ElfFile64<'_, Endianness>,
    bases: &HashMap<object::SectionIndex, u64>,
) -> HashMap<String, u64> {
    let mut functions: HashMap<String, Option<u64>> = HashMap::new();
    for symbol in object.symbols().filter(|s| s.kind() == SymbolKind::Text) {
        let base = symbol.section_index().and_then(|i| bases.get(&i));
        let (Ok(name), Some(base)) = (symbol.name(), base) else { continue };
        let address = base.checked_add(symbol.address());
        functions
            .entry(name.to_owned())
            .and_modify(|known| *known = known.filter(|a| Some(*a) == address))
            .or_insert(address);
    }
    functions.into_iter().filter_map(|(name, at)| Some((name, at?))).collect()
}

/// A debug section's contents with `R_X86_64_64` and `R_X86_64_32` applied (the psABI's table of
/// relocation types); compressed sections count as missing.
fn relocated<'a>(
    object: &ElfFile64<'a, Endianness>,
    section: &impl ObjectSection<'a>,
    bases: &HashMap<object::SectionIndex, u64>,
) -> Option<Vec<u8>> {
    let mut data = section.uncompressed_data().ok()?.into_owned();
    for (offset, relocation) in section.relocations() {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
        let width = match r_type {
            elf::R_X86_64_64 => 8,
            elf::R_X86_64_32 => 4,
            _ => continue,
        };
        let RelocationTarget::Symbol(index) = relocation.target() else { continue };
        let symbol = object.symbol_by_index(index).ok()?;
        let base = symbol.section_index().and_then(|i| bases.get(&i)).copied().unwrap_or(0);
        let value = base.wrapping_add(symbol.address()).wrapping_add_signed(relocation.addend());
        let start = usize::try_from(offset).ok()?;
        let place = data.get_mut(start..start.checked_add(width)?)?;
        place.copy_from_slice(value.to_le_bytes().get(..width)?);
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Compiles two functions in two sections with debug information; needs gcc.
    #[test]
    fn finds_lines_in_every_section_of_an_object() {
        let dir = std::env::temp_dir().join(format!("komod-dwarf-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let c = dir.join("m.c");
        let source = "int g;\n\
             void work(void)\n{\n\tg = 1;\n}\n\
             __attribute__((section(\".init.text\"))) void start(void)\n{\n\tg = 2;\n}\n";
        std::fs::write(&c, source).unwrap();
        for flags in [["-gdwarf-5", "-O0"], ["-gdwarf-4", "-O2"]] {
            let o = dir.join("m.o");
            let compiled = Command::new("gcc")
                .args(flags)
                .arg("-c")
                .arg(&c)
                .arg("-o")
                .arg(&o)
                .status()
                .expect("these tests need gcc, as building modules does");
            assert!(compiled.success());
            let mut sources = Sources::default();
            sources.add("m", std::fs::read(&o).unwrap());
            let mut line = |section: &str, offset, back| {
                let at = Location {
                    module: Some("m".into()),
                    section: Some((section.into(), offset)),
                    ..Location::default()
                };
                sources.line(&at, back)
            };
            let of = |l: &Option<SourceLine>| l.as_ref().map(|l| l.line);
            let text = line(".text", 4, 0);
            assert!(matches!(of(&text), Some(3 | 4)), "{text:?}");
            assert_eq!(text.unwrap().file, c);
            let named = Location {
                module: Some("m".into()),
                symbol: Some("start".into()),
                offset: 4,
                ..Location::default()
            };
            let init = line(".init.text", 5, 1);
            assert!(matches!(of(&init), Some(7 | 8)), "{init:?}");
            let whole = init.unwrap();
            assert!(["{", "    g = 2;"].contains(&whole.text().unwrap().as_str()));
            assert_eq!(line(".text", 0x4000, 0), None);
            assert_eq!(line(".text", 0, 1), None);
            assert_eq!(line(".none", 0, 0), None);
            assert!(matches!(of(&sources.line(&named, 0)), Some(7 | 8)));
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    /// A loop in a header of somebody else's is told as the line that calls it; needs gcc.
    #[test]
    fn of_inlined_functions_the_modules_own_line_counts() {
        let dir = std::env::temp_dir().join(format!("komod-inline-{}", std::process::id()));
        for folder in ["own", "kernel"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        let relax = "static inline __attribute__((always_inline)) void relax(void)\n{\n\
             \tasm volatile(\"pause; pause\");\n}\n";
        std::fs::write(dir.join("kernel/relax.h"), relax).unwrap();
        let c = dir.join("own/m.c");
        let source = "#include \"../kernel/relax.h\"\nvoid spin(void);\nvoid spin(void)\n{\n\
             \tfor (;;)\n\t\trelax();\n}\n";
        std::fs::write(&c, source).unwrap();
        let o = dir.join("m.o");
        let compiled = Command::new("gcc")
            .args(["-g", "-O2", "-fcf-protection=none", "-c"])
            .arg(&c)
            .arg("-o")
            .arg(&o)
            .status()
            .expect("these tests need gcc, as building modules does");
        assert!(compiled.success());
        let mut sources = Sources::default();
        sources.add("m", std::fs::read(&o).unwrap());
        let at = Location {
            module: Some("m".into()),
            symbol: Some("spin".into()),
            offset: 2,
            ..Location::default()
        };
        assert_eq!(sources.line(&at, 0), Some(SourceLine { file: c, line: 6 }));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn files_that_are_no_objects_have_no_lines() {
        let mut sources = Sources::default();
        sources.add("m", b"not an object".to_vec());
        let at = Location {
            module: Some("m".into()),
            section: Some((".text".into(), 0)),
            ..Location::default()
        };
        assert_eq!(sources.line(&at, 0), None);
        assert_eq!(sources.line(&Location::default(), 0), None);
    }
}
