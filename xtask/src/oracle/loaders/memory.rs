//! Comparing the memory of a module byte by byte, and saying where it differs.

use super::fields;
use super::trial::Area;
use komod_kernel::btf::Btf;
use komod_object::elf::Elf;

/// What is known of the module: where its sections and symbols lie.
pub struct Module<'a> {
    elf: Option<Elf<'a>>,
    /// Name and address, as `/sys/module/NAME/sections` has them.
    sections: Vec<(String, u64)>,
}

const THIS_MODULE: &str = ".gnu.linkonce.this_module";

impl<'a> Module<'a> {
    pub fn new(bytes: &'a [u8], files: &[(String, String)]) -> Module<'a> {
        let address = |text: &str| {
            u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok().filter(|a| *a != 0)
        };
        let section = |(path, text): &(String, String)| {
            let (_, name) = path.split_once("/sections/")?;
            Some((name.to_owned(), address(text)?))
        };
        let elf = komod_object::Module::parse(bytes).ok().map(|m| m.elf().clone());
        Module { elf, sections: files.iter().filter_map(section).collect() }
    }

    /// The section that holds an address, and the offset in it.
    fn section(&self, address: u64) -> Option<(&str, u64)> {
        let elf = self.elf.as_ref()?;
        self.sections.iter().find_map(|(name, start)| {
            let size = elf.section_by_name(name)?.header.size;
            let offset = address.checked_sub(*start)?;
            (offset < size).then_some((name.as_str(), offset))
        })
    }

    /// `.data+0x10 (count)`, or a field of `struct module`.
    fn place(&self, btf: &Btf, address: u64) -> (String, Option<String>) {
        let Some((section, offset)) = self.section(address) else {
            return ("outside of sections".into(), None);
        };
        if section == THIS_MODULE {
            let field = fields::name_at(btf, offset);
            return (format!("struct module, {field}"), Some(field));
        }
        let symbol = self.elf.as_ref().and_then(|elf| {
            let index = elf.section_by_name(section)?.index;
            let symbols = elf.symbols()?.iter();
            let here = symbols.filter(|s| {
                usize::from(s.shndx) == index && s.value <= offset && !s.name.is_empty()
            });
            here.max_by_key(|s| s.value).map(|s| s.name.to_string())
        });
        let symbol = symbol.map(|s| format!(" ({s})")).unwrap_or_default();
        (format!("{section}+{offset:#x}{symbol}"), None)
    }
}

const WORD: usize = 8;

/// Adds the differences of two lists of areas.
pub fn compare(
    moment: &str,
    module: &Module<'_>,
    btf: &Btf,
    komod: &[Area],
    kernel: &[Area],
    found: &mut Vec<String>,
) {
    const MOST: usize = 8;
    let shape = |areas: &[Area]| {
        let words =
            areas.iter().map(|a| format!("{} {:#x}+{:#x}", a.name, a.address, a.bytes.len()));
        words.collect::<Vec<_>>().join(", ")
    };
    if shape(komod) != shape(kernel) {
        found.push(format!("{moment}: komod  {}", shape(komod)));
        found.push(format!("{moment}: kernel {}", shape(kernel)));
        return;
    }
    let mut count = 0;
    for (a, b) in komod.iter().zip(kernel) {
        if a.bytes == b.bytes {
            continue;
        }
        let words = a.bytes.chunks(WORD).zip(b.bytes.chunks(WORD));
        for (index, (ours, theirs)) in words.enumerate().filter(|(_, (a, b))| a != b) {
            let address = a.address + (index * WORD) as u64;
            let (place, field) = module.place(btf, address);
            let may_differ = field.is_none_or(|field| fields::is_allocated(&field));
            if may_differ && both_allocated(ours, theirs) {
                continue;
            }
            count += 1;
            if count <= MOST {
                let hex = |word: &[u8]| word.iter().map(|b| format!("{b:02x}")).collect::<String>();
                let (ours, theirs) = (hex(ours), hex(theirs));
                found.push(format!("{moment}: {}, {place}: komod {ours}, kernel {theirs}", a.name));
            }
        }
    }
    if count > MOST {
        found.push(format!("{moment}: {} more words differ", count - MOST));
    }
}

/// The two loaders allocate differently on their way, so pointers to what is allocated differ.
fn both_allocated(a: &[u8], b: &[u8]) -> bool {
    let allocated = |word: &[u8]| {
        word.first_chunk().is_some_and(|w| komod_process::is_allocated(u64::from_le_bytes(*w)))
    };
    allocated(a) && allocated(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_HEAP: u64 = 0x1_0000_1000;

    fn compared(komod: (u64, [u64; 2]), kernel: (u64, [u64; 2])) -> Vec<String> {
        let area = |(address, words): (u64, [u64; 2])| Area {
            name: "data".into(),
            address,
            bytes: words.iter().flat_map(|w| w.to_le_bytes()).collect(),
        };
        let module = Module { elf: None, sections: Vec::new() };
        let btf = Btf::parse(EMPTY_BTF.to_vec()).unwrap();
        let mut found = Vec::new();
        compare("live", &module, &btf, &[area(komod)], &[area(kernel)], &mut found);
        found
    }

    /// A header and a string table of one empty string (include/uapi/linux/btf.h, 6.1).
    const EMPTY_BTF: &[u8] = b"\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0";

    #[test]
    fn a_word_or_an_address_that_differs_is_told() {
        let at = 0x2000_0000;
        assert!(compared((at, [1, 2]), (at, [1, 2])).is_empty());
        let found = compared((at, [1, 2]), (at, [1, 3]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("komod 0200000000000000, kernel 0300000000000000"), "{found:?}");
        assert_eq!(compared((at, [1, 2]), (at + 4096, [1, 2])).len(), 2);
    }

    #[test]
    fn only_pointers_to_what_is_allocated_may_differ() {
        let at = 0x2000_0000;
        assert!(compared((at, [1, IN_HEAP]), (at, [1, IN_HEAP + 64])).is_empty());
        assert_eq!(compared((at, [1, IN_HEAP]), (at, [1, 0])).len(), 1);
        assert_eq!(compared((at, [1, at]), (at, [1, at + 8])).len(), 1);
    }
}
