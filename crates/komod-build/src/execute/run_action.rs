//! Running one action.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Task;
use super::compile::{self, Finished, Job};
use super::freshness::{self, Files};
use super::list;
use super::modpost;
use super::outcome::Ran;
use crate::action::{Action, Kind};
use crate::command_line;
use crate::depfile;
use crate::doubt::Doubt;
use crate::replace;
use crate::stamp::Stamp;
use crate::state::{Record, Seen};

/// What an object that exports symbols contains: sections or symbols of these names (Linux 6.1:
/// `__ksymtab_NAME`, 6.12: `__export_symbol_NAME`). kbuild asks `nm`; an object without the text
/// has no such symbol.
const EXPORTS: [&[u8]; 2] = [b"__ksymtab", b"__export_symbol_"];

/// Temporary files that vanish if they are not moved to their place.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> Self {
        Temporary(replace::beside(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An action at work.
struct Work<'a> {
    action: &'a Action,
    task: &'a Task<'a>,
    /// Where the target is made.
    output: Temporary,
    /// Where the compiler lists what it read, and where kbuild has it do so.
    depfile: Temporary,
    kbuilds_depfile: PathBuf,
    /// Where the notes for modpost are made.
    notes: Temporary,
    lines: Vec<String>,
}

/// Runs an action whose product is out of date. `sources` are the project's files that went into
/// its objects.
pub fn run(
    action: &Action,
    task: &Task<'_>,
    files: &Files,
    sources: &dyn Fn() -> Vec<Seen>,
) -> Result<Ran, Doubt> {
    let target = &action.target;
    let mut work = Work {
        action,
        task,
        output: Temporary::beside(target),
        depfile: Temporary::beside(&with_dot(target, "d")),
        kbuilds_depfile: with_dot(target, "d"),
        notes: Temporary::beside(&with_dot(target, "cmd")),
        lines: vec![format!("  {} {}", action.word(), target.display())],
    };
    let start = SystemTime::now();
    let mut before: HashMap<PathBuf, Seen> = HashMap::new();
    for input in action.source.iter().filter(|source| source.starts_with(task.folder)) {
        before.insert(input.clone(), freshness::before(input));
    }
    let read = match action.kind {
        Kind::List => work.list()?,
        Kind::Compile | Kind::CompileInfo => work.compile()?,
        Kind::LinkMembers | Kind::LinkModule => work.link()?,
        Kind::Modpost => work.modpost(sources, &mut before)?,
    };
    for made in std::iter::once(target).chain(&action.also) {
        files.forget(made);
    }
    let mut lines = work.lines;
    for line in &mut lines {
        let temporary = work.output.0.to_string_lossy();
        if line.contains(temporary.as_ref()) {
            *line = line.replace(temporary.as_ref(), &target.to_string_lossy());
        }
        *line = (task.restore)(std::mem::take(line));
    }
    let Some(mut read) = read else {
        return Ok(Ran { record: None, lines, started: true });
    };
    read.extend(action.inputs.iter().cloned());
    let mut seen = Vec::new();
    // What was made is as it is now; what was read, as it was.
    for made in std::iter::once(target).chain(&action.also) {
        seen.push(Seen { path: made.clone(), stamp: Some(files.stamp(made)), content: None });
    }
    read.retain(|path| path != target && !action.also.contains(path));
    let own: Vec<PathBuf> = read.iter().filter(|path| is_product(path, task)).cloned().collect();
    for path in own {
        before.entry(path.clone()).or_insert_with(|| Seen {
            stamp: Some(files.stamp(&path)),
            path,
            content: None,
        });
    }
    seen.extend(freshness::seen(read, &before, start, task.folder));
    let commands = freshness::commands(action);
    Ok(Ran { record: Some(Record { commands, seen }), lines, started: true })
}

/// Made by an action before this one, and by nobody else while komod has the folder.
fn is_product(path: &Path, task: &Task<'_>) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    path.starts_with(task.folder)
        && (["o", "mod", "cmd"].contains(&extension) || name.ends_with(".mod.c"))
        && !path.is_symlink()
}

/// `.x.o.d` for `x.o`.
fn with_dot(target: &Path, extension: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{extension}"))
}

/// What a step read, or nothing if it failed.
type Read = Option<Vec<PathBuf>>;

impl Work<'_> {
    fn list(&mut self) -> Result<Read, Doubt> {
        let target = &self.action.target;
        let strange = || Doubt::Failed(format!("{} is of a strange form", target.display()));
        let bytes = list::content(self.action).ok_or_else(strange)??;
        if fs::read(target).is_ok_and(|old| old == bytes) {
            return Ok(Some(Vec::new()));
        }
        replace::file(target, &bytes).map_err(Doubt::io("write", target))?;
        Ok(Some(Vec::new()))
    }

    fn compile(&mut self) -> Result<Read, Doubt> {
        let Some(first) = self.action.steps.first() else { return Ok(None) };
        if let Some(read) = self.ready(&first.command)? {
            return Ok(Some(read));
        }
        if !self.run_text(&first.command, true)? {
            return Ok(None);
        }
        let directory = self.task.directory;
        let list = fs::read(&self.depfile.0).map_err(Doubt::io("read", &self.depfile.0))?;
        let read = depfile::parse(&String::from_utf8_lossy(&list));
        if self.action.kind == Kind::Compile {
            let object = fs::read(&self.output.0).map_err(Doubt::io("read", &self.output.0))?;
            let exports = EXPORTS.iter().any(|mark| contains(&object, mark));
            for step in self.action.steps.iter().skip(1) {
                let needed = exports || step.name == "record_mcount";
                if needed && !self.run_text(&step.command, false)? {
                    return Ok(None);
                }
            }
            let versions = fs::read_to_string(&self.notes.0).unwrap_or_default();
            let source = self.action.source.as_deref().unwrap_or(Path::new(""));
            let notes = depfile::notes(&self.action.target, source, &read, &versions);
            fs::write(&self.notes.0, notes).map_err(Doubt::io("write", &self.notes.0))?;
            let place = with_dot(&self.action.target, "cmd");
            replace::settle(&self.notes.0, &place).map_err(Doubt::io("move", place))?;
        }
        self.settle()?;
        Ok(Some(read.into_iter().map(|path| directory.join(path)).collect()))
    }

    /// Takes the object from where it is ready, if this command makes it from the same files.
    fn ready(&self, command: &str) -> Result<Option<Vec<PathBuf>>, Doubt> {
        let ready = self.task.ready.as_ref().filter(|ready| ready.command == command);
        let Some(ready) = ready else { return Ok(None) };
        let same = ready.read.iter().all(|(path, stamp)| Stamp::of(path) == *stamp);
        if !same || fs::copy(&ready.object, &self.output.0).is_err() {
            return Ok(None);
        }
        self.settle()?;
        Ok(Some(ready.read.iter().map(|(path, _)| path.clone()).collect()))
    }

    fn link(&mut self) -> Result<Read, Doubt> {
        let mut read = Vec::new();
        for step in &self.action.steps {
            if step.name == "btf_ko" {
                let base = self.task.directory.join("vmlinux");
                read.push(base.clone());
                let skip = format!("if [ ! -f vmlinux ]; then {SKIPPING}");
                if !base.is_file()
                    && step
                        .command
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" ")
                        .starts_with(&skip)
                {
                    let target = self.action.target.display();
                    self.lines.push(format!(
                        "Skipping BTF generation for {target} due to unavailability of vmlinux"
                    ));
                    continue;
                }
            }
            if !self.run_text(&step.command, false)? {
                return Ok(None);
            }
        }
        self.settle()?;
        Ok(Some(read))
    }

    fn modpost(
        &mut self,
        sources: &dyn Fn() -> Vec<Seen>,
        before: &mut HashMap<PathBuf, Seen>,
    ) -> Result<Read, Doubt> {
        let sources = sources();
        for step in &self.action.steps {
            let good = match self.own_modpost(&step.command)? {
                Some(good) => good,
                None => self.run_text(&step.command, false)?,
            };
            if !good {
                return Ok(None);
            }
        }
        self.settle()?;
        let read = sources.iter().map(|seen| seen.path.clone()).collect();
        before.extend(sources.into_iter().map(|seen| (seen.path.clone(), seen)));
        Ok(Some(read))
    }

    /// komod's own modpost, where it can do what the program would.
    fn own_modpost(&mut self, command: &str) -> Result<Option<bool>, Doubt> {
        let Some(dialect) = self.task.modpost else { return Ok(None) };
        let Some(mut line) = modpost::read(command) else { return Ok(None) };
        line.symvers.clone_from(&self.output.0);
        let Some(said) = modpost::run(&line, dialect, self.task.directory)? else {
            return Ok(None);
        };
        let status = if said.failed { 1 } else { 0 };
        self.ended(Finished { status: Some(status), lines: said.lines }).map(Some)
    }

    fn settle(&self) -> Result<(), Doubt> {
        let target = &self.action.target;
        replace::settle(&self.output.0, target).map_err(Doubt::io("move", target))?;
        Ok(())
    }

    /// Runs a step's commands, with temporary files for what they write. False if one failed.
    fn run_text(&mut self, text: &str, compiles: bool) -> Result<bool, Doubt> {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let target = &self.action.target;
        let mut text = command_line::replace_path(text, &shown(target), &shown(&self.output.0));
        for (kbuilds, own) in
            [(&self.kbuilds_depfile, &self.depfile.0), (&with_dot(target, "cmd"), &self.notes.0)]
        {
            text = command_line::replace_path(&text, &shown(kbuilds), &shown(own));
        }
        if self.task.verbose {
            self.lines.push(text.clone());
        }
        let (directory, environment) = (self.task.directory, self.task.environment);
        let Some(commands) = command_line::commands(&text) else {
            let ended = compile::shell(&text, directory, environment);
            return self.ended(ended.map_err(Doubt::io("run", "/bin/sh"))?);
        };
        for (number, arguments) in commands.iter().enumerate() {
            let program = arguments.first().cloned().unwrap_or_default();
            let ended = match &self.action.source {
                Some(source) if compiles && number == 0 => self.task.compiler.compile(&Job {
                    arguments,
                    directory,
                    environment,
                    source,
                    output: &self.output.0,
                    depfile: &self.depfile.0,
                }),
                _ => compile::words(arguments, directory, environment),
            };
            if !self.ended(ended.map_err(Doubt::io("run", program))?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn ended(&mut self, finished: Finished) -> Result<bool, Doubt> {
        self.lines.extend(finished.lines);
        let target = self.action.target.display();
        match finished.status {
            Some(0) => return Ok(true),
            Some(status) => self.lines.push(format!("komod: *** [{target}] Error {status}")),
            None => self.lines.push(format!("komod: *** [{target}] ended by a signal")),
        }
        Ok(false)
    }
}

/// How kbuild begins to say that there is nothing to take types from.
const SKIPPING: &str =
    "printf \"Skipping BTF generation for %s due to unavailability of vmlinux\\n\"";

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    memchr::memmem::find(bytes, mark).is_some()
}
