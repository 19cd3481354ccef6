//! `komod run`: build, load, show the log, unload, judge.

use super::{BuildFlags, On, OneKernel, Outcome, PlaceFlags};
use crate::console;
use crate::explained::Explained;
use crate::gather::{self, Gathered};
use crate::ground::{BoardFlags, Foretold, Ground};
use crate::json;
use crate::kernels::{self, Need};
use crate::progress::Progress;
use crate::run::{
    Boot, Debugging, EarlyBoot, Kept, ModuleReport, Plan, Problem, Report, Session, Sink, machine,
    micros, print_leaks, print_verdict,
};
use crate::targets::{Target, Words};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use komod_kernel::find::FoundKernel;
use komod_place::Place;
use komod_place::process::{OneShot, RuntimeDir, Start};
use komod_process::protocol::{BootSpec, Event};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::Instant;

/// Build modules, run them in a real kernel's code, and judge
///
/// Builds what is source, loads it (what it depends on first) into a fresh in-process kernel,
/// shows the kernel's log on stdout, lets some time pass, unloads everything in reverse order,
/// looks for memory left behind, and says on stderr how it went.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod run                          the module in this folder
  komod run examples/hello           the one in that folder
  komod run hello.c count=3          a single C file, with a parameter
  komod run user.ko lib.ko           built modules; what uses the other is loaded second
  komod run a.ko b.ko a.debug=1      a parameter for one of several
  komod run x.ko -- debug            a parameter without a value
  komod run crc7                     a module of the kernel's own
  komod run --kernel 6.12 DIR        in another kernel (see `komod kernel list`)
  komod run --builtin DIR            linked into the kernel's boot instead of loaded
  komod run --on vm x.ko             in a virtual machine, with the real kernel
  sudo komod run --on host x.ko      in this machine's own kernel
  komod run --on ssh:BOARD x.ko      in the kernel of a board that ssh reaches

Exit status:
  0  everything was loaded and unloaded, nothing was left behind
  1  not built, refused, init failed, crashed, did not unload, left memory behind; or komod
     itself could not do its work
  2  the command line is wrong")]
pub struct RunArgs {
    /// Folders with sources, C files, .ko files, names of stock modules; and parameters
    #[arg(value_name = "DIR|FILE.c|X.ko|NAME|PARAM=VALUE")]
    what: Vec<OsString>,
    /// Parameters, also such without a value
    #[arg(last = true, value_name = "PARAM")]
    params: Vec<String>,
    #[command(flatten)]
    kernel: OneKernel,
    #[command(flatten)]
    build: BuildFlags,
    #[command(flatten)]
    place: PlaceFlags,
    #[command(flatten)]
    board: BoardFlags,
    /// Ignore the version magic and the symbol versions, as `modprobe --force` does; on a host or a
    /// board, also try what `komod check` says will be refused
    #[arg(long)]
    force: bool,
    /// Compile the modules as parts of the kernel and boot it: their init runs among the
    /// kernel's own, their exit never. In a virtual machine they are loaded from the initramfs
    /// before anything else runs
    #[arg(long)]
    builtin: bool,
    /// Leave the virtual machine up behind the run, under the name `default`: always, or only when
    /// the run has failed
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "always")]
    keep: Option<Keep>,
    /// Stop the virtual machine before the init of each module that is given, and wait for gdb: the
    /// command that starts it with the module's symbols and lines is told on stderr
    #[arg(long)]
    gdb: bool,
    /// Who loads: komod's loader, or the kernel's own sys_init_module (in a virtual machine,
    /// always the kernel)
    #[arg(long, value_enum, default_value_t = Loader::Komod)]
    loader: Loader,
    /// Boot a kernel of its own instead of forking one that waits in the background, or of
    /// copying a machine that has booted before
    #[arg(long)]
    no_zygote: bool,
    /// Load the other modules, too, when one is refused
    #[arg(long)]
    keep_going: bool,
    /// Time between init and exit, in milliseconds: for timers, work and threads (virtual time
    /// in a process, real time in a machine)
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = within_a_year())]
    time: u64,
    /// Run a program of this machine in the virtual machine when all is loaded, as `komod exec`
    /// does; what does not end well makes the verdict bad. May be given several times
    #[arg(long, value_name = "COMMAND")]
    exec: Vec<String>,
    /// Time after the last exit, in milliseconds: for what a module has left running; 10000 of
    /// virtual time in a process, 20 of real time in a machine, without it
    #[arg(long, value_name = "MS", value_parser = within_a_year())]
    after: Option<u64>,
    /// Words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    /// The whole report as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Do not show the log
    #[arg(short, long)]
    quiet: bool,
}

