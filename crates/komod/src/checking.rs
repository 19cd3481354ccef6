//! What `komod check` is about: the module files, the kernels; and how a verdict is told.

use crate::console::{self, Paint, paint};
use crate::explained::Explained;
use crate::kernels::{self, Need};
use crate::several;
use anyhow::{Context, Result};
use komod_check::{Target, TargetError, Verdict};
use komod_kernel::find::FoundKernel;
use komod_place::dependencies::module_name;
use std::path::{Path, PathBuf};

/// Folders deeper than this are not looked into (Linux 6.12's modules have seven levels).
const MAX_DEPTH: usize = 16;

/// A file, or a folder, that could not be read: the others can be checked nevertheless.
#[derive(Debug)]
pub struct Unread {
    pub path: PathBuf,
    /// Tells the path, too.
    pub error: anyhow::Error,
}

/// Files as they are; of folders, the modules in them, sorted. And the folders below that could
/// not be read.
pub fn files(what: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Unread>)> {
    let mut all: Vec<PathBuf> = Vec::new();
    let mut unread = Vec::new();
    for path in what {
        let meta = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        if !meta.is_dir() {
            all.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        walk(path, 0, &mut found, &mut unread);
        if unread.iter().any(|unread| unread.path == *path) {
            return Err(unread.remove(0).error);
        }
        if found.is_empty() && unread.is_empty() {
            let error = Explained::new(format!("there is no module in {}", path.display()));
            return Err(error.hint("modules end in .ko, .ko.gz, .ko.xz or .ko.zst").into());
        }
        found.sort();
        all.extend(found);
    }
    let mut seen = std::collections::HashSet::with_capacity(all.len());
    all.retain(|path| seen.insert(path.clone()));
    Ok((all, unread))
}

/// Links to folders are not followed: `build` and `source` lead out of a kernel's modules.
fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>, unread: &mut Vec<Unread>) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut fails = |error: std::io::Error| {
        let error = anyhow::Error::new(error).context(dir.display().to_string());
        unread.push(Unread { path: dir.to_owned(), error });
    };
    let entries = match std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => return fails(error),
    };
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
            walk(&path, depth + 1, found, unread);
        } else if module_name(&path).is_some() && path.is_file() {
            found.push(path);
        }
    }
}

/// The kernels to check for: those named, else the one the first module was built for, else the
/// default one.
pub fn targets(wanted: &[String], files: &[PathBuf]) -> Result<Vec<Target>> {
    let kernels = if wanted.is_empty() {
        let release = files.first().and_then(|file| kernels::built_for(file));
        vec![kernels::choose(None, release.as_deref(), Need::Either)?]
    } else {
        let chosen = wanted.iter().map(|name| kernels::choose(Some(name), None, Need::Either));
        several::distinct(chosen.collect::<Result<_>>()?)?
    };
    kernels.iter().map(target).collect()
}

/// What is known of a kernel, from the cache if nothing has changed.
pub fn target(kernel: &FoundKernel) -> Result<Target> {
    let cache = kernels::cache().ok();
    let mut target = facts(kernel, cache.as_deref())?;
    cache.iter().for_each(|cache| target.recall_signatures(cache));
    Ok(target)
}

fn facts(kernel: &FoundKernel, cache: Option<&Path>) -> Result<Target> {
    if let Some(target) = cache.and_then(|cache| Target::kept(kernel, cache)) {
        return Ok(target);
    }
    let image = match kernel.image.is_some().then(|| kernels::prepare_to_read(kernel)).transpose() {
        // The tree says most of it, and what it does not is told.
        Err(error) if kernel.tree.is_some() => {
            console::warning(&format!("the image is of no use here: {error:#}"));
            None
        }
        Err(error) => {
            let mut told = Explained::new(format!("{error:#}"));
            told.hints.push("a build tree is enough: `--kernel TREE`".into());
            return Err(told.hint("`komod kernel list` shows the kernels known here").into());
        }
        Ok(image) => image,
    };
    let target = Target::of(kernel, image.as_ref()).map_err(|error| {
        let told = Explained::new(error.to_string());
        let fetch =
            format!("`komod kernel fetch {}` gets a whole one, without root", kernel.release);
        match error {
            TargetError::Release { .. } => told.into(),
            _ => told.hint(fetch).into(),
        }
    });
    // Without an image that is there, the warning is worth repeating.
    if let (Ok(target), Some(cache)) = (&target, cache)
        && image.is_some() == kernel.image.is_some()
    {
        target.keep(kernel, cache);
    }
    target
}

/// One verdict in a line.
pub fn sentence(verdict: &Verdict) -> String {
    let Verdict { module, release, .. } = verdict;
    let color = console::color_on_stdout();
    match verdict.refusal() {
        None => format!("{module} {} in {release}", paint("loads", Paint::Green, color)),
        Some(refusal) => format!(
            "{module} {} in {release}: {} [{}]",
            paint("does not load", Paint::BoldRed, color),
            refusal.errno,
            refusal.code
        ),
    }
}

/// What else there is to know about a module that loads.
pub fn circumstances(file: &Path, verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    if !verdict.loads() {
        return lines;
    }
    if !verdict.needs.is_empty() {
        lines.push(format!(
            "it needs these modules, which modprobe loads first and insmod does not: {}",
            verdict.needs.join(", ")
        ));
    }
    let depends = |line: &str| {
        verdict.depends.iter().find(|depends| depends.lines.iter().any(|said| said == line))
    };
    lines.extend(verdict.dmesg().iter().map(|line| match depends(&line.text) {
        None => format!("the kernel will log: {line}"),
        Some(depends) => format!("the kernel will log, if {}: {line}", depends.when),
    }));
    for condition in &verdict.conditions {
        let refusal = &condition.refusal;
        let said = match refusal.dmesg.last() {
            Some(line) => format!(", `{line}`"),
            None => String::new(),
        };
        lines.push(format!(
            "if {}, it is refused: {} [{}]{said}",
            condition.when, refusal.errno, refusal.code
        ));
    }
    lines.push(format!("whether its init works, `komod run {}` shows", file.display()));
    lines
}
