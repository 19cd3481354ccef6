//! Kernels that were there before komod and go on after it: reaching one, what is known of it here,
//! and `check` before anything is loaded, as nothing can be undone there.

use crate::building::How;
use crate::checking;
use crate::cmd::On;
use crate::console;
use crate::explained::Explained;
use crate::gather::{self, Gathered};
use crate::kernels;
use crate::lent::{self, Lent};
use crate::progress::Progress;
use crate::targets::{Target, Words};
use crate::text::failure::{self, Doing};
use anyhow::Result;
use clap::Args;
use komod_check::{Checker, Links, Machine, Request};
use komod_diag::terminal;
use komod_kernel::find::{self, FoundKernel, Origin, Roots};
use komod_object::Module;
use komod_place::process::{Info, RuntimeDir};
use komod_place::real::{Manners, Real};
use komod_place::vm::Spec;
use komod_place::{Place, PlaceError};
use komod_process::protocol::Stage;
use std::collections::BTreeSet;
use std::path::Path;

const HEADING: &str = "With --on ssh:BOARD";

/// How to speak to a board.
#[derive(Debug, Clone, Default, Args)]
pub struct BoardFlags {
    /// A command of this machine, run when the board does not answer any more (to switch its power
    /// off and on, say); it has the board's name in KOMOD_BOARD
    #[arg(long, value_name = "CMD", help_heading = HEADING)]
    pub on_hang: Option<String>,
    /// Copy no program to the board: speak to its shell alone (slow lines; ioctl needs the program)
    #[arg(long, help_heading = HEADING)]
    pub no_agent: bool,
}

/// A kernel that was there before, and what is known of it here.
pub struct Ground {
    pub place: Real,
    pub on: On,
    /// Its files here, as far as there are any.
    pub kernel: FoundKernel,
    on_hang: Option<String>,
    lent: Option<Lent>,
}

/// What check says of a load to come.
pub struct Foretold {
    /// The module, by its place in the order.
    pub at: usize,
    pub why: Explained,
}

impl Ground {
    /// Reaches it; `tidy` has what is loaded unloaded when komod ends, however it ends.
    pub fn reach(on: &On, board: &BoardFlags, kernel: Option<&str>, tidy: bool) -> Result<Ground> {
        let manners = Manners { patience: Spec::PATIENCE, tidy };
        let place = match on {
            On::Host => Real::host(manners).map_err(|e| Explained::from_error(&e))?,
            On::Ssh(name) => {
                let dir = RuntimeDir::open().map_err(|e| Explained::from_error(&e))?;
                let progress = Progress::start(format!("reaching {name}"));
                let place = Real::board(name, &dir, !board.no_agent, manners);
                drop(progress);
                let place = place.map_err(|e| {
                    if e.is_hang() {
                        help(name, board.on_hang.as_deref());
                    }
                    Explained::from_error(&e)
                })?;
                if let Some(why) = place.note() {
                    console::note(&format!("{name} is spoken to by its shell: {why}"));
                }
                place
            }
            On::Process | On::Vm => {
                return Err(Explained::usage(format!("{on} is no kernel that is there")).into());
            }
        };
        let kernel = files(on, place.release(), kernel)?;
        Ok(Ground { place, on: on.clone(), kernel, on_hang: board.on_hang.clone(), lent: None })
    }

    /// As the supervisor of a kernel that stays tells of it.
    pub fn info(&self) -> Info {
        Info::new(self.place.name(), kernels::about(&self.kernel))
    }

