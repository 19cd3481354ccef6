//! A folder that looks like the project and belongs to komod.
//!
//! Folders are real, so that kbuild can write into them; files are symbolic links to the sources,
//! so that an edit is seen at once and nothing has to be copied. What an earlier build left beside
//! the sources is not linked: kbuild would write through the link. Sources that vanish from the
//! project vanish here with what was made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::compile_commands;
use crate::makefile;
use crate::project::{Kind, Project};

/// Held while a build works in the folder.
pub const LOCK: &str = ".komod-lock";
/// The tree it was built against; the mark of a folder that is komod's.
pub const IDENTITY: &str = ".komod-tree";
const MADE: &str = ".komod-made";
/// A bound against folders that are no module's sources (somebody's home).
const MOST_FILES: usize = 200_000;

/// An operation on the shadow folder that failed.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The system refused.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The project's folder holds more files than any module has.
    #[error("{path} holds more than {MOST_FILES} files", path = .0.display())]
    TooManyFiles(PathBuf),
}

/// Gives an I/O result its place.
fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, ShadowError> {
    result.map_err(|source| ShadowError::Io { action, path: path.to_owned(), source })
}

/// What shall stand at a place of the shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A link to this source.
    Link(PathBuf),
    /// A copy of this file: an object file that kbuild may rewrite in place.
    Copy(PathBuf),
    /// A file of komod's own.
    Text(String),
}

/// The shadow of a project, locked while this value lives.
#[derive(Debug)]
pub struct Shadow {
    /// The folder.
    pub dir: PathBuf,
    /// What komod put there, by relative path.
    pub contents: BTreeMap<PathBuf, Content>,
    _lock: File,
}

/// What the shadow of `project` shall hold. A makefile with recipe lines that begin with spaces is
/// replaced by a copy that begins them with a tab.
pub fn plan(project: &Project, own: &Path) -> Result<BTreeMap<PathBuf, Content>, ShadowError> {
    let mut contents = BTreeMap::new();
    match &project.kind {
        Kind::File(file) => {
            contents.insert(file.into(), Content::Link(project.root.join(file)));
            for entry in at("read", &project.root, fs::read_dir(&project.root))? {
                let path = at("read", &project.root, entry)?.path();
                if let Some(name) = path.file_name().filter(|_| has_extension(&path, "h")) {
                    contents.insert(name.into(), Content::Link(path.clone()));
                }
            }
            contents.insert("Kbuild".into(), Content::Text(single(file)));
        }
        Kind::OnlySource(file) => {
            collect(&project.root, own, &mut contents)?;
            contents.insert("Kbuild".into(), Content::Text(single(file)));
        }
        Kind::Makefile(name) => {
            collect(&project.root, own, &mut contents)?;
            let source = project.root.join(name);
            let right = if name.eq_ignore_ascii_case("kbuild") { "Kbuild" } else { "Makefile" };
            contents.remove(Path::new(name));
            contents.insert(right.into(), Content::Link(source));
        }
    }
    for (path, content) in &mut contents {
        let makefile = path.file_name().is_some_and(|n| n == "Makefile" || n == "Kbuild");
        if let (true, Content::Link(source)) = (makefile, &*content)
            && let Ok(text) = fs::read_to_string(source)
            && let Some(repaired) = makefile::with_tabs(&text)
        {
            *content = Content::Text(repaired);
        }
    }
    Ok(contents)
}

/// The makefile of a module of one C file.
fn single(file: &str) -> String {
    format!(
        "# Made by komod: a single C file needs no makefile.\nobj-m := {}.o\n",
        file.trim_end_matches(".c")
    )
}

