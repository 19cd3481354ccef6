//! `cargo xtask oracle warm`: real drivers compiled warm and by the plain compiler, compared.
//!
//! Each driver is compiled as it is and after edits. What must be equal: the object, the depfile,
//! and what the compiler said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use komod_build::warm::{Command, Compiler, Limits};

use super::probed::{self, Outcome, Probed};
use crate::args::Args;
use crate::draw;
use crate::kernels::{self, Kernel};

const HELP: &str = "\
Usage: cargo xtask oracle warm [OPTIONS]

Compiles drivers of a Linux source tree with the warm compiler and with the plain one, unedited and
edited, and compares objects, depfiles and messages byte for byte.

  --sources DIR     the source tree, or a part of it with drivers/ (default: CACHE/linux-source)
  --kernel SERIES   6.1 or 6.12 (default: both)
  --count N         compare N drivers drawn by the seed (default 40)
  --seed N          the seed (default 1)
  --driver PATH     compare this one, such as drivers/misc/ds1682.c or examples/hello/hello.c
  --shared          with a server that files share which begin alike, one for each driver
  --repeat N        also compile each N times both ways; print the medians and the server's memory";

/// How to get sources on Debian.
const SOURCES: &str = "no Linux source at";
const GET: &str = "`apt-get download linux-source-6.1`, unpack it there (drivers/ is enough), or name it with --sources";

/// So many are drawn for one that is compared: not every driver can be compiled for every kernel.
const SPARE: usize = 4;

/// More refusals than one in so many are a failure: warm compiling would be of no use.
const REFUSED_ONE_IN: usize = 8;

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") {
        println!("{HELP}");
        return Ok(());
    }
    let sources = match args.option::<PathBuf>("--sources")? {
        Some(dir) => dir,
        None => kernels::cache()?.join("linux-source"),
    };
    let series = args.option::<String>("--kernel")?;
    let count: usize = args.option("--count")?.unwrap_or(40);
    let seed = args.option("--seed")?.unwrap_or(1);
    let driver = args.option::<PathBuf>("--driver")?;
    let repeat = args.option("--repeat")?.unwrap_or(0);
    let shared = args.flag("--shared");
    args.finish()?;
    let own = driver.as_ref().is_some_and(|path| path.is_file());
    if !own && !sources.join("drivers").is_dir() {
        println!("SKIPPED: {SOURCES} {}: {GET}", sources.display());
        return Ok(());
    }
    let drivers = match driver {
        Some(path) if own => vec![fs::canonicalize(path)?],
        Some(path) => vec![sources.join(path)],
        None => {
            let mut all = Vec::new();
            collect(&sources.join("drivers"), &mut all)?;
            all.sort();
            let drawn = draw::sample(&all, all.len().min(count.saturating_mul(SPARE)), seed);
            // From all folders, however many cannot be compiled.
            let turn = |first| drawn.iter().skip(first).step_by(SPARE).cloned();
            (0..SPARE).flat_map(turn).collect()
        }
    };
    let mut wrong = 0;
    for kernel in kernels::chosen(series.as_deref()) {
        wrong += sweep(&kernel?, &drivers, &Plan { count, repeat, shared })?;
    }
    if wrong > 0 {
        bail!("{wrong} failures");
    }
    Ok(())
}

/// C files that may be drivers.
fn collect(dir: &Path, all: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())?.flatten() {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, all)?;
        } else if path.extension().is_some_and(|e| e == "c")
            && fs::read(&path)?.windows(14).any(|w| w == b"MODULE_LICENSE")
        {
            all.push(path);
        }
    }
    Ok(())
}

/// What came out for one driver.
enum Verdict {
    /// The plain compiler cannot compile it for this kernel.
    NotPlain,
    Refused(String),
    Different(String),
    Same {
        compilations: usize,
        plain: Duration,
        warm: Duration,
    },
}

/// What to do with how many.
struct Plan {
    count: usize,
    repeat: usize,
    shared: bool,
}

/// Compares up to `count` drivers; returns the number of failures.
fn sweep(kernel: &Kernel, drivers: &[PathBuf], plan: &Plan) -> Result<usize> {
    let scratch = std::env::temp_dir().join(format!("komod-oracle-warm-{}", std::process::id()));
    let result = sweep_in(&scratch, kernel, drivers, plan);
    let _ = fs::remove_dir_all(&scratch);
    result
}

