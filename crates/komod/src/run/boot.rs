//! `komod run --builtin`: a boot with the user's modules linked into the kernel.

use super::report::{ModuleReport, Problem, Report, micros};
use super::sink::Sink;
use crate::building::{self, How};
use crate::explained::Explained;
use crate::kernels;
use crate::targets::{Target, Words};
use crate::text::errno;
use crate::text::failure::{self, Doing};
use anyhow::{Context, Result};
use komod_build::BuiltinObject;
use komod_kernel::find::FoundKernel;
use komod_place::Place;
use komod_place::process::OneShot;
use komod_process::protocol::{Builtin, Event, FailedBuiltin};
use std::time::Instant;

/// What to boot.
pub struct Boot<'a> {
    pub words: &'a Words,
    pub kernel: &'a FoundKernel,
    pub how: How,
    /// Words for the kernel's command line, beside the modules' parameters.
    pub append: &'a str,
    /// Virtual time after the boot.
    pub time_ms: u64,
}

impl Boot<'_> {
    pub fn run(&self, sink: &mut Sink, started: Instant) -> Result<Report> {
        let objects = self.compile()?;
        let names: Vec<String> = objects.iter().map(|o| o.name.replace('-', "_")).collect();
        let parameters = self.words.command_line(&names)?;
        let cmdline = format!("{} {parameters}", self.append);
        let prepared = kernels::prepare(self.kernel)?;
        let mut spec = kernels::boot_spec(self.kernel, &prepared, cmdline.trim());
        spec.boot_log = true;
        let mut bytes = Vec::new();
        for (object, name) in objects.iter().zip(&names) {
            let data = std::fs::read(&object.object)
                .with_context(|| format!("cannot read {}", object.object.display()))?;
            spec.builtin.push(Builtin { name: name.clone(), len: data.len() });
            sink.narrator.sources.add(name, data.clone());
            bytes.extend(data);
        }
        let mut failures = Vec::new();
        let mut place = OneShot::boot(&spec, &bytes, &mut |e| {
            if let Event::Booted { failed_builtins, .. } = e {
                failures.clone_from(failed_builtins);
            }
            sink.take(e);
        })
        .with_context(|| format!("cannot boot kernel {}", self.kernel.release))?;
        let ready_us = micros(started);
        let modules = objects.into_iter().zip(names).map(|(object, name)| ModuleReport {
            loaded: !failures.iter().any(|f| f.object == name),
            name,
            path: object.object,
            given: true,
            ..ModuleReport::default()
        });
        let modules = modules.collect();
        let mut problems: Vec<Problem> = failures.iter().map(problem).collect();
        if self.time_ms > 0
            && let Err(e) = place.advance(self.time_ms * 1_000_000, &mut |e| sink.take(e))
        {
            let e = failure::explain(&e, Doing::Other("letting time pass"));
            problems.push(Problem::new("background", None, e));
        }
        sink.end();
        for oops in &sink.oopses {
            problems.push(Problem::new("oops", None, Explained::new(oops.reason.clone())));
        }
        Ok(Report {
            kernel: self.kernel.release.clone(),
            builtin: true,
            ready_us,
            ..Report::of(modules, problems, sink, started)
        })
    }

    fn compile(&self) -> Result<Vec<BuiltinObject>> {
        let mut objects = Vec::new();
        for target in &self.words.targets {
            let Target::Sources(path) = target else {
                let why = "--builtin compiles sources; a .ko cannot be built in";
                let hint = "give the folder with the module's sources";
                return Err(Explained::usage(why).hint(hint).into());
            };
            objects.extend(building::builtin(path, self.kernel, &self.how)?);
        }
        Ok(objects)
    }
}

fn problem(failure: &FailedBuiltin) -> Problem {
    let FailedBuiltin { object, function, errno } = failure;
    let e = match errno {
        Some(errno) => Explained::new(format!(
            "{function} of {object} returned -{errno}, {}",
            errno::full(*errno)
        ))
        .hint("the kernel says nothing about it and boots on without what it would have done"),
        None => Explained::new(format!("{function} of {object} did not come to its end")),
    };
    Problem::new("load", Some(object), e)
}