/// Collects the files below `root`.
fn collect(
    root: &Path,
    own: &Path,
    contents: &mut BTreeMap<PathBuf, Content>,
) -> Result<(), ShadowError> {
    let mut seen = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let real = at("open", &path, fs::canonicalize(&path))?;
        let foreign = !folder.as_os_str().is_empty() && real.join("CACHEDIR.TAG").exists();
        let own = real == own && !folder.as_os_str().is_empty();
        if own || foreign || real.ends_with("target/komod") || !seen.insert(real) {
            continue;
        }
        for entry in at("read", &path, fs::read_dir(&path))? {
            let entry = at("read", &path, entry)?;
            let name = entry.file_name();
            let relative = folder.join(&name);
            let source = entry.path();
            let hidden = name.to_string_lossy().starts_with('.');
            // A dangling link is nothing to build from.
            let Ok(meta) = fs::metadata(&source) else { continue };
            if meta.is_dir() {
                if !hidden {
                    folders.push(relative);
                }
            } else if meta.is_file()
                && let Some(content) = content_of(&relative, source)
            {
                contents.insert(relative, content);
            }
            if contents.len() > MOST_FILES {
                return Err(ShadowError::TooManyFiles(root.to_owned()));
            }
        }
    }
    Ok(())
}

/// Folders (relative) with sources that include files from outside the project: `"../../x.h"`.
pub fn folders_looking_out(contents: &BTreeMap<PathBuf, Content>) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for (relative, content) in contents {
        let (Content::Link(source), Some(folder)) = (content, relative.parent()) else { continue };
        let c = ["c", "h", "S"].iter().any(|e| has_extension(relative, e));
        if !c || folders.contains(folder) || fs::metadata(source).is_ok_and(|m| m.len() > 1 << 20) {
            continue;
        }
        let depth = folder.components().count();
        let climbs = format!("\"{}", "../".repeat(depth + 1));
        if fs::read_to_string(source).is_ok_and(|text| text.contains(&climbs)) {
            folders.insert(folder.to_owned());
        }
    }
    folders
}

/// A link to the source; nothing for what a build in the sources' folder left behind.
fn content_of(relative: &Path, source: PathBuf) -> Option<Content> {
    let name = relative.file_name()?.to_string_lossy().into_owned();
    let top = relative.parent().is_none_or(|parent| parent.as_os_str().is_empty());
    if is_left_behind(&name, top) || (top && name == compile_commands::FILE) {
        return None;
    }
    let Some(stem) = name.strip_suffix(".o") else { return Some(Content::Link(source)) };
    let made =
        [".c", ".S", ".rs"].iter().any(|e| source.with_file_name(format!("{stem}{e}")).exists())
            || [format!(".{name}.cmd"), format!("{stem}.mod")]
                .iter()
                .any(|beside| source.with_file_name(beside).exists());
    (!made).then_some(Content::Copy(source))
}

/// Names that only products have; `top` is the folder that kbuild was run in.
fn is_left_behind(name: &str, top: bool) -> bool {
    ["modules.order", "built-in.a", ".module-common.o"].contains(&name)
        || (top && name == "Module.symvers")
        || [".ko", ".mod", ".mod.c", ".mod.o", ".cmd", ".o.d"].iter().any(|e| name.ends_with(e))
        || name.starts_with(".tmp_")
        || name.starts_with(".komod-")
}

/// Names that products have.
pub fn is_products_name(name: &str, top: bool) -> bool {
    name.ends_with(".o") || is_left_behind(name, top)
}

/// Waits until no other komod works in a folder, and keeps them out of it.
pub fn lock(dir: &Path) -> Result<File, ShadowError> {
    let path = dir.join(LOCK);
    let lock = at("open", &path, File::options().create(true).append(true).open(&path))?;
    let held = rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive);
    at("lock", &path, held.map_err(io::Error::from))?;
    Ok(lock)
}

impl Shadow {
    /// The project's folder as a mirror of itself; `own` is komod's folder, where the lock is.
    pub fn of_itself(
        root: &Path,
        own: &Path,
        contents: BTreeMap<PathBuf, Content>,
    ) -> Result<Self, ShadowError> {
        Ok(Shadow { dir: root.to_owned(), contents, _lock: lock(own)? })
    }

