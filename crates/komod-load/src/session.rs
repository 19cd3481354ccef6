//! One load attempt: what has been logged, what has been tainted, what stands in the way.

use crate::kernel::{Facts, Notices};
use crate::log::{ERR, NOTICE, WARNING};
use crate::{Errno, Evidence, Finding, Kernel, LogLine, Refusal, RefusalCode, Request, Taint};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// The result of a step of the load.
pub(crate) type Step<T = ()> = Result<T, Box<Refusal>>;

/// The state every step of an attempt shares.
pub(crate) struct Session<'k> {
    pub kernel: &'k dyn Kernel,
    pub facts: &'k Facts,
    pub request: &'k Request,
    /// Log so far.
    pub log: Vec<LogLine>,
    /// The kernel's taint, as it develops.
    pub kernel_taint: Taint,
    /// The module's own taint.
    pub module_taint: Taint,
    pub notices: Notices,
    /// With a list, refusals are collected and the attempt goes on as far as it makes sense.
    pub survey: Option<Vec<Refusal>>,
    /// What is wrong with a relocation is left to linking.
    pub late_relocations: bool,
}

impl<'k> Session<'k> {
    pub fn new(kernel: &'k dyn Kernel, request: &'k Request, survey: bool) -> Self {
        let facts = kernel.facts();
        Session {
            kernel,
            facts,
            request,
            log: Vec::new(),
            kernel_taint: facts.taint,
            module_taint: Taint::default(),
            notices: facts.notices,
            survey: survey.then(Vec::new),
            late_relocations: false,
        }
    }

    pub fn error(&mut self, text: impl Into<String>) {
        self.log.push(LogLine { level: ERR, text: text.into() });
    }

    pub fn warn(&mut self, text: impl Into<String>) {
        self.log.push(LogLine { level: WARNING, text: text.into() });
    }

    pub fn notice(&mut self, text: impl Into<String>) {
        self.log.push(LogLine { level: NOTICE, text: text.into() });
    }

    /// Taints module and kernel.
    pub fn taint(&mut self, taint: Taint) {
        self.module_taint |= taint;
        self.kernel_taint |= taint;
    }

    /// Taints by what makes the kernel distrust its own lock checking (`LOCKDEP_NOW_UNRELIABLE`,
    /// `add_taint()`, `kernel/panic.c`, Linux 6.1 and 6.12).
    pub fn distrust(&mut self, taint: Taint) {
        self.distrust_kernel(taint);
        self.module_taint |= taint;
    }

    /// As [`Session::distrust`], but only the kernel is tainted.
    pub fn distrust_kernel(&mut self, taint: Taint) {
        if !self.notices.lock_debugging {
            self.notices.lock_debugging = true;
            self.warn("Disabling lock debugging due to kernel taint");
        }
        self.kernel_taint |= taint;
    }

    /// A refusal the attempt cannot go on from.
    pub fn fatal(&self, code: RefusalCode, errno: Errno, evidence: Evidence) -> Box<Refusal> {
        self.fatal_with(Vec::from([Finding { code, errno, evidence }]))
    }

    /// A refusal made of several findings, of which the last decides.
    pub fn fatal_with(&self, findings: Vec<Finding>) -> Box<Refusal> {
        let unchecked = || Finding {
            code: RefusalCode::Unchecked,
            errno: Errno::ENOEXEC,
            evidence: Evidence::default(),
        };
        let deciding = findings.last().cloned().unwrap_or_else(unchecked);
        Box::new(Refusal {
            errno: deciding.errno,
            code: deciding.code,
            evidence: deciding.evidence,
            dmesg: self.log.clone(),
            kernel_taint: self.kernel_taint,
            notices: self.notices,
            findings,
        })
    }

    /// Refuses; in a survey only notes the refusal, and the caller goes on.
    pub fn refuse(&mut self, code: RefusalCode, errno: Errno, evidence: Evidence) -> Step {
        let refusal = self.fatal(code, errno, evidence);
        self.note(refusal)
    }

    /// Passes a refusal on; in a survey only notes it.
    pub fn note(&mut self, refusal: Box<Refusal>) -> Step {
        match &mut self.survey {
            Some(list) => {
                list.push(*refusal);
                Ok(())
            }
            None => Err(refusal),
        }
    }

    /// The kernel's way with missing version information: taint by force, or refuse.
    ///
    /// Returns false if the kernel was built to refuse (`try_to_force_load()`).
    pub fn force_load(&mut self, module: &str, reason: &str) -> bool {
        if !self.facts.config.force_load {
            return false;
        }
        if !self.kernel_taint.contains(Taint::FORCED) {
            self.warn(alloc::format!("{module}: {reason}: kernel tainted."));
        }
        self.distrust(Taint::FORCED);
        true
    }
}
