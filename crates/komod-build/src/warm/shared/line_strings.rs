//! In which order GCC writes `.debug_line_str`: the names of the main file and of the folder.
//!
//! The two strings are kept in a hash table of 13 places and written in the table's order. What is
//! known of it here is known from GCC's output, and compared with the output of the very compiler
//! before it is used.

use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use super::super::folder::Folder;
use super::super::{Command, NotWarm};
use super::assembly;

const PLACES: u32 = 13;
/// Compared names: each order comes up several times.
const NAMES: usize = 12;

/// Does the main file's name come before the folder's? It was entered first.
pub fn name_is_first(name: &[u8], folder: &[u8]) -> bool {
    let (name, folder) = (hash(name), hash(folder));
    let place = name % PLACES;
    let wanted = folder % PLACES;
    let other =
        if wanted == place { (wanted + 1 + folder % (PLACES - 2)) % PLACES } else { wanted };
    place < other
}

fn hash(text: &[u8]) -> u32 {
    text.iter().fold(0_u32, |sum, &byte| {
        sum.wrapping_mul(67).wrapping_add(u32::from(byte)).wrapping_sub(113)
    })
}

/// Does this compiler write them in that order? Asked once per compiler.
pub fn check(command: &Command, cache: &Path, folder: &Folder, name: &str) -> Result<(), NotWarm> {
    let program = command.program()?;
    let meta = fs::metadata(&program).map_err(NotWarm::io(&program))?;
    let identity = format!("{} {:?} {}", program.display(), meta.modified().ok(), meta.len());
    let known = cache.join(format!("warm-order-{}", &crate::digest::of([identity])[..16]));
    if known.exists() {
        return Ok(());
    }
    for number in 0..NAMES {
        let source = folder.file(name, &format!("{}order{number}.c", "x".repeat(number)));
        fs::write(&source, "int x;\n").map_err(NotWarm::io(&source))?;
        let mut process = Process::new(&program);
        command.place(&mut process);
        process.args(["-g", "-S", "-o", "-"]).arg(&source).stdin(Stdio::null());
        let output = process.output();
        let _ = fs::remove_file(&source);
        let output = output.map_err(NotWarm::io(&program))?.stdout;
        let order = assembly::order(&output);
        let predicted = order.map(|(name, folder, first)| first == name_is_first(name, folder));
        if predicted != Some(true) {
            return Err(NotWarm::Unsuitable("the compiler orders names in an unknown way"));
        }
    }
    fs::create_dir_all(cache).map_err(NotWarm::io(cache))?;
    fs::write(&known, "").map_err(NotWarm::io(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_gcc_12_orders_them() {
        // Observed with Debian's GCC 12.2.
        let observed = [
            ("a", false),
            ("hello", true),
            ("hello.mod", false),
            ("e1000", false),
            ("many_7", true),
            ("x", false),
            ("y", true),
        ];
        for (stem, first) in observed {
            let name = format!("/src/{stem}.c");
            assert_eq!(name_is_first(name.as_bytes(), b"/src/k"), first, "{stem}");
        }
    }
}
