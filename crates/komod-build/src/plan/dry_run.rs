//! kbuild's own makefiles, read by make without running anything.
//!
//! Most of the time kbuild takes goes into finding out about the compiler, in the kernel's top
//! makefile; the result is in the environment it exports, which the [`Recipe`] holds. What is left
//! (`scripts/Makefile.build`, `Makefile.modpost`, `Makefile.modfinal`) is cheap and knows all that
//! a module's makefile can say. `make -n` reads them with kbuild's command macros replaced
//! (`dry_run.mk`): each expansion prints the exact command for its target. Recipes that do not go
//! through those macros are printed by make itself; they are the user's own, and a reason for
//! [`Doubt`].

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::action::Step;
use crate::child::{self, Limit, Manner};
use crate::doubt::Doubt;
use crate::log::Log;
use crate::recipe::Recipe;

/// The makefile that replaces kbuild's macros.
pub const SCRIPT: &str = include_str!("dry_run.mk");

/// A command for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What is made.
    pub target: PathBuf,
    /// The first prerequisite.
    pub source: PathBuf,
    /// The command.
    pub step: Step,
}

/// What make would have kbuild do.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// The commands, in make's order.
    pub steps: Vec<Planned>,
    /// Objects of the modules, in the makefiles' order.
    pub modules: Vec<PathBuf>,
    /// All makefiles read.
    pub makefiles: Vec<PathBuf>,
    /// What the makefiles themselves printed.
    pub said: Vec<String>,
}

/// What to read.
pub struct Request<'a> {
    /// What is known about the kernel tree.
    pub recipe: &'a Recipe,
    /// The module's folder.
    pub folder: &'a Path,
    /// One of kbuild's makefiles, below the sources' `scripts`.
    pub makefile: &'a str,
    /// Variables for make's command line.
    pub variables: &'a [(String, String)],
    /// The environment, from [`Recipe::environment`].
    pub environment: &'a [(String, String)],
    /// A makefile with rules for what is not made yet.
    pub made: Option<&'a Path>,
    /// How long make may take.
    pub patience: Duration,
}

/// Lets make read the makefiles.
pub fn run(request: &Request<'_>) -> Result<DryRun, Doubt> {
    let recipe = request.recipe;
    let mut command = Command::new("make");
    command.env_clear().envs(request.environment.iter().map(|(n, v)| (n, v)));
    command.args(["-rR", "-n", "--no-print-directory", "-C"]).arg(&recipe.directory);
    for folder in &recipe.include {
        command.arg("-I").arg(folder);
    }
    command.arg("-f").arg(&recipe.dry_run);
    command.args(recipe.arguments(request.folder, request.makefile));
    command.args(request.variables.iter().map(|(name, value)| format!("{name}={value}")));
    if let Some(made) = request.made {
        command.arg(format!("komod-made={}", made.display()));
    }
    let limit = Some(Limit::Whole(request.patience));
    let log = match child::run(command, &Manner { limit, ..Manner::default() }) {
        Err(e) if e.kind() == io::ErrorKind::TimedOut => {
            return Err(Doubt::Endless(request.patience));
        }
        log => log.map_err(Doubt::io("run", PathBuf::from("make")))?,
    };
    read(&log, recipe, request.folder)
}