    /// Makes `dir` hold `contents`. Waits while another komod works in it. If the tree's
    /// `identity` is not the one the folder was used with before, it is emptied first.
    pub fn mirror(
        dir: &Path,
        identity: &str,
        contents: BTreeMap<PathBuf, Content>,
    ) -> Result<Self, ShadowError> {
        at("make", dir, fs::create_dir_all(dir))?;
        let mut shadow = Shadow { dir: dir.to_owned(), contents, _lock: lock(dir)? };
        shadow.forget_other_tree(identity)?;
        shadow.remove_vanished()?;
        shadow.place()?;
        let path = dir.join(IDENTITY);
        at("write", &path, fs::write(&path, identity))?;
        Ok(shadow)
    }

    /// The source behind a path of the shadow, relative to the project.
    pub fn source_of(&self, relative: &Path) -> Option<&Path> {
        match self.contents.get(relative)? {
            Content::Link(source) | Content::Copy(source) => Some(source),
            Content::Text(_) => None,
        }
    }

    /// Lets the next build begin with an empty folder, because files in it may be incomplete; takes
    /// the modules away at once.
    pub fn distrust(&self) {
        let _ = fs::remove_file(self.dir.join(IDENTITY));
        let mut folders = vec![self.dir.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "ko") {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }

    fn forget_other_tree(&mut self, identity: &str) -> Result<(), ShadowError> {
        let known = fs::read_to_string(self.dir.join(IDENTITY));
        if known.is_ok_and(|known| known == identity) {
            return Ok(());
        }
        for entry in at("read", &self.dir, fs::read_dir(&self.dir))? {
            let entry = at("read", &self.dir, entry)?;
            if entry.file_name() == LOCK {
                continue;
            }
            let path = entry.path();
            let folder = at("read", &path, entry.file_type())?.is_dir();
            let removed = if folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            at("remove", &path, removed)?;
        }
        Ok(())
    }

    /// Removes links and files of komod's that are no longer wanted, and what was built from them.
    fn remove_vanished(&self) -> Result<(), ShadowError> {
        let made = fs::read_to_string(self.dir.join(MADE)).unwrap_or_default();
        let made: BTreeSet<&Path> = made.lines().map(Path::new).collect();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let path = self.dir.join(&folder);
            for entry in at("read", &path, fs::read_dir(&path))? {
                let entry = at("read", &path, entry)?;
                let relative = folder.join(entry.file_name());
                let kind = at("read", &path, entry.file_type())?;
                if kind.is_dir() {
                    folders.push(relative);
                    continue;
                }
                let right = match self.contents.get(&relative) {
                    Some(Content::Link(source)) => {
                        kind.is_symlink() && fs::read_link(entry.path()).is_ok_and(|t| t == *source)
                    }
                    Some(Content::Copy(_) | Content::Text(_)) => !kind.is_symlink(),
                    None => !kind.is_symlink() && !made.contains(relative.as_path()),
                };
                if !right {
                    at("remove", &entry.path(), fs::remove_file(entry.path()))?;
                    if !self.contents.contains_key(&relative) {
                        self.remove_products(&relative)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn remove_products(&self, source: &Path) -> Result<(), ShadowError> {
        let Some(stem) = source.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
            return Ok(());
        };
        for name in [
            format!("{stem}.o"),
            format!(".{stem}.o.cmd"),
            format!(".{stem}.o.d"),
            format!("{stem}.ko"),
            format!("{stem}.mod"),
            format!("{stem}.mod.c"),
            format!("{stem}.mod.o"),
        ] {
            let relative = source.with_file_name(name);
            let path = self.dir.join(&relative);
            if !self.contents.contains_key(&relative) {
                match fs::remove_file(&path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => at("remove", &path, Err(e))?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn place(&self) -> Result<(), ShadowError> {
        let mut made = String::new();
        for (relative, content) in &self.contents {
            let path = self.dir.join(relative);
            if let Some(parent) = path.parent() {
                at("make", parent, fs::create_dir_all(parent))?;
            }
            match content {
                Content::Link(_) if path.is_symlink() => {}
                Content::Link(source) => at("make", &path, symlink(source, &path))?,
                Content::Copy(source) => {
                    if is_newer(source, &path) {
                        at("copy", source, fs::copy(source, &path).map(drop))?;
                    }
                }
                Content::Text(text) => {
                    // Left alone if equal: its time of change means something to make.
                    if fs::read_to_string(&path).ok().as_deref() != Some(text) {
                        at("write", &path, fs::write(&path, text))?;
                    }
                }
            }
            if !matches!(content, Content::Link(_)) {
                made.push_str(&relative.to_string_lossy());
                made.push('\n');
            }
        }
        let path = self.dir.join(MADE);
        at("write", &path, fs::write(&path, made))
    }
}

fn is_newer(source: &Path, copy: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified());
    match (time(source), time(copy)) {
        (Ok(source), Ok(copy)) => source > copy,
        _ => true,
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir();
            let dir = dir.join(format!("komod-shadow-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            fs::create_dir_all(dir.join("p/sub")).unwrap();
            Scratch(fs::canonicalize(dir).unwrap())
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join("p").join(path), text).unwrap();
        }

        fn mirror(&self, identity: &str) -> Shadow {
            let project = Project::open(self.0.join("p")).unwrap();
            let own = self.0.join("p/target/komod/1");
            let plan = plan(&project, &own).unwrap();
            Shadow::mirror(&own, identity, plan).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn sources_are_linked_and_products_are_not() {
        let scratch = Scratch::new("links");
        for name in ["Makefile", "a.c", "sub/b.h", "a.o", "a.ko", "a.mod.c", ".a.o.cmd"] {
            scratch.write(name, "x");
        }
        for name in ["Module.symvers", "sub/Module.symvers", "blob.o", "z.o_shipped"] {
            scratch.write(name, "x");
        }
        let shadow = scratch.mirror("tree");
        let names: Vec<_> = shadow.contents.keys().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(
            names,
            ["Makefile", "a.c", "blob.o", "sub/Module.symvers", "sub/b.h", "z.o_shipped"]
        );
        assert!(shadow.dir.join("a.c").is_symlink());
        assert!(!shadow.dir.join("blob.o").is_symlink(), "kbuild may write objects: copied");
    }

    #[test]
    fn vanished_sources_vanish_with_their_products() {
        let scratch = Scratch::new("vanish");
        scratch.write("Makefile", "");
        scratch.write("a.c", "");
        scratch.write("sub/b.c", "");
        let shadow = scratch.mirror("tree");
        let dir = shadow.dir.clone();
        drop(shadow);
        for product in ["a.o", "sub/b.o", "sub/.b.o.cmd", "sub/b.ko"] {
            fs::write(dir.join(product), "").unwrap();
        }
        fs::remove_file(scratch.0.join("p/sub/b.c")).unwrap();
        drop(scratch.mirror("tree"));
        assert!(dir.join("a.o").exists());
        for gone in ["sub/b.c", "sub/b.o", "sub/.b.o.cmd", "sub/b.ko"] {
            assert!(!dir.join(gone).exists() && !dir.join(gone).is_symlink(), "{gone}");
        }
    }

    #[test]
    fn another_tree_empties_it() {
        let scratch = Scratch::new("tree");
        scratch.write("Makefile", "");
        let dir = scratch.mirror("one").dir;
        fs::write(dir.join("a.o"), "").unwrap();
        drop(scratch.mirror("one"));
        assert!(dir.join("a.o").exists());
        drop(scratch.mirror("two"));
        assert!(!dir.join("a.o").exists());
    }

    #[test]
    fn makefiles_get_their_name_and_their_tabs() {
        let scratch = Scratch::new("tabs");
        scratch.write("makefile", "obj-m := a.o\nall:\n        make\n");
        let shadow = scratch.mirror("tree");
        let text = fs::read_to_string(shadow.dir.join("Makefile")).unwrap();
        assert_eq!(text, "obj-m := a.o\nall:\n\tmake\n");
        assert!(!shadow.dir.join("makefile").exists());
        let dir = shadow.dir.clone();
        drop(shadow);
        scratch.write("makefile", "obj-m := a.o\nall:\n\tmake\n");
        drop(scratch.mirror("tree"));
        assert!(dir.join("Makefile").is_symlink(), "the repaired copy gives way to the link");
    }
}
