//! `komod run --builtin --on vm`: a boot of the real kernel that loads the user's modules before
//! anything else runs. A stock kernel cannot be linked anew, so they come from its initramfs.

use super::machine;
use super::report::{ModuleReport, Problem, Report, micros};
use super::sink::Sink;
use crate::building::How;
use crate::cmd::PlaceFlags;
use crate::explained::Explained;
use crate::gather::{self, Gathered};
use crate::refusal::{self, Asked};
use crate::targets::Words;
use crate::text::failure::{self, Doing};
use anyhow::Result;
use komod_kernel::find::FoundKernel;
use komod_place::vm::{EarlyModule, VmError, told};
use komod_place::{Place, PlaceError};
use komod_process::protocol::{Reply, Stage};
use std::collections::BTreeSet;
use std::time::Instant;

/// What to boot.
pub struct EarlyBoot<'a> {
    pub words: &'a Words,
    pub kernel: &'a FoundKernel,
    pub how: How,
    pub place: &'a PlaceFlags,
    /// Words for the kernel's command line, beside the modules' parameters.
    pub append: &'a str,
    /// Time after the boot.
    pub time_ms: u64,
}

impl EarlyBoot<'_> {
    pub fn run(&self, sink: &mut Sink, started: Instant) -> Result<Report> {
        let gathered = gather::gather(self.words, self.kernel, &self.how, &BTreeSet::new())?;
        let given = gathered.modules.iter().filter(|m| m.given);
        let names: Vec<String> = given.map(|m| m.name.clone()).collect();
        let parameters = self.words.command_line(&names)?;
        let append = format!("{} {parameters}", self.append);
        let mut spec = machine::spec(self.kernel, append.trim(), self.place)?;
        for file in &gathered.modules {
            spec.early.push(EarlyModule { name: file.name.clone(), elf: file.elf.clone() });
            if file.given {
                sink.narrator.sources.add(&file.name, file.elf.clone());
            }
        }
        let mut report = Report {
            kernel: self.kernel.release.clone(),
            place: "vm",
            builtin: true,
            start: "booted",
            ..Report::of(Vec::new(), Vec::new(), sink, started)
        };
        match machine::boot(self.kernel, &spec) {
            Ok(mut vm) => {
                report.ready_us = micros(started);
                let early = vm.early().to_vec();
                // The whole log comes with the first answer.
                if let Err(e) = vm.advance(self.time_ms * 1_000_000, &mut |e| sink.take(e)) {
                    let e = failure::explain(&e, Doing::Other("letting time pass"));
                    report.problems.push(Problem::new("background", None, e));
                }
                for (at, (_, reply)) in early.iter().enumerate() {
                    self.judge(&gathered, at, reply, &mut vm, &mut report);
                }
            }
            // It ended before anybody could be asked: its console says all there is to say.
            Err(PlaceError::Vm(VmError::NotUp { why, console })) if !console.is_empty() => {
                told(&console).iter().for_each(|event| sink.take(event));
                let e = Explained::new(format!("the machine did not come up: {why}"));
                report.problems.push(Problem::new("died", None, e.hint("the log above says why")));
            }
            Err(e) => return Err(machine::not_started(self.kernel, &e)),
        }
        sink.end();
        if !report.problems.iter().any(|p| p.message.contains("crashed")) {
            let oopses = sink.oopses.iter();
            let problems =
                oopses.map(|o| Problem::new("oops", None, Explained::new(o.reason.clone())));
            report.problems.extend(problems);
        }
        for text in &sink.complaints {
            let e = Explained::new(text.clone()).hint("the log above says where");
            report.problems.push(Problem::new("misuse", None, e));
        }
        report.ok = report.problems.is_empty();
        report.log = std::mem::take(&mut sink.log);
        report.oopses = std::mem::take(&mut sink.oopses);
        report.warnings = std::mem::take(&mut sink.warnings);
        report.total_us = micros(started);
        Ok(report)
    }

    /// What came of one of the modules.
    fn judge(
        &self,
        gathered: &Gathered,
        at: usize,
        reply: &Reply,
        place: &mut dyn Place,
        report: &mut Report,
    ) {
        let Some(file) = gathered.modules.get(at) else { return };
        let name = &file.name;
        let params = gathered.params.get(name).map(String::as_str).unwrap_or_default();
        let mut module = ModuleReport {
            name: name.clone(),
            path: file.path.clone(),
            params: params.to_owned(),
            given: file.given,
            ..ModuleReport::default()
        };
        let error = match reply {
            Reply::Loaded { load_us, init_us, .. } => {
                module.loaded = true;
                (module.load_us, module.init_us) = (Some(*load_us), Some(*init_us));
                None
            }
            Reply::Failed { errno, stage } => {
                Some(PlaceError::Refused { errno: *errno, stage: *stage, code: None })
            }
            Reply::Crashed { stage } => Some(PlaceError::Crashed { stage: *stage }),
            Reply::Deadlock { stage, waiting } => {
                Some(PlaceError::Deadlock { stage: *stage, waiting: waiting.clone() })
            }
            Reply::Stopped { stage, cpu_seconds } => {
                Some(PlaceError::Stopped { stage: *stage, cpu_seconds: *cpu_seconds })
            }
            other => Some(PlaceError::Unexpected {
                doing: format!("loading {name}"),
                got: format!("{other:?}"),
            }),
        };
        report.modules.push(module);
        let Some(error) = error else { return };
        let files = gathered.modules.get(..=at).unwrap_or_default();
        let asked = Asked { files, params, force: false };
        let error = match error {
            e @ PlaceError::Refused { stage: Stage::Load, .. } => {
                refusal::with_reason(e, self.kernel, place, &asked)
            }
            e => e,
        };
        let e = failure::explain(&error, Doing::Load(name));
        report.problems.push(Problem::new("load", Some(name), e));
    }
}