/// Reads what make printed.
fn read(log: &Log, recipe: &Recipe, folder: &Path) -> Result<DryRun, Doubt> {
    let mut found = DryRun::default();
    let again = format!("make -f {} ", recipe.dry_run.display());
    let mut parsing = 0_usize;
    let mut continued = false;
    for line in &log.lines {
        if continued || line.starts_with(&again) {
            // make starting itself for a folder below; what that one prints follows.
            continued = line.ends_with('\\');
        } else if let Some(step) = line.strip_prefix("komod:step:") {
            found.steps.push(step_of(step).ok_or_else(|| own(line, folder))?);
        } else if line == "komod:begin" {
            parsing += 1;
        } else if line == "komod:parsed" {
            parsing = parsing.saturating_sub(1);
        } else if let Some(list) = line.strip_prefix("komod:modules:") {
            found.modules.extend(list.split_whitespace().map(PathBuf::from));
        } else if let Some(list) = line.strip_prefix("komod:makefiles:") {
            for path in list.split_whitespace() {
                let path = recipe.directory.join(path);
                if path != recipe.dry_run && !found.makefiles.contains(&path) {
                    found.makefiles.push(path);
                }
            }
        } else if parsing > 0 || is_makes_own(line) {
            found.said.push(line.clone());
        } else if !matches!(line.trim(), "" | ":" | "true") {
            return Err(own(line, folder));
        }
    }
    if log.status != Some(0) {
        let words = found.said.iter().rev().find(|line| line.contains("***"));
        let words = words.or(found.said.last()).cloned();
        return Err(Doubt::Evaluation(words.unwrap_or_else(|| "no reason given".into())));
    }
    // "Nothing to be done", for recipes that are empty with the macros replaced.
    // Times that have not come yet confuse make, not komod, which only looks whether they change.
    found.said.retain(|line| {
        !is_makes_own(line) || line.contains(" warning: ") && !line.contains("Clock skew detected")
    });
    Ok(found)
}

/// A message of make's.
fn is_makes_own(line: &str) -> bool {
    line.strip_prefix("make").is_some_and(|rest| rest.starts_with(": ") || rest.starts_with('['))
}

/// A recipe line of the user's.
fn own(line: &str, folder: &Path) -> Doubt {
    let line = line.replace(&format!("{}/", folder.display()), "");
    let shown: String = line.trim().chars().take(80).collect();
    Doubt::Step { target: "something".into(), step: format!("`{shown}`") }
}

fn step_of(text: &str) -> Option<Planned> {
    let mut parts = text.splitn(4, '\t');
    let target = parts.next()?.into();
    let name = parts.next()?.to_owned();
    let source = parts.next().unwrap_or_default().into();
    let command = parts.next().unwrap_or_default().trim().to_owned();
    Some(Planned { target, source, step: Step { name, command } })
}

/// Writes the script into a folder, for make's `-f`.
pub fn place(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("dry-run.mk");
    std::fs::write(&path, SCRIPT)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str], status: i32) -> Log {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Log { command: String::new(), status: Some(status), lines }
    }

    fn recipe() -> Recipe {
        let mut recipe = Recipe::default();
        recipe.dry_run = "/r/dry-run.mk".into();
        recipe.directory = "/k".into();
        recipe
    }

    #[test]
    fn commands_are_read_and_makes_chatter_is_not() {
        let lines = [
            "komod:begin",
            "a word from the makefile",
            "komod:modules:/m/x.o",
            "komod:makefiles:/r/dry-run.mk scripts/Makefile.build /m/Kbuild",
            "komod:parsed",
            "komod:step:/m/x.o\tcc_o_c\t/m/x.c\t gcc  -c\tx",
            "make -f /r/dry-run.mk obj=/m/sub \\",
            "need-builtin= \\",
            "need-modorder=1 ",
            "make[1]: Nothing to be done for '/m/sub/'.",
            ":",
        ];
        let found = read(&log(&lines, 0), &recipe(), Path::new("/m")).unwrap();
        let step = found.steps.first().unwrap();
        assert_eq!((step.step.name.as_str(), step.step.command.as_str()), ("cc_o_c", "gcc  -c\tx"));
        assert_eq!(found.modules, [PathBuf::from("/m/x.o")]);
        assert_eq!(
            found.makefiles,
            [Path::new("/k/scripts/Makefile.build"), Path::new("/m/Kbuild")]
        );
        assert_eq!(found.said, ["a word from the makefile"]);
    }

    #[test]
    fn recipes_of_the_users_are_doubts() {
        let lines = ["komod:begin", "komod:parsed", "sh gen.sh > /m/gen.h"];
        assert!(matches!(
            read(&log(&lines, 0), &recipe(), Path::new("/m")),
            Err(Doubt::Step { .. })
        ));
    }

    #[test]
    fn failures_are_doubts_with_makes_words() {
        let lines = ["komod:begin", "/m/Makefile:3: *** missing separator.  Stop."];
        let error = read(&log(&lines, 2), &recipe(), Path::new("/m")).unwrap_err();
        assert!(error.to_string().contains("missing separator"), "{error}");
    }
}
