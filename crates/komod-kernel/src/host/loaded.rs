//! The modules a kernel has: `/proc/modules`, and what `/sys/module` says about each.

use super::{Host, sys_module};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Why the kernel's modules cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum LoadedError {
    /// A file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has something else than expected.
    #[error("{}: {value:?} is no {wanted}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What stands there.
        value: String,
        /// What should.
        wanted: &'static str,
    },
}

impl LoadedError {
    /// The kernel's error number; `EINVAL` for an odd value.
    pub fn errno(&self) -> i32 {
        match self {
            LoadedError::Read { source, .. } => source.raw_os_error().unwrap_or(libc::EIO),
            LoadedError::Value { .. } => libc::EINVAL,
        }
    }

    /// The file went away, as a module's files do when it is removed.
    pub fn is_gone(&self) -> bool {
        matches!(self.errno(), libc::ENOENT | libc::ENODEV | libc::ENOTDIR)
    }
}

/// A line of `/proc/modules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The module's name.
    pub name: OsString,
    /// Its size in bytes.
    pub size: u64,
    /// How often it is in use; `None` in a kernel that cannot remove modules (`-`).
    pub uses: Option<i64>,
    /// Who uses it.
    pub holders: Vec<OsString>,
}

/// All modules in `/proc/modules`, in its order (the last loaded first). Lines that are none are
/// left out.
pub fn modules(host: &dyn Host) -> Result<Vec<Loaded>, LoadedError> {
    let path = Path::new("/proc/modules");
    let text =
        host.read(path).map_err(|source| LoadedError::Read { path: path.to_owned(), source })?;
    Ok(parse(&text))
}

/// Reads the contents of `/proc/modules` (`m_show()`, `kernel/module/procfs.c`, Linux 6.1):
/// `name size uses holder,holder, Live 0x0 (OE)`.
pub fn parse(text: &[u8]) -> Vec<Loaded> {
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Loaded> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let name = words.next()?;
    let size = number(words.next()?)?;
    let uses = words.next().and_then(number);
    let holders = words.next().unwrap_or_default();
    let holders = holders.split(|byte| *byte == b',').filter(|name| !matches!(*name, b"" | b"-"));
    // Kernels before 4.15 write `[permanent]` among them.
    let holders = holders.filter(|name| !name.starts_with(b"["));
    Some(Loaded {
        name: OsString::from_vec(name.to_vec()),
        size,
        uses,
        holders: holders.map(|name| OsStr::from_bytes(name).to_owned()).collect(),
    })
}

fn number<N: FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Where a module stands between load and removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// Its init function runs.
    Coming,
    /// It is loaded.
    Live,
    /// Its exit function runs.
    Going,
}

/// A module's state: `/sys/module/NAME/initstate`. `None` if the kernel has no such module, or it
/// is built in. A module that has a directory but not yet this file is coming.
pub fn state(host: &dyn Host, name: &OsStr) -> Result<Option<ModuleState>, LoadedError> {
    let path = sys_module(name, "initstate");
    match host.read(&path) {
        Ok(text) => match text.trim_ascii() {
            b"live" => Ok(Some(ModuleState::Live)),
            b"coming" => Ok(Some(ModuleState::Coming)),
            b"going" => Ok(Some(ModuleState::Going)),
            other => Err(value(path, other, "state of a module")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let there = host.list(&sys_module(name, "")).is_ok();
            Ok(there.then_some(ModuleState::Coming))
        }
        Err(source) => Err(LoadedError::Read { path, source }),
    }
}

/// How often a module is in use: `/sys/module/NAME/refcnt`.
pub fn uses(host: &dyn Host, name: &OsStr) -> Result<i64, LoadedError> {
    attribute(host, name, "refcnt")
}

/// Its size: `/sys/module/NAME/coresize`.
pub fn size(host: &dyn Host, name: &OsStr) -> Result<u64, LoadedError> {
    attribute(host, name, "coresize")
}

fn attribute<N: FromStr>(host: &dyn Host, name: &OsStr, file: &str) -> Result<N, LoadedError> {
    let path = sys_module(name, file);
    match host.read(&path) {
        Ok(text) => number(&text).ok_or_else(|| value(path, text.trim_ascii(), "number")),
        Err(source) => Err(LoadedError::Read { path, source }),
    }
}

fn value(path: PathBuf, value: &[u8], wanted: &'static str) -> LoadedError {
    // A page is the most such a file has; a fake one may have more.
    let value = value.get(..200).unwrap_or(value);
    LoadedError::Value { path, value: String::from_utf8_lossy(value).into_owned(), wanted }
}

/// The modules that use it: `/sys/module/NAME/holders`.
pub fn holders(host: &dyn Host, name: &OsStr) -> Result<Vec<OsString>, LoadedError> {
    let path = sys_module(name, "holders");
    host.list(&path).map_err(|source| LoadedError::Read { path, source })
}

#[cfg(test)]
mod tests {
    use super::super::{FakeHost, FakeModule};
    use super::*;

    #[test]
    fn lines_of_proc_modules() {
        let text = b"snd_pcm 159744 2 snd_hda,snd_usb, Live 0xffffffffc0a3f000 (OE)\n\
            odd\n\0\nx 16384 - - Live 0x0\nlast 4096 0 -\nperm 8192 1 [permanent], Live 0x0\n";
        let all = parse(text);
        let names: Vec<_> = all.iter().map(|m| m.name.to_str().unwrap()).collect();
        assert_eq!(names, ["snd_pcm", "x", "last", "perm"]);
        assert_eq!((all[0].size, all[0].uses), (159_744, Some(2)));
        assert_eq!(all[0].holders, ["snd_hda", "snd_usb"]);
        assert_eq!((all[1].uses, all[2].uses), (None, Some(0)));
        assert!(all[3].holders.is_empty());
    }

    #[test]
    fn a_module_in_sys() {
        let mut host = FakeHost::default();
        let module = FakeModule { size: 4096, uses: 1, holders: vec!["b".into()], state: "live" };
        host.modules.get_mut().push(("a".into(), module));
        let name = OsStr::new("a");
        assert_eq!(state(&host, name).unwrap(), Some(ModuleState::Live));
        assert_eq!((size(&host, name).unwrap(), uses(&host, name).unwrap()), (4096, 1));
        assert_eq!(holders(&host, name).unwrap(), ["b"]);
        assert_eq!(modules(&host).unwrap()[0].holders, ["b"]);
        let other = OsStr::new("other");
        assert_eq!(state(&host, other).unwrap(), None);
        let error = uses(&host, other).unwrap_err();
        assert!(error.is_gone(), "{error}");
        host.files.insert("/sys/module/c/refcnt".into(), b"many\n".to_vec());
        let error = uses(&host, OsStr::new("c")).unwrap_err();
        assert_eq!(error.to_string(), "/sys/module/c/refcnt: \"many\" is no number");
    }
}
