//! First steps with the file: is it an ELF object, and a module?
//!
//! The kernel has two sets of these checks with different order, strictness and texts: one up to
//! Linux 6.3 (`elf_validity_check()`, `setup_load_info()`; here as of 6.1.192) and one since 6.4
//! (`elf_validity_cache_copy()`; here as of 6.12.117), both in `kernel/module/main.c`.

use crate::session::{Session, Step};
use crate::view::{Indices, View};
use crate::{Errno, Evidence, Refusal, RefusalCode};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use komod_object::elf::{
    ELFMAG, ET_REL, HEADER_SIZE, Header, SECTION_HEADER_SIZE, SHF_ALLOC, SHT_NOBITS, SHT_NULL,
    SHT_STRTAB, SHT_SYMTAB, SectionHeader,
};

/// What the kernel prints for a module whose name it could not find out.
const NAMELESS: &str = "(missing .modinfo section or name field)";

/// Checks the file and finds the sections every module has.
pub(crate) fn check<'a>(session: &mut Session<'_>, data: &'a [u8]) -> Step<View<'a>> {
    let header = header(session, data)?;
    let table = SectionTable::locate(session, data, &header)?;
    let mut view =
        View { data, header, headers: table.headers, names: &[], index: Indices::default() };
    if session.facts.version.has_module_memory() {
        modern(session, &mut view)?;
    } else {
        legacy(session, &mut view)?;
    }
    if !session.request.ignore_modversions {
        view.index.versions = view.find("__versions");
    }
    if session.facts.config.smp {
        view.index.percpu = view.find(".data..percpu");
    }
    Ok(view)
}

/// A fatal refusal with one log line.
fn error(
    session: &mut Session<'_>,
    code: RefusalCode,
    evidence: Evidence,
    text: impl Into<String>,
) -> Box<Refusal> {
    session.error(text);
    session.fatal(code, Errno::ENOEXEC, evidence)
}

fn header(session: &mut Session<'_>, data: &[u8]) -> Step<Header> {
    use RefusalCode::NotAModule;
    let len = data.len();
    let Some(header) = Header::read(data) else {
        let evidence = Evidence::found(format!("{len} bytes")).wants(format!("{HEADER_SIZE}"));
        return Err(error(session, NotAModule, evidence, format!("Invalid ELF header len {len}")));
    };
    if !header.has_magic() {
        let evidence = Evidence::found(format!("{:02x?}", header.magic)).at(0);
        // The kernel prints the magic as a string; its first byte is no printable character.
        let magic = String::from_utf8_lossy(&ELFMAG);
        let text = format!("Invalid ELF header magic: != {magic}");
        return Err(error(session, NotAModule, evidence, text));
    }
    if header.e_type != ET_REL {
        let evidence = Evidence::found(header.e_type.to_string()).wants(ET_REL.to_string()).at(16);
        let text = format!("Invalid ELF header type: {} != {ET_REL}", header.e_type);
        return Err(error(session, NotAModule, evidence, text));
    }
    let machine = header.machine;
    if machine != session.facts.arch.machine() {
        let wanted = session.facts.arch.machine();
        let evidence = Evidence::found(komod_object::elf::machine_name(machine))
            .wants(komod_object::elf::machine_name(wanted))
            .at(18);
        let text = format!("Invalid architecture in ELF header: {machine}");
        return Err(error(session, NotAModule, evidence, text));
    }
    Ok(header)
}

struct SectionTable {
    headers: Vec<SectionHeader>,
}

impl SectionTable {
    fn locate(session: &mut Session<'_>, data: &[u8], header: &Header) -> Step<Self> {
        use RefusalCode::{CorruptElf, NotAModule};
        if usize::from(header.shentsize) != SECTION_HEADER_SIZE {
            let evidence = Evidence::found(header.shentsize.to_string())
                .wants(SECTION_HEADER_SIZE.to_string())
                .at(58);
            let text = "Invalid ELF section header size";
            return Err(error(session, CorruptElf, evidence, text));
        }
        let len = data.len() as u64;
        let size = u64::from(header.shnum) * SECTION_HEADER_SIZE as u64;
        if header.shoff >= len || size > len - header.shoff {
            let evidence = Evidence::found(format!("{size} bytes at {}", header.shoff))
                .wants(format!("at most {len} bytes"))
                .at(40);
            let text = "Invalid ELF section header overflow";
            return Err(error(session, NotAModule, evidence, text));
        }
        let start = header.shoff as usize;
        let headers: Option<Vec<_>> = (0..usize::from(header.shnum))
            .map(|index| SectionHeader::read(data, start + index * SECTION_HEADER_SIZE))
            .collect();
        Ok(SectionTable { headers: headers.unwrap_or_default() })
    }
}

