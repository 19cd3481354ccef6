//! The kernel a command works with: chosen, fetched if there is none, made ready to run.

use crate::building::BuildFailed;
use crate::console;
use crate::explained::Explained;
use crate::progress::Progress;
use anyhow::{Context, Result};
use komod_build::Tree;
use komod_kernel::find::{self, FoundKernel, Roots, SelectError};
use komod_kernel::prepared::{self, PrepareError, Prepared, Step};
use komod_object::{Module, compress};
use komod_place::process::About;
use komod_process::protocol::{BootSpec, Mode};
use std::path::{Path, PathBuf};

/// Where kernel processes map the image; `komod-process` has its other regions around it.
const IMAGE_BASE: u64 = 0x1000_0000;

/// What a command needs of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Tree,
    Image,
    Both,
    /// One of the two is enough.
    Either,
}

/// Chooses by `--kernel`, else by `release` (of a given module), else the default; fetches the
/// distribution's kernel if there is none at all.
pub fn choose(wanted: Option<&str>, release: Option<&str>, need: Need) -> Result<FoundKernel> {
    let roots = Roots::system();
    let named = wanted.is_some() || roots.env_kernel.is_some();
    if !named
        && let Some(release) = release
        && let Some(kernel) =
            find::discover(&roots).into_iter().find(|k| k.release == release && has(k, need))
    {
        return Ok(kernel);
    }
    let kernel = match find::select(&roots, wanted) {
        Ok(kernel) if has(&kernel, need) => kernel,
        Ok(kernel) if named => {
            let path = wanted.map(Path::new).filter(|path| path.is_dir() && need == Need::Tree);
            // The modules are installed, the headers are not.
            let tree = path.and_then(|path| {
                missing_tree(&SelectError::NotAKernel { path: path.to_owned() }, need)
            });
            return Err(tree.unwrap_or_else(|| incomplete(&kernel, need).into()));
        }
        Ok(_) | Err(SelectError::Nothing) => crate::fetching::fetch_default()?,
        Err(e) => {
            let tree = missing_tree(&e, need);
            return Err(tree.unwrap_or_else(|| select_error(&e).into()));
        }
    };
    if !has(&kernel, need) {
        return Err(incomplete(&kernel, need).into());
    }
    Ok(kernel)
}

/// A kernel to look at, complete or not.
pub fn look_up(wanted: Option<&str>) -> Result<FoundKernel> {
    Ok(find::select(&Roots::system(), wanted).map_err(|e| select_error(&e))?)
}

/// The kernels to compare: those named, else all that are here, each release once, the oldest
/// first.
pub fn to_compare(wanted: &[String]) -> Result<Vec<FoundKernel>> {
    if !wanted.is_empty() {
        let named = wanted.iter().map(|name| look_up(Some(name))).collect::<Result<_>>()?;
        return crate::several::distinct(named);
    }
    let mut found = find::discover(&Roots::system());
    found.retain(|kernel| has(kernel, Need::Tree) || has(kernel, Need::Image));
    found.dedup_by(|kernel, better| kernel.release == better.release);
    if found.is_empty() {
        return Err(select_error(&SelectError::Nothing).into());
    }
    found.reverse();
    Ok(found)
}

fn has(kernel: &FoundKernel, need: Need) -> bool {
    match need {
        Need::Tree => kernel.tree.is_some(),
        Need::Image => kernel.image.is_some(),
        Need::Both => kernel.is_complete(),
        Need::Either => kernel.tree.is_some() || kernel.image.is_some(),
    }
}

fn incomplete(kernel: &FoundKernel, need: Need) -> Explained {
    let what = match need {
        Need::Tree => "a build tree",
        Need::Image => "a readable image",
        Need::Both => "both a build tree and a readable image",
        Need::Either => "a build tree or a readable image",
    };
    let mut e = Explained::new(format!("kernel {} does not have {what} here", kernel.release));
    for problem in &kernel.problems {
        e = e.hint(problem.clone());
    }
    e
}

/// A path that leads nowhere is a build tree that is missing, when one is needed.
fn missing_tree(error: &SelectError, need: Need) -> Option<anyhow::Error> {
    let path = match error {
        _ if need == Need::Image => return None,
        SelectError::Unreadable { path, .. }
            if need == Need::Either && release_in(path).is_none() =>
        {
            return None;
        }
        SelectError::Unreadable { path, .. } if !path.exists() => path.clone(),
        // The modules are installed, the headers are not.
        SelectError::NotAKernel { path } if !path.join("build").exists() => {
            release_in(path)?;
            path.join("build")
        }
        _ => return None,
    };
    let diagnostic = komod_build::rules::b19::without_tree(&path, release_in(&path));
    Some(BuildFailed { diagnostics: vec![diagnostic], output: String::new() }.into())
}

