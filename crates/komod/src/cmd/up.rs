//! `komod up`, `down`, `status`: kernels that stay.

use super::{On, Outcome, PlaceFlags, names_up, place_error, the_one};
use crate::compiler;
use crate::console::{self, color_on_stdout};
use crate::explained::Explained;
use crate::json;
use crate::kernels::{self, Need};
use crate::progress::{Progress, bytes, microseconds};
use crate::run::machine;
use crate::table::Table;
use crate::text::plural;
use anyhow::{Context, Result};
use clap::Args;
use komod_place::Place;
use komod_place::process::{
    Info, Resident, RuntimeDir, UpReport, What, down as place_down, end_zygotes, up as place_up,
};
use komod_process::protocol::{LoadedModule, Status};
use serde::Serialize;
use std::time::Instant;

/// Start a kernel that stays, in the background
///
/// It runs until `komod down`. Any terminal can load modules into it, read its log and its
/// files, as insmod, dmesg and cat do on a real machine. A supervisor process owns it: when the
/// kernel dies of a module, a new one is started and the log says so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod up                          the default kernel, under the name `default`
  komod up --kernel 6.12 new        another one, called `new`
  komod up --on vm real             a virtual machine with the real kernel
  komod load hello.ko --name new    speak to that one
  komod down new")]
pub struct UpArgs {
    /// What to call it
    #[arg(default_value = "default")]
    name: String,
    /// The kernel: a release or its beginning (6.1), a build tree, an image, a folder with both,
    /// or `running`
    #[arg(short, long, value_name = "K")]
    kernel: Option<String>,
    #[command(flatten)]
    place: PlaceFlags,
    /// Words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    #[arg(long)]
    pub json: bool,
}

/// Stop a kernel that stays
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Its name; `default`, or the only one that is up, without it
    name: Option<String>,
    /// All that are up, and those kept ready for `komod run`, and compilers kept warm
    #[arg(long, conflicts_with = "name")]
    all: bool,
    #[arg(long)]
    pub json: bool,
}

/// Show the kernels that are up, and how they are
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only this one
    name: Option<String>,
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct UpAnswer<'a> {
    already: bool,
    #[serde(flatten)]
    info: &'a Info,
    wall_us: u64,
}

pub fn up(args: &UpArgs, started: Instant) -> Result<Outcome> {
    args.place.check()?;
    let dir = RuntimeDir::open().map_err(|e| place_error(&e, "starting"))?;
    if args.place.on.is_real() {
        let on = &args.place.on;
        let why = format!("{on} needs no `up`: its kernel is there already");
        let hint = format!("komod load X.ko --on {on}, and so on with list, log, cat, unload");
        return Err(Explained::usage(why).hint(hint).into());
    }
    let kernel = kernels::choose(args.kernel.as_deref(), None, Need::Image)?;
    let what = match args.place.on {
        On::Process => {
            let prepared = kernels::prepare(&kernel)?;
            What::Process(kernels::boot_spec(&kernel, &prepared, &args.append))
        }
        _ => What::Machine(machine::spec(&kernel, &args.append, &args.place)?),
    };
    let progress = Progress::start(format!("booting kernel {}", kernel.release));
    let report = place_up(&dir, &args.name, what, kernels::about(&kernel));
    drop(progress);
    let UpReport { info, already } = report
        .map_err(|e| place_error(&e, "starting"))
        .with_context(|| format!("cannot start a kernel {}", kernel.release))?;
    let wall_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    if args.json {
        json::print("komod-up", UpAnswer { already, info: &info, wall_us })?;
        return Ok(Outcome::Good);
    }
    let Info { name, pid, about, .. } = &info;
    if already {
        console::line(&format!("{name}: {} is up already (pid {pid})", about.release));
        if about.release != kernel.release && args.kernel.is_some() {
            console::warning(&format!("it is not {}", kernel.release));
            console::hint(&format!("stop it first (komod down {name}), or use another name"));
            return Ok(Outcome::Bad);
        }
    } else {
        let took = microseconds(info.boot_us);
        let how = match args.place.on {
            On::Process => format!("booted in {took}, {} initcalls", info.initcalls),
            _ => format!("a virtual machine, there in {took}"),
        };
        console::line(&format!("{name}: {} is up (pid {pid}), {how}", about.release));
        if !info.failed_initcalls.is_empty() {
            console::note(&format!("initcalls that failed: {}", info.failed_initcalls.join(", ")));
        }
    }
    Ok(Outcome::Good)
}

