//! How a module is loaded and on what machine: the options of `komod check` about it.

use anyhow::{Context, Result};
use clap::Args;
use komod_check::{LoadedModule, Machine, Request, loaded_modules};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(next_help_heading = "The machine and the load")]
pub struct HowArgs {
    /// On this machine as it is now: its running kernel, the modules that are loaded, sig_enforce,
    /// lockdown, blacklist, taints, and what this user may do
    #[arg(long)]
    here: bool,
    /// Modules that are loaded already: a file like /proc/modules (`-` is stdin), or names
    #[arg(long, value_name = "FILE|A,B", conflicts_with = "here")]
    loaded: Option<String>,
    /// As insmod does: modules that are needed must be loaded already
    #[arg(long)]
    insmod: bool,
    /// The machine demands signatures (module.sig_enforce=1)
    #[arg(long)]
    sig_enforce: bool,
    /// The kernel is locked down (UEFI Secure Boot, lockdown=integrity)
    #[arg(long)]
    lockdown: bool,
    /// Loading modules is switched off (kernel.modules_disabled=1)
    #[arg(long)]
    modules_disabled: bool,
    /// Who loads it may not (no CAP_SYS_MODULE)
    #[arg(long)]
    unprivileged: bool,
    /// The boot parameter module_blacklist=
    #[arg(long, value_name = "A,B")]
    blacklist: Option<String>,
    /// Ignore version magic and symbol versions, as `modprobe --force`
    #[arg(long)]
    force: bool,
    /// Ignore the version magic
    #[arg(long)]
    force_vermagic: bool,
    /// Ignore the symbol versions
    #[arg(long)]
    force_modversion: bool,
    /// Parameters of the modules, behind `--`
    #[arg(last = true, value_name = "PARAM")]
    params: Vec<String>,
}

impl HowArgs {
    /// The kernels asked for; with `--here` the running one, if none is named.
    pub fn kernels(&self, named: &[String]) -> Vec<String> {
        if !self.here || !named.is_empty() {
            return named.to_vec();
        }
        vec!["running".to_owned()]
    }

    /// The machine to check for, and what is asked of it.
    pub fn machine_and_request(&self) -> Result<(Machine, Request)> {
        let mut machine = if self.here { Machine::of_host() } else { Machine::fresh() };
        if let Some(loaded) = &self.loaded {
            machine.loaded = loaded_from(loaded)?;
        }
        machine.only_loaded = self.insmod;
        machine.capable &= !self.unprivileged;
        machine.modules_disabled |= self.modules_disabled;
        for (given, known) in
            [(self.sig_enforce, &mut machine.sig_enforce), (self.lockdown, &mut machine.lockdown)]
        {
            if given {
                *known = Some(true);
            }
        }
        if let Some(names) = &self.blacklist {
            machine.blacklist.clone_from(names);
        }
        let request = Request {
            ignore_vermagic: self.force || self.force_vermagic,
            ignore_modversions: self.force || self.force_modversion,
            // insmod joins them as they are; the kernel splits and unquotes them.
            ..Request::with_params(self.params.join(" "))
        };
        Ok((machine, request))
    }
}

/// A file of the form of `/proc/modules`, or names.
fn loaded_from(text: &str) -> Result<Vec<LoadedModule>> {
    if text == "-" {
        let read = std::io::read_to_string(std::io::stdin()).context("cannot read stdin")?;
        return Ok(loaded_modules(&read));
    }
    let path = PathBuf::from(text);
    let is_file = path.components().count() > 1 || Path::new(text).is_file();
    if is_file {
        let read = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        return Ok(loaded_modules(&read));
    }
    Ok(text
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| LoadedModule::live(name.replace('-', "_")))
        .collect())
}
