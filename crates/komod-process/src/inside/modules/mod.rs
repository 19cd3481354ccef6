//! Modules in the in-process kernel: into it, out of it, and their addresses in words.

mod areas;
mod by_kernel;
mod formed;
mod list;
mod load;
mod refused;
mod target;

use super::files::syscall;
use super::natives::memory;
use super::ptr::Ptr;
use super::single::Single;
use super::{kernel, region};
use komod_load::Image;
use std::collections::HashMap;

pub use areas::{keep_formed, memory, note_formed};
pub use by_kernel::load_by_kernel;
pub use load::load;
pub use refused::take_refused;
pub use target::Target;

/// A section of a loaded module: name, address, size.
type Section = (String, u64, u64);

/// Sections of what komod's loader has placed, for source lines.
static SECTIONS: Single<HashMap<String, Vec<Section>>> = Single::new();

pub fn setup() {
    SECTIONS.set(HashMap::new());
    areas::setup();
    refused::setup();
}

pub fn note_sections(module: &str, image: &Image) {
    let sections = image.sections.iter().filter(|s| s.region.is_some());
    let list = sections.map(|s| (s.name.clone(), s.address, s.size)).collect();
    SECTIONS.with(|all| all.insert(module.to_string(), list));
}

pub fn section_of(module: &str, address: u64) -> Option<(String, u64)> {
    SECTIONS.with(|all| {
        let inside = |s: &&Section| address.wrapping_sub(s.1) < s.2.max(1);
        let section = all.get(module)?.iter().find(inside)?;
        Some((section.0.clone(), address - section.1))
    })
}
use crate::protocol::{LoadedModule, Location, Symbol};

/// Removes a module through the image's own `sys_delete_module`.
pub fn unload(name: &str, force: bool) -> i64 {
    const O_NONBLOCK: u64 = 0o4000;
    const O_TRUNC: u64 = 0o1000;
    let name = memory::string(name);
    let flags = O_NONBLOCK | if force { O_TRUNC } else { 0 };
    let result = syscall("delete_module", &[name.0, flags]);
    memory::release(name);
    result
}

/// Whether an address is code of a loaded module.
pub fn is_text(address: u64) -> bool {
    region::is_module_address(address)
        && kernel::call("__module_text_address", &[address]).is_some_and(|m| m != 0)
}

/// An address in a module, in words: by the kernel's own `kallsyms_lookup`.
pub fn locate(address: u64) -> Option<Location> {
    // KSYM_NAME_LEN is 512 in 6.1 and later.
    let room = memory::internal(8 * 4 + 512, 16);
    let word = |i: u64| room.at(8 * i);
    let name = word(4);
    let args = [address, word(0).0, word(1).0, word(2).0, name.0];
    let found = kernel::call("kallsyms_lookup", &args).unwrap_or(0);
    let mut location = (found != 0 && region::is_kernel_memory(found, 1)).then(|| Location {
        address,
        symbol: Some(Ptr(found).read_string(512)),
        offset: word(1).read(),
        size: word(0).read(),
        module: Some(word(2).read::<Ptr>()).filter(|p| !p.is_null()).map(|p| p.read_string(64)),
        section: None,
    });
    memory::release(room);
    if let Some(location) = &mut location
        && let Some(module) = &location.module
    {
        location.section = section_of(module, address);
    }
    location
}

/// `/proc/modules`: name, size, references, users, state, address, taints (proc(5)).
pub fn parse_proc_modules(text: &str) -> Vec<LoadedModule> {
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next()?.to_string();
        let size = words.next()?.parse().ok()?;
        let refcount = words.next()?.parse().unwrap_or(-1);
        let users = words.next()?;
        let used_by = users.split(',').filter(|u| !u.is_empty() && *u != "-").map(str::to_string);
        let used_by = used_by.collect();
        let state = words.next()?.to_string();
        let address = words.next()?.trim_start_matches("0x");
        let address = u64::from_str_radix(address, 16).unwrap_or(0);
        let taints = words.next().unwrap_or("").trim_matches(['(', ')']).to_string();
        Some(LoadedModule { name, size, refcount, used_by, state, address, taints })
    };
    text.lines().filter_map(parse).collect()
}

/// Lines of `/proc/kallsyms` that contain `needle`; image symbols need no VFS.
pub fn symbols(needle: &str, limit: usize, of_modules: &str) -> (Vec<Symbol>, bool) {
    let prepared = kernel::prepared();
    let exported: std::collections::HashSet<String> = prepared
        .exports()
        .iter()
        .filter(|e| e.name.contains(needle))
        .map(|e| e.name.to_string())
        .collect();
    let image = prepared.symbols().iter().filter(|s| s.name.contains(needle)).map(|s| Symbol {
        address: s.address,
        kind: char::from(s.kind),
        name: s.name.to_string(),
        module: None,
        exported: exported.contains(s.name),
    });
    let modules = of_modules.lines().filter(|l| l.contains('[')).filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let kind = words.next()?.chars().next()?;
        let name = words.next()?.to_string();
        let module = words.next()?.trim_matches(['[', ']']).to_string();
        name.contains(needle).then_some(Symbol {
            address,
            kind,
            name,
            module: Some(module),
            exported: false,
        })
    });
    let mut list: Vec<Symbol> = image.chain(modules).take(limit.saturating_add(1)).collect();
    let more = list.len() > limit;
    list.truncate(limit);
    (list, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_modules() {
        let text = "use 16384 0 - Live 0x0000000020010000 (OE)\n\
                    export 16384 1 use, Live 0x0000000020000000 (OE)\n";
        let list = parse_proc_modules(text);
        assert_eq!(list.len(), 2);
        assert_eq!((list[1].refcount, &list[1].used_by[..]), (1, &["use".to_string()][..]));
        assert_eq!((list[0].address, list[0].taints.as_str()), (0x2001_0000, "OE"));
    }
}
