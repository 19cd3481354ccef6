//! Modules in and out of a place, step by step.

use super::report::{ModuleReport, Problem, ProgramReport};
use super::sink::Sink;
use crate::cmd::exec;
use crate::explained::Explained;
use crate::refusal::{self, Asked};
use crate::text::errno;
use crate::text::failure::{self, Doing};
use komod_kernel::find::FoundKernel;
use komod_place::dependencies::ModuleFile;
use komod_place::{ModuleToLoad, Place, PlaceError};
use komod_process::protocol::{Event, Exit, Loader, OutputStream, Stage};
use std::collections::BTreeMap;

pub struct Plan {
    pub modules: Vec<ModuleFile>,
    pub params: BTreeMap<String, String>,
    pub loader: Loader,
    /// What to run when all are loaded.
    pub programs: Vec<Vec<String>>,
    /// Ignore version magic and symbol versions.
    pub force: bool,
    /// Load the others when one is refused.
    pub keep_going: bool,
    /// Time between the last init and the first exit.
    pub time_ms: u64,
    /// Time behind the last exit, for what was left running.
    pub aftermath_ms: u64,
    /// The place sees every allocation.
    pub watched: bool,
    /// The kernel's own loader refuses without a reason: this kernel's files tell it.
    pub unreasoned: Option<FoundKernel>,
}

/// A run in progress: what has happened so far.
pub struct Session<'a> {
    place: &'a mut dyn Place,
    sink: &'a mut Sink,
    pub modules: Vec<ModuleReport>,
    pub programs: Vec<ProgramReport>,
    pub problems: Vec<Problem>,
    /// The kernel is gone; nothing more can be asked of it.
    pub dead: bool,
    /// Oopses that a problem speaks of already.
    oopses_told: usize,
}

