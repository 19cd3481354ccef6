//! Types as the module's DWARF describes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::{Component, Path, PathBuf};

use gimli::{LittleEndian, UnitRef};
use komod_object::elf::Elf;
use rustc_hash::{FxHashSet, FxHasher};

use super::LayoutError;
use super::entries::{Entries, Entry, Slice, What};
use super::layout::{Layout, Place, TypeKind};
use super::sections;

/// Anonymous structs within each other deeper than this are not looked into.
const MAX_DEPTH: u32 = 16;

/// Folders in the kernel's `include` that a module with an `include` of its own can only mean as
/// the kernel's.
const KERNEL_FOLDERS: &[&str] = &[
    "acpi",
    "asm",
    "asm-generic",
    "crypto",
    "drm",
    "generated",
    "linux",
    "media",
    "net",
    "rdma",
    "scsi",
    "sound",
    "trace",
    "uapi",
    "video",
    "xen",
];

/// Calls `found` with each struct, union and enumeration that the module's compiler read in a
/// header of the kernel and that `wanted` asks for, once for each shape.
pub fn each(
    elf: &Elf<'_>,
    wanted: &mut dyn FnMut(TypeKind, &str) -> bool,
    found: &mut dyn FnMut(Layout, &str),
) -> Result<(), LayoutError> {
    let sections = gimli::DwarfSections::load(|id| sections::contents(elf, id.name()))?;
    let dwarf = sections.borrow(|data: &Cow<'_, [u8]>| Slice::new(data, LittleEndian));
    let mut entries = Entries::default();
    let mut seen = FxHashSet::default();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let unit = unit.unit_ref(&dwarf);
        entries.read(unit)?;
        let mut headers = Headers::of(unit);
        for (index, entry) in entries.list.iter().enumerate() {
            let Some(kind) = kind(entry) else { continue };
            let Ok(name) = std::str::from_utf8(entry.name) else { continue };
            let Some(size) = entry.size else { continue };
            if entry.file.is_none_or(|file| headers.kernel(unit, file).is_none())
                || !wanted(kind, name)
            {
                continue;
            }
            let mut hasher = FxHasher::default();
            (kind, name, size).hash(&mut hasher);
            let whole = parts(&entries, index, 0, 0, &mut |part| part.hash(&mut hasher));
            if whole.is_none() || !entries.is_within_budget() || !seen.insert(hasher.finish()) {
                continue;
            }
            let mut layout = Layout {
                kind,
                name: name.to_owned(),
                size,
                fields: Vec::new(),
                values: Vec::new(),
            };
            parts(&entries, index, 0, 0, &mut |part| match part {
                Part::Field(name, place) => {
                    layout.fields.push((String::from_utf8_lossy(name).into_owned(), place));
                }
                Part::Value(name, value) => {
                    layout.values.push((String::from_utf8_lossy(name).into_owned(), value));
                }
            });
            let header = entry.file.and_then(|file| headers.kernel(unit, file));
            found(layout, header.unwrap_or_default());
        }
    }
    Ok(())
}

fn kind(entry: &Entry<'_>) -> Option<TypeKind> {
    if entry.name.is_empty() || entry.declaration {
        return None;
    }
    match entry.what {
        What::Struct => Some(TypeKind::Struct),
        What::Union => Some(TypeKind::Union),
        What::Enum => Some(TypeKind::Enum),
        _ => None,
    }
}

#[derive(Hash)]
enum Part<'a> {
    Field(&'a [u8], Place),
    Value(&'a [u8], i64),
}

/// Fields or values, those of anonymous members among them. `None` if one cannot be placed.
fn parts(
    entries: &Entries<'_>,
    index: usize,
    base: u64,
    depth: u32,
    take: &mut dyn FnMut(Part<'_>),
) -> Option<()> {
    for child in entries.children(index) {
        match child.what {
            What::Enumerator => take(Part::Value(child.name, child.value)),
            What::Member => {
                let target = child.target?;
                let (size, kind) = entries.size(target)?;
                let bit_offset = base.checked_add(child.bit_offset(size)?)?;
                if child.name.is_empty() {
                    let (inner, entry) = entries.resolve(target)?;
                    if depth < MAX_DEPTH && matches!(entry.what, What::Struct | What::Union) {
                        parts(entries, inner, bit_offset, depth + 1, take)?;
                    }
                    continue;
                }
                let bit_size = u32::try_from(child.bit_size.unwrap_or(0)).ok()?;
                take(Part::Field(child.name, Place { bit_offset, bit_size, size, kind }));
            }
            _ => {}
        }
    }
    Some(())
}

/// The headers of the kernel among a unit's files, by the file's number.
struct Headers {
    folder: PathBuf,
    known: HashMap<u64, Option<String>>,
}

impl Headers {
    fn of(unit: UnitRef<'_, Slice<'_>>) -> Self {
        let text = |slice: Option<Slice<'_>>| {
            slice.map(|slice| slice.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let source = Path::new(&text(unit.comp_dir)).join(text(unit.name));
        let folder = source.parent().map(plain).unwrap_or_default();
        Headers { folder, known: HashMap::new() }
    }

    /// The file's path from the kernel's root, if it is one of the kernel's headers.
    fn kernel(&mut self, unit: UnitRef<'_, Slice<'_>>, file: u64) -> Option<&str> {
        let folder = &self.folder;
        let known = self.known.entry(file);
        known.or_insert_with(|| kernel_header(&path_of(unit, file)?, folder)).as_deref()
    }
}

fn path_of(unit: UnitRef<'_, Slice<'_>>, file: u64) -> Option<PathBuf> {
    let program = unit.line_program.as_ref()?;
    let file = program.header().file(file)?;
    let mut path = PathBuf::new();
    if let Some(folder) = unit.comp_dir {
        path.push(&*folder.to_string_lossy());
    }
    if let Some(folder) = file.directory(program.header()) {
        path.push(&*unit.attr_string(folder).ok()?.to_string_lossy());
    }
    path.push(&*unit.attr_string(file.path_name()).ok()?.to_string_lossy());
    Some(plain(&path))
}

/// `include/linux/x.h` for a header of the kernel, wherever its tree lies. A module's own header
/// lies below the folder of its sources.
fn kernel_header(path: &Path, folder: &Path) -> Option<String> {
    let below = path.strip_prefix(folder).ok();
    let parts: Vec<&str> = path.components().filter_map(|part| part.as_os_str().to_str()).collect();
    let include = parts.iter().rposition(|part| *part == "include")?;
    let next = parts.get(include + 1)?;
    if below.is_some() && !KERNEL_FOLDERS.contains(next) {
        return None;
    }
    // arch/x86/include/asm/…
    let start = match include.checked_sub(2) {
        Some(arch) if parts.get(arch) == Some(&"arch") => arch,
        _ => include,
    };
    Some(parts.get(start..)?.join("/"))
}

/// The path without `.` and `x/..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}
