//! Static loading: objects compiled as built-in become part of the kernel before it boots, and
//! their initcalls run among the kernel's own.

use super::boot::ExtraInitcall;
use super::kernel;
use super::modules::{self, Target};
use super::natives::{memory, patch, percpu};
use super::ptr::Ptr;
use super::region::PERCPU;
use super::single::Single;
use super::stubs;
use crate::protocol::Location;
use komod_load::{Image, Kernel, RegionBases, SignatureVerdict, object_link};
use std::collections::HashMap;

/// A symbol of built-in code.
struct Symbol {
    address: u64,
    size: u64,
    name: String,
    object: String,
    /// Other objects see it.
    global: bool,
}

/// What the kernel's own symbol table does not have.
static SYMBOLS: Single<Vec<Symbol>> = Single::new();

pub fn setup() {
    SYMBOLS.set(Vec::new());
}

/// An address in built-in code, in words.
pub fn locate(address: u64) -> Option<Location> {
    SYMBOLS.with(|all| {
        let symbol = all.iter().find(|s| address.wrapping_sub(s.address) < s.size)?;
        Some(Location {
            address,
            symbol: Some(symbol.name.clone()),
            offset: address - symbol.address,
            size: symbol.size,
            module: Some(symbol.object.clone()),
            section: modules::section_of(&symbol.object, address),
        })
    })
}

/// Links objects (name, bytes) into the running image, in order. The error is for people.
pub fn link_all(release: &str, objects: &[(String, &[u8])]) -> Result<Vec<ExtraInitcall>, String> {
    let target = Target::new(release, SignatureVerdict::Valid, false)?;
    let mut defined: HashMap<String, u64> = HashMap::new();
    let mut calls = Vec::new();
    for (name, bytes) in objects {
        let lookup = |symbol: &str| {
            kernel::symbol(symbol).map(|p| p.0).or_else(|| defined.get(symbol).copied())
        };
        let mut full = false;
        let place = |plan: &komod_load::Plan<'_>| {
            let mut bases = RegionBases::allocate(plan, |region| {
                let at = patch::module_memory(region.size);
                full |= at.is_null();
                at.0
            });
            bases.percpu = plan.percpu.as_ref().map_or(0, |p| percpu::allocate(p.size, p.align, 0));
            bases
        };
        let image = object_link::link_object(name, bytes, target.facts(), &lookup, place)
            .map_err(|refusal| format!("{name}: {refusal}"))?;
        if full {
            return Err(format!("{name}: no room for built-in code"));
        }
        put(&image);
        modules::note_sections(name, &image);
        let symbols = symbols(name, bytes, &image);
        calls.extend(initcalls(&image, name, &symbols));
        let globals = symbols.iter().filter(|s| s.global);
        defined.extend(globals.map(|s| (s.name.clone(), s.address)));
        SYMBOLS.with(|all| all.extend(symbols.into_iter().filter(|s| s.size > 0)));
    }
    Ok(calls)
}

fn put(image: &Image) {
    for region in image.regions.iter().filter(|r| !r.bytes.is_empty()) {
        Ptr(region.address).write_bytes(&region.bytes);
    }
    let percpu = image.sections.iter().find(|s| s.region.is_none() && s.size > 0);
    if let Some(section) = percpu.filter(|_| !image.percpu.is_empty()) {
        Ptr(PERCPU + section.address).write_bytes(&image.percpu);
    }
}

/// Every named symbol of the object with its address.
fn symbols(object: &str, bytes: &[u8], image: &Image) -> Vec<Symbol> {
    let Ok(elf) = komod_object::elf::Elf::parse(bytes) else { return Vec::new() };
    let Some(table) = elf.symbols() else { return Vec::new() };
    const STB_LOCAL: u8 = 0;
    let named = table.iter().filter(|s| !s.is_undefined() && !s.name.is_empty());
    named
        .filter_map(|s| {
            Some(Symbol {
                address: *image.values.get(s.index)?,
                size: s.size,
                name: s.name.to_string(),
                object: object.to_string(),
                global: s.binding() != STB_LOCAL,
            })
        })
        .collect()
}

/// Entries of the `.initcall<level>.init` sections: 32-bit distances to the functions
/// (include/linux/init.h, 6.1, with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS).
fn initcalls(image: &Image, object: &str, symbols: &[Symbol]) -> Vec<ExtraInitcall> {
    let mut calls = Vec::new();
    for section in &image.sections {
        let level = section.name.strip_prefix(".initcall").and_then(|n| n.strip_suffix(".init"));
        let Some(group) = level.and_then(group_of) else { continue };
        for at in (section.address..section.address + section.size).step_by(4) {
            let function = at.wrapping_add(Ptr(at).read::<i32>() as u64);
            let symbol = symbols.iter().find(|s| s.address == function);
            let name = symbol.map_or_else(|| object.to_string(), |s| s.name.clone());
            calls.push(ExtraInitcall {
                group,
                function: Ptr(function),
                name,
                object: object.to_string(),
                parameters: image.section("__param").map(|s| (Ptr(s.address), s.size)),
            });
        }
    }
    calls
}

/// Where a level's calls stand among the kernel's groups: `early` first, then 0 to 7; the root
/// file system's between 5 and 6.
fn group_of(level: &str) -> Option<usize> {
    match level {
        "early" => Some(0),
        "rootfs" => Some(6),
        _ => level.trim_end_matches('s').parse::<usize>().ok().filter(|n| *n < 8).map(|n| n + 1),
    }
}

/// Gives the object's parameters (`name.parameter=value`) their values from the command line.
pub fn parse_parameters(cmdline: &str, (start, size): (Ptr, u64)) {
    let Some(parse) = kernel::function("parse_args") else { return };
    let each = u64::from(kernel::prepared().btf().struct_size("kernel_param").unwrap_or(40));
    let doing = memory::string("Booting kernel");
    let line = memory::string(cmdline);
    let any = u64::from(u32::MAX); // level -1
    kernel::call_with_stack(
        parse,
        [doing.0, line.0, start.0, size / each, any, any],
        [0, stubs::fixed().zero],
    );
}

#[cfg(test)]
mod tests {
    use super::group_of;

    #[test]
    fn levels() {
        assert_eq!(group_of("early"), Some(0));
        assert_eq!(group_of("6"), Some(7));
        assert_eq!(group_of("6s"), Some(7));
        assert_eq!(group_of("rootfs"), Some(6));
        assert_eq!(group_of("9"), None);
        assert_eq!(group_of(""), None);
    }
}
