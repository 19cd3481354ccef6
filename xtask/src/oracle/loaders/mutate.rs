//! Changing a module's file, to make of a good one every kind of bad one.
//!
//! Offsets of fields: System V ABI, "ELF Header", "Sections" and "Symbol Table" for 64-bit files.

use anyhow::{Context, Result};

/// A module's file (without a signature) and changes to it.
#[derive(Clone)]
pub struct Mutant(pub Vec<u8>);

/// Fields of a section header, by their offsets.
#[derive(Clone, Copy)]
pub enum Header {
    Name = 0,
    Type = 4,
    Flags = 8,
    Offset = 24,
    Size = 32,
    Link = 40,
    Info = 44,
    Align = 48,
}

impl Header {
    fn len(self) -> usize {
        match self {
            Header::Name | Header::Type | Header::Link | Header::Info => 4,
            Header::Flags | Header::Offset | Header::Size | Header::Align => 8,
        }
    }
}

/// Fields of the file's header.
pub const E_TYPE: usize = 16;
pub const E_MACHINE: usize = 18;
pub const E_SHENTSIZE: usize = 58;
pub const E_SHSTRNDX: usize = 62;
const E_SHOFF: usize = 40;
const E_SHNUM: usize = 60;
const HEADER: usize = 64;
const SYMBOL: usize = 24;

impl Mutant {
    pub fn new(file: &[u8]) -> Mutant {
        let payload = match komod_object::signature::split(file) {
            Ok(Some(signature)) => signature.payload,
            _ => file,
        };
        Mutant(payload.to_vec())
    }

    /// Little-endian number at an offset.
    fn number(&self, at: usize, len: usize) -> Result<u64> {
        let bytes = self.0.get(at..at + len).context("cut off")?;
        Ok(bytes.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    /// Replaces bytes.
    pub fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        self.0.get_mut(at..at + bytes.len()).context("cut off")?.copy_from_slice(bytes);
        Ok(())
    }

    fn count(&self) -> Result<usize> {
        Ok(self.number(E_SHNUM, 2)? as usize)
    }

    /// Where the section headers begin, and how many there are.
    pub fn section_headers(&self) -> Result<(usize, usize)> {
        Ok((self.header_at(0)?, self.count()?))
    }

    fn header_at(&self, index: usize) -> Result<usize> {
        Ok(self.number(E_SHOFF, 8)? as usize + index * HEADER)
    }

    pub fn get(&self, index: usize, field: Header) -> Result<u64> {
        self.number(self.header_at(index)? + field as usize, field.len())
    }

    pub fn set(&mut self, index: usize, field: Header, value: u64) -> Result<()> {
        let at = self.header_at(index)? + field as usize;
        self.put(at, &value.to_le_bytes()[..field.len()])
    }

    /// The first section of this name.
    pub fn section(&self, name: &str) -> Result<usize> {
        let names = self.contents(self.number(E_SHSTRNDX, 2)? as usize)?;
        for index in 1..self.count()? {
            let tail = names.get(self.get(index, Header::Name)? as usize..).unwrap_or_default();
            if tail.split(|b| *b == 0).next() == Some(name.as_bytes()) {
                return Ok(index);
            }
        }
        anyhow::bail!("no section {name}")
    }

    /// The first section of this type.
    pub fn of_type(&self, wanted: u32) -> Result<usize> {
        let all = 1..self.count()?;
        let is = |i: &usize| self.get(*i, Header::Type).is_ok_and(|t| t == u64::from(wanted));
        all.into_iter().find(is).with_context(|| format!("no section of type {wanted}"))
    }

    pub fn contents(&self, index: usize) -> Result<Vec<u8>> {
        let (start, size) = (self.get(index, Header::Offset)?, self.get(index, Header::Size)?);
        let range = start as usize..(start + size) as usize;
        Ok(self.0.get(range).context("a section outside of the file")?.to_vec())
    }

    /// Gives a section other contents, at the end of the file.
    pub fn replace(&mut self, index: usize, contents: &[u8]) -> Result<()> {
        self.align();
        self.set(index, Header::Offset, self.0.len() as u64)?;
        self.set(index, Header::Size, contents.len() as u64)?;
        self.0.extend(contents);
        Ok(())
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(64), 0);
    }

    /// Changes bytes of a section in place.
    pub fn patch(&mut self, section: &str, offset: usize, bytes: &[u8]) -> Result<()> {
        let index = self.section(section)?;
        let at = self.get(index, Header::Offset)? as usize + offset;
        self.put(at, bytes)
    }

    pub fn rename(&mut self, section: &str, name: &str) -> Result<()> {
        let index = self.section(section)?;
        let offset = self.add_name(name)?;
        self.set(index, Header::Name, offset)
    }

    fn add_name(&mut self, name: &str) -> Result<u64> {
        let table = self.number(E_SHSTRNDX, 2)? as usize;
        let mut names = self.contents(table)?;
        let offset = names.len() as u64;
        names.extend(name.as_bytes());
        names.push(0);
        self.replace(table, &names)?;
        Ok(offset)
    }

    /// Adds a section; without contents it is one of `size` zeros.
    pub fn add(
        &mut self,
        name: &str,
        sh_type: u32,
        flags: u64,
        contents: &[u8],
        size: u64,
    ) -> Result<()> {
        let name = self.add_name(name)?;
        self.align();
        let offset = self.0.len() as u64;
        self.0.extend(contents);
        self.align();
        let (start, count) = (self.header_at(0)?, self.count()?);
        let table = self.0.get(start..start + count * HEADER).context("cut off")?.to_vec();
        let new = self.0.len() as u64;
        self.0.extend(table);
        self.0.extend([0; HEADER]);
        self.put(E_SHOFF, &new.to_le_bytes())?;
        self.put(E_SHNUM, &(count as u16 + 1).to_le_bytes())?;
        self.set(count, Header::Name, name)?;
        self.set(count, Header::Type, sh_type.into())?;
        self.set(count, Header::Flags, flags)?;
        self.set(count, Header::Offset, offset)?;
        self.set(count, Header::Size, size.max(contents.len() as u64))?;
        self.set(count, Header::Align, 8)
    }