/// Virtual time for what a module has left running.
const AFTERMATH_MS: u64 = 10_000;
/// Real time for it, which people wait for.
const REAL_AFTERMATH_MS: u64 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Loader {
    Komod,
    Kernel,
}

/// When a machine stays after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Keep {
    Always,
    Failure,
}

impl From<Loader> for komod_process::protocol::Loader {
    fn from(loader: Loader) -> Self {
        match loader {
            Loader::Komod => Self::Komod,
            Loader::Kernel => Self::Kernel,
        }
    }
}

pub fn run(args: &RunArgs, started: Instant) -> Result<Outcome> {
    args.place.check()?;
    if !args.exec.is_empty() && (args.builtin || args.place.on != On::Vm) {
        let why = "--exec is for virtual machines that modules are loaded into";
        return Err(Explained::usage(why).hint("add --on vm, without --builtin").into());
    }
    let mut words = Words::parse(&args.what, &args.params)?;
    if words.targets.is_empty() {
        words.targets.push(Target::Sources(".".into()));
    }
    if args.place.on.is_real() {
        return on_ground(args, &words, started);
    }
    let release = gather::release(&words);
    let need = if args.builtin { Need::Both } else { gather::need(&words, Need::Image) };
    let kernel = kernels::choose(args.kernel.kernel.as_deref(), release.as_deref(), need)?;
    if args.gdb && (args.builtin || args.keep.is_some() || args.place.on != On::Vm) {
        let why = "--gdb is for virtual machines that modules are loaded into, for one run";
        let hint = "add --on vm, without --builtin and --keep";
        return Err(Explained::usage(why).hint(hint).into());
    }
    if args.keep.is_some() && (args.builtin || args.place.on != On::Vm) {
        let why = "--keep is for virtual machines that modules are loaded into";
        return Err(Explained::usage(why).hint("add --on vm, without --builtin").into());
    }
    let mut sink = Sink::new(args.json || args.quiet, &kernel.release);
    let report = match args.builtin {
        true if args.place.on == On::Vm => EarlyBoot {
            words: &words,
            kernel: &kernel,
            how: args.build.how(),
            place: &args.place,
            append: &args.append,
            time_ms: args.time,
        }
        .run(&mut sink, started)?,
        true => Boot {
            words: &words,
            kernel: &kernel,
            how: args.build.how(),
            append: &args.append,
            time_ms: args.time,
        }
        .run(&mut sink, started)?,
        false => loaded(args, &words, &kernel, &mut sink, started)?,
    };
    tell(args, &report, &mut sink)
}

fn tell(args: &RunArgs, report: &Report, sink: &mut Sink) -> Result<Outcome> {
    if args.json {
        json::print("komod-run", report)?;
    } else {
        print_leaks(report, &mut sink.narrator.sources);
        print_verdict(report);
    }
    Ok(if report.ok { Outcome::Good } else { Outcome::Bad })
}

/// In a kernel that was there before us.
fn on_ground(args: &RunArgs, words: &Words, started: Instant) -> Result<Outcome> {
    let on = &args.place.on;
    for (given, option) in [(args.builtin, "--builtin"), (!args.append.is_empty(), "--append")] {
        if given {
            let why = format!("{option} does not go with --on {on}: its kernel has booted");
            return Err(Explained::usage(why).into());
        }
    }
    let mut ground = Ground::reach(on, &args.board, args.kernel.kernel.as_deref(), true)?;
    let machine = ground.machine(args.force)?;
    let loaded = Ground::loaded(&machine);
    let gathered = ground.gather(words, &args.build.how(), &loaded)?;
    let mut sink = Sink::new(args.json || args.quiet, &ground.kernel.release);
    let ready_us = micros(started);
    let foretold = ground.check(&machine, &gathered, args.force)?;
    let (modules, problems) = match foretold {
        Some(Foretold { at, why }) => refused(gathered, at, why),
        None => {
            let plan = plan(args, gathered, &ground.kernel)?;
            let mut session = Session::new(&mut ground.place, &mut sink);
            session.run(&plan);
            let (modules, problems, dead) = (session.modules, session.problems, session.dead);
            if dead {
                ground.hangs();
            }
            (modules, problems)
        }
    };
    let report = Report {
        kernel: ground.kernel.release.clone(),
        place: on.word(),
        board: matches!(on, On::Ssh(_)).then(|| ground.place.name().to_owned()),
        start: ground.place.way(),
        ready_us,
        ..Report::of(modules, problems, &mut sink, started)
    };
    // Before the verdict, so that nothing is left when it is read.
    drop(ground);
    tell(args, &report, &mut sink)
}

