//! The truth: modules loaded and removed in the real kernel under QEMU, many per boot.
//!
//! Each module should meet a kernel that no other module has changed. Most remove themselves
//! without a trace, so a boot serves many; after a module that stays, crashes or hangs, the rest
//! of the batch goes on in a fresh boot.

use super::outcome::{Outcome, Verdict};
use super::turn::Turn;
use crate::modules::Module;
use crate::qemu::{Guest, Heard};
use anyhow::{Result, bail};
use guest_init::{JOBS_PATH, Job, Report, Step, render_jobs};
use komod_place::vm::cpio::Archive;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Modules whose files travel in one initramfs and that may share a boot.
pub const SHARED: usize = 150;
/// The guest says nothing for so long: it hangs. Under emulation even a self-test of a minute is
/// honest work, but it would say so in its log only at its end.
const PATIENCE: Duration = Duration::from_secs(90);
/// What a guest needs besides the modules.
pub struct Setup<'a> {
    pub vmlinux: &'a Path,
    pub init: &'a [u8],
    /// A directory for the guest's files.
    pub scratch: &'a Path,
    /// How many turns may share a boot: 1 where every line counts, for Linux says some things
    /// only once per boot; else [`SHARED`].
    pub batch: usize,
}

/// One module's turn to come.
#[derive(Clone)]
pub struct Work {
    pub key: String,
    /// What is loaded, in this order; the module whose turn it is comes last.
    pub modules: Vec<Arc<Module>>,
    /// How long background work gets to show itself in the log.
    pub settle_ms: u64,
    /// What is done with the modules' files after that.
    pub visits: Vec<Visit>,
}

/// Something done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visit {
    Read(&'static str),
    Write(&'static str, &'static str),
}

impl Visit {
    fn step(&self) -> Step {
        match *self {
            Visit::Read(path) => Step::Read { path: path.to_owned() },
            Visit::Write(path, text) => {
                Step::Write { path: path.to_owned(), text: text.to_owned() }
            }
        }
    }
}

impl Work {
    /// Everything it depends on, itself, a pause, its files, all back again.
    pub fn steps(&self) -> Vec<Step> {
        let load = |name: &str| Step::Load { path: module_path(name), params: String::new() };
        let mut steps: Vec<Step> = self.modules.iter().map(|m| load(&m.name)).collect();
        steps.push(Step::Settle { ms: self.settle_ms });
        steps.extend(self.visits.iter().map(Visit::step));
        steps.extend(self.modules.iter().rev().map(|m| Step::Unload { name: m.name.clone() }));
        steps
    }
}

/// Does all the work and hands each outcome to `done` as soon as it is there.
pub fn run(
    setup: &Setup,
    work: &[Work],
    done: &mut dyn FnMut(&str, Outcome) -> Result<()>,
) -> Result<()> {
    let mut waiting: VecDeque<&Work> = work.iter().collect();
    while !waiting.is_empty() {
        let batch: Vec<&Work> = waiting.iter().take(setup.batch).copied().collect();
        let finished = boot(setup, &batch, done)?;
        if finished.is_empty() {
            bail!("the guest did nothing; its files are in {}", setup.scratch.display());
        }
        waiting.retain(|work| !finished.contains(&work.key));
    }
    Ok(())
}

pub fn module_path(name: &str) -> String {
    format!("/m/{name}.ko")
}

/// An initramfs with our init, the jobs, and the named files of modules.
pub fn initramfs<'a>(
    init: &[u8],
    jobs: &[Job],
    modules: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Vec<u8> {
    let mut archive = Archive::default();
    archive.executable("/init", init);
    archive.file(JOBS_PATH, render_jobs(jobs).as_bytes());
    archive.directory("/m");
    for (name, bytes) in modules {
        archive.file(&module_path(name), bytes);
    }
    archive.finish()
}