pub(crate) fn in_bounds(data: &[u8], header: &SectionHeader) -> bool {
    header.offset.checked_add(header.size).is_some_and(|end| end <= data.len() as u64)
}

fn section_evidence(view: &View<'_>, index: usize) -> Evidence {
    let header = view.headers[index];
    Evidence::section(view.id(index))
        .at(header.offset)
        .but(format!("{} bytes", header.size))
        .wants(format!("inside the file of {} bytes", view.data.len()))
}

fn name_index(session: &mut Session<'_>, view: &View<'_>) -> Step<usize> {
    let (index, count) = (view.header.shstrndx, view.header.shnum);
    if index == 0 || index >= count {
        let evidence = Evidence::found(index.to_string()).wants(format!("below {count}")).at(62);
        let text = format!(
            "Invalid ELF section name index: {index} || e_shstrndx ({index}) >= e_shnum ({count})"
        );
        return Err(error(session, RefusalCode::CorruptElf, evidence, text));
    }
    Ok(index.into())
}

fn name_table(session: &mut Session<'_>, view: &mut View<'_>, index: usize) -> Step {
    view.names = view.contents(index);
    let text = match view.names.last() {
        None => "empty section name table",
        Some(0) => return Ok(()),
        Some(_) => "ELF Spec violation: section name table isn't null terminated",
    };
    let evidence = Evidence::section(view.id(index));
    Err(error(session, RefusalCode::CorruptElf, evidence, text))
}

fn null_section(session: &mut Session<'_>, view: &View<'_>) -> Step {
    let Some(first) = view.headers.first() else {
        // The kernel would judge the header's bytes behind the end of an empty table.
        let evidence = Evidence::found("0 section headers").at(60);
        return Err(session.fatal(RefusalCode::Unchecked, Errno::ENOEXEC, evidence));
    };
    if first.sh_type == SHT_NULL && first.size == 0 && first.addr == 0 {
        return Ok(());
    }
    let text = format!(
        "ELF Spec violation: section 0 type({})!=SH_NULL or non-zero len or addr",
        first.sh_type as i32
    );
    let evidence = Evidence::section(view.id(0));
    Err(error(session, RefusalCode::CorruptElf, evidence, text))
}

fn bad_link(session: &mut Session<'_>, view: &View<'_>, index: usize) -> Box<Refusal> {
    let link = view.headers[index].link;
    let text = format!(
        "Invalid ELF sh_link!=SHN_UNDEF({0}) or (sh_link({0}) >= hdr->e_shnum({1})",
        link as i32, view.header.shnum
    );
    let evidence = Evidence::section(view.id(index)).but(format!("sh_link {link}"));
    error(session, RefusalCode::CorruptElf, evidence, text)
}

fn has_good_link(view: &View<'_>, index: usize) -> bool {
    let link = view.headers[index].link;
    link != 0 && link < u32::from(view.header.shnum)
}

fn bad_section(session: &mut Session<'_>, view: &View<'_>, index: usize) -> Box<Refusal> {
    let text = format!(
        "Invalid ELF section in module (section {index} type {})",
        view.headers[index].sh_type
    );
    let evidence = section_evidence(view, index);
    error(session, RefusalCode::CorruptElf, evidence, text)
}

fn bad_name(session: &mut Session<'_>, view: &View<'_>, index: usize) -> Box<Refusal> {
    let header = view.headers[index];
    let text =
        format!("Invalid ELF section name in module (section {index} type {})", header.sh_type);
    let evidence = Evidence::section(view.id(index))
        .but(format!("sh_name {}", header.name))
        .wants(format!("below {}", view.names.len()));
    error(session, RefusalCode::CorruptElf, evidence, text)
}

/// Linux 6.1.
fn legacy(session: &mut Session<'_>, view: &mut View<'_>) -> Step {
    let names = name_index(session, view)?;
    if !in_bounds(view.data, &view.headers[names]) {
        let text = format!("Invalid ELF section hdr(type {})", view.headers[names].sh_type);
        let evidence = section_evidence(view, names);
        return Err(error(session, RefusalCode::CorruptElf, evidence, text));
    }
    name_table(session, view, names)?;
    null_section(session, view)?;
    for index in 1..view.headers.len() {
        let header = view.headers[index];
        if matches!(header.sh_type, SHT_NULL | SHT_NOBITS) {
            continue;
        }
        if header.sh_type == SHT_SYMTAB && !has_good_link(view, index) {
            return Err(bad_link(session, view, index));
        }
        if !in_bounds(view.data, &header) {
            return Err(bad_section(session, view, index));
        }
        if header.is_alloc() && header.name as usize >= view.names.len() {
            return Err(bad_name(session, view, index));
        }
    }
    view.index.modinfo = view.find(".modinfo");
    let is_symbols = |&index: &usize| view.headers[index].sh_type == SHT_SYMTAB;
    let Some(symbols) = (1..view.headers.len()).find(is_symbols) else {
        return Err(no_symbols(session, view));
    };
    view.index.symbols = symbols;
    view.index.strings = view.headers[symbols].link as usize;
    view.index.this_module = view.find(".gnu.linkonce.this_module");
    if view.index.this_module == 0 {
        session.warn(format!("{}: No module found in object", early_name(view)));
        let evidence = Evidence::symbol(".gnu.linkonce.this_module");
        return Err(session.fatal(RefusalCode::NoThisModule, Errno::ENOEXEC, evidence));
    }
    Ok(())
}