/// Nothing was loaded, as it was foretold that this module will be refused.
fn refused(gathered: Gathered, at: usize, why: Explained) -> (Vec<ModuleReport>, Vec<Problem>) {
    let name = gathered.modules.get(at).map(|m| m.name.clone());
    let modules = gathered.modules.into_iter().map(|file| ModuleReport {
        params: gathered.params.get(&file.name).cloned().unwrap_or_default(),
        name: file.name,
        path: file.path,
        given: file.given,
        ..ModuleReport::default()
    });
    (modules.collect(), vec![Problem::new("load", name.as_deref(), why)])
}

fn plan(args: &RunArgs, gathered: Gathered, kernel: &FoundKernel) -> Result<Plan> {
    let real = args.place.on != On::Process;
    Ok(Plan {
        modules: gathered.modules,
        params: gathered.params,
        loader: args.loader.into(),
        force: args.force,
        keep_going: args.keep_going,
        programs: programs(&args.exec)?,
        time_ms: args.time,
        aftermath_ms: args.after.unwrap_or(if real { REAL_AFTERMATH_MS } else { AFTERMATH_MS }),
        watched: !real,
        unreasoned: (real || args.loader == Loader::Kernel).then(|| kernel.clone()),
    })
}

/// The words of each command; one that takes a shell is the shell's.
fn programs(lines: &[String]) -> Result<Vec<Vec<String>>> {
    let mut programs = Vec::new();
    for line in lines {
        match komod_build::command_line::commands(line) {
            Some(commands) => programs.extend(commands),
            None => programs.push(["sh", "-c", line].map(str::to_owned).into()),
        }
    }
    Ok(programs)
}

fn within_a_year() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=365 * 24 * 3_600_000)
}

fn loaded(
    args: &RunArgs,
    words: &Words,
    kernel: &FoundKernel,
    sink: &mut Sink,
    started: Instant,
) -> Result<Report> {
    let gathered = gather::gather(words, kernel, &args.build.how(), &BTreeSet::new())?;
    let mut sockets = None;
    let (mut place, how): (Box<dyn Place>, _) = match args.place.on {
        On::Process => {
            let prepared = kernels::prepare(kernel)?;
            let spec = kernels::boot_spec(kernel, &prepared, &args.append);
            let place = start(args, &spec, sink)?;
            let how = match place.start() {
                Start::Cold { .. } => "cold",
                Start::Forked => "forked",
                Start::ForkedFromNew => "forked-new",
            };
            (Box::new(place), how)
        }
        _ if args.keep.is_some() => {
            let spec = machine::spec(kernel, &args.append, &args.place)?;
            let kept = Kept::start(kernel, spec)?;
            (Box::new(kept.connect()?), "up")
        }
        _ => {
            let mut spec = machine::spec(kernel, &args.append, &args.place)?;
            let debugging = args.gdb.then(|| Debugging::prepare(&mut spec)).transpose()?;
            let (mut vm, how) = machine::start(kernel, &spec, args.no_zygote)?;
            debugging.iter().try_for_each(|d| d.begin(&mut vm, &gathered.modules))?;
            sockets = debugging;
            (Box::new(vm), how)
        }
    };
    let ready_us = micros(started);
    let mut session = Session::new(place.as_mut(), sink);
    session.run(&plan(args, gathered, kernel)?);
    let (modules, problems) = (session.modules, session.problems);
    let programs = session.programs;
    drop((place, sockets));
    match args.keep {
        Some(Keep::Failure) if problems.is_empty() => Kept::end()?,
        Some(_) => console::note("the machine is up: komod log, cat, exec; komod down ends it"),
        None => {}
    }
    Ok(Report {
        kernel: kernel.release.clone(),
        place: args.place.on.word(),
        start: how,
        programs,
        ready_us,
        ..Report::of(modules, problems, sink, started)
    })
}

fn start(args: &RunArgs, spec: &BootSpec, sink: &mut Sink) -> Result<OneShot> {
    let progress = Progress::start(format!("booting kernel {}", spec.release));
    let events = &mut |e: &Event| sink.take(e);
    let place = match (args.no_zygote, RuntimeDir::open()) {
        (false, Ok(dir)) => OneShot::fork_or_boot(spec, &dir, events),
        (false, Err(e)) => {
            console::note(&format!("no kernel is kept ready: {e}"));
            OneShot::boot(spec, &[], events)
        }
        (true, _) => OneShot::boot(spec, &[], events),
    };
    drop(progress);
    let place = place.with_context(|| format!("cannot boot kernel {}", spec.release))?;
    if let Start::Cold { because: Some(why) } = place.start() {
        console::note(&format!("booted anew, no kernel is kept ready: {why}"));
    }
    Ok(place)
}
