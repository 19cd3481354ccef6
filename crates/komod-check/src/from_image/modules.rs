//! What a kernel's own modules export, read from their files.

use std::fmt;
use std::path::{Path, PathBuf};

use komod_object::{Module, compress};

use super::Export;
use crate::parallel;

/// Where the kernel's own modules are in `lib/modules/RELEASE`; `updates` and `extra` have others.
const OWN: &str = "kernel";
/// Endings of module files (kmod, `depmod.d(5)`).
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];
/// Folders deeper than this are not looked into (Linux 6.12's modules have seven levels).
const MAX_DEPTH: usize = 16;
/// More files than a kernel has modules (Debian 6.12: 4,230).
const MAX_FILES: usize = 100_000;
/// The largest file taken, packed or not. The largest of Debian is 30 MB.
const MAX_SIZE: u64 = 200 << 20;

/// What was found in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleExports {
    /// Sorted by owner and name.
    pub exports: Vec<Export>,
    /// Modules that could not be read.
    pub unread: Option<Unread>,
}

/// Files that could not be read, or are no modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// One of them, and why.
    pub first: String,
    /// How many others there are.
    pub others: usize,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        match self.others {
            0 => Ok(()),
            others => write!(f, ", and {others} more"),
        }
    }
}

/// Reads all modules in `lib/modules/RELEASE/kernel`, on all processors.
pub fn module_exports(folder: &Path) -> ModuleExports {
    read_all(&files(folder))
}

/// The kernel's own modules, sorted. Links are not followed: they lead to what is elsewhere.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.join(OWN), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if kind.is_file() && is_module(&path) && found.len() < MAX_FILES {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_module(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn read_all(files: &[PathBuf]) -> ModuleExports {
    let read = |number: usize| {
        files.get(number).map(|file| read(file).map_err(|why| format!("{}: {why}", file.display())))
    };
    let (mut exports, mut unread) = (Vec::new(), Vec::new());
    for found in parallel::each(files.len(), read, |_| ()).into_iter().flatten() {
        match found {
            Ok(more) => exports.extend(more),
            Err(why) => unread.push(why),
        }
    }
    exports.sort_by(|a: &Export, b| (&a.owner, &a.name).cmp(&(&b.owner, &b.name)));
    unread.sort();
    let others = unread.len().saturating_sub(1);
    let unread = unread.into_iter().next().map(|first| Unread { first, others });
    ModuleExports { exports, unread }
}

/// The exports of one module.
fn read(file: &Path) -> Result<Vec<Export>, String> {
    let size = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > MAX_SIZE {
        return Err(format!("{size} bytes are too many for a module"));
    }
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let elf = compress::decompress(&bytes, MAX_SIZE as usize).map_err(|error| error.to_string())?;
    let module = Module::parse(&elf).map_err(|error| error.to_string())?;
    let exports = module.exports().map_err(|error| error.to_string())?;
    let owner = module.name().to_string();
    let exports = exports.into_iter().map(|export| Export {
        name: export.name.to_string(),
        crc: export.crc,
        gpl_only: export.gpl_only,
        namespace: export.namespace.map(|namespace| namespace.to_string()),
        owner: Some(owner.clone()),
    });
    Ok(exports.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_counts() {
        let folder = std::env::temp_dir().join(format!("komod-modules-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("kernel/a/b")).unwrap();
        std::fs::create_dir_all(folder.join("updates")).unwrap();
        for file in ["kernel/a/x.ko", "kernel/a/b/y.ko.xz", "kernel/z.txt", "updates/u.ko"] {
            std::fs::write(folder.join(file), "no module").unwrap();
        }
        std::os::unix::fs::symlink(folder.join("updates"), folder.join("kernel/away")).unwrap();
        let found = module_exports(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.exports, []);
        let unread = found.unread.unwrap();
        assert!(unread.first.contains("kernel/a/b/y.ko.xz: "), "{unread}");
        assert_eq!(unread.others, 1, "{unread}");
        assert!(unread.to_string().ends_with(", and 1 more"), "{unread}");
        assert_eq!(module_exports(Path::new("/no/such/folder")), ModuleExports::default());
    }
}