/// One boot; gives the modules that had their turn.
fn boot(
    setup: &Setup,
    batch: &[&Work],
    done: &mut dyn FnMut(&str, Outcome) -> Result<()>,
) -> Result<BTreeSet<String>> {
    let files: BTreeMap<&str, &[u8]> = batch
        .iter()
        .flat_map(|w| &w.modules)
        .map(|m| (m.name.as_str(), m.bytes.as_slice()))
        .collect();
    let jobs: Vec<Job> =
        batch.iter().map(|w| Job { key: w.key.clone(), steps: w.steps() }).collect();
    let image = initramfs(setup.init, &jobs, files);
    let mut guest = Guest::start(setup.vmlinux, &image, setup.scratch)?;
    drop(image);

    let mut finished = BTreeSet::new();
    let mut turn: Option<Turn> = None;
    let mut booted = false;
    loop {
        let report = match guest.listen(PATIENCE) {
            Heard::Report(report) => report,
            Heard::Torn(_) => continue,
            silence_or_end => {
                let hang = silence_or_end == Heard::Silence;
                if !booted {
                    bail!("the guest did not boot:\n{}", guest.last_words());
                }
                if let Some(turn) = turn.take() {
                    let key = turn.key.clone();
                    let verdict = if hang { Verdict::Hang } else { Verdict::Crash };
                    let mut outcome = turn.cut_short(verdict);
                    outcome.log.extend(guest.last_words().lines().map(|l| format!("<0>{l}")));
                    done(&key, outcome)?;
                    finished.insert(key);
                }
                return Ok(finished);
            }
        };
        match (report, &mut turn) {
            (Report::Booted { .. }, _) => booted = true,
            (Report::Start { key }, _) => turn = Some(Turn::new(&key)),
            (Report::Loaded { name, result }, Some(turn)) => turn.loaded(&name, result),
            (Report::Unloaded { name, result }, Some(turn)) => turn.unloaded(&name, result),
            (Report::File { path, result }, Some(turn)) => turn.visited(&path, result),
            (Report::Data { text }, Some(turn)) => turn.read(&text),
            (Report::Log { text, .. }, _) if is_of_the_boot(&text) => {}
            (Report::Log { level, text }, Some(turn)) => turn.logged(level, &unescape(&text)),
            (Report::End { key }, Some(_)) => {
                let Some(over) = turn.take() else { continue };
                // An earlier module's dependency: this one's turn comes in a fresh boot.
                if over.was_there() && !finished.is_empty() {
                    return Ok(finished);
                }
                let dirty = over.left_something;
                done(&key, over.finish())?;
                finished.insert(key);
                if dirty {
                    return Ok(finished);
                }
            }
            (Report::Done, _) => return Ok(finished),
            _ => {}
        }
    }
}

/// What the guest's own boot says about its clock a second or so later, whatever module has its turn
/// (`tsc_refine_calibration_work` of arch/x86/kernel/tsc.c, 6.1).
pub fn is_of_the_boot(text: &str) -> bool {
    let clock = ["tsc: Refined TSC clocksource", "clocksource: tsc: mask", "clocksource: Switched"];
    clock.iter().any(|words| text.starts_with(words))
}

/// Undoes the `\xNN` of `/dev/kmsg` (kernel `Documentation/ABI/testing/dev-kmsg`).
pub fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match tail {
            [b'x', a, b, ..] if *first == b'\\' => {
                std::str::from_utf8(&[*a, *b]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{is_of_the_boot, unescape};

    #[test]
    fn only_the_clocks_own_words_are_the_boots() {
        assert!(is_of_the_boot("tsc: Refined TSC clocksource calibration: 2445.396 MHz"));
        assert!(!is_of_the_boot("mytsc: Refined TSC clocksource calibration"));
    }

    #[test]
    fn escapes_of_the_kernel_log() {
        assert_eq!(unescape(r"a\x09b\x5cc"), "a\tb\\c");
        assert_eq!(unescape(r"\x0a"), "\n");
        assert_eq!(unescape(r"\xzz \x4"), r"\xzz \x4");
        assert_eq!(unescape(r"\xc3\xa9"), "é");
    }
}
