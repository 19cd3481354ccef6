//! `cargo xtask bench build`: how long a build takes, against `make -C TREE M=FOLDER` in the same
//! run.

use crate::args::Args;
use crate::bench_options::Options;
use crate::kernels::Kernel;
use crate::komod::{self, Profile};
use crate::measure::{self, Cost, Times, ms, ratio};
use crate::project;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const HELP: &str = "\
Usage: cargo xtask bench build [--kernel SERIES] [--runs N] [--modules N]

Medians of N runs (default 10) of hello, and of one folder with many modules (default 40; 0 for
none), as a Markdown table. CPU time is a mean; it includes that of compilers kept warm.";

const RUNS: usize = 10;
const MODULES: usize = 40;
/// Builds of many modules take their time.
const RUNS_OF_MANY: usize = 3;
/// Compilers that are not warm after this time do not get warm.
const WARM: Duration = Duration::from_secs(20);

pub fn main(mut args: Args) -> Result<()> {
    let Some(options) = Options::take(&mut args, HELP, RUNS)? else { return Ok(()) };
    let runs = options.runs;
    let modules = args.option("--modules")?.unwrap_or(MODULES);
    args.finish()?;
    let komod = komod::build(Profile::Release)?;
    println!("| kernel | what | make | komod | ratio | make, CPU | komod, CPU | ratio |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for chosen in options.kernels() {
        kernel(&komod, &chosen?, runs, modules)?;
    }
    Ok(())
}

fn kernel(komod: &Path, kernel: &Kernel, runs: usize, modules: usize) -> Result<()> {
    let tree = kernel.tree.as_deref().context("the kernel has no build tree")?;
    let scratch = Scratch::new(&kernel.series)?;
    let hello = fs::read_to_string(project::root().join("examples/hello/hello.c"))?;
    let files = [("hello.c", hello.as_str()), ("Makefile", "obj-m := hello.o\n")];
    let bench = Bench {
        kernel,
        tree,
        komod,
        runtime: scratch.runtime()?,
        make: scratch.folder("make", &files)?,
        own: scratch.folder("komod", &files)?,
    };
    // Once before: the recipe of the tree goes into the cache, the files into memory.
    bench.make(1)?;
    bench.komod(Compiler::Plain)?;
    bench.row("hello: first build", runs, 1, Compiler::Plain, |bench| bench.clean())?;
    let mut edit = 0;
    let mut edited = |bench: &Bench| {
        edit += 1;
        let text = format!(
            "{hello}\nint hello_edit_{edit}(void);\nint hello_edit_{edit}(void) {{ return {edit}; }}\n"
        );
        fs::write(bench.make.join("hello.c"), &text)?;
        fs::write(bench.own.join("hello.c"), &text)?;
        Ok(())
    };
    bench.row("hello: one edit, `--no-warm`", runs, 1, Compiler::Plain, &mut edited)?;
    edited(&bench)?;
    bench.komod(Compiler::Warm)?;
    bench.await_warm(1)?;
    bench.row("hello: one edit", runs, 1, Compiler::Warm, &mut edited)?;
    bench.row("hello: nothing to do", runs, 1, Compiler::Warm, |_| Ok(()))?;
    bench.end_warm()?;
    if modules == 0 {
        return Ok(());
    }
    let sources = many(modules);
    let files: Vec<(&str, &str)> =
        sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let bench = Bench {
        make: scratch.folder("make-many", &files)?,
        own: scratch.folder("komod-many", &files)?,
        ..bench
    };
    for (how, compiler) in [("", Compiler::Warm), (", `--no-warm`", Compiler::Plain)] {
        let what = format!("{modules} modules: first build{how}, make -j2");
        // No compiler is warm when a build starts.
        bench.row(&what, runs.min(RUNS_OF_MANY), 2, compiler, |bench| {
            bench.end_warm()?;
            bench.clean()
        })?;
    }
    bench.end_warm()
}

/// One module per file, and the makefile.
fn many(modules: usize) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut makefile = String::new();
    for number in 0..modules {
        let text = format!(
            "#include <linux/module.h>\n\nint many_{number}(int seed);\n\n\
             int many_{number}(int seed)\n{{\n\treturn seed * {number};\n}}\n\n\
             MODULE_DESCRIPTION(\"one of many\");\nMODULE_LICENSE(\"GPL\");\n"
        );
        files.push((format!("many_{number}.c"), text));
        let _ = writeln!(makefile, "obj-m += many_{number}.o");
    }
    files.push(("Makefile".into(), makefile));
    files
}

#[derive(Clone, Copy, PartialEq)]
enum Compiler {
    Plain,
    Warm,
}

struct Bench<'a> {
    kernel: &'a Kernel,
    tree: &'a Path,
    komod: &'a Path,
    runtime: PathBuf,
    make: PathBuf,
    own: PathBuf,
}

