//! Inserting modules, or showing what would be done (`-D`, `-n`, `-R`).

use super::arguments::module_options;
use super::{Failed, Run, os, run_command, show, shown};
use crate::applets::hint::Hints;
use crate::applets::log::Level;
use komod_kernel::host::{InsertError, ModuleState, insert, loaded, strerror};
use komod_kernel::modprobe::Module;
use komod_kernel::modprobe::command::expanded;
use komod_kernel::modprobe::directory::File;
use komod_kernel::modprobe::insertion::{Action, InsertionError, Step, Wish, steps};
use komod_kernel::name;
use std::ffi::CString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

/// The operands: one module with its options, or with `-a` many modules.
pub fn all(run: &mut Run<'_>) -> Result<(), Failed> {
    let operands = &run.arguments.operands;
    if !run.arguments.all {
        let Some((name, options)) = operands.split_first() else { return Err(Failed) };
        return named(run, name.as_bytes(), &module_options(options));
    }
    let mut result = Ok(());
    for name in operands {
        if named(run, name.as_bytes(), b"").is_err() {
            result = Err(Failed);
        }
    }
    result
}

/// All modules that a name stands for. As in kmod, the last of them decides about success.
fn named(run: &mut Run<'_>, name: &[u8], options: &[u8]) -> Result<(), Failed> {
    let found = find(run, name).map_err(|error| run.fatal(error))?;
    if found.is_empty() {
        let directory = run.modules.directory.path().display();
        let text = format!("Module {} not found in directory {directory}", shown(name));
        return Err(run.fatal(text));
    }
    let mut result = Ok(());
    for module in found {
        if run.arguments.resolve {
            run.line(&[&module.name]);
            continue;
        }
        let first_time = run.arguments.first_time;
        if !run.arguments.show_depends && is_there(run, &module) {
            result = if first_time { Err(refused(run, &module, errno::EEXIST)) } else { Ok(()) };
            continue;
        }
        let filtered = module.alias.is_some() || run.arguments.use_blacklist;
        if filtered && run.modules.config.is_blacklisted(&module.name) {
            continue;
        }
        let wish =
            Wish { options: options.to_vec(), ignore_command: run.arguments.ignore_commands };
        result = one(run, &module, &wish);
    }
    result
}

/// A name, or the path of a module's file.
fn find(run: &Run<'_>, asked: &[u8]) -> anyhow::Result<Vec<Module>> {
    if !asked.starts_with(b"/") && !asked.starts_with(b"./") {
        return Ok(run.modules.find(asked)?);
    }
    let path = std::path::absolute(os(asked))?;
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let mut module = run.modules.module(&name::of_file(asked), None)?;
    let needs = module.file.map(|file| file.needs).unwrap_or_default();
    let path = path.as_os_str().as_bytes().to_vec();
    module.file = Some(File { path, needs });
    module.builtin = false;
    Ok(vec![module])
}

fn one(run: &mut Run<'_>, module: &Module, wish: &Wish) -> Result<(), Failed> {
    let plan = match steps(run.modules, module, wish) {
        Ok(plan) => plan,
        Err(InsertionError::Index(error)) => return Err(run.fatal(error)),
        Err(error) => {
            let name = shown(&module.name);
            run.log.error(format_args!("could not insert '{name}': {error}"));
            return Err(Failed);
        }
    };
    if run.arguments.show_depends && run.arguments.json {
        let _ = run.out.flush();
        show::steps(module, &plan);
        return Ok(());
    }
    for step in &plan {
        if run.arguments.show_depends {
            print(run, step, true);
            continue;
        }
        if is_there(run, &step.module) {
            continue;
        }
        if run.arguments.verbose {
            print(run, step, false);
        }
        if run.arguments.dry_run {
            continue;
        }
        let Err(failure) = carry_out(run, step) else { continue };
        let there = failure.errno == errno::EEXIST && !(step.target && run.arguments.first_time);
        if step.required && !there {
            let failed = refused(run, module, failure.errno);
            if let Some((hints, error)) = failure.kernel
                && run.log.level >= Level::Error
            {
                hints.tell(run.log, &error);
            }
            return Err(failed);
        }
    }
    Ok(())
}

/// In the kernel: built in, or loaded and initialised.
fn is_there(run: &Run<'_>, module: &Module) -> bool {
    module.builtin
        || matches!(loaded::state(run.host, os(&module.name)), Ok(Some(ModuleState::Live)))
}

fn print(run: &mut Run<'_>, step: &Step, builtin: bool) {
    match &step.action {
        Action::Insert(path) => run.line(&[b"insmod", path, &step.options]),
        Action::Command(command) => run.line(&[b"install", command, &step.options]),
        Action::Builtin if builtin => run.line(&[b"builtin", &step.module.name]),
        Action::Builtin | Action::Missing => {}
    }
}

/// Why a step failed.
struct Failure {
    errno: i32,
    /// What the kernel may say about it.
    kernel: Option<(Hints, InsertError)>,
}

impl From<i32> for Failure {
    fn from(errno: i32) -> Self {
        Failure { errno, kernel: None }
    }
}

/// Does a step.
fn carry_out(run: &mut Run<'_>, step: &Step) -> Result<(), Failure> {
    let name = shown(&step.module.name);
    match &step.action {
        Action::Builtin => Ok(()),
        Action::Missing => {
            run.log.error(format_args!("could not find module by name='{name}'"));
            Err(errno::ENOENT.into())
        }
        Action::Insert(path) => {
            let _ = run.out.flush();
            let options = CString::new(step.options.clone()).map_err(|_| errno::EINVAL)?;
            let hints = Hints::begin(run.host, run.log);
            let file = name::as_path(path);
            insert::insert(run.host, file, &options, run.arguments.force)
                .map_err(|error| Failure { errno: error.errno(), kernel: Some((hints, error)) })
        }
        Action::Command(command) => {
            let text = expanded(command, &step.options);
            match run_command::run(run, &step.module, &text) {
                Ok(0) => Ok(()),
                Ok(status) => {
                    run.log.error(format_args!(
                        "Error running install command '{}' for module {name}: retcode {status}",
                        shown(&text)
                    ));
                    Err(errno::EINVAL.into())
                }
                Err(error) => Err(error.raw_os_error().unwrap_or(errno::EINVAL).into()),
            }
        }
    }
}

fn refused(run: &Run<'_>, module: &Module, error: i32) -> Failed {
    let text = match error {
        errno::EEXIST => "Module already in kernel".to_owned(),
        errno::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)".to_owned(),
        other => strerror(other),
    };
    run.log.error(format_args!("could not insert '{}': {text}", shown(&module.name)));
    Failed
}

/// The error numbers that are told in words of their own.
mod errno {
    pub const ENOENT: i32 = 2;
    pub const EEXIST: i32 = 17;
    pub const EINVAL: i32 = 22;
}
