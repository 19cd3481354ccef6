//! The truth: modules loaded and removed in the real kernel under QEMU, many per boot.
//!
//! Each module should meet a kernel that no other module has changed. Most remove themselves
//! without a trace, so a boot serves many; after a module that stays, crashes or hangs, the rest
//! of the batch goes on in a fresh boot.

use super::outcome::{Outcome, Verdict};
use super::turn::Turn;
use crate::cpio::Archive;
use crate::modules::ModuleTree;
use crate::qemu::{Guest, Heard};
use anyhow::{Result, bail};
use guest_init::{JOBS_PATH, Job, Report, Step, render_jobs};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;

/// Modules whose files travel in one initramfs.
const BATCH: usize = 150;
/// The guest says nothing for so long: it hangs. Under emulation even a self-test of a minute is
/// honest work, but it would say so in its log only at its end.
const PATIENCE: Duration = Duration::from_secs(90);
/// Background work of a module (probing, threads) gets this long to show itself in the log.
pub const SETTLE_MS: u64 = 50;

/// What a guest needs besides the modules.
pub struct Setup<'a> {
    pub vmlinux: &'a Path,
    pub init: &'a [u8],
    /// A directory for the guest's files.
    pub scratch: &'a Path,
}

/// Runs every module of `keys` and hands each outcome to `done` as soon as it is there.
pub fn run(
    setup: &Setup,
    tree: &ModuleTree,
    keys: &[String],
    done: &mut dyn FnMut(&str, Outcome) -> Result<()>,
) -> Result<()> {
    let mut waiting: VecDeque<String> = keys.iter().cloned().collect();
    while !waiting.is_empty() {
        let batch: Vec<String> = waiting.iter().take(BATCH).cloned().collect();
        let finished = boot(setup, tree, &batch, done)?;
        if finished.is_empty() {
            bail!("the guest did nothing; its files are in {}", setup.scratch.display());
        }
        waiting.retain(|key| !finished.contains(key));
    }
    Ok(())
}

/// The steps of a module's turn: everything it depends on, itself, a pause, all back again.
pub fn steps(tree: &ModuleTree, key: &str) -> Result<Vec<Step>> {
    let closure = tree.closure(key)?;
    let load = |name: &str| Step::Load { path: module_path(name), params: String::new() };
    let mut steps: Vec<Step> = closure.iter().map(|m| load(&m.name)).collect();
    steps.push(Step::Settle { ms: SETTLE_MS });
    steps.extend(closure.iter().rev().map(|m| Step::Unload { name: m.name.clone() }));
    Ok(steps)
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
    tree: &ModuleTree,
    batch: &[String],
    done: &mut dyn FnMut(&str, Outcome) -> Result<()>,
) -> Result<BTreeSet<String>> {
    let mut files = BTreeMap::new();
    let mut jobs = Vec::new();
    for key in batch {
        for module in tree.closure(key)? {
            files.insert(module.name.clone(), module);
        }
        jobs.push(Job { key: key.clone(), steps: steps(tree, key)? });
    }
    let image = initramfs(
        setup.init,
        &jobs,
        files.iter().map(|(name, m)| (name.as_str(), m.bytes.as_slice())),
    );
    let mut guest = Guest::start(setup.vmlinux, &image, setup.scratch)?;
    drop((image, files));

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
    use super::unescape;

    #[test]
    fn escapes_of_the_kernel_log() {
        assert_eq!(unescape(r"a\x09b\x5cc"), "a\tb\\c");
        assert_eq!(unescape(r"\x0a"), "\n");
        assert_eq!(unescape(r"\xzz \x4"), r"\xzz \x4");
        assert_eq!(unescape(r"\xc3\xa9"), "é");
    }
}