impl Bench<'_> {
    /// Measures both in turn, with `before` before each pair.
    fn row(
        &self,
        what: &str,
        runs: usize,
        jobs: usize,
        compiler: Compiler,
        mut before: impl FnMut(&Self) -> Result<()>,
    ) -> Result<()> {
        let (mut makes, mut own) = (Vec::new(), Vec::new());
        for _ in 0..runs.max(1) {
            before(self)?;
            makes.push(self.make(jobs)?);
            own.push(self.komod(compiler)?);
            if !self.products().is_dir() {
                bail!("komod did not build in {}", self.products().display());
            }
        }
        let (make, own) = (Summary::of(&makes)?, Summary::of(&own)?);
        println!(
            "| {} | {what} | {} | {} | {:.1}× | {} | {} | {:.1}× |",
            self.kernel.series,
            ms(make.wall),
            ms(own.wall),
            ratio(make.wall, own.wall),
            ms(make.cpu),
            ms(own.cpu),
            ratio(make.cpu, own.cpu),
        );
        Ok(())
    }

    /// Takes away all products.
    fn clean(&self) -> Result<()> {
        if self.products().exists() {
            fs::remove_dir_all(self.products())?;
        }
        measure::timed(self.make_command().arg("clean"), || Duration::ZERO).map(drop)
    }

    fn make(&self, jobs: usize) -> Result<Cost> {
        let mut command = self.make_command();
        measure::timed(command.arg(format!("-j{jobs}")).arg("modules"), || Duration::ZERO)
    }

    fn make_command(&self) -> Command {
        let mut command = Command::new("make");
        command.arg("-C").arg(self.tree).arg(format!("M={}", self.make.display()));
        command
    }

    /// Where komod builds: beside the sources and for this alone, so that it can be emptied.
    fn products(&self) -> PathBuf {
        self.own.with_extension("products")
    }

    fn komod(&self, compiler: Compiler) -> Result<Cost> {
        let mut command = self.command();
        command.env("KOMOD_TARGET_DIR", self.products());
        command.arg("build").arg(&self.own).arg("--kernel").arg(&self.kernel.root);
        if compiler == Compiler::Plain {
            command.arg("--no-warm");
        }
        measure::timed(&mut command, || measure::running_in(&self.runtime))
    }

    fn command(&self) -> Command {
        let mut command = komod::command(self.komod);
        command.env("XDG_RUNTIME_DIR", &self.runtime).env_remove("KOMOD_NO_WARM");
        command
    }

    /// Waits until so many compilers are warm.
    fn await_warm(&self, wanted: usize) -> Result<()> {
        let started = Instant::now();
        while self.sockets() < wanted {
            if started.elapsed() > WARM {
                bail!("no compiler got warm");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // The others, if there are any.
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    }

    fn sockets(&self) -> usize {
        let entries = fs::read_dir(self.runtime.join("komod/warm")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "sock")).count()
    }

    /// A server whose socket is gone ends.
    fn end_warm(&self) -> Result<()> {
        let folder = self.runtime.join("komod/warm");
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let started = Instant::now();
        while measure::running_in(&self.runtime) > Duration::ZERO {
            if started.elapsed() > WARM {
                bail!("a compiler stays warm");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// The median wall time, and the mean CPU time, which is counted in steps of 10 ms.
struct Summary {
    wall: Duration,
    cpu: Duration,
}

impl Summary {
    fn of(costs: &[Cost]) -> Result<Summary> {
        let mut walls = costs.iter().map(|cost| cost.wall);
        let wall = Times::of(costs.len(), || walls.next().context("no time"))?.median();
        let cpu: Duration = costs.iter().map(|cost| cost.cpu).sum();
        Ok(Summary { wall, cpu: cpu / u32::try_from(costs.len().max(1))? })
    }
}

/// A folder that vanishes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(series: &str) -> Result<Self> {
        let name = format!("komod-bench-{}-{series}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    /// Where the sockets of this bench are.
    fn runtime(&self) -> Result<PathBuf> {
        use std::os::unix::fs::DirBuilderExt;
        let path = self.0.join("run");
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }

    fn folder(&self, name: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
        let folder = self.0.join(name);
        fs::create_dir_all(&folder)?;
        for (file, text) in files {
            fs::write(folder.join(file), text)?;
        }
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_modules_have_one_makefile() {
        let files = many(3);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["many_0.c", "many_1.c", "many_2.c", "Makefile"]);
        assert!(files[3].1.contains("obj-m += many_2.o"));
    }

    #[test]
    fn walls_are_medians_and_cpu_times_means() {
        let cost =
            |wall, cpu| Cost { wall: Duration::from_millis(wall), cpu: Duration::from_millis(cpu) };
        let summary = Summary::of(&[cost(9, 10), cost(1, 20), cost(2, 0)]).unwrap();
        assert_eq!((summary.wall.as_millis(), summary.cpu.as_millis()), (2, 10));
    }
}