    /// Sets (`Some`), or removes, a key of `.modinfo`.
    pub fn modinfo(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        let index = self.section(".modinfo")?;
        let old = self.contents(index)?;
        let is_key = |entry: &&[u8]| {
            entry.strip_prefix(key.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        };
        let kept = old.split(|b| *b == 0).filter(|e| !e.is_empty() && !is_key(e));
        let mut new: Vec<u8> = kept.flat_map(|e| e.iter().copied().chain([0])).collect();
        if let Some(value) = value {
            new.extend(format!("{key}={value}\0").as_bytes());
        }
        self.replace(index, &new)
    }

    /// The name in `struct module`, behind a state and a list head, and that in `.modinfo`.
    pub fn name(&mut self, name: &str) -> Result<()> {
        let mut field = [0; 56];
        field[..name.len()].copy_from_slice(name.as_bytes());
        self.patch(".gnu.linkonce.this_module", 24, &field)?;
        self.modinfo("name", Some(name))
    }

    /// Keeps the entries of `__versions` that `keep` accepts, with the checksum it gives.
    pub fn versions(&mut self, keep: impl Fn(&str, u32) -> Option<u32>) -> Result<()> {
        let index = self.section("__versions")?;
        let mut new = Vec::new();
        for entry in self.contents(index)?.chunks_exact(64) {
            let name = String::from_utf8_lossy(&entry[8..]).trim_end_matches('\0').to_owned();
            let crc = entry.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            if let Some(crc) = keep(&name, crc) {
                new.extend(u64::from(crc).to_le_bytes());
                new.extend(&entry[8..]);
            }
        }
        self.replace(index, &new)
    }

    /// Where the symbol table has the entry of this symbol.
    pub fn symbol(&self, name: &str) -> Result<usize> {
        let table = self.of_type(komod_object::elf::SHT_SYMTAB)?;
        let strings = self.contents(self.get(table, Header::Link)? as usize)?;
        let start = self.get(table, Header::Offset)? as usize;
        for at in (start..start + self.get(table, Header::Size)? as usize).step_by(SYMBOL) {
            let tail = strings.get(self.number(at, 4)? as usize..).unwrap_or_default();
            if tail.split(|b| *b == 0).next() == Some(name.as_bytes()) {
                return Ok(at);
            }
        }
        anyhow::bail!("no symbol {name}")
    }

    /// Gives a symbol another name and section; its index in the table.
    pub fn change_symbol(&mut self, name: &str, new: &str, shndx: u16) -> Result<u64> {
        let at = self.symbol(name)?;
        let table = self.of_type(komod_object::elf::SHT_SYMTAB)?;
        let index = (at as u64 - self.get(table, Header::Offset)?) / SYMBOL as u64;
        let link = self.get(table, Header::Link)? as usize;
        let mut strings = self.contents(link)?;
        let offset = strings.len() as u32;
        strings.extend(new.as_bytes());
        strings.push(0);
        self.replace(link, &strings)?;
        self.put(at, &offset.to_le_bytes())?;
        self.put(at + 6, &shndx.to_le_bytes())?;
        Ok(index)
    }

    /// Where the file has the first relocation of a section.
    pub fn first_rela(&self, section: &str) -> Result<usize> {
        let index = self.section(&format!(".rela{section}"))?;
        Ok(self.get(index, Header::Offset)? as usize)
    }

    /// Puts bytes where the first relocation of a section will write.
    pub fn at_first_target(&mut self, section: &str, bytes: &[u8]) -> Result<()> {
        let offset = self.number(self.first_rela(section)?, 8)? as usize;
        self.patch(section, offset, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of three sections: none, `.modinfo`, names.
    fn small() -> Mutant {
        let mut file = vec![0u8; 64];
        file.extend(b"name=a\0key=b\0\0\0\0");
        file.extend(b"\0.modinfo\0\0\0\0\0\0\0");
        let table = file.len() as u64;
        file.extend([0; 3 * HEADER]);
        let mut small = Mutant(file);
        small.put(E_SHOFF, &table.to_le_bytes()).unwrap();
        small.put(E_SHNUM, &[3, 0]).unwrap();
        small.put(E_SHSTRNDX, &[2, 0]).unwrap();
        for (index, name, offset, size) in [(1, 1, 64, 13), (2, 0, 80, 10)] {
            small.set(index, Header::Name, name).unwrap();
            small.set(index, Header::Offset, offset).unwrap();
            small.set(index, Header::Size, size).unwrap();
        }
        small
    }

    #[test]
    fn sections_change_and_others_stay() {
        let mut file = small();
        file.modinfo("key", Some("longer")).unwrap();
        file.modinfo("name", None).unwrap();
        file.add("extra", 8, 2, &[], 7).unwrap();
        let index = file.section("extra").unwrap();
        assert_eq!((index, file.get(index, Header::Size).unwrap()), (3, 7));
        let modinfo = file.section(".modinfo").unwrap();
        assert_eq!(file.contents(modinfo).unwrap(), b"key=longer\0");
        file.rename(".modinfo", "other").unwrap();
        assert_eq!(file.section("other").unwrap(), modinfo);
        assert!(file.section(".modinfo").is_err());
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        assert!(small().symbol("a").is_err());
        assert!(small().patch("none", 0, b"x").is_err());
        assert!(Mutant(Vec::new()).section("a").is_err());
    }
}
