//! `build`: one project, one kernel, its modules.

use std::env;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use komod_diag::Diagnostic;

use crate::compile_commands;
use crate::doubt::Doubt;
use crate::error::BuildError;
use crate::event::{Deaf, Listener};
use crate::execute::{Compile, Plain};
use crate::generated;
use crate::in_place::{self, Ledger};
use crate::jobserver::Jobserver;
use crate::kbuild::Run;
use crate::location::{self, Location, Surroundings};
use crate::log::{Log, Names};
use crate::modules;
use crate::native;
use crate::neighbours;
use crate::project::{Kind, Project};
use crate::rules::{self, Outcome};
use crate::shadow::{self, Content, Shadow};
use crate::state::State;
use crate::stop;
use crate::tree::Tree;

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Parallel jobs; as many as there are processors if not given.
    pub jobs: Option<NonZero<usize>>,
    /// Let the log show whole commands.
    pub verbose: bool,
    /// Folder for the products; `target/komod/RELEASE` in the project if not given, or below
    /// `KOMOD_TARGET_DIR`.
    pub out: Option<PathBuf>,
    /// Variables for make's command line, such as `KBUILD_EXTRA_SYMBOLS` or `KBUILD_MODPOST_WARN`.
    pub variables: Vec<(String, String)>,
    /// A program that runs [`crate::modpost::program`] when it is called `modpost`: for kernel
    /// trees that lack theirs.
    pub modpost: Option<PathBuf>,
    /// Where builds that run at the same time get their jobs from; if not given, this one has
    /// `jobs`, or a part in those of the make above.
    pub jobserver: Option<Arc<Jobserver>>,
    /// Hears what happens.
    pub listener: Option<Arc<dyn Listener>>,
    /// How long make may read makefiles and kbuild be silent; five minutes if not given.
    pub patience: Option<Duration>,
    /// What to do with a damaged kernel tree.
    pub repair: crate::overlay::Repair,
    /// Let kbuild do the work, even if komod can.
    pub kbuild: bool,
    /// What compiles, instead of the compiler itself.
    pub compiler: Option<Arc<dyn Compile>>,
    /// Put `compile_commands.json` into the project's folder, too, not only beside the products.
    pub compile_commands: bool,
    /// Build in the project's own folder, as `make -C TREE M=FOLDER` does.
    pub in_place: bool,
}

/// A build that worked.
#[derive(Clone, Debug)]
pub struct Built {
    /// The modules, in an order they can be loaded in.
    pub modules: Vec<PathBuf>,
    /// The folder they are in.
    pub folder: PathBuf,
    /// What is worth knowing: warnings and notes.
    pub diagnostics: Vec<Diagnostic>,
    /// What was printed.
    pub log: Log,
}

/// Makefiles are read in milliseconds, unless they try things out with the compiler; and no file
/// takes a compiler this long.
const PATIENCE: Duration = Duration::from_secs(300);

/// Builds the project's modules for the tree's kernel: without kbuild if that makes the same, with
/// it in all other cases, which a note (`B-53`) then says.
pub fn build(project: &Project, tree: &Tree, options: &Options) -> Result<Built, BuildError> {
    let _build = stop::Build::begins();
    let workshop = match options.in_place {
        true => Workshop::in_place(project, tree, options)?,
        false => Workshop::open(project, tree, options, "", |_| {})?,
    };
    let built = build_in(&workshop);
    if let Some(ledger) = &workshop.ledger {
        let modules = built.as_ref().ok().map(|built| built.modules.as_slice());
        let closed = ledger.close(modules);
        closed.map_err(|e| unreadable(&ledger.folder, &e, Log::default()))?;
    }
    built
}

