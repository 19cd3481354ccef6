//! Scenes at random: a byte or a few of a good module changed, in its descriptions of itself.

use super::scene::Scene;
use crate::draw;
use crate::oracle::loaders::case::Load;
use crate::oracle::loaders::mutate::{Header, Mutant};
use crate::oracle::loaders::ours::Built;
use anyhow::Result;
use std::ops::Range;

const BASES: &[&str] = &["hello", "counter", "params", "every_kind"];
/// What is changed: not code, whose changes no loader sees.
const PARTS: &[&str] = &[
    "header",
    "sections",
    ".symtab",
    ".strtab",
    ".shstrtab",
    ".modinfo",
    "__versions",
    ".rela.exit.text",
    "cut",
];
const SYMBOLS: &str = ".symtab";
const HEADER: usize = 64;

/// `count` scenes; the seed decides which.
pub fn scenes(built: &Built, count: usize, seed: u64) -> Result<Vec<Scene>> {
    let mut state = seed;
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let mut below = |limit: usize| (draw::next(&mut state) % limit.max(1) as u64) as usize;
        let base = BASES[below(BASES.len())];
        let part = PARTS[number % PARTS.len()];
        let mut file = Mutant::new(&built.load(base)?.bytes);
        if part == "cut" {
            let length = below(file.0.len());
            file.0.truncate(length);
            all.push(Scene::of(
                format!("random {number}: {base} cut to {length}"),
                load(base, &file),
            ));
            continue;
        }
        let Some(range) = range(&file, part) else { continue };
        let at = range.start + below(range.len());
        let old = file.0[at];
        // Either any byte, or one bit.
        let new = match below(3) {
            0 => old ^ 1 << below(8),
            1 => 0xff,
            _ => below(256) as u8,
        };
        file.0[at] = new;
        let name = format!(
            "random {number}: {base}, {part}+{:#x}: {old:02x} to {new:02x}",
            at - range.start
        );
        all.push(Scene::of(name, load(base, &file)));
    }
    Ok(all)
}

fn load(base: &str, file: &Mutant) -> Load {
    Load::new(base, &file.0)
}

/// Where a part of the file is.
fn range(file: &Mutant, part: &str) -> Option<Range<usize>> {
    let of = |index: usize| {
        let start = file.get(index, Header::Offset).ok()? as usize;
        Some(start..start + file.get(index, Header::Size).ok()? as usize)
    };
    let range = match part {
        "header" => 0..HEADER,
        "sections" => {
            let start = file.section_headers().ok()?;
            start.0..start.0 + start.1 * HEADER
        }
        SYMBOLS => of(file.of_type(komod_object::elf::SHT_SYMTAB).ok()?)?,
        name => of(file.section(name).ok()?)?,
    };
    (!range.is_empty() && range.end <= file.0.len()).then_some(range)
}
