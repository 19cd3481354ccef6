//! A module's sources compiled as a part of the kernel.
//!
//! kbuild compiles what `obj-y` lists without `-DMODULE` (`scripts/Makefile.lib`, Linux 6.1:
//! `modkern_cflags`): `module_init(f)` then puts a pointer to `f` into `.initcall6.init` instead of
//! naming it `init_module`, `module_exit` functions are never called, and `THIS_MODULE` is null.
//! The mirror gets a `Kbuild` that reads the user's makefile and hands its `obj-m` to `obj-y`; the
//! objects are then asked for by name. Objects of a composite module are linked with `ld -r`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use komod_diag::Diagnostic;

use crate::build::{Options, Workshop};
use crate::child::{self, Manner};
use crate::error::BuildError;
use crate::evaluate;
use crate::kbuild;
use crate::log::Log;
use crate::project::Project;
use crate::rules;
use crate::shadow::Content;
use crate::stop;
use crate::tree::Tree;

/// A module compiled as built-in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltinObject {
    /// The module's name.
    pub name: String,
    /// The object file.
    pub object: PathBuf,
}

/// The user's makefile, when its name is taken by komod's.
const USERS: &str = "Kbuild.of-the-user";

/// Compiles the project's modules as built-in code, in the makefile's order, which is the order
/// their initcalls of one level run in.
pub fn compile_builtin(
    project: &Project,
    tree: &Tree,
    options: &Options,
) -> Result<Vec<BuiltinObject>, BuildError> {
    let _build = stop::Build::begins();
    let workshop = Workshop::open(project, tree, options, ".builtin", make_builtin)?;
    let dir = &workshop.shadow.dir;
    let listed = evaluate::modules(&workshop.shadow, tree, workshop.patience())
        .map_err(|e| workshop.unread(&e))?;
    let mut goals: Vec<String> = Vec::new();
    for module in &listed {
        for member in &module.members {
            let goal = module.folder.join(member).to_string_lossy().into_owned();
            if !goals.contains(&goal) {
                goals.push(goal);
            }
        }
    }
    if goals.is_empty() {
        return Err(BuildError::new(vec![rules::b49::nothing_built(project)], Log::default()));
    }
    let outcome = workshop.kbuild(&goals)?;
    if outcome.log.status != Some(0) {
        let diagnostics = rules::diagnose(&outcome);
        return Err(BuildError::new(diagnostics, outcome.log));
    }
    let mut objects = Vec::with_capacity(listed.len());
    for module in listed {
        let folder = dir.join(&module.folder);
        let object = match module.members.as_slice() {
            [only] => folder.join(only),
            members => {
                let object = folder.join(format!("{}.builtin.o", module.name));
                link(&object, members.iter().map(|member| folder.join(member)), tree)?;
                object
            }
        };
        objects.push(BuiltinObject { name: module.name, object });
    }
    Ok(objects)
}

/// Puts komod's `Kbuild` before every makefile of the mirror.
fn make_builtin(contents: &mut BTreeMap<PathBuf, Content>) {
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in contents.keys() {
        let makefile = path.file_name().is_some_and(|n| n == "Kbuild" || n == "Makefile");
        if let Some(folder) = path.parent().filter(|_| makefile)
            && !folders.iter().any(|known| known == folder)
        {
            folders.push(folder.to_owned());
        }
    }
    for folder in folders {
        let kbuild = folder.join("Kbuild");
        let users = match contents.remove(&kbuild) {
            Some(content) => {
                contents.insert(folder.join(USERS), content);
                USERS
            }
            None => "Makefile",
        };
        let text = format!(
            "# Made by komod: the user's modules, as parts of the kernel.\n\
             include $(src)/{users}\n\
             ifndef komod-makefile\n\
             obj-y += $(obj-m)\n\
             obj-m :=\n\
             endif\n"
        );
        contents.insert(kbuild, Content::Text(text));
    }
}

/// Links a composite's members into one object, as kbuild does for modules
/// (`scripts/Makefile.build`: `cmd_ld_multi_m`).
fn link(
    object: &Path,
    members: impl Iterator<Item = PathBuf>,
    tree: &Tree,
) -> Result<(), BuildError> {
    let mut command = Command::new("ld");
    kbuild::scrub(&mut command, tree);
    command.args(["-r", "-z", "noexecstack", "-o"].map(OsStr::new)).arg(object).args(members);
    let log = child::run(command, &Manner::default()).map_err(|e| BuildError::start(&e))?;
    if log.status == Some(0) {
        return Ok(());
    }
    let diagnostics: Vec<Diagnostic> = vec![rules::b00::unknown(&log)];
    Err(BuildError::new(diagnostics, log))
}