/// The release that a path is about: `/lib/modules/RELEASE`, `/usr/src/linux-headers-RELEASE`.
fn release_in(path: &Path) -> Option<&str> {
    let mut parts = path.iter().map(|part| part.to_str().unwrap_or_default());
    let mut before = "";
    parts.find_map(|part| {
        let named = part.strip_prefix("linux-headers-");
        let release = named.or_else(|| (before == "modules").then_some(part));
        before = part;
        release.filter(|r| r.starts_with(|c: char| c.is_ascii_digit()))
    })
}

fn select_error(error: &SelectError) -> Explained {
    let e = Explained::from_error(error);
    match error {
        SelectError::Nothing => e,
        SelectError::NotFound { .. } if find::cache_dir().is_none() => {
            e.hint("HOME is not set, so there is no cache to look in: set it, or KOMOD_CACHE")
        }
        _ => e.hint("`komod kernel list` shows the kernels known here"),
    }
}

pub fn cache() -> Result<PathBuf> {
    find::cache_dir().ok_or_else(|| {
        Explained::new("there is no place for a cache: HOME is not set")
            .hint("set KOMOD_CACHE to a directory of your own")
            .into()
    })
}

/// The build tree of a chosen kernel.
pub fn tree(kernel: &FoundKernel) -> Result<Tree> {
    let path = kernel.tree.clone().ok_or_else(|| incomplete(kernel, Need::Tree))?;
    Ok(Tree::new(kernel.release.clone(), path))
}

/// The image unpacked, relocated and indexed; from the cache after the first time.
pub fn prepare(kernel: &FoundKernel) -> Result<Prepared> {
    prepare_with(kernel, prepared::prepare)
}

/// The same for commands that only look at it; they take a `vmlinux` as well.
pub fn prepare_to_read(kernel: &FoundKernel) -> Result<Prepared> {
    prepare_with(kernel, prepared::prepare_to_read)
}

type Prepare =
    fn(&Path, u64, &Path, &mut dyn FnMut(Step)) -> std::result::Result<Prepared, PrepareError>;

fn prepare_with(kernel: &FoundKernel, prepare: Prepare) -> Result<Prepared> {
    let image = kernel.image.as_deref().ok_or_else(|| incomplete(kernel, Need::Image))?;
    let cache = cache()?;
    let progress = Progress::start(format!("preparing kernel {}", kernel.release));
    let mut show = |step: Step| {
        progress.set(format!("preparing kernel {} ({})", kernel.release, step_words(step)));
    };
    prepare(image, IMAGE_BASE, &cache, &mut show)
        .with_context(|| format!("cannot prepare kernel {}", kernel.release))
}

fn step_words(step: Step) -> String {
    format!("{step:?}").to_lowercase()
}

/// A boot of this kernel as all commands do it.
pub fn boot_spec(kernel: &FoundKernel, prepared: &Prepared, cmdline: &str) -> BootSpec {
    BootSpec {
        prepared: prepared.dir().to_owned(),
        release: kernel.release.clone(),
        cmdline: cmdline.to_owned(),
        builtin: Vec::new(),
        mode: Mode::Single,
        cpu_seconds: 3,
        live_clock: false,
        boot_log: false,
    }
}

pub fn about(kernel: &FoundKernel) -> About {
    About {
        release: kernel.release.clone(),
        modules_dir: kernel.modules.clone(),
        tree: kernel.tree.clone(),
    }
}

/// The release a module was built for: the first word of its `vermagic`.
pub fn built_for(module: &Path) -> Option<String> {
    // A pipe would be waited for, and be empty for the loader.
    std::fs::metadata(module).ok().filter(std::fs::Metadata::is_file)?;
    let bytes = std::fs::read(module).ok()?;
    let elf = compress::decompress(&bytes, 256 << 20).ok()?;
    let module = Module::parse(&elf).ok()?;
    let vermagic = module.modinfo().get("vermagic")?.to_string_lossy().into_owned();
    vermagic.split_whitespace().next().map(str::to_owned)
}

/// The tutorial's warning: headers that are not the running kernel's.
pub fn warn_if_not_running(kernels: &[FoundKernel]) {
    let running = Roots::system().running;
    let Some(running) = running else { return };
    let mut trees = kernels.iter().filter(|k| k.tree.is_some()).peekable();
    if trees.peek().is_none() || trees.any(|k| k.running) {
        return;
    }
    console::note(&format!(
        "no build tree here belongs to the running kernel ({running}): modules built with these \
         do not fit it"
    ));
}

/// What `uname -r` says.
pub fn running() -> Option<String> {
    Roots::system().running
}
