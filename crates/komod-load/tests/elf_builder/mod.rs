//! A small writer of ELF objects, so that every kind of module, good or bad, can be made in a test.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod module;

pub use module::{LAYOUT_CRC, PRINTK, PRINTK_CRC, hello, kernel, layout, versions};

use komod_object::elf::*;

pub const GLOBAL_FUNC: u8 = STB_GLOBAL << 4 | STT_FUNC;
pub const GLOBAL: u8 = STB_GLOBAL << 4;
pub const WEAK: u8 = STB_WEAK << 4;
pub const SECTION_SYMBOL: u8 = STT_SECTION;

pub struct BuiltSection {
    pub name: String,
    pub kind: u32,
    pub flags: u64,
    pub align: u64,
    pub data: Vec<u8>,
    /// Size to claim instead of the data's.
    pub size: Option<u64>,
    pub link: u32,
    pub info: u32,
}

pub struct BuiltSymbol {
    pub name: String,
    pub info: u8,
    pub shndx: u16,
    pub value: u64,
}

/// Sections are numbered from 1 in order of creation; symbol table, strings, relocations and the
/// name table follow behind them.
pub struct ElfBuilder {
    pub e_type: u16,
    pub machine: u16,
    pub sections: Vec<BuiltSection>,
    pub symbols: Vec<BuiltSymbol>,
    pub relas: Vec<(usize, Rela)>,
    pub rel_instead_of_rela: bool,
    /// The last relocation is in a section of this name, marked as a live patch's.
    pub live_patch: Option<&'static str>,
    /// Leave the symbol table out.
    pub stripped: bool,
    /// Changes to the finished bytes.
    pub patches: Vec<(usize, Vec<u8>)>,
    /// Cut the finished file to this length.
    pub truncate: Option<usize>,
    /// Bytes behind the ELF file.
    pub tail: Vec<u8>,
}

impl ElfBuilder {
    pub fn new() -> Self {
        ElfBuilder {
            e_type: ET_REL,
            machine: EM_X86_64,
            sections: Vec::new(),
            symbols: Vec::new(),
            relas: Vec::new(),
            rel_instead_of_rela: false,
            live_patch: None,
            stripped: false,
            patches: Vec::new(),
            truncate: None,
            tail: Vec::new(),
        }
    }

    /// Adds a section; its index.
    pub fn section(&mut self, name: &str, kind: u32, flags: u64, align: u64, data: &[u8]) -> usize {
        self.sections.push(BuiltSection {
            name: name.into(),
            kind,
            flags,
            align,
            data: data.to_vec(),
            size: None,
            link: 0,
            info: 0,
        });
        self.sections.len()
    }

    pub fn index_of(&self, name: &str) -> usize {
        self.sections.iter().position(|section| section.name == name).unwrap() + 1
    }

    pub fn get(&mut self, name: &str) -> &mut BuiltSection {
        let index = self.index_of(name);
        &mut self.sections[index - 1]
    }

    /// Adds a symbol; its index.
    pub fn symbol(&mut self, name: &str, info: u8, shndx: u16, value: u64) -> u32 {
        self.symbols.push(BuiltSymbol { name: name.into(), info, shndx, value });
        self.symbols.len() as u32
    }

    pub fn symbol_index(&self, name: &str) -> u32 {
        self.symbols.iter().position(|symbol| symbol.name == name).unwrap() as u32 + 1
    }

    pub fn rela(&mut self, section: usize, offset: u64, r_type: u32, symbol: u32, addend: i64) {
        self.relas.push((section, Rela { offset, symbol, r_type, addend }));
    }

