//! `cargo xtask bench build`: how long a build takes, against `make -C TREE M=FOLDER` in the same
//! run.

use crate::args::Args;
use crate::bench::{Times, ms};
use crate::kernels::{Kernel, SERIES};
use crate::komod::{self, Profile};
use crate::project;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HELP: &str = "\
Usage: cargo xtask bench build [--kernel SERIES] [--runs N] [--modules N]

Medians of N runs (default 10) of hello, and of one folder with many modules (default 40; 0 for
none), as a Markdown table.";

const RUNS: usize = 10;
const MODULES: usize = 40;
/// Builds of many modules take their time.
const RUNS_OF_MANY: usize = 3;

pub fn main(mut args: Args) -> Result<()> {
    if args.flag("--help") || args.flag("-h") {
        println!("{HELP}");
        return Ok(());
    }
    let series = args.option::<String>("--kernel")?;
    let runs = args.option("--runs")?.unwrap_or(RUNS);
    let modules = args.option("--modules")?.unwrap_or(MODULES);
    args.finish()?;
    let komod = komod::build(Profile::Release)?;
    println!("| kernel | what | make | komod | ratio |");
    println!("|---|---|--:|--:|--:|");
    for (name, _) in SERIES {
        if series.as_deref().is_none_or(|s| s == *name) {
            kernel(&komod, &Kernel::find(name)?, runs, modules)?;
        }
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
        make: scratch.folder("make", &files)?,
        own: scratch.folder("komod", &files)?,
    };
    // Once before: the recipe of the tree goes into the cache, the files into memory.
    bench.make(1)?;
    bench.komod()?;
    bench.row("hello: first build", runs, 1, |bench| bench.clean())?;
    let mut edit = 0;
    bench.row("hello: one edit", runs, 1, |bench| {
        edit += 1;
        let text = format!("{hello}\nint hello_edit_{edit}(void);\nint hello_edit_{edit}(void) {{ return {edit}; }}\n");
        fs::write(bench.make.join("hello.c"), &text)?;
        fs::write(bench.own.join("hello.c"), &text)?;
        Ok(())
    })?;
    bench.row("hello: nothing to do", runs, 1, |_| Ok(()))?;
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
    let what = format!("{modules} modules: first build, make -j2");
    bench.row(&what, runs.min(RUNS_OF_MANY), 2, |bench| bench.clean())
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

struct Bench<'a> {
    kernel: &'a Kernel,
    tree: &'a Path,
    komod: &'a Path,
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
        mut before: impl FnMut(&Self) -> Result<()>,
    ) -> Result<()> {
        let mut makes = Vec::new();
        let own = Times::of(runs, || {
            before(self)?;
            makes.push(self.make(jobs)?);
            let time = self.komod()?;
            if !self.products().is_dir() {
                bail!("komod did not build in {}", self.products().display());
            }
            Ok(time)
        })?;
        let mut makes = makes.into_iter();
        let make = Times::of(makes.len(), || makes.next().context("no time"))?;
        println!(
            "| {} | {what} | {} | {} | {:.1}× |",
            self.kernel.series,
            ms(make.median()),
            ms(own.median()),
            make.median().as_secs_f64() / own.median().as_secs_f64()
        );
        Ok(())
    }

    /// Takes away all products.
    fn clean(&self) -> Result<()> {
        if self.products().exists() {
            fs::remove_dir_all(self.products())?;
        }
        timed(self.make_command().arg("clean")).map(drop)
    }

    fn make(&self, jobs: usize) -> Result<Duration> {
        timed(self.make_command().arg(format!("-j{jobs}")).arg("modules"))
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

    fn komod(&self) -> Result<Duration> {
        let mut command = komod::command(self.komod);
        command.env("KOMOD_TARGET_DIR", self.products());
        command.arg("build").arg(&self.own).arg("--kernel").arg(&self.kernel.root);
        timed(&mut command)
    }
}

fn timed(command: &mut Command) -> Result<Duration> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let output = command.output()?;
    let time = started.elapsed();
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(time)
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
}
