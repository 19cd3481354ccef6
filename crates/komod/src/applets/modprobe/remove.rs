//! Removing modules (`-r`), or showing what would be done.

use super::{Failed, Run, run_command, shown};
use crate::applets::log::Level;
use komod_kernel::host::{Removal, strerror};
use komod_kernel::modprobe::Module;
use komod_kernel::modprobe::removal::{RemovalError, Remover, Wish, remove};
use komod_kernel::name;
use std::ffi::CString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

const EAGAIN: i32 = 11;
const EINVAL: i32 = 22;

/// All operands are modules, with `-a` or without. What is fatal ends it, unless it goes untold
/// (`-q`), as in kmod.
pub fn all(run: &mut Run<'_>) -> Result<(), Failed> {
    let mut result = Ok(());
    for operand in &run.arguments.operands {
        if named(run, operand.as_bytes()).is_err() {
            if run.ends_when_fatal() {
                return Err(Failed);
            }
            result = Err(Failed);
        }
    }
    result
}

fn named(run: &mut Run<'_>, asked: &[u8]) -> Result<(), Failed> {
    let found = match asked.contains(&b'/') {
        true => run.modules.module(&name::of_file(asked), None).map(|module| vec![module]),
        false => run.modules.find(asked),
    };
    let found = found.map_err(|error| run.fatal(error))?;
    if found.is_empty() {
        return Err(run.fatal(format_args!("Module {} not found.", shown(asked))));
    }
    let arguments = run.arguments;
    let wish = Wish {
        ignore_command: arguments.ignore_commands,
        first_time: arguments.first_time,
        holders: arguments.holders,
        in_use: arguments.wait.is_some(),
        only_show: arguments.show_depends,
    };
    let (modules, host) = (run.modules, run.host);
    for module in found {
        match remove(modules, host, module, wish, run) {
            Ok(()) => {}
            Err(Stopped::Untold(error)) => return Err(run.fatal(error)),
            Err(Stopped::Told | Stopped::ToldAsFatal) => return Err(Failed),
        }
    }
    Ok(())
}

pub enum Stopped {
    Untold(RemovalError),
    Told,
    ToldAsFatal,
}

impl From<RemovalError> for Stopped {
    fn from(error: RemovalError) -> Self {
        Self::Untold(error)
    }
}

impl Run<'_> {
    fn ends_when_fatal(&self) -> bool {
        !self.arguments.all && self.log.level >= Level::Fatal
    }

    fn only_shows(&self) -> bool {
        self.arguments.dry_run || self.arguments.show_depends
    }

    fn shows(&self) -> bool {
        self.arguments.verbose || self.arguments.show_depends
    }
}

impl Remover for Run<'_> {
    type Error = Stopped;

    fn stays(&mut self, error: Stopped) -> Result<(), Stopped> {
        match error {
            Stopped::Told => return Ok(()),
            Stopped::Untold(error) => {
                self.fatal(error);
            }
            Stopped::ToldAsFatal => {}
        }
        match self.ends_when_fatal() {
            true => Err(Stopped::ToldAsFatal),
            false => Ok(()),
        }
    }

    fn command(&mut self, module: &Module, command: &[u8]) -> Result<(), Stopped> {
        if self.shows() {
            self.line(&[b"remove", command]);
        }
        if self.only_shows() {
            return Ok(());
        }
        match run_command::run(self, module, command) {
            Ok(0) => Ok(()),
            _ => {
                let name = shown(&module.name);
                self.fatal(format_args!("Error running remove command for {name}"));
                Err(Stopped::ToldAsFatal)
            }
        }
    }

    fn remove(&mut self, module: &Module) -> Result<(), Stopped> {
        if self.shows() {
            self.line(&[b"rmmod", &module.name]);
        }
        if self.only_shows() {
            return Ok(());
        }
        let _ = self.out.flush();
        let how = match self.arguments.force.modversions && self.arguments.force.vermagic {
            true => Removal::Forced,
            false => Removal::Gentle,
        };
        delete(self, module, how).map_err(|errno| {
            let (name, text) = (shown(&module.name), strerror(errno));
            self.log.error(format_args!("could not remove '{name}': {text}"));
            Stopped::Told
        })
    }
}

/// Takes a module out; with `-w` again and again until it is not in use or the time is over.
fn delete(run: &Run<'_>, module: &Module, how: Removal) -> Result<(), i32> {
    let name = CString::new(module.name.clone()).map_err(|_| EINVAL)?;
    let end = run.arguments.wait.and_then(|wait| Instant::now().checked_add(wait));
    let mut pause = Duration::from_millis(1);
    loop {
        let Err(error) = run.host.delete_module(&name, how) else { return Ok(()) };
        let errno = error.raw_os_error().unwrap_or(EINVAL);
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        match left {
            Some(left) if errno == EAGAIN && !left.is_zero() => {
                std::thread::sleep(pause.min(left));
                pause = pause.saturating_mul(2);
            }
            _ => return Err(errno),
        }
    }
}