    pub fn build(&self) -> Vec<u8> {
        let mut names = vec![0_u8];
        let mut file = vec![0; HEADER_SIZE];
        let mut headers = vec![SectionHeader::default()];
        let mut add = |file: &mut Vec<u8>, name: &str, mut header: SectionHeader, data: &[u8]| {
            header.name = names.len() as u32;
            names.extend(name.as_bytes());
            names.push(0);
            file.resize(file.len().next_multiple_of(8), 0);
            header.offset = file.len() as u64;
            file.extend(data);
            headers.push(header);
        };
        for section in &self.sections {
            let header = SectionHeader {
                sh_type: section.kind,
                flags: section.flags,
                size: section.size.unwrap_or(section.data.len() as u64),
                align: section.align,
                link: section.link,
                info: section.info,
                ..SectionHeader::default()
            };
            add(&mut file, &section.name, header, &section.data);
        }
        let (symbols, strings) = self.symbol_table();
        let table = self.sections.len() as u32 + 1;
        if !self.stripped {
            let header = SectionHeader {
                sh_type: SHT_SYMTAB,
                size: symbols.len() as u64,
                align: 8,
                link: table + 1,
                entsize: 24,
                ..SectionHeader::default()
            };
            add(&mut file, ".symtab", header, &symbols);
            let header = SectionHeader {
                sh_type: SHT_STRTAB,
                size: strings.len() as u64,
                align: 1,
                ..SectionHeader::default()
            };
            add(&mut file, ".strtab", header, &strings);
        }
        for target in 1..=self.sections.len() {
            let kept = self.relas.len() - usize::from(self.live_patch.is_some());
            let bytes: Vec<u8> = self.relas[..kept]
                .iter()
                .filter(|r| r.0 == target)
                .flat_map(|r| rela_bytes(&r.1))
                .collect();
            if bytes.is_empty() {
                continue;
            }
            let header = SectionHeader {
                sh_type: if self.rel_instead_of_rela { SHT_REL } else { SHT_RELA },
                size: bytes.len() as u64,
                align: 8,
                link: table,
                info: target as u32,
                entsize: 24,
                ..SectionHeader::default()
            };
            let name = format!(".rela{}", self.sections[target - 1].name);
            add(&mut file, &name, header, &bytes);
        }
        if let (Some(name), Some((target, rela))) = (self.live_patch, self.relas.last()) {
            let header = SectionHeader {
                sh_type: SHT_RELA,
                flags: SHF_RELA_LIVEPATCH,
                size: RELA_SIZE as u64,
                link: table,
                info: *target as u32,
                ..SectionHeader::default()
            };
            add(&mut file, name, header, &rela_bytes(rela));
        }
        self.finish(file, headers, names)
    }

    fn symbol_table(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut symbols, mut strings) = (vec![0; 24], vec![0]);
        for symbol in &self.symbols {
            let name = if symbol.name.is_empty() { 0 } else { strings.len() as u32 };
            symbols.extend(name.to_le_bytes());
            symbols.extend([symbol.info, 0]);
            symbols.extend(symbol.shndx.to_le_bytes());
            symbols.extend(symbol.value.to_le_bytes());
            symbols.extend([0; 8]);
            if name != 0 {
                strings.extend(symbol.name.as_bytes());
                strings.push(0);
            }
        }
        (symbols, strings)
    }

    fn finish(
        &self,
        mut file: Vec<u8>,
        mut headers: Vec<SectionHeader>,
        mut names: Vec<u8>,
    ) -> Vec<u8> {
        let name = names.len() as u32;
        names.extend(b".shstrtab\0");
        headers.push(SectionHeader {
            name,
            sh_type: SHT_STRTAB,
            offset: file.len() as u64,
            size: names.len() as u64,
            align: 1,
            ..SectionHeader::default()
        });
        file.extend(&names);
        file.resize(file.len().next_multiple_of(8), 0);
        let table = file.len() as u64;
        for header in &headers {
            file.extend(header.name.to_le_bytes());
            file.extend(header.sh_type.to_le_bytes());
            for value in [header.flags, header.addr, header.offset, header.size] {
                file.extend(value.to_le_bytes());
            }
            file.extend(header.link.to_le_bytes());
            file.extend(header.info.to_le_bytes());
            file.extend(header.align.to_le_bytes());
            file.extend(header.entsize.to_le_bytes());
        }
        file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        file[40..48].copy_from_slice(&table.to_le_bytes());
        let count = headers.len() as u16;
        for (at, value) in [
            (16, self.e_type),
            (18, self.machine),
            (52, 64),
            (58, 64),
            (60, count),
            (62, count - 1),
        ] {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        for (at, bytes) in &self.patches {
            file[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        file.extend(&self.tail);
        file.truncate(self.truncate.unwrap_or(usize::MAX));
        file
    }
}

fn rela_bytes(rela: &Rela) -> Vec<u8> {
    let info = u64::from(rela.symbol) << 32 | u64::from(rela.r_type);
    [rela.offset, info, rela.addend as u64].iter().flat_map(|word| word.to_le_bytes()).collect()
}