fn build_in(workshop: &Workshop<'_>) -> Result<Built, BuildError> {
    let (outcome, mut diagnostics) = match workshop.native() {
        Ok(diagnosed) => diagnosed,
        Err(_) if stop::stopped() => return Err(BuildError::stopped()),
        Err(Doubt::Endless(time)) => {
            return Err(BuildError::new(vec![rules::b54::reading(time)], Log::default()));
        }
        Err(doubt) => {
            workshop.make_way_for_kbuild()?;
            let outcome = workshop.kbuild(&["modules".to_owned()])?;
            workshop.note_commands(&outcome);
            let mut diagnostics = rules::diagnose(&outcome);
            diagnostics.extend(rules::b53::by_kbuild(&doubt));
            (outcome, diagnostics)
        }
    };
    diagnostics.extend(workshop.hand_out_commands());
    if !outcome.succeeded() {
        diagnostics.retain(|diagnostic| diagnostic.code != "B-53");
    }
    let log = outcome.log;
    if log.status != Some(0) || diagnostics.iter().any(Diagnostic::is_error) {
        return Err(BuildError::new(diagnostics, log));
    }
    let dir = &workshop.shadow.dir;
    let modules = match modules::load_order(dir).and_then(|modules| {
        if workshop.ledger.is_none() {
            remove_others(dir, &modules)?;
        }
        Ok(modules)
    }) {
        Ok(modules) => modules,
        Err(e) => return Err(unreadable(dir, &e, log)),
    };
    Ok(Built { modules, folder: dir.clone(), diagnostics, log })
}

fn unreadable(dir: &Path, error: &io::Error, log: Log) -> BuildError {
    BuildError::new(vec![rules::b00::products(dir, error)], log)
}

/// Modules of an earlier build that the makefile no longer makes.
fn remove_others(dir: &Path, modules: &[PathBuf]) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "ko") && !modules.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A mirrored project, ready for kbuild.
pub struct Workshop<'a> {
    project: &'a Project,
    tree: &'a Tree,
    options: &'a Options,
    location: Location,
    jobserver: Arc<Jobserver>,
    /// The mirror.
    pub shadow: Shadow,
    /// What is made beside the sources, if that is where the build is.
    ledger: Option<Ledger>,
}

impl<'a> Workshop<'a> {
    /// Chooses the place and mirrors the sources; `alter` may change what is mirrored.
    pub fn open(
        project: &'a Project,
        tree: &'a Tree,
        options: &'a Options,
        suffix: &str,
        alter: impl FnOnce(&mut std::collections::BTreeMap<PathBuf, Content>),
    ) -> Result<Self, BuildError> {
        let around = Surroundings::from_env();
        let location =
            location::choose(project, &tree.release, suffix, options.out.as_deref(), &around)
                .map_err(|e| {
                    BuildError::new(vec![rules::b42::nowhere(project, &e)], Log::default())
                })?;
        let mut contents = shadow::plan(project, &location.path)?;
        alter(&mut contents);
        let shadow = Shadow::mirror(&location.path, &tree.identity(), contents)?;
        neighbours::link(&project.root, &location.path, &shadow.contents)
            .map_err(|(path, source)| shadow::ShadowError::Io { action: "make", path, source })?;
        let jobserver = jobserver(options)?;
        Ok(Workshop { project, tree, options, location, jobserver, shadow, ledger: None })
    }

    /// The project's own folder as the workshop.
    fn in_place(
        project: &'a Project,
        tree: &'a Tree,
        options: &'a Options,
    ) -> Result<Self, BuildError> {
        let in_place::InPlace { location, shadow, ledger } = in_place::open(project, tree)?;
        let jobserver = jobserver(options)?;
        Ok(Workshop { project, tree, options, location, jobserver, shadow, ledger: Some(ledger) })
    }

    /// Where komod keeps what it knows about the folder of the build.
    fn notes(&self) -> &Path {
        self.ledger.as_ref().map_or(&self.shadow.dir, |ledger| &ledger.folder)
    }

