//! What removing a module takes: it depends on what the kernel has at each step, so the steps are
//! done as they come.

use super::lookup::{Key, Module, Modules};
use crate::host::{Host, loaded};
use crate::index::IndexError;
use crate::name;
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

    /// A soft dependency stays. Without an error, the rest goes on.
    fn stays(&mut self, error: Self::Error) -> Result<(), Self::Error>;
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

/// Why a module is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It was asked for.
    Target,
    /// It is a soft dependency.
    Soft,
    /// It uses the target.
    Holder,
}

/// What is still to be done, last first.
enum Work {
    /// All modules of a name, from the last.
    Named(Vec<u8>),
    /// A module, with what belongs to it.
    Whole(Module, Reason),
    /// Its command.
    Command(Module, Vec<u8>),
    /// The module itself.
    Just(Module),
    /// What it depends on, as far as nothing else uses it.
    Needs(Module),
    /// The last of `open` is done.
    End,
}

/// A module that is being removed with what belongs to it.
struct Open {
    key: Key,
    reason: Reason,
    /// How much work there was before.
    work: usize,
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
    let mut removal = Removal { modules, host, wish, open: Vec::new(), work: Vec::new() };
    removal.work.push(Work::Whole(target, Reason::Target));
    for _ in 0..MOST {
        let Some(work) = removal.work.pop() else { return Ok(()) };
        let reason = match &work {
            Work::Whole(_, reason) => Some(*reason),
            _ => None,
        };
        if let Err(error) = removal.step(work, remover) {
            removal.failed(reason, error, remover)?;
        }
    }
    Err(RemovalError::TooMany(shown).into())
}

struct Removal<'r> {
    modules: Modules<'r>,
    host: &'r dyn Host,
    wish: Wish,
    open: Vec<Open>,
    work: Vec<Work>,
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Removal<'_> {
    /// A module stays, and what was to be done for it behind that. `reason` is that of a module
    /// that was not opened yet. What a holder stays for, the module it uses stays for, too.
    fn failed<R: Remover>(
        &mut self,
        mut reason: Option<Reason>,
        error: R::Error,
        remover: &mut R,
    ) -> Result<(), R::Error> {
        loop {
            let failed = reason.take().or_else(|| {
                let open = self.open.pop()?;
                self.work.truncate(open.work);
                Some(open.reason)
            });
            match failed {
                Some(Reason::Holder) => {}
                Some(Reason::Soft) => return remover.stays(error),
                Some(Reason::Target) | None => return Err(error),
            }
        }
    }

    fn step<R: Remover>(&mut self, work: Work, remover: &mut R) -> Result<(), R::Error> {
        match work {
            Work::Named(name) => {
                let found = self.modules.find(&name).map_err(RemovalError::from)?;
                let soft = |module| Work::Whole(module, Reason::Soft);
                self.work.extend(found.into_iter().map(soft));
            }
            Work::Whole(module, reason) => self.whole(module, reason)?,
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
                self.open.pop();
            }
        }
        Ok(())
    }

    fn whole(&mut self, module: Module, reason: Reason) -> Result<(), RemovalError> {
        let key = module.key();
        if self.open.iter().any(|open| open.key == key && open.reason == reason) {
            return Ok(());
        }
        let target = reason == Reason::Target;
        let bare = reason != Reason::Soft && self.wish.ignore_command;
        let command = self.modules.remove_command(&module).filter(|_| !bare);
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
        let (pre, post) = match bare {
            true => Default::default(),
            false => self.modules.softdeps(&module),
        };
        let named = |name: &&[u8]| Work::Named(name.to_vec());
        self.open.push(Open { key, reason, work: self.work.len() });
        // The last that is pushed is done first.
        self.work.push(Work::End);
        self.work.extend(pre.iter().map(named));
        match command {
            Some(command) => self.work.push(Work::Command(module.clone(), command.to_vec())),
            None => {
                self.work.push(Work::Needs(module.clone()));
                self.work.push(Work::Just(module.clone()));
            }
        }
        if self.wish.holders && target {
            // The kernel's order: the last is removed first.
            let holders = loaded::holders(self.host, OsStr::from_bytes(&module.name));
            for holder in holders.into_iter().flatten() {
                let holder = self.modules.module(holder.as_bytes(), None)?;
                self.work.push(Work::Whole(holder, Reason::Holder));
            }
        }
        self.work.extend(post.iter().map(named));
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
