//! What the kernel tells in `/proc` (proc(5)), as data.

use komod_process::protocol::{LoadedModule, Symbol};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};

/// The most symbols in one answer.
const MAX_SYMBOLS: usize = 1 << 20;

/// A line of `/proc/modules`.
pub fn module(line: &str) -> Option<LoadedModule> {
    let mut words = line.split(' ');
    let name = words.next()?.to_owned();
    let size = words.next()?.parse().ok()?;
    // `-` in a kernel that cannot unload.
    let refcount = words.next()?.parse().unwrap_or(0);
    let users = words.next()?.split(',').filter(|w| !w.is_empty() && !w.starts_with(['-', '[']));
    let used_by = users.map(str::to_owned).collect();
    let state = words.next()?.to_owned();
    let address = words.next()?.trim_start_matches("0x");
    let address = u64::from_str_radix(address, 16).ok()?;
    let taints = words.next().unwrap_or_default().trim_matches(['(', ')']).to_owned();
    Some(LoadedModule { name, size, refcount, used_by, state, address, taints })
}

/// Lines of `/proc/kallsyms` whose symbol contains `needle`; `true` if there are more.
pub fn symbols(file: impl Read, needle: &str, limit: usize) -> io::Result<(Vec<Symbol>, bool)> {
    let mut list = Vec::new();
    for line in BufReader::new(file).lines() {
        let Some(symbol) = symbol(&line?).filter(|s| s.name.contains(needle)) else { continue };
        if list.len() >= limit.min(MAX_SYMBOLS) {
            return Ok((list, true));
        }
        list.push(symbol);
    }
    Ok((list, false))
}

fn symbol(line: &str) -> Option<Symbol> {
    let (line, module) = match line.split_once('\t') {
        Some((line, module)) => (line, Some(module.trim_matches(['[', ']']).to_owned())),
        None => (line, None),
    };
    let mut words = line.splitn(3, ' ');
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let kind = words.next()?.chars().next()?;
    let name = words.next()?.to_owned();
    Some(Symbol { address, kind, name, module, exported: false })
}

/// The letters of a taint mask (`Documentation/admin-guide/tainted-kernels.rst`, Linux 6.12), as
/// an Oops has them.
pub fn taints(mask: u64) -> String {
    const LETTERS: &[u8; 20] = b"PFSRMBUDAWCIOELKXTNJ";
    if mask == 0 {
        return "Not tainted".into();
    }
    let set = |bit: usize| mask >> bit & 1 == 1;
    let mut text = String::from("Tainted: ");
    for (bit, letter) in LETTERS.iter().enumerate() {
        match (set(bit), bit) {
            (true, _) => text.push(char::from(*letter)),
            (false, 0) => text.push('G'),
            (false, _) => {}
        }
    }
    text
}

/// Tasks as `comm/pid`.
pub fn tasks() -> Vec<String> {
    let mut pids: Vec<i32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let name = |pid: &i32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(format!("{}/{pid}", comm.trim_end()))
    };
    pids.iter().filter_map(name).collect()
}

/// Whether a thread of ours is there and not a corpse.
pub fn is_alive(task: i32) -> bool {
    !matches!(state(task), None | Some('X' | 'Z'))
}

/// Whether a thread of ours is on a processor, or would like to be.
pub fn runs(task: i32) -> bool {
    state(task) == Some('R')
}

fn state(task: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/self/task/{task}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// A thread of ours and the innermost functions of the kernel that it is in.
pub fn where_it_waits(task: i32) -> String {
    let read = |file: &str| fs::read_to_string(format!("/proc/self/task/{task}/{file}"));
    let comm = read("comm").unwrap_or_default();
    let stack = read("stack").unwrap_or_default();
    let functions: Vec<&str> = stack
        .lines()
        .filter_map(|l| l.split_once("] ").map(|(_, f)| f))
        .filter(|f| *f != "0x0")
        .take(4)
        .collect();
    let comm = comm.trim_end();
    match functions.is_empty() {
        true => format!("{comm}/{task}"),
        false => format!("{comm}/{task} in {}", functions.join(" < ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_line_is_read_whole() {
        let m =
            module("virtio_ring 36864 3 virtio_console,virtio_pci, Live 0xffffffffc0010000 (OE)")
                .unwrap();
        assert_eq!((m.name.as_str(), m.size, m.refcount), ("virtio_ring", 36864, 3));
        assert_eq!(m.used_by, ["virtio_console", "virtio_pci"]);
        assert_eq!((m.state.as_str(), m.address), ("Live", 0xffff_ffff_c001_0000));
        assert_eq!(m.taints, "OE");
        let m = module("stuck 16384 1 - Loading 0x0").unwrap();
        assert!(m.used_by.is_empty() && m.taints.is_empty());
        let m = module("held 16384 1 [permanent], Live 0x0").unwrap();
        assert!(m.used_by.is_empty());
        assert!(module("torn 12").is_none());
    }

    #[test]
    fn a_symbol_may_be_a_modules() {
        let s = symbol("ffffffffc0010000 t t_init\t[hello]").unwrap();
        assert_eq!((s.name.as_str(), s.kind, s.module.as_deref()), ("t_init", 't', Some("hello")));
        assert_eq!(symbol("ffffffff81000000 T _text").unwrap().module, None);
        assert!(symbol("what").is_none());
    }

    #[test]
    fn taints_are_letters() {
        assert_eq!(taints(0), "Not tainted");
        assert_eq!(taints(1 << 12 | 1 << 13), "Tainted: GOE");
        assert_eq!(taints(1 | 1 << 7), "Tainted: PD");
    }
}