    /// Takes away what would make kbuild trust products that it did not make for this tree.
    fn make_way_for_kbuild(&self) -> Result<(), BuildError> {
        let (dir, contents) = (&self.shadow.dir, &self.shadow.contents);
        State::forget(self.notes(), dir);
        if self.ledger.is_none() && generated::are_looked_for(dir, contents) {
            // Without its list of symbols modpost runs again.
            let _ = fs::remove_file(dir.join("Module.symvers"));
            let removed = generated::remove(dir, contents);
            removed.map_err(|e| unreadable(dir, &e, Log::default()))?;
        }
        let distrusted = self.ledger.as_ref().map_or(Ok(()), Ledger::distrust);
        distrusted.map_err(|e| unreadable(&self.shadow.dir, &e, Log::default()))
    }

    /// Builds without kbuild, and says how it went and why.
    fn native(&self) -> Result<(Outcome<'a>, Vec<Diagnostic>), Doubt> {
        if self.options.kbuild {
            return Err(Doubt::Asked);
        }
        let names = Names { project: self.project, shadow: &self.shadow };
        let (variables, without_btf) = self.variables();
        let log = native::build(&native::Request {
            tree: self.tree,
            folder: &self.shadow.dir,
            notes: self.notes(),
            contents: &self.shadow.contents,
            flags: &self.flags().unwrap_or_default(),
            variables: &variables,
            cache: Surroundings::from_env().cache.as_deref(),
            compiler: self.options.compiler.as_deref().unwrap_or(&Plain),
            jobserver: &self.jobserver,
            patience: self.patience(),
            restore: &|line| names.restore(&line),
            listener: self.listener(),
            verbose: self.options.verbose,
            commands: self.wants_commands().then(|| self.view(false)),
            commands_surely: self.options.compile_commands,
        })?;
        let outcome =
            Outcome::new(self.project, self.tree, log, self.location.clone(), without_btf);
        let diagnostics = rules::diagnose(&outcome);
        match diagnostics.iter().find(|diagnostic| diagnostic.code == "B-00") {
            // kbuild may have better words.
            Some(unknown) if !outcome.succeeded() => Err(Doubt::Failed(unknown.title.clone())),
            _ => Ok((outcome, diagnostics)),
        }
    }

    fn listener(&self) -> &dyn Listener {
        self.options.listener.as_deref().unwrap_or(&Deaf)
    }

    /// How long make may read makefiles, and kbuild be silent.
    pub fn patience(&self) -> Duration {
        self.options.patience.unwrap_or(PATIENCE)
    }

    /// A makefile that make did not get through.
    pub fn unread(&self, error: &io::Error) -> BuildError {
        match error.kind() {
            _ if stop::stopped() => BuildError::stopped(),
            io::ErrorKind::TimedOut => {
                BuildError::new(vec![rules::b54::reading(self.patience())], Log::default())
            }
            _ => BuildError::start(error),
        }
    }

