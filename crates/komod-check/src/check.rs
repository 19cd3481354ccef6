//! Asking the loader core, module by module.

use std::path::Path;

use komod_load::{Image, Plan, Refusal, RegionBases, Request, Taint, link, plan_to_link, survey};

use crate::advice::{Accepted, advice};
use crate::assumed::{Assumed, GivenExport, Loaded};
use crate::case::explain;
use crate::condition::{conditions, depends};
use crate::links::Links;
use crate::machine::Machine;
use crate::target::Target;
use crate::verdict::{Outcome, Verdict};

/// Where modules are supposed to be put: the start of the area for them (`MODULES_VADDR`,
/// `Documentation/arch/x86/x86_64/mm.rst`, with KASLR).
const MODULE_AREA: u64 = 0xffff_ffff_c000_0000;
const PAGE: u64 = 4096;

/// Checks modules for one kernel. Modules that are checked together find each other's symbols, as
/// if they were loaded in the order in which they are checked; see [`order`](crate::order()).
#[derive(Debug)]
pub struct Checker<'t> {
    target: &'t Target,
    machine: Machine,
    request: Request,
    loaded: Loaded,
    deep: bool,
}

/// A verdict, and what it means for modules that come later.
#[derive(Debug)]
pub struct Judged {
    verdict: Verdict,
    given: Vec<GivenExport>,
    /// Symbols it would export if it were not refused.
    lost: Vec<String>,
}

impl<'t> Checker<'t> {
    /// `all` are the modules that will be checked: they stand for the kernel's own of these names.
    pub fn new(target: &'t Target, all: &[Links]) -> Self {
        let loaded = Loaded::of(all);
        let (machine, request) = (Machine::fresh(), Request::default());
        Checker { target, machine, request, loaded, deep: true }
    }

    /// On this machine, instead of one that has just booted.
    pub fn on(self, machine: Machine) -> Self {
        Checker { machine, ..self }
    }

    /// With these parameters and flags, instead of none. Who asks is the machine's to say.
    pub fn asking(self, request: Request) -> Self {
        Checker { request, ..self }
    }

    /// Without a look at what the kernel does not check: types, compiler, mitigations. That takes
    /// longer than all the rest.
    pub fn only_loading(self) -> Self {
        Checker { deep: false, ..self }
    }

    /// The machine, to change it between two modules.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The parameters and flags, to change them between two modules.
    pub fn request(&mut self) -> &mut Request {
        &mut self.request
    }

    /// Checks the uncompressed module `bytes`, which `path` stands for in what is told.
    pub fn check(&mut self, path: &Path, bytes: &[u8]) -> Verdict {
        let judged = self.judge(path, bytes, &Links::of(bytes));
        self.take(judged)
    }

    /// Checks a module as [`check`](Self::check) does, with its `links` known, but does not load it
    /// for those that come later: [`take`](Self::take) does. So a [`wave`](crate::waves()) of
    /// modules can be judged at the same time.
    pub fn judge(&self, path: &Path, bytes: &[u8], links: &Links) -> Judged {
        let machine = &self.machine;
        let request = &Request { capable: machine.capable, ..self.request.clone() };
        let kernel = Assumed::new(self.target, machine, &self.loaded, &links.name, &links.imports);
        let name = match links.name.is_empty() {
            true => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            false => links.name.clone(),
        };
        let (plan, image) = match attempt(bytes, &kernel, request) {
            Ok(done) => done,
            Err(refusal) => {
                // The survey has the refusal itself, too, unless it is one of linking.
                let later = survey(bytes, &kernel, request).refusals.into_iter();
                let later = later.filter(|other| other.code != refusal.code).collect();
                let outcome = Outcome::Refused { refusal, later };
                let diagnostics =
                    explain(path, &name, bytes, self.target, &self.loaded.lost, &outcome);
                let given = self.of_loaded(&name, bytes, links);
                let lost = if given.is_empty() { links.exports.clone() } else { Vec::new() };
                let verdict = self.verdict(name, outcome, diagnostics);
                return Judged { verdict, given, lost };
            }
        };
        let conditions = conditions(bytes, &kernel, request, machine, &plan);
        let depends = depends(&kernel, machine, &plan);
        let advice = advice(&Accepted {
            plan: &plan,
            depends: &depends,
            policies: &machine.policies,
            target: self.target,
            deep: self.deep.then_some(bytes),
        });
        let mut dmesg = plan.dmesg.clone();
        dmesg.extend(plan.arguments.dmesg.iter().cloned());
        let outcome = Outcome::Loads { dmesg, taint: plan.taint };
        let needs = plan.uses.clone();
        let can_leave = plan.has_exit || !plan.has_init;
        let given = given(&name, plan.taint, image);
        let verdict = self.verdict(name, outcome, Vec::new());
        let verdict = Verdict { needs, conditions, depends, can_leave, advice, ..verdict };
        Judged { verdict, given, lost: Vec::new() }
    }

    /// What a module exports that cannot be loaded because the machine has one of this name: that
    /// one is taken for this file, if this file could have been loaded.
    fn of_loaded(&self, name: &str, bytes: &[u8], links: &Links) -> Vec<GivenExport> {
        if self.machine.find(name).is_none() {
            return Vec::new();
        }
        let mut before = self.machine.clone();
        before.loaded.retain(|module| module.name != name);
        let kernel = Assumed::new(self.target, &before, &self.loaded, name, &links.imports);
        let request = Request { capable: true, ..Request::default() };
        let loaded = attempt(bytes, &kernel, &request);
        loaded.map_or_else(|_| Vec::new(), |(plan, image)| given(name, plan.taint, image))
    }

    /// Loads a judged module, if it loads: later ones find its symbols, or why they are missing.
    pub fn take(&mut self, judged: Judged) -> Verdict {
        let Judged { verdict, given, lost } = judged;
        let lost = lost.into_iter().map(|symbol| (symbol, verdict.module.clone()));
        self.loaded.lost.extend(lost);
        for given in given {
            self.loaded.lost.remove(&given.export.name);
            self.loaded.exports.insert(given.export.name.clone(), given);
        }
        verdict
    }

    fn verdict(
        &self,
        module: String,
        outcome: Outcome,
        diagnostics: Vec<komod_diag::Diagnostic>,
    ) -> Verdict {
        Verdict {
            module,
            release: self.target.release().to_owned(),
            outcome,
            needs: Vec::new(),
            conditions: Vec::new(),
            depends: Vec::new(),
            can_leave: true,
            diagnostics,
            advice: Vec::new(),
        }
    }
}

fn given(owner: &str, taints: Taint, image: Image) -> Vec<GivenExport> {
    let given = |export| GivenExport { owner: owner.to_owned(), taints, export };
    image.exports.into_iter().map(given).collect()
}

/// One load, as far as it goes without running the module.
pub(crate) fn attempt<'a>(
    bytes: &'a [u8],
    kernel: &Assumed<'_>,
    request: &Request,
) -> Result<(Plan<'a>, Image), Box<Refusal>> {
    let plan = plan_to_link(bytes, kernel, request)?;
    let mut next = MODULE_AREA;
    let mut bases = RegionBases::allocate(&plan, |region| {
        let address = next;
        next = next.saturating_add(region.size.next_multiple_of(PAGE));
        address
    });
    bases.percpu = plan.percpu.map_or(0, |percpu| percpu.align);
    let image = link(&plan, &bases)?;
    Ok((plan, image))
}