pub fn down(args: &DownArgs) -> Result<Outcome> {
    let dir = RuntimeDir::open().map_err(|e| place_error(&e, "stopping"))?;
    let names = match (&args.name, args.all) {
        (Some(name), _) => vec![name.clone()],
        (None, true) => names_up(&dir),
        (None, false) => vec![the_one(&dir)?],
    };
    for name in &names {
        place_down(&dir, name).map_err(|e| place_error(&e, "stopping"))?;
        if !args.json {
            console::line(&format!("{name}: down"));
        }
    }
    let zygotes = if args.all { end_zygotes(&dir) } else { 0 };
    if args.all {
        compiler::end_all();
    }
    if zygotes > 0 && !args.json {
        console::line(&format!("{} kept ready for `komod run`: ended", plural(zygotes, "kernel")));
    }
    if args.json {
        json::print("komod-down", serde_json::json!({ "down": names, "zygotes": zygotes }))?;
    }
    Ok(Outcome::Good)
}

#[derive(Serialize)]
struct One {
    info: Info,
    status: Option<Status>,
    modules: Vec<LoadedModule>,
    error: Option<String>,
}

pub fn status(args: &StatusArgs) -> Result<Outcome> {
    let dir = RuntimeDir::open().map_err(|e| place_error(&e, "looking"))?;
    let names = match &args.name {
        Some(name) => vec![name.clone()],
        None => names_up(&dir),
    };
    let mut kernels = Vec::new();
    for name in &names {
        kernels.push(ask(&dir, name)?);
    }
    if args.json {
        json::print("komod-status", serde_json::json!({ "kernels": kernels }))?;
        return Ok(Outcome::Good);
    }
    if kernels.is_empty() {
        console::people("no kernel is up");
        console::hint("start one: komod up");
        return Ok(Outcome::Good);
    }
    let head = ["NAME", "RELEASE", "PID", "TIME", "MODULES", "TAINTS", "OBJECTS", "RESTARTS"];
    let mut table = Table::new(&head);
    for k in &kernels {
        let of = |f: &dyn Fn(&Status) -> String| k.status.as_ref().map_or("-".into(), f);
        table.row([
            k.info.name.clone(),
            k.info.about.release.clone(),
            k.info.pid.to_string(),
            of(&|s| {
                format!("{}.{:03} s", s.virtual_ns / 1_000_000_000, s.virtual_ns / 1_000_000 % 1000)
            }),
            k.modules.len().to_string(),
            of(&|s| taints(&s.taints)),
            of(&|s| format!("{} ({})", s.live_objects, bytes(s.live_bytes))),
            k.info.restarts.to_string(),
        ]);
    }
    console::line(&table.to_text(color_on_stdout()));
    for k in &kernels {
        let name = &k.info.name;
        if let Some(death) = &k.info.last_death {
            let times = plural(k.info.restarts as usize, "restart");
            console::people(&format!("{name}: {death} ({times})"));
        }
        if let Some(e) = &k.error {
            console::warning(&format!("{name}: {e}"));
        }
        if k.info.version != env!("CARGO_PKG_VERSION") {
            let (theirs, ours) = (&k.info.version, env!("CARGO_PKG_VERSION"));
            console::warning(&format!("{name} was started by komod {theirs}; this is {ours}"));
            console::hint(&format!("komod down {name}, then komod up {name}"));
        }
    }
    Ok(Outcome::Good)
}

/// The letters alone: the kernel's text is `Tainted: G        W`, in columns, or `Not tainted`.
fn taints(text: &str) -> String {
    let letters = text.strip_prefix("Tainted:").unwrap_or_default();
    let letters = letters.split_whitespace().collect::<Vec<_>>().concat();
    if letters.is_empty() { "-".into() } else { letters }
}

fn ask(dir: &RuntimeDir, name: &str) -> Result<One> {
    let mut place = Resident::connect(dir, name).map_err(|e| place_error(&e, "connecting"))?;
    let info = place.info().map_err(|e| place_error(&e, "asking"))?;
    if let Some(doing) = &info.busy {
        // It would answer when it is done, if ever.
        let error = Some(format!("busy: {doing}"));
        return Ok(One { info, status: None, modules: Vec::new(), error });
    }
    let status = place.status(&mut |_| {});
    let modules = place.modules(&mut |_| {});
    let error = status.as_ref().err().or(modules.as_ref().err()).map(|e| e.to_string());
    Ok(One { info, status: status.ok(), modules: modules.unwrap_or_default(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taints_are_letters_or_none() {
        for (text, letters) in
            [("Not tainted", "-"), ("", "-"), ("Tainted: G        W  O", "GWO"), ("Tainted:", "-")]
        {
            assert_eq!(taints(text), letters, "{text}");
        }
    }
}