fn sweep_in(scratch: &Path, kernel: &Kernel, drivers: &[PathBuf], plan: &Plan) -> Result<usize> {
    let &Plan { count, repeat, shared } = plan;
    let tree = kernel.tree.as_ref().context("the kernel has no build tree")?;
    for dir in ["probe", "run"] {
        fs::create_dir_all(scratch.join(dir))?;
    }
    let probed = Probed::new(tree, &scratch.join("probe"));
    let limits = Limits { memory: 256 << 20, alike: 1, ..Limits::default() };
    let warm = Compiler::new(&scratch.join("cache"), &scratch.join("run"), limits)?;
    let (mut same, mut refused, mut different, mut skipped, mut compilations) = (0, 0, 0, 0, 0);
    let mut times = Vec::new();
    for driver in drivers {
        if same + refused + different == count {
            break;
        }
        let name = driver.display().to_string();
        let verdict = compare(&probed, &warm, driver, &scratch.join("src"), shared)?;
        let mut measured = String::new();
        if matches!(&verdict, Verdict::Same { .. }) && repeat > 0 && !shared {
            measured = measure(&probed, &warm, driver, &scratch.join("src"), repeat)?;
        }
        match verdict {
            Verdict::NotPlain => skipped += 1,
            Verdict::Refused(why) => {
                refused += 1;
                println!("{}: not warm: {name}: {why}", kernel.series);
            }
            Verdict::Different(what) => {
                different += 1;
                println!("{}: DIFFERENT: {name}: {what}", kernel.series);
            }
            Verdict::Same { compilations: n, plain, warm } => {
                same += 1;
                compilations += n;
                times.push((plain, warm));
                if !measured.is_empty() {
                    println!("{}: {name}: {}", kernel.series, measured);
                }
            }
        }
        warm.end_all();
    }
    println!(
        "{}: {same} drivers the same in {compilations} compilations, {different} different, \
         {refused} not warm, {skipped} not for this kernel; median {} ms plain, {} ms warm",
        kernel.release,
        median(times.iter().map(|t| t.0)).as_millis(),
        median(times.iter().map(|t| t.1)).as_millis(),
    );
    // What is unlike others is compiled in its own way, or plainly.
    let too_many = !shared && refused * REFUSED_ONE_IN > same + refused + different;
    Ok(different + usize::from(too_many))
}

fn median(of: impl Iterator<Item = Duration>) -> Duration {
    let mut of: Vec<_> = of.collect();
    of.sort();
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// How long both ways take, and how much of a processor; the latter is what can be trusted on a
/// busy machine.
fn measure(
    probed: &Probed,
    warm: &Compiler,
    driver: &Path,
    dir: &Path,
    repeat: usize,
) -> Result<String> {
    let name = driver.file_stem().and_then(|n| n.to_str()).context("a name that is no text")?;
    let command = probed.command(dir, name);
    let server = server(&command).context("the server is gone")?;
    let own = Path::new("/proc/self");
    let cpu = || -> Result<u64> { Ok(children_ms(own)? + children_ms(&server)?) };
    let timed = |compile: &dyn Fn() -> Result<()>| -> Result<String> {
        let mut times = Vec::new();
        let before = cpu()?;
        for _ in 0..repeat {
            let started = Instant::now();
            compile()?;
            times.push(started.elapsed());
        }
        // The server counts a fork when it has seen its end.
        std::thread::sleep(Duration::from_secs(3));
        let cpu = (cpu()? - before) / repeat as u64;
        Ok(format!("{} ms ({cpu} ms CPU)", median(times.into_iter()).as_millis()))
    };
    let plain = timed(&|| plain(&command).map(drop).context("the plain compiler fails"))?;
    let warm = timed(&|| Ok(warm.compile(&command).map(drop)?))?;
    let memory = memory(&server).context("the server has no memory")? / 1024;
    Ok(format!("median of {repeat}: {plain} plain, {warm} warm; server {memory} MiB"))
}

/// The process of the command's server.
fn server(command: &Command) -> Option<PathBuf> {
    let source = command.source.to_str()?;
    let is_server = |dir: &PathBuf| {
        let argv = fs::read_to_string(dir.join("cmdline")).unwrap_or_default();
        argv.contains("/cc1\0") && argv.split('\0').any(|arg| arg == source)
    };
    fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path()).find(is_server)
}

/// What a process's ended children have used (`cutime` and `cstime` of proc(5)), in milliseconds:
/// the kernel counts them in hundredths of a second.
fn children_ms(process: &Path) -> Result<u64> {
    let stat = fs::read_to_string(process.join("stat"))?;
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| fields.split(' ').nth(at).and_then(|f| f.parse::<u64>().ok());
    // The fields are numbered from 1, and the third comes first here.
    Ok(10 * (ticks(16 - 3).context("no cutime")? + ticks(17 - 3).context("no cstime")?))
}

