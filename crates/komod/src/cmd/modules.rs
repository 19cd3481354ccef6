//! `komod load`, `unload`, `list`: what insmod, rmmod and lsmod do, in a kernel that stays.

use super::run::Loader;
use super::said::Said;
use super::standing::Standing;
use super::{Outcome, Which, place_error};
use crate::building::How;
use crate::console;
use crate::gather;
use crate::json;
use crate::refusal::{self, Asked};
use crate::targets::{Target, Words};
use crate::text::failure::{self, Doing};
use crate::text::plural;
use anyhow::Result;
use clap::Args;
use komod_kernel::find::{FoundKernel, Roots};
use komod_place::process::Info;
use komod_place::{ModuleToLoad, Place, PlaceError};
use komod_process::protocol::{Leak, LoadedModule};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// Load modules into a kernel that stays, what they depend on first
///
/// As insmod, it says nothing when it works: `komod log` shows what the module said. When it
/// does not work, the kernel's words about it come on stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod load hello.ko               a built module
  komod load params.ko count=3      with a parameter
  komod load examples/hello         build it for that kernel first
  komod load crc7                   a module of the kernel's own
  sudo komod load --on host x.ko    into this machine's kernel
  komod load --on ssh:BOARD x.ko    into a board's kernel")]
pub struct LoadArgs {
    /// .ko files, folders with sources, C files, names of stock modules; and parameters
    #[arg(required = true, value_name = "X.ko|DIR|FILE.c|NAME|PARAM=VALUE")]
    what: Vec<OsString>,
    /// Parameters, also such without a value
    #[arg(last = true, value_name = "PARAM")]
    params: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Who loads: komod's loader, or the kernel's own sys_init_module
    #[arg(long, value_enum, default_value_t = Loader::Komod)]
    loader: Loader,
    /// Ignore the version magic and the symbol versions, as `modprobe --force` does; with --on, also
    /// try what `komod check` says will be refused
    #[arg(short, long)]
    force: bool,
    /// Where this machine has files of the kernel: with --on, for what is checked first, and to
    /// build for it
    #[arg(short, long, value_name = "K", requires = "on")]
    kernel: Option<String>,
    /// Apply the safe fixes of what keeps sources from building, and go on
    #[arg(long)]
    fix: bool,
    #[arg(long)]
    pub json: bool,
}

/// Unload modules from a kernel that stays
#[derive(Debug, Args)]
pub struct UnloadArgs {
    /// Names as `komod list` shows them (a file name will do)
    #[arg(required = true)]
    names: Vec<OsString>,
    #[command(flatten)]
    which: Which,
    /// Also if it is in use (the kernel must be configured for it)
    #[arg(short, long)]
    force: bool,
    #[arg(long)]
    pub json: bool,
}

/// List the modules in a kernel that stays, in lsmod's columns
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct LoadAnswer {
    name: String,
    load_us: u64,
    init_us: u64,
}

pub fn load(args: &LoadArgs) -> Result<Outcome> {
    let words = Words::parse(&args.what, &args.params)?;
    let mut place = args.which.connect_with(args.kernel.as_deref())?;
    let mut info = place.info().map_err(|e| place_error(&e, "asking the kernel"))?;
    let machine = match &mut place {
        Standing::Resident(_) => None,
        Standing::Real(ground) => Some(ground.machine(args.force)?),
    };
    let loaded = loaded_names(&mut place)?;
    let to_build = words.targets.iter().any(|t| matches!(t, Target::Sources(_)));
    let how = How { fix: args.fix, ..How::default() };
    let gathered = match &mut place {
        Standing::Resident(_) => {
            gather::gather(&words, &kernel_of(&info, to_build), &how, &loaded)?
        }
        Standing::Real(ground) => ground.gather(&words, &how, &loaded)?,
    };
    if let (Standing::Real(ground), Some(machine)) = (&place, &machine)
        && let Some(foretold) = ground.check(machine, &gathered, args.force)?
    {
        return Err(foretold.why.into());
    }
    let mut answers = Vec::new();
    for (at, file) in gathered.modules.iter().enumerate() {
        let params = gathered.params.get(&file.name).map(String::as_str).unwrap_or_default();
        let shown = file.path.file_name().unwrap_or_default().to_string_lossy();
        let module = ModuleToLoad {
            file: &shown,
            elf: &file.elf,
            params,
            loader: args.loader.into(),
            force_vermagic: args.force,
            force_modversions: args.force,
        };
        // What is told to the supervisor is text.
        if let Some(path) = std::fs::canonicalize(&file.path).ok().filter(|p| p.to_str().is_some())
        {
            place.note_file(&file.name, &path).map_err(|e| place_error(&e, "loading"))?;
            info.files.insert(file.name.clone(), path);
        }
        let mut said = Said::new(&info);
        match place.load(&module, &mut |e| said.take(e)) {
            Ok(l) => {
                answers.push(LoadAnswer { name: l.name, load_us: l.load_us, init_us: l.init_us })
            }
            Err(e) => {
                let files = gathered.modules.get(..=at).unwrap_or_default();
                let asked = Asked { files, params, force: args.force };
                let e = match real_kernel(&info, &e) {
                    Some(kernel) => refusal::with_reason(e, &kernel, &mut place, &asked),
                    None => e,
                };
                let explained = failure::explain(&e, Doing::Load(&file.name));
                said.show();
                if let (Standing::Real(ground), true) = (&place, e.is_death()) {
                    ground.hangs();
                }
                return Err(explained.into());
            }
        }
    }
    if args.json {
        json::print("komod-load", serde_json::json!({ "loaded": answers }))?;
    }
    Ok(Outcome::Good)
}

