//! Finding module files: a walk over the kernel's folder and those of `external` lines, in the
//! order of the folders themselves. Of several files for one module the configuration decides.

use super::ahead;
use super::config::Config;
use super::error::DepmodError;
use super::priority;
use super::remark::Remark;
use crate::name::{file_name, is_module_file, module_name};
use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{FileType, Mode, OFlags, RawDir, fstat, open};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::vec;

/// A module's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    /// Where it is.
    path: Vec<u8>,
    /// Where in `path` the part begins that the indexes have.
    shown_from: usize,
    /// The module's name.
    pub name: Vec<u8>,
    /// How many were found before.
    pub number: usize,
}

impl ModuleFile {
    fn new(path: Vec<u8>, root: &[u8], number: usize) -> ModuleFile {
        let below = path.strip_prefix(root).and_then(|rest| rest.strip_prefix(b"/"));
        let shown_from = below.map_or(0, |rest| path.len() - rest.len());
        let name = module_name(file_name(&path));
        ModuleFile { path, shown_from, name, number }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }

    /// The same as bytes.
    pub fn path_bytes(&self) -> &[u8] {
        &self.path
    }

    /// As the indexes have it: from the kernel's folder on, or whole if it is elsewhere.
    pub fn shown(&self) -> &[u8] {
        self.path.get(self.shown_from..).unwrap_or_default()
    }
}

/// The modules found, each name once.
struct Found<'c> {
    root: Vec<u8>,
    config: &'c Config,
    each: ahead::Found<'c>,
    files: Vec<ModuleFile>,
    by_name: FxHashMap<Vec<u8>, usize>,
    /// So many files were found, also for one module.
    count: usize,
}

/// All modules of a kernel's folder, and of the `external` ones that there are. `each` gets them as
/// they are found, also those that then give way to others.
pub fn walk(
    directory: &Path,
    config: &Config,
    each: ahead::Found<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<ModuleFile>, DepmodError> {
    let root = directory.as_os_str().as_bytes().to_vec();
    let (files, by_name) = (Vec::new(), FxHashMap::default());
    let mut found = Found { root, config, each, files, by_name, count: 0 };
    let mut folders = Folders::default();
    let first = folders
        .open(directory)
        .map_err(|source| DepmodError::Search { path: directory.to_owned(), source })?;
    found.below(&mut folders, first, remarks);
    for external in &config.externals {
        match folders.open(external) {
            Ok(first) => found.below(&mut folders, first, remarks),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => remarks.push(Remark::unreadable(external, &error)),
        }
    }
    Ok(found.files)
}

/// The modules of these files.
pub fn of_files(directory: &Path, files: &[PathBuf]) -> Result<Vec<ModuleFile>, DepmodError> {
    let root = directory.as_os_str().as_bytes();
    let mut found: Vec<ModuleFile> = Vec::new();
    for file in files {
        if !file.is_absolute() {
            return Err(DepmodError::NotAbsolute { path: file.clone() });
        }
        if let Err(source) = std::fs::metadata(file) {
            let what = "could not create module";
            return Err(DepmodError::Io { what, path: file.clone(), source });
        }
        let file = ModuleFile::new(file.as_os_str().as_bytes().to_vec(), root, found.len());
        if found.iter().all(|other| other.name != file.name) {
            found.push(file);
        }
    }
    Ok(found)
}

/// The entries of a folder, still to be looked at.
struct Folder {
    path: Vec<u8>,
    entries: vec::IntoIter<(Vec<u8>, FileType)>,
}

/// Room for the entries of most folders.
const ENTRIES: usize = 32 << 10;

/// Opens folders, each only once: links may lead in circles.
#[derive(Default)]
struct Folders {
    seen: FxHashSet<(u64, u64)>,
    buffer: Vec<u8>,
}

impl Folders {
    /// The entries of a folder; none if it was opened before.
    fn open(&mut self, path: &Path) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(path, flags, Mode::empty())?;
        let file = fstat(&folder)?;
        let mut entries = Vec::new();
        if self.seen.insert((file.st_dev, file.st_ino)) {
            self.buffer.reserve(ENTRIES);
            let mut list = RawDir::new(folder, self.buffer.spare_capacity_mut());
            while let Some(entry) = list.next() {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    entries.push((name.to_vec(), entry.file_type()));
                }
            }
        }
        let path = path.as_os_str().as_bytes().to_vec();
        Ok(Folder { path, entries: entries.into_iter() })
    }
}

impl Found<'_> {
    fn below(&mut self, folders: &mut Folders, first: Folder, remarks: &mut Vec<Remark>) {
        let mut open = vec![first];
        while let Some(folder) = open.last_mut() {
            let Some((name, kind)) = folder.entries.next() else {
                open.pop();
                continue;
            };
            let is_module = is_module_file(&name);
            // Most other entries are not worth a look.
            if !is_module && kind.is_file() || self.config.excludes(&name) {
                continue;
            }
            let path = [&folder.path, &b"/"[..], &name].concat();
            let mut kind = Ok(kind);
            if matches!(kind, Ok(FileType::Symlink | FileType::Unknown)) {
                let file = std::fs::metadata(OsStr::from_bytes(&path));
                kind = file.map(|file| FileType::from_raw_mode(file.mode()));
            }
            match kind {
                Ok(kind) if kind.is_dir() => {
                    let path = PathBuf::from(OsString::from_vec(path));
                    match folders.open(&path) {
                        Ok(folder) => open.push(folder),
                        Err(error) => remarks.push(Remark::unreadable(&path, &error)),
                    }
                }
                Ok(kind) if is_module && kind.is_file() => self.add(path, remarks),
                Ok(kind) if is_module => {
                    let path = PathBuf::from(OsString::from_vec(path));
                    remarks.push(Remark::NotAFile { path, kind: kind.as_raw_mode() });
                }
                Ok(_) => {}
                Err(error) => {
                    let path = PathBuf::from(OsString::from_vec(path));
                    remarks.push(Remark::unreadable(&path, &error));
                }
            }
        }
    }

    fn add(&mut self, path: Vec<u8>, remarks: &mut Vec<Remark>) {
        let file = ModuleFile::new(path, &self.root, self.count);
        self.count += 1;
        if file.shown().contains(&b'\n') {
            remarks.push(Remark::BadName { path: file.path().to_owned() });
            return;
        }
        (self.each)(&file);
        match self.by_name.get(&file.name) {
            None => {
                self.by_name.insert(file.name.clone(), self.files.len());
                self.files.push(file);
            }
            Some(&at) => {
                if let Some(old) = self.files.get_mut(at)
                    && priority::replaces(self.config, file.shown(), old.shown())
                {
                    *old = file;
                }
            }
        }
    }
}

/// Modules at these paths below a folder, for tests.
#[cfg(test)]
pub fn of_paths(root: &str, paths: &[String]) -> Vec<ModuleFile> {
    let file = |(number, path)| {
        ModuleFile::new(format!("{root}/{path}").into_bytes(), root.as_bytes(), number)
    };
    paths.iter().enumerate().map(file).collect()
}