/// Linux 6.12.
fn modern(session: &mut Session<'_>, view: &mut View<'_>) -> Step {
    null_section(session, view)?;
    for index in 1..view.headers.len() {
        let header = view.headers[index];
        if !matches!(header.sh_type, SHT_NULL | SHT_NOBITS) && !in_bounds(view.data, &header) {
            return Err(bad_section(session, view, index));
        }
    }
    let names = name_index(session, view)?;
    let names_type = view.headers[names].sh_type;
    if names_type != SHT_STRTAB {
        let text = format!("Invalid ELF section name table type: {names_type}");
        let evidence = Evidence::section(view.id(names)).but(names_type.to_string());
        return Err(error(session, RefusalCode::CorruptElf, evidence, text));
    }
    name_table(session, view, names)?;
    for index in 0..view.headers.len() {
        let header = view.headers[index];
        if header.sh_type != SHT_NULL && header.name as usize >= view.names.len() {
            return Err(bad_name(session, view, index));
        }
    }
    if view.count(".modinfo") > 1 {
        let evidence = Evidence::symbol(".modinfo");
        let text = "Only one .modinfo section must exist.";
        return Err(error(session, RefusalCode::CorruptElf, evidence, text));
    }
    view.index.modinfo = view.find_any(".modinfo");
    this_module(session, view)?;
    let is_symbols = |&index: &usize| view.headers[index].sh_type == SHT_SYMTAB;
    let mut tables = (1..view.headers.len()).filter(is_symbols);
    let (Some(symbols), None) = (tables.next(), tables.next()) else {
        return Err(no_symbols(session, view));
    };
    if !has_good_link(view, symbols) {
        return Err(bad_link(session, view, symbols));
    }
    let strings = view.headers[symbols].link as usize;
    let strings_type = view.headers[strings].sh_type;
    if strings_type != SHT_STRTAB {
        let text = format!("Invalid ELF symbol string table type: {strings_type}");
        let evidence = Evidence::section(view.id(strings)).but(strings_type.to_string());
        return Err(error(session, RefusalCode::CorruptElf, evidence, text));
    }
    (view.index.symbols, view.index.strings) = (symbols, strings);
    Ok(())
}

fn this_module(session: &mut Session<'_>, view: &mut View<'_>) -> Step {
    const SECTION: &str = ".gnu.linkonce.this_module";
    use RefusalCode::{NoThisModule, ThisModuleSize};
    let name = early_name(view);
    let count = view.count(SECTION);
    if count != 1 {
        let text = format!("module {name}: Exactly one {SECTION} section must exist.");
        let evidence = Evidence::symbol(SECTION).but(count.to_string()).wants("1");
        return Err(error(session, NoThisModule, evidence, text));
    }
    let index = view.find_any(SECTION);
    let header = view.headers[index];
    let evidence = Evidence::section(view.id(index));
    view.index.this_module = index;
    if header.sh_type == SHT_NOBITS {
        let text = format!("module {name}: {SECTION} section must have a size set");
        return Err(error(session, NoThisModule, evidence, text));
    }
    if header.flags & SHF_ALLOC == 0 {
        let text = format!("module {name}: {SECTION} must occupy memory during process execution");
        return Err(error(session, NoThisModule, evidence, text));
    }
    let Some(wanted) = session.facts.layout.size() else { return Ok(()) };
    if header.size != u64::from(wanted) {
        session.error(format!(
            "module {name}: {SECTION} section size must match the kernel's built struct module \
             size at run time"
        ));
        let evidence = evidence.but(header.size.to_string()).wants(wanted.to_string());
        session.refuse(ThisModuleSize, Errno::ENOEXEC, evidence)?;
    }
    Ok(())
}

fn no_symbols(session: &mut Session<'_>, view: &View<'_>) -> Box<Refusal> {
    session.warn(format!("{}: module has no symbols (stripped?)", early_name(view)));
    session.fatal(RefusalCode::NoSymbols, Errno::ENOEXEC, Evidence::default())
}

fn early_name(view: &View<'_>) -> String {
    let name = view.modinfo().get("name").map(|name| name.to_string());
    name.unwrap_or_else(|| NAMELESS.to_string())
}
