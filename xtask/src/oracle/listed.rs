//! Modules of the kernel tree "built" by kbuild with a compiler that only lists what it reads.
//!
//! `srcversion` depends on which objects a module has and which files each was compiled from. kbuild
//! writes both beside the objects (`x.mod`, `.y.o.cmd`), whatever the objects hold. So the compiler
//! here preprocesses, for the list of files, and leaves an empty object: minutes instead of hours.
//! Sources that kbuild generates are generated.

use super::linux_source::LinuxSource;
use crate::kernels::Kernel;
use crate::shell;
use anyhow::{Context, Result, bail};
use komod_build::Tree;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// What a configured tree needs on Debian beside a compiler.
pub const PACKAGES: &str = "apt-get install flex bison bc libelf-dev libssl-dev dwarves";

/// Written last.
const COMPLETE: &str = "komod-complete";

/// The compiler. kbuild calls it with `-DMODULE` for objects of modules only.
const COMPILER: &str = r#"#!/bin/sh
case " $* " in
*" -DMODULE "*" -c "*) ;;
*) exec @CC@ "$@" ;;
esac
for word; do
	case $last in -o) object=$word ;; esac
	last=$word
done
@CC@ "$@" -E -fdirectives-only -w && cp "${0%/*}/empty.o" "$object"
"#;

/// The output tree in which these modules (`drivers/net/dummy`) are listed; made in `dir` unless it
/// is there.
pub fn tree(
    kernel: &Kernel,
    source: &LinuxSource,
    dir: &Path,
    modules: &[String],
) -> Result<PathBuf> {
    let build = dir.join("build");
    let what = format!("{}\n{}\n", source.version, modules.join("\n"));
    if fs::read_to_string(build.join(COMPLETE)).is_ok_and(|done| done == what) {
        return Ok(build);
    }
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(&build)?;
    let headers = kernel.tree.as_ref().context("this kernel has no build tree")?;
    let compiler = compiler(&Tree::new(&kernel.release, headers), dir)?;
    fs::copy(headers.join(".config"), build.join(".config"))?;
    let make = || {
        let mut make = Command::new("nice");
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        make.args(["make", "-s", &format!("-j{jobs}"), "-C"]).arg(&source.dir);
        make.arg(format!("O={}", build.display())).arg(format!("CC={}", compiler.display()));
        make.env_remove("MAKEFLAGS").env_remove("MFLAGS");
        make
    };
    for goal in ["olddefconfig", "modules_prepare"] {
        shell::run(make().arg(goal)).with_context(|| format!("are all tools here? {PACKAGES}"))?;
    }
    let goals = modules.iter().flat_map(|path| [format!("{path}.o"), format!("{path}.mod")]);
    let log = dir.join("make.log");
    eprintln!("+ make, for {} modules; its log: {}", modules.len(), log.display());
    // It cannot know all goals (some folders are entered from above their parent). A list that is
    // missing in the end is seen where it is read.
    make().arg("-k").args(goals).stderr(fs::File::create(log)?).status().context("make")?;
    fs::write(build.join(COMPLETE), what)?;
    Ok(build)
}

/// Writes the compiler for the tree's own into `dir`.
fn compiler(tree: &Tree, dir: &Path) -> Result<PathBuf> {
    let text = tree.config("CONFIG_CC_VERSION_TEXT").context("CONFIG_CC_VERSION_TEXT")?;
    let real = text.split_ascii_whitespace().next().unwrap_or("gcc");
    let empty = dir.join("empty.o");
    let mut command = Command::new(real);
    command.args(["-x", "c", "-c", "/dev/null", "-o"]).arg(&empty);
    let status = command.status().with_context(|| format!("{text} built the kernel: {real}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    let path = dir.join("cc");
    fs::write(&path, COMPILER.replace("@CC@", real))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