/// A process's resident memory in KiB.
fn memory(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    rss.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn compare(
    probed: &Probed,
    warm: &Compiler,
    driver: &Path,
    dir: &Path,
    shared: bool,
) -> Result<Verdict> {
    // The driver's folder, for its headers.
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(driver.parent().context("a driver in no folder")?)?.flatten() {
        if entry.path().extension().is_some_and(|e| e == "h" || e == "c") {
            fs::copy(entry.path(), dir.join(entry.file_name()))?;
        }
    }
    let name = driver.file_stem().and_then(|n| n.to_str()).context("a name that is no text")?;
    let command = probed.command(dir, name);
    let text = fs::read_to_string(driver)?;
    if !probed::run_plain(&command).status.success() {
        return Ok(Verdict::NotPlain);
    }
    if shared {
        return compare_shared(warm, &command, &text);
    }
    if let Err(why) = warm.start(&command) {
        return Ok(Verdict::Refused(why.to_string()));
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while !warm.is_ready(&command) {
        if let Some(why) = warm.refusal(&command) {
            return Ok(Verdict::Refused(why));
        }
        if Instant::now() > deadline {
            return Ok(Verdict::Refused("the server did not come up".into()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut first = None;
    let mut compilations = 0;
    for (what, text) in edits(&text) {
        fs::write(&command.source, text)?;
        let Some((plain, plain_time)) = plain(&command) else { continue };
        let started = Instant::now();
        let done = match warm.compile(&command) {
            Ok(done) => done,
            Err(why) => return Ok(Verdict::Refused(format!("{what}: {why}"))),
        };
        first.get_or_insert((plain_time, started.elapsed()));
        compilations += 1;
        let got = probed::outcome(&command, &done.stderr);
        if got != plain {
            return Ok(Verdict::Different(format!("{what}: {got:?} instead of {plain:?}")));
        }
    }
    let (plain, warm) = first.context("no edits")?;
    Ok(Verdict::Same { compilations, plain, warm })
}

/// The same with a server that others could share. What has messages it leaves to the plain
/// compiler.
fn compare_shared(warm: &Compiler, command: &Command, text: &str) -> Result<Verdict> {
    let Some(unproven) = warm.share(command) else {
        return Ok(Verdict::Refused("it is not an ordinary one".into()));
    };
    if !probed::run_plain(command).status.success() {
        return Ok(Verdict::NotPlain);
    }
    match unproven.prove() {
        Ok(true) => {}
        Ok(false) => return Ok(Verdict::Different("the first object".into())),
        Err(why) => return Ok(Verdict::Refused(why.to_string())),
    }
    let (mut compilations, mut times) = (1, (Duration::ZERO, Duration::ZERO));
    for (what, text) in edits(text) {
        fs::write(&command.source, text)?;
        let Some((plain, plain_time)) = plain(command) else { continue };
        let started = Instant::now();
        let Ok(done) = warm.compile(command) else { continue };
        times = (plain_time, started.elapsed());
        compilations += 1;
        let got = probed::outcome(command, &done.stderr);
        if got.object != plain.object || got.files() != plain.files() {
            return Ok(Verdict::Different(format!("{what}: {got:?} instead of {plain:?}")));
        }
    }
    Ok(Verdict::Same { compilations, plain: times.0, warm: times.1 })
}

/// What the plain compiler makes, if it succeeds.
fn plain(command: &Command) -> Option<(Outcome, Duration)> {
    let started = Instant::now();
    let output = probed::run_plain(command);
    let time = started.elapsed();
    output.status.success().then(|| (probed::outcome(command, &output.stderr), time))
}

/// A driver as it is, and with edits that move lines, add code and warnings.
fn edits(text: &str) -> Vec<(&'static str, String)> {
    let code = "\nint komod_edit(int a);\nint komod_edit(int a)\n{\n\tint unused;\n\tpr_info(\"%s:%d %d\\n\", __FILE__, __LINE__, a);\n\treturn a + __COUNTER__;\n}\n";
    let license = text.rfind("MODULE_LICENSE").unwrap_or(text.len());
    // A blank line before the last static function moves all that follows.
    let last = text.rfind("\n}\n").map_or(text.len(), |at| at + 3);
    vec![
        ("unedited", text.to_owned()),
        ("code added", format!("{text}{code}")),
        ("lines moved", format!("{}\n/* komod */\n\n{}", &text[..last], &text[last..])),
        ("code before the licence", format!("{}{code}{}", &text[..license], &text[license..])),
    ]
}
