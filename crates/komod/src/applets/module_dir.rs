//! A kernel's module directory, as far as the small tools look into it, and modules' names.

use komod_kernel::host::Host;
use komod_kernel::index::Index;
use komod_kernel::name;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where the directories of all kernels are.
const MODULES: &str = "/lib/modules";

/// `/lib/modules/RELEASE`, maybe below another root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleDir(pub PathBuf);

impl ModuleDir {
    /// That of the running kernel.
    pub fn running(host: &dyn Host) -> Option<Self> {
        Some(ModuleDir::of(None, &host.release().ok()?))
    }

    /// That of a kernel below a root. A relative root is one of the current folder.
    pub fn of(root: Option<&Path>, release: impl AsRef<OsStr>) -> Self {
        let mut path = root.map(absolute).unwrap_or_default().into_os_string();
        path.push(MODULES);
        path.push("/");
        path.push(release);
        ModuleDir(path.into())
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Is this module built in, by `modules.builtin.bin`, or without it by `modules.builtin`?
    pub fn has_builtin(&self, name: &OsStr) -> bool {
        if let Ok(index) = Index::open(&self.file("modules.builtin.bin")) {
            return matches!(index.first(name.as_bytes()), Ok(Some(_)));
        }
        let list = std::fs::read(self.file("modules.builtin")).unwrap_or_default();
        let mut files = list.split(|byte| *byte == b'\n').filter(|file| !file.is_empty());
        files.any(|file| name_of_file(Path::new(OsStr::from_bytes(file))) == name)
    }
}

/// A path from the root on; nothing else of it is changed.
pub fn absolute(path: &Path) -> PathBuf {
    match std::env::current_dir() {
        // `join` keeps what is absolute.
        Ok(here) => here.join(path),
        Err(_) => path.to_owned(),
    }
}

/// The name of the module in a file: up to the first dot, with `_` for `-`.
pub fn name_of_file(path: &Path) -> OsString {
    OsString::from_vec(name::of_file(path.as_os_str().as_bytes()))
}

/// A module's name as the kernel has it: with `_` for `-`.
pub fn normal_name(text: &OsStr) -> OsString {
    OsString::from_vec(name::underscored(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |file: &str| name_of_file(Path::new(file)).into_string().unwrap();
        assert_eq!(name("/a/snd-pcm.ko.xz"), "snd_pcm");
        assert_eq!(name("x.y.ko"), "x");
        assert_eq!((name("plain"), name("/")), ("plain".into(), String::new()));
    }

    #[test]
    fn directories() {
        let dir = ModuleDir::of(Some(Path::new("/r/")), "6.1");
        assert_eq!(dir.0.to_str(), Some("/r//lib/modules/6.1"));
        assert_eq!(ModuleDir::of(None, "6.1").0, Path::new("/lib/modules/6.1"));
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute(Path::new("./x")).to_str().unwrap(), format!("{}/./x", here.display()));
    }

    #[test]
    fn builtin_modules_without_an_index() {
        let root = std::env::temp_dir().join(format!("komod-module-dir-{}", std::process::id()));
        let dir = ModuleDir::of(Some(&root), "1.2");
        std::fs::create_dir_all(&dir.0).unwrap();
        std::fs::write(dir.file("modules.builtin"), "kernel/a/bi-n.ko\nkernel/x.ko\n").unwrap();
        assert!(dir.has_builtin(OsStr::new("bi_n")) && dir.has_builtin(OsStr::new("x")));
        assert!(!dir.has_builtin(OsStr::new("a")) && !dir.has_builtin(OsStr::new("")));
        std::fs::remove_dir_all(root).unwrap();
    }
}
