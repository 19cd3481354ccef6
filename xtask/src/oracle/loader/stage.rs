//! Scenes in the real kernel under QEMU, many per boot.

use super::foretell::name_in_kernel;
use super::scene::{Scene, State};
use crate::oracle::guest::{initramfs, is_of_the_boot, module_path, unescape};
use crate::qemu::{Guest, Heard};
use anyhow::{Result, bail};
use guest_init::{Job, Report, Step, Who};
use std::path::Path;
use std::time::Duration;

/// A load that waits for another module's init gives up after 30 s (`kernel/module/main.c`); the
/// clock of an emulated machine may be slower than ours.
const PATIENCE: Duration = Duration::from_secs(120);
const TAINTED: &str = "/proc/sys/kernel/tainted";
const ENOENT: i32 = -2;

/// What one load led to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Happened {
    /// The kernel's taint before.
    pub taint: u64,
    /// 0 or the negative errno; none if the kernel did not live to tell.
    pub result: Option<i32>,
    /// `<LEVEL>TEXT` of what was logged during the load.
    pub log: Vec<String>,
}

/// How a scene went: each of its loads, or those up to the kernel's end.
#[derive(Debug, Clone, Default)]
pub struct Played {
    pub loads: Vec<Happened>,
    /// The kernel died or hung, and these were its last words.
    pub end: Option<String>,
}

/// What the guests are made of.
pub struct Stage<'s> {
    pub vmlinux: &'s Path,
    pub init: &'s [u8],
    /// Boot parameters.
    pub parameters: &'s str,
    /// A folder for the guest's files, of its own.
    pub scratch: &'s Path,
}

impl Stage<'_> {
    /// Plays all scenes, which want the same state, in as many boots as it takes.
    pub fn play(&self, scenes: &[&Scene]) -> Result<Vec<Played>> {
        std::fs::create_dir_all(self.scratch)?;
        let mut played = Vec::with_capacity(scenes.len());
        while played.len() < scenes.len() {
            let before = played.len();
            self.boot(&scenes[before..], &mut played)?;
            if played.len() == before {
                bail!("the guest did nothing; its files are in {}", self.scratch.display());
            }
        }
        Ok(played)
    }

    /// Until a scene changes the kernel for good.
    fn boot(&self, scenes: &[&Scene], played: &mut Vec<Played>) -> Result<()> {
        let jobs: Vec<Job> = (0..).zip(scenes).map(|(number, scene)| job(number, scene)).collect();
        let files = (0..).zip(scenes).flat_map(|(number, scene)| {
            let loads = (0..).zip(&scene.loads);
            loads.map(move |(turn, attempt)| (file_name(number, turn), &*attempt.load.bytes))
        });
        let files: Vec<(String, &[u8])> = files.collect();
        let files = files.iter().map(|(name, bytes)| (name.as_str(), *bytes));
        let image = initramfs(self.init, &jobs, files);
        let mut guest = Guest::start_with(self.vmlinux, &image, self.scratch, self.parameters)?;
        drop(image);
        let (mut booted, mut going, mut dirty) = (false, None::<Played>, false);
        loop {
            let report = match guest.listen(PATIENCE) {
                Heard::Report(report) => report,
                Heard::Torn(_) => continue,
                Heard::Silence | Heard::End => {
                    if !booted {
                        bail!("the guest did not boot:\n{}", guest.last_words());
                    }
                    if let Some(mut scene) = going {
                        scene.end = Some(guest.last_words());
                        played.push(scene);
                    }
                    return Ok(());
                }
            };
            match (report, &mut going) {
                (Report::Booted { .. }, _) => booted = true,
                (Report::Start { .. }, _) => going = Some(Played::default()),
                (Report::Data { text }, Some(scene)) => {
                    let taint = text.trim().parse()?;
                    scene.loads.push(Happened { taint, ..Happened::default() });
                }
                (Report::Log { text, .. }, _) if is_of_the_boot(&text) => {}
                (Report::Log { level, text }, Some(scene)) => {
                    if let Some(load) = scene.loads.last_mut().filter(|load| load.result.is_none())
                    {
                        load.log.push(format!("<{level}>{}", unescape(&text)));
                    }
                }
                (Report::Loaded { result, .. }, Some(scene)) => {
                    if let Some(load) = scene.loads.last_mut() {
                        load.result = Some(result);
                    }
                    dirty |= result == guest_init::NOT_WAITED;
                }
                (Report::Unloaded { result, .. }, _) => dirty |= result != 0 && result != ENOENT,
                (Report::End { .. }, _) => {
                    played.extend(going.take());
                    if dirty {
                        return Ok(());
                    }
                }
                (Report::Done, _) => return Ok(()),
                _ => {}
            }
        }
    }
}

fn file_name(scene: usize, turn: usize) -> String {
    format!("{scene}-{turn}")
}

fn job(number: usize, scene: &Scene) -> Job {
    let mut steps = Vec::new();
    if let Some((path, text)) = scene.state.switch() {
        steps.push(Step::Write { path: path.to_owned(), text: text.to_owned() });
    }
    for (turn, attempt) in (0..).zip(&scene.loads) {
        steps.push(Step::Read { path: TAINTED.to_owned() });
        let load = &attempt.load;
        let flags = u32::from(load.force_modversions) | u32::from(load.force_vermagic) << 1;
        let flags = flags | attempt.flags;
        steps.push(Step::Insert {
            path: module_path(&file_name(number, turn)),
            flags,
            who: attempt.who,
            params: load.params.clone(),
        });
    }
    // The state may keep modules from being removed as well.
    if scene.state != State::ModulesDisabled {
        let names = scene.loads.iter().rev().filter(|attempt| attempt.who != Who::Behind);
        steps.extend(names.map(|attempt| Step::Remove { name: name_in_kernel(&attempt.load) }));
    }
    Job { key: number.to_string(), steps }
}