impl<'a> Session<'a> {
    pub fn new(place: &'a mut dyn Place, sink: &'a mut Sink) -> Session<'a> {
        Session {
            place,
            sink,
            modules: Vec::new(),
            programs: Vec::new(),
            problems: Vec::new(),
            dead: false,
            oopses_told: 0,
        }
    }

    pub fn run(&mut self, plan: &Plan) {
        self.load_all(plan);
        self.run_programs(&plan.programs);
        self.pass_time(plan.time_ms);
        self.unload_all();
        self.aftermath(plan.aftermath_ms * 1_000_000);
        if plan.watched {
            self.find_leaks();
        }
        self.sink.end();
        self.silent_oopses();
        self.complaints();
    }

    fn load_all(&mut self, plan: &Plan) {
        for (at, file) in plan.modules.iter().enumerate() {
            let params = plan.params.get(&file.name).map(String::as_str).unwrap_or_default();
            let mut report = ModuleReport {
                name: file.name.clone(),
                path: file.path.clone(),
                params: params.to_owned(),
                given: file.given,
                ..ModuleReport::default()
            };
            if file.given {
                self.sink.narrator.sources.add(&file.name, file.elf.clone());
            }
            let shown = file.path.file_name().unwrap_or_default().to_string_lossy();
            let module = ModuleToLoad {
                file: &shown,
                elf: &file.elf,
                params,
                loader: plan.loader,
                force_vermagic: plan.force,
                force_modversions: plan.force,
            };
            let sink = &mut *self.sink;
            match self.place.load(&module, &mut |e| sink.take(e)) {
                Ok(loaded) => {
                    report.name = loaded.name;
                    report.loaded = true;
                    report.load_us = Some(loaded.load_us);
                    report.init_us = Some(loaded.init_us);
                    self.modules.push(report);
                }
                Err(e) => {
                    let files = plan.modules.get(..=at).unwrap_or_default();
                    let e = match &plan.unreasoned {
                        Some(kernel) => {
                            let asked = Asked { files, params, force: plan.force };
                            refusal::with_reason(e, kernel, self.place, &asked)
                        }
                        None => e,
                    };
                    let name = report.name.clone();
                    self.modules.push(report);
                    self.failed("load", Some(&name), &e, Doing::Load(&name));
                    if self.dead || !plan.keep_going {
                        return;
                    }
                }
            }
        }
    }

    /// Not of use if something could not be loaded.
    fn run_programs(&mut self, programs: &[Vec<String>]) {
        for command in programs {
            if self.dead || !self.problems.is_empty() {
                return;
            }
            let name = command.first().map(String::as_str).unwrap_or_default();
            let mut report = ProgramReport { command: command.clone(), ..ProgramReport::default() };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let sink = &mut *self.sink;
            let exit = exec::execute(self.place, command, &[], &mut |event| match event {
                Event::Output { stream, bytes } => {
                    sink.output(*stream, bytes);
                    match stream {
                        OutputStream::Out => out.extend_from_slice(bytes),
                        OutputStream::Err => err.extend_from_slice(bytes),
                    }
                }
                event => sink.take(event),
            });
            report.out = String::from_utf8_lossy(&out).into_owned();
            report.err = String::from_utf8_lossy(&err).into_owned();
            let problem = match exit {
                Ok(Exit::Status(status)) => {
                    report.status = Some(status);
                    (status != 0).then(|| format!("{name} ended with status {status}"))
                }
                Ok(Exit::Signal(signal)) => {
                    report.signal = Some(signal);
                    Some(format!("{name} was killed by signal {signal}"))
                }
                Err(e) => {
                    self.programs.push(report);
                    self.failed("exec", None, &e, Doing::Other(&format!("running {name}")));
                    return;
                }
            };
            self.programs.push(report);
            let problem = problem.map(|text| Problem::new("exec", None, Explained::new(text)));
            self.problems.extend(problem);
        }
    }

    fn pass_time(&mut self, ms: u64) {
        if self.dead || ms == 0 || !self.modules.iter().any(|m| m.loaded) {
            return;
        }
        if let Err(e) = self.advance(ms * 1_000_000) {
            self.failed("background", None, &e, Doing::Other("letting time pass"));
        }
    }

    /// A crash of something in the background fails no call of ours, in a real kernel.
    fn advance(&mut self, ns: u64) -> Result<(), PlaceError> {
        let before = self.sink.oopses.len();
        let sink = &mut *self.sink;
        self.place.advance(ns, &mut |e| sink.take(e))?;
        match self.sink.oopses.len() > before {
            true => Err(PlaceError::Crashed { stage: Stage::Background }),
            false => Ok(()),
        }
    }

    fn unload_all(&mut self) {
        for at in (0..self.modules.len()).rev() {
            let Some(module) = self.modules.get_mut(at) else { continue };
            if self.dead || !module.loaded {
                continue;
            }
            let name = module.name.clone();
            let sink = &mut *self.sink;
            match self.place.unload(&name, false, &mut |e| sink.take(e)) {
                Ok(()) => module.unloaded = true,
                Err(e) => self.failed("unload", Some(&name), &e, Doing::Unload(&name)),
            }
        }
    }

    /// What still refers to a module that is gone meets unmapped memory when its time comes.
    fn aftermath(&mut self, ns: u64) {
        if self.dead || self.modules.iter().all(|m| m.loaded && !m.unloaded) {
            return;
        }
        if let Err(e) = self.advance(ns) {
            let gone = self.modules.iter().filter(|m| m.loaded == m.unloaded);
            let names: Vec<&str> = gone.map(|m| m.name.as_str()).collect();
            let text = format!("something of {} ran after it was gone", names.join(", "));
            self.failed("background", None, &e, Doing::Other("letting time pass"));
            if let Some(problem) = self.problems.last_mut() {
                problem.message = format!("{text}: {}", problem.message);
                problem.hints.push(
                    "stop timers, work items and threads in module_exit: timer_delete_sync, \
                     cancel_work_sync, kthread_stop"
                        .into(),
                );
            }
        }
    }

    /// Misuse that the kernel went on after; each kind once.
    fn complaints(&mut self) {
        let complaints = &self.sink.complaints;
        for (at, text) in complaints.iter().enumerate() {
            if complaints.iter().position(|other| other == text) == Some(at) {
                let e = Explained::new(text.clone()).hint("the log above says where");
                self.problems.push(Problem::new("misuse", None, e));
            }
        }
    }

    /// Only of modules whose code is gone, by exit or by a failed init: what the others hold is
    /// their own.
    fn find_leaks(&mut self) {
        for at in 0..self.modules.len() {
            let Some(module) = self.modules.get(at) else { continue };
            if self.dead || !module.given || module.loaded != module.unloaded {
                continue;
            }
            let name = module.name.clone();
            let sink = &mut *self.sink;
            match self.place.leaks(&name, &mut |e| sink.take(e)) {
                Ok(leaks) if leaks.is_empty() => {}
                Ok(leaks) => {
                    let bytes: u64 = leaks.iter().map(|l| l.size).sum();
                    let objects = if leaks.len() == 1 { "object" } else { "objects" };
                    let e = Explained::new(format!(
                        "{name} left {} {objects} ({bytes} bytes) behind",
                        leaks.len()
                    ))
                    .hint("free in module_exit, and on init's error path, what was allocated");
                    self.problems.push(Problem::new("leak", Some(&name), e));
                    if let Some(module) = self.modules.get_mut(at) {
                        module.leaks = leaks;
                    }
                }
                // Of a module that never got in there is nothing to say.
                Err(PlaceError::Refused { errno, .. }) if errno::name(errno) == Some("ENOENT") => {}
                Err(e) => self.failed("leak", Some(&name), &e, Doing::Other("looking for leaks")),
            }
        }
    }

    /// Oopses that no failed call told of.
    fn silent_oopses(&mut self) {
        let new = self.sink.oopses.get(self.oopses_told..).unwrap_or_default();
        for oops in new {
            self.problems.push(Problem::new("oops", None, Explained::new(oops.reason.clone())));
        }
    }

    fn failed(
        &mut self,
        kind: &'static str,
        module: Option<&str>,
        e: &PlaceError,
        doing: Doing<'_>,
    ) {
        // A call that crashed speaks of the latest Oops.
        if matches!(e, PlaceError::Crashed { .. } | PlaceError::Stopped { .. }) || e.is_death() {
            self.oopses_told = self.sink.oopses.len();
        }
        // The protocol's other errors leave the connection in an unknown state.
        let answered = matches!(
            e,
            PlaceError::Refused { .. }
                | PlaceError::Crashed { .. }
                | PlaceError::Stopped { .. }
                | PlaceError::Deadlock { .. }
        );
        self.dead |= !answered;
        let kind = if answered { kind } else { "died" };
        self.problems.push(Problem::new(kind, module, failure::explain(e, doing)));
    }
}
