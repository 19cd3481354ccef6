//! What removing a module takes: it depends on what the kernel has at each step, so the steps are
//! done as they come.

use super::lookup::{Key, Module, Modules};
use super::name;
use crate::host::{Host, loaded};
use crate::index::IndexError;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// How a module is to be removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Leave out the module's own `remove` command and soft dependencies.
    pub ignore_command: bool,
    /// Not being loaded is an error.
    pub first_time: bool,
    /// Remove what uses it before.
    pub holders: bool,
    /// Do not look whether it is in use.
    pub in_use: bool,
    /// Take all modules as loaded and not in use: only show what would be done.
    pub only_show: bool,
}

/// What carries the steps out.
pub trait Remover {
    type Error: From<RemovalError>;

    /// Runs a `remove` command.
    fn command(&mut self, module: &Module, command: &[u8]) -> Result<(), Self::Error>;

    /// Takes a module out of the kernel.
    fn remove(&mut self, module: &Module) -> Result<(), Self::Error>;
}

/// Why a module stays.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("Module {0} is not in kernel.")]
    NotLoaded(String),
    #[error("Module {0} is builtin.")]
    Builtin(String),
    #[error("Module {0} is in use.")]
    InUse(String),
    /// More than [`MOST`] steps.
    #[error("Module {0} needs more than {MOST} steps to be removed")]
    TooMany(String),
}

/// Soft dependencies that name each other can double the steps each time.
const MOST: usize = 100_000;

/// What is still to be done, last first.
enum Work {
    /// All modules of a name, from the last.
    Named(Vec<u8>),
    /// A module, with what belongs to it.
    Whole(Module, bool),
    /// The module itself.
    Just(Module),
    /// Its command.
    Command(Module, Vec<u8>),
    /// What it depends on, as far as nothing else uses it.
    Needs(Module),
    /// What belongs to the last of `above` is done.
    End,
}

/// Removes `target` and what belongs to it.
pub fn remove<R: Remover>(
    modules: Modules<'_>,
    host: &dyn Host,
    target: Module,
    wish: Wish,
    remover: &mut R,
) -> Result<(), R::Error> {
    let shown = shown(&target.name);
    let mut removal = Removal { modules, host, wish, above: Vec::new(), work: Vec::new() };
    removal.work.push(Work::Whole(target, true));
    for _ in 0..MOST {
        let Some(work) = removal.work.pop() else { return Ok(()) };
        removal.step(work, remover)?;
    }
    Err(RemovalError::TooMany(shown).into())
}

struct Removal<'r> {
    modules: Modules<'r>,
    host: &'r dyn Host,
    wish: Wish,
    /// The modules whose soft dependencies or holders are being removed.
    above: Vec<(Key, bool)>,
    work: Vec<Work>,
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Removal<'_> {
    fn step<R: Remover>(&mut self, work: Work, remover: &mut R) -> Result<(), R::Error> {
        match work {
            Work::Named(name) => {
                let found = self.modules.find(&name).map_err(RemovalError::from)?;
                self.work.extend(found.into_iter().map(|module| Work::Whole(module, false)));
            }
            Work::Whole(module, target) => self.whole(module, target)?,
            Work::Command(module, command) => remover.command(&module, &command)?,
            Work::Just(module) => {
                if !self.wish.only_show && !self.wish.in_use && self.uses(&module) != Some(0) {
                    return Err(RemovalError::InUse(shown(&module.name)).into());
                }
                remover.remove(&module)?;
            }
            Work::Needs(module) => {
                for path in module.file.iter().flat_map(|file| file.needs.iter().rev()) {
                    let needed = self.modules.module(&name::of_file(path), None);
                    let needed = needed.map_err(RemovalError::from)?;
                    if self.uses(&needed) == Some(0) {
                        remover.remove(&needed)?;
                    }
                }
            }
            Work::End => {
                self.above.pop();
            }
        }
        Ok(())
    }

    fn whole(&mut self, module: Module, target: bool) -> Result<(), RemovalError> {
        let key = (module.key(), target);
        if self.above.contains(&key) {
            return Ok(());
        }
        let command = match target && self.wish.ignore_command {
            true => None,
            false => self.modules.remove_command(&module),
        };
        if command.is_none() && !self.wish.only_show {
            if module.builtin {
                return match target {
                    true => Err(RemovalError::Builtin(shown(&module.name))),
                    false => Ok(()),
                };
            }
            if !self.is_loaded(&module) {
                return match self.wish.first_time {
                    true => Err(RemovalError::NotLoaded(shown(&module.name))),
                    false => Ok(()),
                };
            }
        }
        let (pre, post) = match target && self.wish.ignore_command {
            true => Default::default(),
            false => self.modules.softdeps(&module),
        };
        let named = |name: &&[u8]| Work::Named(name.to_vec());
        // The last that is pushed is done first.
        self.work.push(Work::End);
        self.work.extend(pre.iter().map(named));
        match command {
            Some(command) => {
                self.work.push(Work::Command(module.clone(), command.to_vec()));
            }
            None => {
                self.work.push(Work::Needs(module.clone()));
                self.work.push(Work::Just(module.clone()));
            }
        }
        if self.wish.holders && target {
            let holders = loaded::holders(self.host, OsStr::from_bytes(&module.name));
            // The kernel's order: the last is removed first.
            for holder in holders.into_iter().flatten() {
                let holder = self.modules.module(holder.as_bytes(), None);
                self.work.push(Work::Whole(holder?, false));
            }
        }
        self.work.extend(post.iter().map(named));
        self.above.push(key);
        Ok(())
    }

    /// In the kernel, in whatever state.
    fn is_loaded(&self, module: &Module) -> bool {
        matches!(loaded::state(self.host, OsStr::from_bytes(&module.name)), Ok(Some(_)))
    }

    /// How often it is in use; `None` if the kernel does not say.
    fn uses(&self, module: &Module) -> Option<i64> {
        loaded::uses(self.host, OsStr::from_bytes(&module.name)).ok()
    }
}
