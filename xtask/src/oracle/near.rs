//! Modules listed in an output tree, as if they had been built inside the source tree: lists without
//! the source tree's path, and the files they name beside them. The kernel's own modpost is asked
//! there.

use anyhow::{Context, Result, bail};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes that tree in `dir` anew.
pub fn tree(dir: &Path, source: &Path, build: &Path, modules: &[String]) -> Result<PathBuf> {
    let _ = fs::remove_dir_all(dir);
    let prefix = format!("{}/", source.display());
    let mut linked = HashSet::new();
    for module in modules {
        let list = format!("{module}.mod");
        // A module that could not be listed is reported where it is read.
        let Ok(members) = fs::read_to_string(build.join(&list)) else { continue };
        write(&dir.join(&list), &members)?;
        for member in members.lines() {
            let (folder, name) = member.rsplit_once('/').context(member.to_owned())?;
            let commands = format!("{folder}/.{name}.cmd");
            let Ok(text) = fs::read_to_string(build.join(&commands)) else { continue };
            let text = text.replace(&prefix, "");
            for word in text.split_ascii_whitespace() {
                // Links for all that could be meant; modpost picks.
                if !word.starts_with(['/', '-', '$']) && linked.insert(word.to_owned()) {
                    link(dir, source, build, word)?;
                }
            }
            write(&dir.join(&commands), &text)?;
        }
    }
    Ok(dir.to_owned())
}

fn link(dir: &Path, source: &Path, build: &Path, path: &str) -> Result<()> {
    let real = [source, build].map(|root| root.join(path)).into_iter().find(|path| path.is_file());
    let Some(real) = real.filter(|real| real.extension().is_some_and(|e| e != "o")) else {
        return Ok(());
    };
    let link = dir.join(path);
    make_folder(&link)?;
    match symlink(real, &link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| link.display().to_string())
        }
        _ => Ok(()),
    }
}

/// An object that makes modpost compute a checksum, and nothing else.
const OBJECT: &str = "static const char info[] __attribute__((used, section(\".modinfo\"))) = \
                      \"license=GPL\\0version=1\";\n";

/// What the modpost of the kernel tree `headers` makes of these modules there.
pub fn modpost(dir: &Path, headers: &Path, modules: &[String]) -> Result<Vec<Result<String>>> {
    let (source, object) = (dir.join("object.c"), dir.join("object.o"));
    write(&source, OBJECT)?;
    call(Command::new("gcc").arg("-c").arg(&source).arg("-o").arg(&object))?;
    let mut order = String::new();
    for path in modules.iter().filter(|path| dir.join(format!("{path}.mod")).exists()) {
        fs::copy(&object, dir.join(format!("{path}.o")))?;
        order.push_str(&format!("{path}.o\n"));
    }
    fs::write(dir.join("modules.order"), order)?;
    let mut command = Command::new(headers.join("scripts/mod/modpost"));
    call(command.current_dir(dir).args(["-o", "Module.symvers", "-T", "modules.order"]))?;
    let read = |path: &String| -> Result<String> {
        let written = dir.join(format!("{path}.mod.c"));
        let text = fs::read_to_string(&written).with_context(|| written.display().to_string())?;
        let (_, rest) = text.split_once("MODULE_INFO(srcversion, \"").context("no srcversion")?;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    };
    Ok(modules.iter().map(read).collect())
}

fn call(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    make_folder(path)?;
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path.parent().context("no folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}
