//! What has to be loaded before a module, and where it is.
//!
//! A module names the modules it uses in its `.modinfo` (`depends=`, written by modpost). They are
//! looked for among the files given, beside the file that wants them, and in the kernel's module
//! directory, in this order. A file that cannot be read as a module takes part all the same,
//! without dependencies: to refuse it is the loader's business, which does it as the kernel would.

use crate::module_tree::ModuleTree;
pub use crate::module_tree::module_name;
use komod_object::{Module, compress};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// The largest module file taken, compressed or not. The largest of Debian is 30 MB.
const MAX_FILE: u64 = 200 << 20;

/// A file ready to be given to a loader.
#[derive(Debug, Clone)]
pub struct ModuleFile {
    /// The name the kernel will know it by.
    pub name: String,
    pub path: PathBuf,
    /// The uncompressed file.
    pub elf: Vec<u8>,
    /// Was asked for, not only needed.
    pub given: bool,
}

/// A dependency that is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub module: String,
    pub needs: String,
}

/// What to load, in order.
#[derive(Debug, Clone, Default)]
pub struct Order {
    pub modules: Vec<ModuleFile>,
    pub missing: Vec<Missing>,
}

#[derive(Debug, thiserror::Error)]
pub enum DependencyError {
    #[error("{}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: not a file", .path.display())]
    NotAFile { path: PathBuf },
    #[error("{}: {size} bytes are too many for a module", .path.display())]
    TooLarge { path: PathBuf, size: u64 },
}

/// Reads the given files and what they need, and puts it all into loading order. Modules in
/// `loaded` are taken as given by the kernel.
pub fn load_order(
    given: &[PathBuf],
    modules_dir: Option<&Path>,
    loaded: &BTreeSet<String>,
) -> Result<Order, DependencyError> {
    let mut search = Search {
        given: BTreeMap::new(),
        tree: modules_dir.map(|d| ModuleTree::new(d.to_owned())),
        loaded,
        seen: BTreeSet::new(),
        order: Order::default(),
    };
    let mut files = Vec::new();
    for path in given {
        let file = read(path, true)?;
        search.given.entry(file.name.clone()).or_insert_with(|| path.clone());
        files.push(file);
    }
    for file in files {
        search.add(file)?;
    }
    Ok(search.order)
}

/// The file of a kernel's own module, by name.
pub fn find_stock(modules_dir: &Path, name: &str) -> Option<PathBuf> {
    ModuleTree::new(modules_dir.to_owned()).find(&name.replace('-', "_")).map(Path::to_owned)
}

/// The bytes of a module file as the loader wants them.
#[derive(Debug)]
pub struct Contents {
    pub elf: Vec<u8>,
    /// Whether they had to be decompressed.
    pub compressed: bool,
}

/// Reads a module file, decompressing it. What does not decompress goes to the loader as it is.
pub fn contents(path: &Path) -> Result<Contents, DependencyError> {
    let error = |source| DependencyError::Read { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(error)?;
    if !meta.is_file() {
        return Err(DependencyError::NotAFile { path: path.to_owned() });
    }
    if meta.len() > MAX_FILE {
        return Err(DependencyError::TooLarge { path: path.to_owned(), size: meta.len() });
    }
    let bytes = std::fs::read(path).map_err(error)?;
    let decompressed = match compress::decompress(&bytes, MAX_FILE as usize) {
        Ok(Cow::Owned(elf)) => Some(elf),
        _ => None,
    };
    let compressed = decompressed.is_some();
    Ok(Contents { elf: decompressed.unwrap_or(bytes), compressed })
}

/// Reads a module file, decompressing it, and finds out its name.
pub fn read(path: &Path, given: bool) -> Result<ModuleFile, DependencyError> {
    let Contents { elf, .. } = contents(path)?;
    let inner = Module::parse(&elf).ok().map(|m| m.name().to_string_lossy().into_owned());
    let name = inner
        .filter(|n| !n.is_empty())
        .or_else(|| module_name(path))
        .unwrap_or_else(|| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Ok(ModuleFile { name, path: path.to_owned(), elf, given })
}

struct Search<'a> {
    given: BTreeMap<String, PathBuf>,
    tree: Option<ModuleTree>,
    loaded: &'a BTreeSet<String>,
    /// Names in the order already, or on the way there: a circle ends here.
    seen: BTreeSet<String>,
    order: Order,
}

impl Search<'_> {
    /// Puts what a file needs, then the file itself, into the order. A chain is at most as long
    /// as there are modules, but need not fit the stack: so no recursion.
    fn add(&mut self, file: ModuleFile) -> Result<(), DependencyError> {
        if !self.seen.insert(file.name.clone()) {
            return Ok(());
        }
        let needs = depends(&file.elf);
        let mut stack = vec![(file, needs.into_iter())];
        while let Some((file, needs)) = stack.last_mut() {
            let Some(need) = needs.next() else {
                if let Some((file, _)) = stack.pop() {
                    self.order.modules.push(file);
                }
                continue;
            };
            if self.loaded.contains(&need) || self.seen.contains(&need) {
                continue;
            }
            match self.find(&need, &file.path) {
                Some(path) => {
                    let given = self.given.contains_key(&need);
                    let needed = read(&path, given)?;
                    self.seen.insert(need);
                    self.seen.insert(needed.name.clone());
                    let its_needs = depends(&needed.elf);
                    stack.push((needed, its_needs.into_iter()));
                }
                None => {
                    let missing = Missing { module: file.name.clone(), needs: need };
                    self.order.missing.push(missing);
                }
            }
        }
        Ok(())
    }

    fn find(&mut self, name: &str, wanted_by: &Path) -> Option<PathBuf> {
        if let Some(path) = self.given.get(name) {
            return Some(path.clone());
        }
        let folder = wanted_by.parent().filter(|p| !p.as_os_str().is_empty());
        for entry in std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten() {
            let Ok(entry) = entry else { continue };
            if module_name(&entry.path()).is_some_and(|n| n == name) {
                return Some(entry.path());
            }
        }
        self.tree.as_mut()?.find(name).map(Path::to_owned)
    }
}