    fn view(&self, generated: bool) -> compile_commands::View<'_> {
        compile_commands::View {
            folder: &self.shadow.dir,
            root: &self.project.root,
            contents: &self.shadow.contents,
            generated,
        }
    }

    /// Beside the sources only if asked for.
    fn wants_commands(&self) -> bool {
        self.ledger.is_none() || self.options.compile_commands
    }

    /// Notes the commands that kbuild has used. Without them the module is no worse.
    fn note_commands(&self, outcome: &Outcome<'_>) {
        if !self.wants_commands() {
            return;
        }
        let failed = !outcome.succeeded();
        let _ = compile_commands::of_kbuild(&self.view(true), &self.tree.path, failed);
    }

    /// Puts the commands where the user's editor looks for them, if asked to.
    fn hand_out_commands(&self) -> Option<Diagnostic> {
        let (from, to) = (&self.shadow.dir, &self.project.root);
        if !self.options.compile_commands || from == to {
            return None;
        }
        let error = compile_commands::copy(from, to).err()?;
        Some(rules::b42::no_commands(to, &error))
    }

    /// Variables for make's command line, and why there will be no type information.
    fn variables(&self) -> (Vec<(String, String)>, Option<String>) {
        let without_btf = self.btf_obstacle();
        let chosen = |name: &str| self.options.variables.iter().any(|(known, _)| known == name);
        let mut variables = Vec::new();
        if !chosen("LLVM") && !chosen("CC") {
            variables.extend(self.tree.compiler_variables());
        }
        if without_btf.is_some() {
            // An empty value on the command line counts as "not set" for kbuild's `ifdef`.
            variables.push(("CONFIG_DEBUG_INFO_BTF_MODULES".into(), String::new()));
        }
        if !chosen("PAHOLE") && self.tree.pahole().is_some_and(|own| !own.is_file()) {
            // A copy of a tree names what was beside the original.
            variables.push(("PAHOLE".into(), "pahole".into()));
        }
        variables.extend(self.options.variables.iter().cloned());
        (variables, without_btf)
    }

    /// Runs kbuild with these goals, and says how it went.
    pub fn kbuild(&self, goals: &[String]) -> Result<Outcome<'a>, BuildError> {
        let (others, without_btf) = self.variables();
        let flags = self.flags().map(|flags| ("KCPPFLAGS".to_owned(), flags));
        let variables: Vec<_> = flags.into_iter().chain(others).collect();
        let run = Run {
            tree: self.tree,
            folder: &self.shadow.dir,
            goals,
            variables: &variables,
            jobserver: &self.jobserver,
            patience: self.patience(),
            verbose: self.options.verbose,
        };
        let names = Names { project: self.project, shadow: &self.shadow };
        let log = match run.run(Some(&names), self.listener()) {
            // Whatever it was ended in the middle of must not be taken for complete.
            Err(e) if e.kind() == io::ErrorKind::TimedOut && !stop::stopped() => {
                self.shadow.distrust();
                let diagnostics = vec![rules::b54::silent(self.patience())];
                return Err(BuildError::new(diagnostics, Log::default()));
            }
            _ if stop::stopped() => {
                // make removes what it was making when it is asked to end.
                if stop::killed() {
                    self.shadow.distrust();
                }
                return Err(BuildError::stopped());
            }
            log => log.map_err(|e| BuildError::start(&e))?,
        };
        Ok(Outcome::new(self.project, self.tree, log, self.location.clone(), without_btf))
    }

    /// Compiler flags that make the mirror invisible: `__FILE__` and debug information name the
    /// user's files, and `#include "../x.h"` is also looked up from where the source really is.
    fn flags(&self) -> Option<String> {
        let root = &self.project.root;
        if self.ledger.is_some() {
            return None;
        }
        if location::bad_character(root).is_some() {
            return None;
        }
        let mut flags =
            format!("-ffile-prefix-map={}={}", self.shadow.dir.display(), root.display());
        if matches!(self.project.kind, Kind::File(_)) {
            flags.push_str(&format!(" -iquote {}", root.display()));
        }
        for folder in shadow::folders_looking_out(&self.shadow.contents) {
            flags.push_str(&format!(" -iquote {}", root.join(folder).display()));
        }
        Some(flags)
    }

    /// Why kbuild's BTF step would fail and take the module with it, if it would: the tree has a
    /// `vmlinux` but a tool is missing (`scripts/Makefile.modfinal`, Linux 6.12: `cmd_btf_ko`).
    fn btf_obstacle(&self) -> Option<String> {
        let wanted = self.tree.has("vmlinux")
            && self.tree.config("CONFIG_DEBUG_INFO_BTF_MODULES").as_deref() == Some("y");
        if !wanted {
            return None;
        }
        if !self.tree.pahole().is_some_and(|own| own.is_file()) && !has_pahole() {
            return Some("pahole is not installed".into());
        }
        let resolver = "tools/bpf/resolve_btfids/resolve_btfids";
        (!self.tree.has(resolver)).then(|| format!("the kernel tree has no {resolver}"))
    }
}

/// Does this machine have pahole?
fn has_pahole() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join("pahole").is_file())
}

/// The jobs of this build.
fn jobserver(options: &Options) -> Result<Arc<Jobserver>, BuildError> {
    match &options.jobserver {
        Some(shared) => Ok(shared.clone()),
        None => Jobserver::open(options.jobs).map(Arc::new).map_err(|e| BuildError::start(&e)),
    }
}
