//! Which files are the configuration, and in which order they are read.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where to look unless told otherwise: of files with one name, the first counts (modprobe.d(5)).
pub const DIRECTORIES: [&str; 5] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];

/// Files that depmod writes into a module directory, and the only word their lines start with.
const WRITTEN: [(&str, &str); 2] = [("modules.softdep", "softdep"), ("modules.weakdep", "weakdep")];

/// A file of configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// Its lines may start with this word only.
    pub only: Option<&'static str>,
}

impl Source {
    pub fn new(path: PathBuf) -> Self {
        Self { path, only: None }
    }
}

/// The files of `directories` (a file among them stands for itself), with those that depmod wrote
/// into `module_directory`, in order of their names.
pub fn sources(
    directories: &[PathBuf],
    module_directory: Option<&Path>,
) -> io::Result<Vec<Source>> {
    let mut named: BTreeMap<OsString, Source> = BTreeMap::new();
    let mut add = |source: Source| {
        let name = source.path.file_name().unwrap_or_default().to_owned();
        named.entry(name).or_insert(source);
    };
    if let Some(directory) = module_directory {
        for (name, only) in WRITTEN {
            add(Source { path: directory.join(name), only: Some(only) });
        }
    }
    for directory in directories {
        let Ok(metadata) = std::fs::metadata(directory) else { continue };
        if !metadata.is_dir() {
            add(Source::new(directory.clone()));
            continue;
        }
        for entry in std::fs::read_dir(directory)? {
            let name = entry?.file_name();
            let bytes = name.as_bytes();
            if bytes.starts_with(b".") || !bytes.ends_with(b".conf") {
                continue;
            }
            let path = directory.join(&name);
            if !std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                add(Source::new(path));
            }
        }
    }
    Ok(named.into_values().collect())
}