fn depends(elf: &[u8]) -> Vec<String> {
    Module::parse(elf)
        .map(|m| {
            let names = m.modinfo().depends();
            names.map(|n| n.to_string_lossy().replace('-', "_")).collect()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relocatable object of two sections: `.modinfo` and the section names.
    fn elf(modinfo: &[u8]) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let (info_at, names_at) = (64, 64 + modinfo.len());
        let table_at = (names_at + names.len()).next_multiple_of(8);
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let half = |f: &mut Vec<u8>, n: u16| f.extend(n.to_le_bytes());
        half(&mut file, 1);
        half(&mut file, 62);
        file.extend(1u32.to_le_bytes());
        file.extend([0; 16]);
        file.extend((table_at as u64).to_le_bytes());
        file.extend(0u32.to_le_bytes());
        for n in [64, 0, 0, 64, 3, 2] {
            half(&mut file, n);
        }
        file.extend(modinfo);
        file.extend(names);
        file.resize(table_at, 0);
        for (name, kind, at, len) in
            [(0u32, 0u32, 0, 0), (1, 1, info_at, modinfo.len()), (10, 3, names_at, names.len())]
        {
            file.extend(name.to_le_bytes());
            file.extend(kind.to_le_bytes());
            for n in [0u64, 0, at as u64, len as u64, 0, 1, 0] {
                file.extend(n.to_le_bytes());
            }
        }
        file
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Folder {
            let dir =
                std::env::temp_dir().join(format!("komod-deps-{test}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(dir.join("tree/kernel")).unwrap();
            Folder(dir)
        }

        fn module(&self, file: &str, name: &str, depends: &str) -> PathBuf {
            let path = self.0.join(file);
            let info = format!("name={name}\0depends={depends}\0");
            std::fs::write(&path, elf(info.as_bytes())).unwrap();
            path
        }

        fn order(&self, given: &[PathBuf], loaded: &[&str]) -> (Vec<String>, Vec<Missing>) {
            let loaded = loaded.iter().map(|s| s.to_string()).collect();
            let order = load_order(given, Some(&self.0.join("tree")), &loaded).unwrap();
            let names =
                order.modules.iter().map(|m| format!("{}{}", m.name, ["", "!"][m.given as usize]));
            (names.collect(), order.missing)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_test_objects_are_modules() {
        let bytes = elf(b"name=x\0depends=a,b-c\0");
        let module = Module::parse(&bytes).unwrap();
        assert_eq!(module.name(), "x");
        assert_eq!(depends(&bytes), ["a", "b_c"]);
    }

    #[test]
    fn dependencies_come_first_from_the_folder_and_the_tree() {
        let f = Folder::new("first");
        let top = f.module("top.ko", "top", "side,deep-one");
        f.module("side.ko", "side", "");
        f.module("tree/kernel/deep-one.ko", "deep_one", "base");
        f.module("tree/kernel/base.ko", "base", "");
        assert_eq!(
            f.order(std::slice::from_ref(&top), &[]).0,
            ["side", "base", "deep_one", "top!"]
        );
        assert_eq!(f.order(&[top], &["deep_one"]).0, ["side", "top!"]);
    }

    #[test]
    fn given_files_keep_their_order_as_far_as_they_can() {
        let f = Folder::new("given");
        let user = f.module("user.ko", "user", "lib");
        let lib = f.module("lib.ko", "lib", "");
        let other = f.module("other.ko", "other", "");
        assert_eq!(f.order(&[user, other, lib], &[]).0, ["lib!", "user!", "other!"]);
    }

    #[test]
    fn circles_end_and_what_is_nowhere_is_reported() {
        let f = Folder::new("circle");
        let a = f.module("a.ko", "a", "b,nowhere");
        f.module("b.ko", "b", "a");
        let (names, missing) = f.order(&[a], &[]);
        assert_eq!(names, ["b", "a!"]);
        assert_eq!(missing, [Missing { module: "a".into(), needs: "nowhere".into() }]);
    }

    #[test]
    fn what_is_no_module_goes_to_the_loader_as_it_is() {
        let f = Folder::new("junk");
        let junk = f.0.join("junk.ko");
        std::fs::write(&junk, b"\x1f\x8bnot gzip").unwrap();
        let order = load_order(&[junk], None, &BTreeSet::new()).unwrap();
        assert_eq!(order.modules[0].name, "junk");
        assert_eq!(order.modules[0].elf, b"\x1f\x8bnot gzip");
        let nowhere = load_order(&[f.0.join("x.ko")], None, &BTreeSet::new());
        assert!(matches!(nowhere, Err(DependencyError::Read { .. })));
        let folder = load_order(std::slice::from_ref(&f.0), None, &BTreeSet::new());
        assert!(matches!(folder, Err(DependencyError::NotAFile { .. })));
    }
}
