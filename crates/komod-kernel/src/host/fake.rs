//! A kernel for tests: modules come and go in it without root.

use super::{Host, KernelLog, KernelRecords, LoadFlags, LogControl, LogStart, Removal};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{CStr, OsString};
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A module that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeModule {
    /// `coresize`
    pub size: u64,
    /// `refcnt`
    pub uses: i64,
    /// `holders`
    pub holders: Vec<String>,
    /// `initstate`
    pub state: &'static str,
}

impl Default for FakeModule {
    fn default() -> Self {
        FakeModule { size: 16384, uses: 0, holders: Vec::new(), state: "live" }
    }
}

/// A kernel that has what it is told, and remembers what was asked of it.
#[derive(Debug, Default)]
pub struct FakeHost {
    /// What is loaded, in the order of `/proc/modules`.
    pub modules: RefCell<Vec<(String, FakeModule)>>,
    /// Files below `/proc` and `/sys`; they come before what [`FakeHost::modules`] says.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Files that are not there, whatever `modules` says.
    pub missing: Vec<PathBuf>,
    /// `uname -r`
    pub release: String,
    /// Modules (by name, or the whole beginning of an image) that are refused: errno, and what
    /// the kernel logs.
    pub refusals: BTreeMap<String, (i32, Vec<String>)>,
    /// Every `finit_module` ends with this error number, when not 0.
    pub no_finit: Cell<i32>,
    /// What was asked, one line each: `finit a.ko [x=1] 0`, `init 4096 [x=1]`, `delete a Gentle`.
    pub calls: RefCell<Vec<String>>,
    /// The whole log: records of `/dev/kmsg`. Without any, it may not be read.
    pub records: Vec<String>,
    /// The same as `syslog(2)` gives it.
    pub syslog: Vec<u8>,
    log: Rc<RefCell<Vec<String>>>,
}

impl FakeHost {
    /// A kernel of this release, with nothing in it.
    pub fn of_release(release: &str) -> Self {
        FakeHost { release: release.to_owned(), ..FakeHost::default() }
    }

    fn called(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }

    /// Takes a module in, or refuses it.
    fn load(&self, name: &str) -> io::Result<()> {
        if let Some((errno, log)) = self.refusals.get(name) {
            self.log.borrow_mut().extend(log.iter().cloned());
            return Err(io::Error::from_raw_os_error(*errno));
        }
        let mut modules = self.modules.borrow_mut();
        if modules.iter().any(|(loaded, _)| loaded == name) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        modules.insert(0, (name.to_owned(), FakeModule::default()));
        Ok(())
    }

    fn proc_modules(&self) -> Vec<u8> {
        let mut text = String::new();
        for (name, module) in self.modules.borrow().iter() {
            let FakeModule { size, uses, holders, state } = module;
            let holders = match holders.is_empty() {
                true => "-".to_owned(),
                false => holders.iter().map(|holder| format!("{holder},")).collect(),
            };
            let state = match *state {
                "coming" => "Loading",
                "going" => "Unloading",
                _ => "Live",
            };
            text += &format!("{name} {size} {uses} {holders} {state} 0x0000000000000000\n");
        }
        text.into_bytes()
    }

    /// A module's file in `/sys/module`.
    fn attribute(&self, file: &Path) -> Option<Vec<u8>> {
        let rest = file.strip_prefix("/sys/module").ok()?.to_str()?;
        let (name, attribute) = rest.split_once('/')?;
        let modules = self.modules.borrow();
        let (_, module) = modules.iter().find(|(loaded, _)| loaded == name)?;
        let text = match attribute {
            "coresize" => module.size.to_string(),
            "refcnt" => module.uses.to_string(),
            "initstate" => module.state.to_owned(),
            _ => return None,
        };
        Some(format!("{text}\n").into_bytes())
    }

    fn lacks(&self, path: &Path) -> bool {
        self.missing.iter().any(|missing| missing == path)
    }
}

fn not_found() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}

/// The name of the module in an open file: what the file is called.
fn name_of(file: BorrowedFd<'_>) -> io::Result<(String, String)> {
    use std::os::fd::AsRawFd;
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = file.split('.').next().unwrap_or_default().replace('-', "_");
    Ok((file, name))
}

