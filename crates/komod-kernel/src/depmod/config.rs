//! `depmod.d`: which of several modules of the same name counts, and where else modules lie
//! (depmod.d(5)).

use super::config_lines::{self, Line};
use super::error::{DepmodError, io_error};
use super::remark::Remark;
use regex_lite::Regex;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Folders with configuration, the first has precedence (depmod.d(5)).
pub const FOLDERS: [&str; 5] = [
    "/etc/depmod.d",
    "/run/depmod.d",
    "/usr/local/lib/depmod.d",
    "/usr/lib/depmod.d",
    "/lib/depmod.d",
];
/// A longer file is no configuration.
const MAX_FILE: u64 = 16 << 20;

/// One word of a `search` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// `built-in`: what no other word names.
    BuiltIn,
    /// `external`: the modules of `external` lines.
    External,
    /// A folder below the kernel's modules.
    Folder(Vec<u8>),
}

/// What `depmod.d` says for one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// From the highest priority to the lowest.
    pub search: Vec<Search>,
    /// `folder/module` below the kernel's modules; later lines count more.
    pub overrides: Vec<Vec<u8>>,
    /// Folders elsewhere, in their order.
    pub externals: Vec<PathBuf>,
    /// Names of folders to leave out.
    pub excludes: Vec<Vec<u8>>,
}

impl Config {
    /// Reads the configuration for a kernel: of these files and folders, or of the usual folders
    /// if `paths` is empty.
    pub fn read(
        version: &OsStr,
        paths: &[PathBuf],
        remarks: &mut Vec<Remark>,
    ) -> Result<Config, DepmodError> {
        let mut config = Config::default();
        for file in files(paths) {
            let text = match read_file(&file) {
                Ok(text) => text,
                Err(source) if paths.is_empty() => {
                    remarks.push(Remark::unreadable(&file, &source));
                    continue;
                }
                Err(source) => return Err(io_error("could not read", &file, source)),
            };
            for line in config_lines::lines(&text) {
                if !config.line(version.as_bytes(), &line, &file, remarks) {
                    remarks.push(Remark::BadLine {
                        file: file.clone(),
                        line: line.number,
                        word: line.words.first().cloned().unwrap_or_default(),
                    });
                }
            }
        }
        if config.search.is_empty() {
            config.search.push(Search::Folder(b"updates".to_vec()));
        }
        Ok(config)
    }

    /// Takes a line; false if it is none.
    fn line(
        &mut self,
        version: &[u8],
        line: &Line,
        file: &Path,
        remarks: &mut Vec<Remark>,
    ) -> bool {
        let Some((command, words)) = line.words.split_first() else { return true };
        match (command.as_slice(), words) {
            (b"search", words) => {
                self.search.extend(words.iter().map(|word| match word.as_slice() {
                    b"built-in" => Search::BuiltIn,
                    b"external" => Search::External,
                    folder => Search::Folder(folder.to_vec()),
                }))
            }
            (b"override", [module, kernel, folder, ..]) => {
                if applies(kernel, version) {
                    self.overrides.push([folder, &b"/"[..], module].concat());
                }
            }
            (b"external", [kernel, folders @ ..]) if !folders.is_empty() => {
                if applies(kernel, version) {
                    let folders = folders.iter().filter(|folder| folder.starts_with(b"/"));
                    self.externals.extend(folders.map(|f| PathBuf::from(OsStr::from_bytes(f))));
                }
            }
            (b"exclude", folders) => self.excludes.extend(folders.iter().cloned()),
            (b"include" | b"make_map_files", _) => remarks.push(Remark::NotImplemented {
                file: file.to_owned(),
                line: line.number,
                command: command.clone(),
            }),
            _ => return false,
        }
        true
    }

    /// Whether the folder of this name is left out.
    pub fn excludes(&self, folder: &[u8]) -> bool {
        matches!(folder, b"build" | b"source") || self.excludes.iter().any(|e| e == folder)
    }
}

/// `*`, or an extended regular expression for a part of the version.
fn applies(kernel: &[u8], version: &[u8]) -> bool {
    if kernel == b"*" {
        return true;
    }
    let (Ok(kernel), Ok(version)) = (std::str::from_utf8(kernel), std::str::from_utf8(version))
    else {
        return false;
    };
    Regex::new(kernel).is_ok_and(|expression| expression.is_match(version))
}

fn read_file(file: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    std::fs::File::open(file)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}

/// The files to read: of a name that is in several folders only the first, all sorted by name.
fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let usual: Vec<PathBuf> = FOLDERS.iter().map(PathBuf::from).collect();
    let paths = if paths.is_empty() { usual.as_slice() } else { paths };
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for path in paths {
        if !path.is_dir() {
            if path.exists() {
                let name = path.file_name().unwrap_or_default().to_owned();
                found.entry(name).or_insert_with(|| path.clone());
            }
            continue;
        }
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let bytes = name.as_bytes();
            if bytes.ends_with(b".conf") && !bytes.starts_with(b".") && !entry.path().is_dir() {
                let path = entry.path();
                found.entry(name).or_insert(path);
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> (Config, Vec<String>) {
        let mut config = Config::default();
        let mut bad = Vec::new();
        for line in config_lines::lines(text.as_bytes()) {
            if !config.line(b"6.1.0-5-amd64", &line, Path::new("x.conf"), &mut Vec::new()) {
                bad.push(format!("{}", line.number));
            }
        }
        (config, bad)
    }

    #[test]
    fn every_command_is_read() {
        let (config, bad) = config(
            "search extra built-in\nsearch external\n#no\noverride m * weak\n\
             override n 7 weak\noverride o 6.1.[0-9] a/b\nexternal ^6[.] /x y /z\nexclude a b\n\
             make_map_files no\ninclude x\nbad\noverride x\nexternal *\n",
        );
        let extra = Search::Folder(b"extra".to_vec());
        assert_eq!(config.search, [extra, Search::BuiltIn, Search::External]);
        assert_eq!(config.overrides, [b"weak/m".to_vec(), b"a/b/o".to_vec()]);
        assert_eq!(config.externals, [PathBuf::from("/x"), PathBuf::from("/z")]);
        assert!(config.excludes(b"a") && config.excludes(b"build") && !config.excludes(b"c"));
        assert_eq!(bad, ["11", "12", "13"]);
    }

    #[test]
    fn a_bad_expression_applies_to_nothing() {
        assert!(!applies(b"(", b"6.1") && !applies(b"^1", b"6.1") && applies(b"6.1", b"6.1.0"));
    }
}
