//! Built-in modules: `modules.builtin.modinfo` has their strings, as `NAME.KEY=VALUE`, each ended
//! by NUL (`Documentation/kbuild/kbuild.rst`, Linux 6.1).

use super::super::module_dir::ModuleDir;
use super::told::Told;
use komod_kernel::module_file::ModuleFileError;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The file, read when it is needed first.
pub struct Builtin {
    path: PathBuf,
    contents: Option<Vec<u8>>,
}

impl Builtin {
    pub fn new(dir: &ModuleDir) -> Self {
        Builtin { path: dir.file("modules.builtin.modinfo"), contents: None }
    }

    /// What a module tells: the strings of its name that stand together.
    pub fn told(&mut self, name: &OsStr) -> Result<Told, ModuleFileError> {
        let contents = match &self.contents {
            Some(contents) => contents,
            None => {
                let path = &self.path;
                let error = |source| ModuleFileError::Read { path: path.clone(), source };
                self.contents.insert(std::fs::read(path).map_err(error)?)
            }
        };
        let own = |record: &[u8]| -> bool { own(record, name.as_bytes()).is_some() };
        let records = contents.split(|byte| *byte == 0);
        let records = records.skip_while(|record| !own(record)).take_while(|record| own(record));
        let strings = records.filter_map(|record| self::own(record, name.as_bytes()));
        let mut told = Told::of_strings(strings);
        told.builtin = Some(name.as_bytes().to_vec());
        Ok(told)
    }
}

/// The string of a record, if it is one of this module. Names have `_` in one place and `-` in
/// another.
fn own<'r>(record: &'r [u8], name: &[u8]) -> Option<&'r [u8]> {
    let dot = record.iter().position(|byte| *byte == b'.')?;
    let (module, rest) = (&record[..dot], &record[dot + 1..]);
    let same = |(a, b): (&u8, &u8)| a == b || (*a == b'-' && *b == b'_');
    (module.len() == name.len() && module.iter().zip(name).all(same)).then_some(rest)
}
