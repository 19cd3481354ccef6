//! `cargo xtask oracle loader`: hundreds of modules, good and bad, loaded in the real kernel under
//! QEMU; error numbers and log lines compared with what `komod check` foretells.

mod agreement;
mod circumstances;
mod doubtful;
mod exceptions;
mod foretell;
mod mask;
mod random;
mod scene;
mod signatures;
mod stage;
mod variants;

use super::inprocess::prepared;
use super::loaders::case::Case;
use super::loaders::{CMDLINE, other, ours::Built, refusals::Makings};
use crate::args::Args;
use crate::kernels::{Kernel, SERIES};
use crate::modules::ModuleTree;
use crate::tally::Tally;
use crate::{draw, guest_build, parallel};
use agreement::Compared;
use anyhow::{Context, Result, bail};
use exceptions::Exceptions;
use foretell::foretell;
use komod_check::Target;
use komod_kernel::prepared::Prepared;
use scene::{Scene, State};
use stage::{Played, Stage};
use std::time::Instant;

pub const HELP: &str = "\
Usage: cargo xtask oracle loader [OPTIONS]

Loads modules of every kind in the real kernel under QEMU, many per boot: each reason to refuse one
in several variants, good ones with random changes, stock modules in their own and in the other
kernel, signatures of many kinds. Compares error number and log with what `komod check` foretells.

  --kernel SERIES   6.1 or 6.12 (default: both)
  --random N        modules with random changes (default 250)
  --stock N         stock modules of each kernel (default 40)
  --seed N          the seed of both (default 1)
  --count N         only N of all scenes, spread evenly
  --only TEXT       only scenes with this in their name
  --unchecked       only what the kernel does not check (L-50), each in a boot of its own: how it ends";

const RANDOM: usize = 250;
const STOCK: usize = 40;
const SEED: u64 = 1;
/// Scenes whose files travel in one initramfs.
const TOGETHER: usize = 120;
/// What the kernel does not check must not be tried on it.
const UNCHECKED: &str = "L-50";
/// Stock modules that do not touch devices.
const SOFT: &[&str] = &["lib/", "crypto/", "fs/nls", "net/sched", "net/netfilter"];
/// Their inits fail unless another module was loaded before that they do not name.
const WANT_MORE: &[&str] = &["libcrc32c", "nls_euc_jp"];

/// What is staged.
pub struct Choice {
    pub series: Option<String>,
    pub random: usize,
    pub stock: usize,
    pub seed: u64,
    pub count: Option<usize>,
    pub only: Option<String>,
    pub unchecked: bool,
}

impl Choice {
    /// A part of the usual scenes.
    pub fn sampled(count: usize) -> Choice {
        Choice {
            series: None,
            random: RANDOM,
            stock: STOCK,
            seed: SEED,
            count: Some(count),
            only: None,
            unchecked: false,
        }
    }
}

pub fn main(mut args: Args) -> Result<()> {
    let choice = Choice {
        series: args.option("--kernel")?,
        random: args.option("--random")?.unwrap_or(RANDOM),
        stock: args.option("--stock")?.unwrap_or(STOCK),
        seed: args.option("--seed")?.unwrap_or(SEED),
        count: args.option("--count")?,
        only: args.option("--only")?,
        unchecked: args.flag("--unchecked"),
    };
    args.finish()?;
    let tally = run(&choice)?;
    println!("{tally}");
    if tally.failed > 0 {
        bail!("not everything happened as foretold");
    }
    Ok(())
}

/// Every chosen kernel.
pub fn run(choice: &Choice) -> Result<Tally> {
    let mut tally = Tally::default();
    for (series, _) in SERIES {
        if choice.series.as_deref().is_none_or(|wanted| wanted == *series) {
            tally += of_kernel(&Kernel::find(series)?, choice)?;
        }
    }
    Ok(tally)
}

fn of_kernel(kernel: &Kernel, choice: &Choice) -> Result<Tally> {
    let image = Prepared::open(&prepared(kernel)?)?;
    let target = Target::of(&kernel.found()?, Some(&image))?;
    let mut scenes = scenes(kernel, choice)?;
    if let Some(text) = &choice.only {
        scenes.retain(|scene| scene.name.contains(text));
    }
    if let Some(count) = choice.count {
        let step = scenes.len().div_ceil(count.max(1)).max(1);
        scenes = scenes.into_iter().step_by(step).collect();
    }
    let all = scenes.len();
    let is_unchecked =
        |scene: &Scene| foretell(&target, scene, None).iter().any(|f| f.code == Some(UNCHECKED));
    scenes.retain(|scene| is_unchecked(scene) == choice.unchecked);
    if choice.unchecked {
        return endings(kernel, &scenes);
    }
    let unchecked = all - scenes.len();

    let started = Instant::now();
    let played = play(kernel, &scenes, TOGETHER)?;
    let compared: Vec<Compared<'_>> = scenes
        .iter()
        .zip(played)
        .map(|(scene, played)| {
            let foretold = foretell(&target, scene, Some(&played));
            Compared { scene, foretold, played }
        })
        .collect();
    let (agreed, bad) =
        agreement::report(&kernel.release, &compared, &Exceptions::load(&kernel.series)?);
    println!(
        "{}: {} scenes in {:.0} s, {agreed} as foretold; {unchecked} more are {UNCHECKED}, not tried",
        kernel.release,
        compared.len(),
        started.elapsed().as_secs_f64()
    );
    Ok(Tally { passed: compared.len().saturating_sub(bad), failed: bad })
}