impl Host for FakeHost {
    fn finit_module(
        &self,
        file: BorrowedFd<'_>,
        parameters: &CStr,
        flags: LoadFlags,
    ) -> io::Result<()> {
        let (file, name) = name_of(file)?;
        let parameters = parameters.to_string_lossy();
        self.called(format!("finit {file} [{parameters}] {}", flags.bits()));
        match self.no_finit.get() {
            0 => self.load(&name),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// The image's name is in its `.modinfo`, if it is a module.
    fn init_module(&self, image: &[u8], parameters: &CStr) -> io::Result<()> {
        self.called(format!("init {} [{}]", image.len(), parameters.to_string_lossy()));
        let name = match komod_object::Module::parse(image) {
            Ok(module) => module.name().to_string_lossy().into_owned(),
            Err(_) => {
                let mut start = String::new();
                image.take(100).read_to_string(&mut start)?;
                start.trim().to_owned()
            }
        };
        self.load(&name)
    }

    fn delete_module(&self, name: &CStr, how: Removal) -> io::Result<()> {
        let name = name.to_string_lossy();
        self.called(format!("delete {name} {how:?}"));
        if let Some((errno, log)) = self.refusals.get(&format!("-{name}")) {
            self.log.borrow_mut().extend(log.iter().cloned());
            return Err(io::Error::from_raw_os_error(*errno));
        }
        let mut modules = self.modules.borrow_mut();
        let at = modules.iter().position(|(loaded, _)| *loaded == name).ok_or_else(not_found)?;
        let in_use = modules[at].1.uses > 0 || !modules[at].1.holders.is_empty();
        if in_use && how == Removal::Gentle {
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        modules.remove(at);
        for (_, module) in modules.iter_mut() {
            let before = module.holders.len();
            module.holders.retain(|holder| *holder != name);
            if module.holders.len() < before {
                module.uses -= 1;
            }
        }
        Ok(())
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        if self.lacks(file) {
            return Err(not_found());
        }
        if let Some(contents) = self.files.get(file) {
            return Ok(contents.clone());
        }
        if file == Path::new("/proc/modules") {
            return Ok(self.proc_modules());
        }
        self.attribute(file).ok_or_else(not_found)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        if self.lacks(directory) {
            return Err(not_found());
        }
        let modules = self.modules.borrow();
        for (name, module) in modules.iter() {
            if directory == Path::new("/sys/module").join(name) {
                return Ok(["coresize", "holders", "initstate", "refcnt"].map(Into::into).into());
            }
            if directory == Path::new("/sys/module").join(name).join("holders") {
                return Ok(module.holders.iter().map(OsString::from).collect());
            }
        }
        let inside = self.files.keys().filter_map(|file| {
            let rest = file.strip_prefix(directory).ok()?;
            Some(rest.components().next()?.as_os_str().to_owned())
        });
        let names: std::collections::BTreeSet<_> = inside.collect();
        if names.is_empty() { Err(not_found()) } else { Ok(names.into_iter().collect()) }
    }

    fn release(&self) -> io::Result<String> {
        Ok(self.release.clone())
    }

    fn kernel_log(&self) -> io::Result<Box<dyn KernelLog>> {
        let seen = self.log.borrow().len();
        Ok(Box::new(FakeLog { log: Rc::clone(&self.log), seen }))
    }

    fn kernel_records(&self, start: LogStart, wait: bool) -> io::Result<Box<dyn KernelRecords>> {
        self.called(format!("kmsg {start:?} {wait}"));
        match self.records.is_empty() {
            true => Err(io::Error::from_raw_os_error(libc::EPERM)),
            false => Ok(Box::new(FakeRecords(self.records.iter().cloned().collect()))),
        }
    }

    fn read_log(&self, size: Option<u32>) -> io::Result<Vec<u8>> {
        self.called(format!("read log, size {size:?}"));
        match self.syslog.is_empty() {
            true => Err(io::Error::from_raw_os_error(libc::EPERM)),
            false => Ok(self.syslog.clone()),
        }
    }

    fn control_log(&self, what: LogControl) -> io::Result<()> {
        self.called(format!("log {what:?}"));
        Ok(())
    }
}

struct FakeRecords(VecDeque<String>);

impl KernelRecords for FakeRecords {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.pop_front().map(String::into_bytes))
    }
}

struct FakeLog {
    log: Rc<RefCell<Vec<String>>>,
    seen: usize,
}

impl KernelLog for FakeLog {
    fn lines(&mut self) -> Vec<String> {
        let log = self.log.borrow();
        let new = log.get(self.seen..).unwrap_or_default().to_vec();
        self.seen = log.len();
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_in_use_stay() {
        let host = FakeHost::default();
        host.init_module(b"a", c"").unwrap();
        host.init_module(b"b", c"x=1").unwrap();
        let errno = |result: io::Result<()>| result.unwrap_err().raw_os_error();
        assert_eq!(errno(host.init_module(b"a", c"")), Some(libc::EEXIST));
        host.modules.borrow_mut()[1].1 =
            FakeModule { uses: 1, holders: vec!["b".into()], ..FakeModule::default() };
        assert_eq!(errno(host.delete_module(c"a", Removal::Gentle)), Some(libc::EAGAIN));
        host.delete_module(c"b", Removal::Gentle).unwrap();
        assert_eq!(host.modules.borrow()[0].1.uses, 0);
        host.delete_module(c"a", Removal::Gentle).unwrap();
        assert_eq!(errno(host.delete_module(c"a", Removal::Gentle)), Some(libc::ENOENT));
        assert_eq!(host.calls.borrow()[1], "init 1 [x=1]");
    }

    #[test]
    fn the_log_begins_when_asked_for() {
        let mut host = FakeHost::default();
        host.refusals.insert("a".into(), (libc::ENOEXEC, vec!["a: no".into()]));
        host.init_module(b"a", c"").unwrap_err();
        let mut log = host.kernel_log().unwrap();
        assert!(log.lines().is_empty());
        host.init_module(b"a", c"").unwrap_err();
        assert_eq!(log.lines(), ["a: no"]);
        assert!(log.lines().is_empty());
    }
}