/// The kernel that is up, for building and for its modules. What the supervisor does not know of
/// it (a build tree) is looked for among the kernels here, which takes its time.
fn kernel_of(info: &Info, to_build: bool) -> FoundKernel {
    let about = &info.about;
    let mut kernel = FoundKernel {
        release: about.release.clone(),
        tree: about.tree.clone(),
        image: None,
        modules: about.modules_dir.clone(),
        origin: komod_kernel::find::Origin::Named,
        running: false,
        problems: vec![
            "no build tree for it was found: give one with `komod build --kernel`".into(),
        ],
    };
    if !to_build || kernel.tree.is_some() {
        return kernel;
    }
    let found = komod_kernel::find::discover(&Roots::system());
    let same = |k: &&FoundKernel| k.release == about.release && k.modules == about.modules_dir;
    let release = |k: &&FoundKernel| k.release == about.release;
    if let Some(known) = found.iter().find(same).or_else(|| found.iter().find(release)) {
        kernel.tree.clone_from(&known.tree);
        kernel.modules = kernel.modules.or_else(|| known.modules.clone());
        kernel.problems.clone_from(&known.problems);
    }
    kernel
}

/// The kernel here that the one that is up was booted from, if that gave no reason of its own.
fn real_kernel(info: &Info, error: &PlaceError) -> Option<FoundKernel> {
    let PlaceError::Refused { code: None, .. } = error else { return None };
    let found = komod_kernel::find::discover(&Roots::system());
    found
        .into_iter()
        .find(|k| k.release == info.about.release && k.modules == info.about.modules_dir)
}

fn loaded_names(place: &mut Standing) -> Result<BTreeSet<String>> {
    let list = place.modules(&mut |_| {}).map_err(|e| place_error(&e, "listing modules"))?;
    Ok(list.into_iter().map(|m| m.name).collect())
}

#[derive(Serialize)]
struct UnloadAnswer {
    name: String,
    leaks: Vec<Leak>,
}

pub fn unload(args: &UnloadArgs) -> Result<Outcome> {
    let mut place = args.which.connect()?;
    let info = place.info().map_err(|e| place_error(&e, "asking the kernel"))?;
    let mut answers = Vec::new();
    for name in &args.names {
        let name = komod_place::dependencies::module_name(std::path::Path::new(name))
            .unwrap_or_else(|| name.to_string_lossy().replace('-', "_"));
        let mut said = Said::new(&info);
        if let Err(e) = place.unload(&name, args.force, &mut |e| said.take(e)) {
            said.show();
            if let (Standing::Real(ground), true) = (&place, e.is_death()) {
                ground.hangs();
            }
            return Err(failure::explain(&e, Doing::Unload(&name)).into());
        }
        // The module is out; not to know of leaks is no failure of that.
        let leaks = place.leaks(&name, &mut |_| {}).unwrap_or_default();
        if !leaks.is_empty() && !args.json {
            let size: u64 = leaks.iter().map(|l| l.size).sum();
            let n = plural(leaks.len(), "object");
            console::warning(&format!("{name} left {n} ({size} bytes) behind"));
            for leak in &leaks {
                console::people(&format!(
                    "leak: {} bytes of {} allocated at {}",
                    leak.size, leak.what, leak.caller
                ));
            }
        }
        answers.push(UnloadAnswer { name, leaks });
    }
    if args.json {
        json::print("komod-unload", serde_json::json!({ "unloaded": answers }))?;
    }
    Ok(Outcome::Good)
}

pub fn list(args: &ListArgs) -> Result<Outcome> {
    let mut place = args.which.connect()?;
    let modules = place.modules(&mut |_| {}).map_err(|e| place_error(&e, "listing modules"))?;
    if args.json {
        json::print("komod-list", serde_json::json!({ "modules": modules }))?;
    } else {
        console::line(&lsmod(&modules));
    }
    Ok(Outcome::Good)
}

/// As kmod 30's lsmod prints it: header, then `%-19s %8ld  %d` and the users.
fn lsmod(modules: &[LoadedModule]) -> String {
    let mut text = String::from("Module                  Size  Used by");
    for m in modules {
        text.push_str(&format!("\n{:<19} {:>8}  {}", m.name, m.size, m.refcount));
        // lsmod reads the holders in sysfs, where /proc/modules' `[permanent]` is not.
        let holders: Vec<&str> =
            m.used_by.iter().map(String::as_str).filter(|u| !u.starts_with('[')).collect();
        if !holders.is_empty() {
            text.push_str(&format!(" {}", holders.join(",")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lsmods() {
        let module = |name: &str, refcount, used_by: &[&str]| LoadedModule {
            name: name.into(),
            size: 16384,
            refcount,
            used_by: used_by.iter().map(|s| s.to_string()).collect(),
            state: "Live".into(),
            address: 0,
            taints: String::new(),
        };
        let list = [
            module("user", 1, &["[permanent]"]),
            module("a_rather_long_module_name", 2, &["user", "x"]),
        ];
        assert_eq!(
            lsmod(&list),
            "Module                  Size  Used by\n\
             user                   16384  1\n\
             a_rather_long_module_name    16384  2 user,x"
        );
    }
}