/// How it ends when the kernel is given what it does not check. An orderly refusal is one that the
/// loader core should have foretold.
fn endings(kernel: &Kernel, scenes: &[Scene]) -> Result<Tally> {
    let mut tally = Tally::default();
    for (scene, played) in scenes.iter().zip(play(kernel, scenes, 1)?) {
        let result = played.loads.last().and_then(|load| load.result);
        let refused = result.is_some_and(|result| result < 0);
        tally += Tally { passed: usize::from(!refused), failed: usize::from(refused) };
        let end = match result {
            Some(0) => "taken".to_owned(),
            Some(errno) => format!("REFUSED with {errno}"),
            None => "the kernel's end".to_owned(),
        };
        println!("{}: {}: {end}", kernel.release, scene.name);
        if refused && let Some(load) = played.loads.last() {
            load.log.iter().for_each(|line| println!("    {line}"));
        }
    }
    Ok(tally)
}

/// Each once, whatever it is called.
fn scenes(kernel: &Kernel, choice: &Choice) -> Result<Vec<Scene>> {
    let tree = ModuleTree::open(&kernel.modules)?;
    let foreign = ModuleTree::open(&other(kernel)?.modules)?;
    let built = Built::new(kernel)?;
    let cases = Makings { built: &built, tree: &tree, foreign: &foreign }.cases()?;
    let mut scenes: Vec<Scene> = cases.into_iter().filter_map(Scene::of_case).collect();
    scenes.extend(variants::scenes(&built)?);
    scenes.extend(signatures::scenes(&built, &tree)?);
    scenes.extend(doubtful::scenes(&built)?);
    scenes.extend(circumstances::scenes(&built, &tree, &foreign)?);
    for (tree, of) in [(&tree, "own"), (&foreign, "foreign")] {
        let soft = |key: &&String| of == "foreign" || SOFT.iter().any(|p| key.starts_with(p));
        let keys: Vec<String> = tree.keys().iter().filter(soft).cloned().collect();
        for key in draw::sample(&keys, choice.stock, choice.seed) {
            let modules = match of {
                "own" => tree.closure(&key)?,
                _ => vec![tree.module(&key)?],
            };
            // A test module's init may take minutes.
            if modules.iter().any(|m| WANT_MORE.contains(&&*m.name) || m.name.contains("test")) {
                continue;
            }
            let case = Case::of_modules(&format!("{of} {key}"), &modules);
            scenes.extend(Scene::of_case(case));
        }
    }
    scenes.extend(random::scenes(&built, choice.random, choice.seed)?);
    Ok(scenes)
}

/// Plays all of them, two guests at a time; results in the order of the scenes.
fn play(kernel: &Kernel, scenes: &[Scene], together: usize) -> Result<Vec<Played>> {
    let init = guest_build::build()?;
    let vmlinux = super::vmlinux(kernel)?;
    let folder = super::directory(kernel)?;
    let mut batches: Vec<(State, Vec<usize>)> = Vec::new();
    for state in State::ALL {
        let of_state: Vec<usize> =
            (0..scenes.len()).filter(|number| scenes[*number].state == state).collect();
        batches.extend(of_state.chunks(together).map(|chunk| (state, chunk.to_vec())));
    }
    let numbered: Vec<(usize, (State, Vec<usize>))> = batches.into_iter().enumerate().collect();
    let results = parallel::map(&numbered, |(number, (state, members))| {
        let parameters = format!("{CMDLINE} {}", state.parameters());
        let scratch = folder.join(format!("loader-{}-{number}", std::process::id()));
        let (vmlinux, init, scratch) = (&vmlinux, &init, &scratch);
        let stage = Stage { vmlinux, init, parameters: parameters.trim_end(), scratch };
        let members: Vec<&Scene> = members.iter().map(|number| &scenes[*number]).collect();
        let played = stage.play(&members);
        if played.is_ok() {
            let _ = std::fs::remove_dir_all(scratch);
        }
        played
    });
    let mut by_scene: Vec<Option<Played>> = scenes.iter().map(|_| None).collect();
    for ((_, (_, members)), result) in numbered.iter().zip(results) {
        for (number, played) in members.iter().zip(result?) {
            by_scene[*number] = Some(played);
        }
    }
    by_scene.into_iter().map(|played| played.context("a scene was not played")).collect()
}
