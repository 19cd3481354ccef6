//! The modules of a kernel's directory (`lib/modules/RELEASE`), by name.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Endings of module files, as `kmod` knows them.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];
/// Directories deeper than this are not looked into (Linux 6.12's tree has seven levels).
const MAX_DEPTH: usize = 16;

/// The name the kernel knows a module by, from its file name; `None` if it is no module's name.
/// The kernel's build writes `-` as `_` (`scripts/Makefile.lib`: `name-fix`).
pub fn module_name(file: &Path) -> Option<String> {
    let file = file.file_name()?.to_str()?;
    let stem = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending))?;
    (!stem.is_empty()).then(|| stem.replace('-', "_"))
}

/// An index made on first use: most modules need nothing of it.
pub struct ModuleTree {
    dir: PathBuf,
    index: Option<BTreeMap<String, PathBuf>>,
}

impl ModuleTree {
    pub fn new(dir: PathBuf) -> ModuleTree {
        ModuleTree { dir, index: None }
    }

    pub fn find(&mut self, name: &str) -> Option<&Path> {
        let index = self.index.get_or_insert_with(|| {
            let mut index = BTreeMap::new();
            walk(&self.dir, 0, &mut index);
            index
        });
        index.get(name).map(PathBuf::as_path)
    }
}

/// Links are not followed: `build` and `source` lead out of the tree.
fn walk(dir: &Path, depth: usize, index: &mut BTreeMap<String, PathBuf>) {
    if depth > MAX_DEPTH {
        return;
    }
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() {
            walk(&path, depth + 1, index);
        } else if kind.is_file()
            && let Some(name) = module_name(&path)
        {
            // `updates` and `extra` come before `kernel`, as in depmod's default order.
            let ours = path
                .components()
                .any(|c| [OsStr::new("updates"), OsStr::new("extra")].contains(&c.as_os_str()));
            if ours || !index.contains_key(&name) {
                index.insert(name, path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels() {
        let name = |s: &str| module_name(Path::new(s));
        assert_eq!(name("/a/snd-pcm.ko.xz").as_deref(), Some("snd_pcm"));
        assert_eq!(name("x.ko").as_deref(), Some("x"));
        assert_eq!(name("a.b.ko.zst").as_deref(), Some("a.b"));
        assert_eq!(name("x.o"), None);
        assert_eq!(name(".ko"), None);
    }

    #[test]
    fn finds_files_at_any_depth_but_follows_no_links() {
        let dir = std::env::temp_dir().join(format!("komod-tree-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("kernel/a/b")).unwrap();
        std::fs::create_dir_all(dir.join("updates")).unwrap();
        std::fs::write(dir.join("kernel/a/b/x-y.ko"), "").unwrap();
        std::fs::write(dir.join("kernel/a/z.ko.gz"), "").unwrap();
        std::fs::write(dir.join("updates/z.ko"), "").unwrap();
        std::os::unix::fs::symlink(&dir, dir.join("build")).unwrap();
        let mut tree = ModuleTree::new(dir.clone());
        assert!(tree.find("x_y").unwrap().ends_with("kernel/a/b/x-y.ko"));
        assert!(tree.find("z").unwrap().ends_with("updates/z.ko"));
        assert!(tree.find("w").is_none());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