    /// The machine as who loads modules sees it; an error if nothing can be loaded at all. With
    /// `force`, who is not allowed to may try.
    pub fn machine(&mut self, force: bool) -> Result<Machine> {
        let whose = self.whose();
        let place = &mut self.place;
        let mut read = |path: &str| {
            let bytes = place.read(&format!("/{path}"), MAX_FACT, &mut |_| {}).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        if read("proc/modules").is_none() {
            let why = format!("{whose} takes no modules: there is no /proc/modules");
            let hint = "--on process and --on vm run modules in a kernel of komod's own";
            return Err(Explained::new(why).hint(hint).into());
        }
        let machine = Machine::told_by(&mut read);
        if !machine.capable && !force {
            let root = read("proc/self/status").is_some_and(|status| is_root(&status));
            let why = format!("{whose} takes modules from root only (CAP_SYS_MODULE): EPERM");
            let hint = match (root, &self.on) {
                (true, _) => "root in a container lacks this capability: run komod outside of it",
                (_, On::Ssh(_)) => "log in as root, or let sudo ask no password there",
                _ => "run it by sudo",
            };
            let other = "--on process and --on vm need no root";
            return Err(Explained::new(why).hint(hint).hint(other).into());
        }
        if let Some(why) = self.place.log_trouble() {
            console::warning(&format!("the log of {whose} cannot be read: {why}"));
        }
        Ok(machine)
    }

    /// The kernel in words.
    fn whose(&self) -> String {
        match &self.on {
            On::Ssh(board) => format!("the kernel of {board}"),
            _ => "this machine's kernel".into(),
        }
    }

    /// What is to be loaded. Of a board's kernel there may be no modules here: then those that are
    /// needed are fetched from it.
    pub fn gather(
        &mut self,
        words: &Words,
        how: &How,
        loaded: &BTreeSet<String>,
    ) -> Result<Gathered> {
        let fetches = self.kernel.modules.is_none() && self.on != On::Host;
        let named = words.targets.iter().filter_map(|target| match target {
            Target::Named(name) => Some(name.clone()),
            Target::File(_) | Target::Sources(_) => None,
        });
        let named: Vec<String> = named.collect();
        if fetches && !named.is_empty() {
            self.fetch(&named)?;
        }
        let mut gathered = gather::collect(words, &self.kernel, how, loaded)?;
        if fetches && !gathered.missing.is_empty() {
            let missing = gathered.missing.iter().map(|m| m.needs.clone());
            self.fetch(&named.into_iter().chain(missing).collect::<Vec<_>>())?;
            gathered = gather::collect(words, &self.kernel, how, loaded)?;
        }
        gathered.warn();
        Ok(gathered)
    }

    fn fetch(&mut self, names: &[String]) -> Result<()> {
        // The one before has the same folder.
        self.lent = None;
        self.lent = lent::lend(&mut self.place, &self.kernel.release, names)?;
        self.kernel.modules = self.lent.as_ref().map(|lent| lent.folder().to_owned());
        Ok(())
    }

    /// The first module that the kernel will refuse, by all that is known of it here; why stands
    /// on stderr then.
    pub fn check(
        &self,
        machine: &Machine,
        gathered: &Gathered,
        force: bool,
    ) -> Result<Option<Foretold>> {
        if self.kernel.tree.is_none() && self.kernel.image.is_none() {
            return Ok(self.check_release(gathered, force));
        }
        let target = checking::target(&self.kernel)?;
        let links: Vec<Links> = gathered.modules.iter().map(|m| Links::of(&m.elf)).collect();
        let mut checker = Checker::new(&target, &links).on(machine.clone()).only_loading();
        for (at, module) in gathered.modules.iter().enumerate() {
            let params = gathered.params.get(&module.name).cloned().unwrap_or_default();
            *checker.request() = Request {
                ignore_vermagic: force,
                ignore_modversions: force,
                ..Request::with_params(params)
            };
            let verdict = checker.check(&module.path, &module.elf);
            let Some(refusal) = verdict.refusal() else { continue };
            let text = terminal::render_all(&verdict.diagnostics, console::diagnostics());
            let error = PlaceError::Refused {
                errno: refusal.errno.0,
                stage: Stage::Load,
                code: Some(refusal.code.as_str().to_owned()),
            };
            if force {
                console::warning(&format!(
                    "check foretells that {} will be refused: {} [{}]",
                    module.name, refusal.errno, refusal.code
                ));
                return Ok(None);
            }
            console::people(text.trim_end());
            let why = failure::explain(&error, Doing::Load(&module.name))
                .hint("check foretold it, so nothing was loaded; --force tries nevertheless");
            return Ok(Some(Foretold { at, why }));
        }
        Ok(None)
    }

    /// All that can be foretold without the kernel's files: a module for another release does not
    /// fit.
    fn check_release(&self, gathered: &Gathered, force: bool) -> Option<Foretold> {
        let release = &self.kernel.release;
        console::note(&format!(
            "there are no files of {release} here, so only the release was checked; \
             --kernel names a build tree or an image of it"
        ));
        let (at, built) = gathered.modules.iter().enumerate().find_map(|(at, m)| {
            let built = vermagic(&m.elf).filter(|built| !built.starts_with(&format!("{release} ")));
            Some((at, built?))
        })?;
        let name = gathered.modules.get(at).map(|m| m.name.clone()).unwrap_or_default();
        // With symbol versions, they decide (`same_magic`, `kernel/module/version.c`, Linux 6.1).
        if force || built.contains(" modversions ") {
            console::warning(&format!("{name} was built for `{built}`, and this is {release}"));
            return None;
        }
        let (errno, code) = (8, Some("L-03".to_owned()));
        let error = PlaceError::Refused { errno, stage: Stage::Load, code };
        let why = failure::explain(&error, Doing::Load(&name))
            .hint(format!("it was built for `{built}`, and {} is {release}", self.whose()))
            .hint("check foretold it, so nothing was loaded; --force tries nevertheless");
        Some(Foretold { at, why })
    }

    /// Names of the modules that are there.
    pub fn loaded(machine: &Machine) -> BTreeSet<String> {
        machine.loaded.iter().map(|m| m.name.clone()).collect()
    }

    /// The kernel does not answer any more.
    pub fn hangs(&self) {
        if let On::Ssh(board) = &self.on {
            help(board, self.on_hang.as_deref());
        }
    }
}

/// What is to be done about a board that does not answer.
fn help(board: &str, command: Option<&str>) {
    let Some(command) = command else { return };
    console::note(&format!("{board} does not answer: {command}"));
    let run = std::process::Command::new("sh")
        .args(["-c", command])
        .env("KOMOD_BOARD", board)
        .stdin(std::process::Stdio::null())
        // Standard output is for results.
        .stdout(std::io::stderr())
        .status();
    match run {
        Ok(status) if status.success() => {}
        Ok(status) => console::warning(&format!("`{command}` ended with {status}")),
        Err(e) => console::warning(&format!("`{command}` cannot be run: {e}")),
    }
}

fn vermagic(elf: &[u8]) -> Option<String> {
    let module = Module::parse(elf).ok()?;
    module.modinfo().get("vermagic").map(|text| text.to_string_lossy().into_owned())
}

/// No file that tells about a machine is larger; `/proc/modules` has about 100 bytes per module.
const MAX_FACT: u64 = 4 << 20;

/// By `Uid:` of `/proc/self/status` (proc(5)): real, effective, saved, file system.
fn is_root(status: &str) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// What is here of the kernel with this release; nothing is fetched.
fn files(on: &On, release: &str, wanted: Option<&str>) -> Result<FoundKernel> {
    if wanted.is_some() {
        let kernel = kernels::look_up(wanted)?;
        if kernel.release != release {
            let why = format!("{on} runs {release}, and --kernel names {}", kernel.release);
            return Err(Explained::usage(why).into());
        }
        return Ok(kernel);
    }
    let found = find::discover(&Roots::system());
    if let Some(kernel) = found.into_iter().find(|kernel| kernel.release == release) {
        return Ok(kernel);
    }
    let own = Path::new("/lib/modules").join(release);
    Ok(FoundKernel {
        release: release.to_owned(),
        tree: None,
        image: None,
        modules: (*on == On::Host && own.is_dir()).then_some(own),
        origin: Origin::Named,
        running: *on == On::Host,
        problems: vec![format!(
            "no build tree of {release} was found here: name it with --kernel, or get it with `komod kernel fetch {release}`"
        )],
    })
}
