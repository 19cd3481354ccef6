//! What `komod check` does: finds the module files, describes the kernels, asks for verdicts.

use crate::console::{Paint, paint};
use crate::explained::Explained;
use crate::kernels::{self, Need};
use crate::progress::Progress;
use crate::several;
use anyhow::{Context, Result};
use komod_check::{Checker, Links, Machine, Request, Target, TargetError, Verdict, order};
use komod_kernel::find::FoundKernel;
use komod_place::dependencies::{self, module_name};
use std::path::{Path, PathBuf};

/// Folders deeper than this are not looked into (Linux 6.12's modules have seven levels).
const MAX_DEPTH: usize = 16;

/// Files as they are; of folders, the modules in them, sorted.
pub fn files(what: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all: Vec<PathBuf> = Vec::new();
    for path in what {
        let meta = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        if !meta.is_dir() {
            all.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        walk(path, 0, &mut found)?;
        if found.is_empty() {
            let error = Explained::new(format!("there is no module in {}", path.display()));
            return Err(error.hint("modules end in .ko, .ko.gz, .ko.xz or .ko.zst").into());
        }
        found.sort();
        all.extend(found);
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|path| seen.insert(path.clone()));
    Ok(all)
}

/// Links to folders are not followed: `build` and `source` lead out of a kernel's modules.
fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry.with_context(|| dir.display().to_string())?;
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
            walk(&path, depth + 1, found)?;
        } else if module_name(&path).is_some() && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// The kernels to check for: those named, else the one the first module was built for, else the
/// default one.
pub fn targets(wanted: &[String], files: &[PathBuf]) -> Result<Vec<Target>> {
    let kernels = if wanted.is_empty() {
        let release = files.first().and_then(|file| kernels::built_for(file));
        vec![kernels::choose(None, release.as_deref(), Need::Tree)?]
    } else {
        let chosen = wanted.iter().map(|name| kernels::choose(Some(name), None, Need::Tree));
        several::distinct(chosen.collect::<Result<_>>()?)?
    };
    kernels.iter().map(target).collect()
}

fn target(kernel: &FoundKernel) -> Result<Target> {
    let image = kernel.image.is_some().then(|| kernels::prepare(kernel)).transpose()?;
    Target::of(kernel, image.as_ref()).map_err(|error| {
        let told = Explained::new(error.to_string());
        let fetch =
            format!("`komod kernel fetch {}` gets a whole one, without root", kernel.release);
        match error {
            TargetError::Release { .. } => told.into(),
            _ => told.hint(fetch).into(),
        }
    })
}

/// A row of verdicts for each file, with one for each kernel.
pub struct Table {
    pub files: Vec<PathBuf>,
    pub rows: Vec<Vec<Verdict>>,
    releases: Vec<String>,
}

/// Asks for all of them; `deep`ly, also for what the kernel does not check. Files are read twice, so that not all are held in memory.
pub fn verdicts(
    files: &[PathBuf],
    targets: &[Target],
    machine: &Machine,
    request: &Request,
    deep: bool,
) -> Result<Table> {
    let progress = Progress::start(format!("reading {} modules", files.len()));
    let read = |file: &PathBuf| dependencies::read(file, true).map(|module| module.elf);
    let mut links = Vec::with_capacity(files.len());
    for file in files {
        links.push(Links::of(&read(file)?));
    }
    let checker = |target| {
        let checker = Checker::new(target, &links).on(machine.clone()).asking(request.clone());
        if deep { checker } else { checker.only_loading() }
    };
    let mut checkers: Vec<Checker<'_>> = targets.iter().map(checker).collect();
    let mut rows: Vec<Vec<Verdict>> = files.iter().map(|_| Vec::new()).collect();
    for (done, number) in order(&links).into_iter().enumerate() {
        progress.set(format!("checking modules ({done} of {})", files.len()));
        let (file, row) = (&files[number], &mut rows[number]);
        let elf = read(file)?;
        row.extend(checkers.iter_mut().map(|checker| checker.check(file, &elf)));
    }
    let releases = targets.iter().map(|target| target.release().to_owned()).collect();
    Ok(Table { files: files.to_vec(), rows, releases })
}

impl Table {
    /// File by file, kernel by kernel.
    pub fn each(&self) -> impl Iterator<Item = (&Path, &Verdict)> {
        let rows = self.files.iter().zip(&self.rows);
        rows.flat_map(|(file, row)| row.iter().map(move |verdict| (file.as_path(), verdict)))
    }

    /// A line for each module, a column for each kernel.
    pub fn to_text(&self, color: bool) -> String {
        let mut head = vec!["MODULE"];
        head.extend(self.releases.iter().map(String::as_str));
        let mut table = crate::table::Table::new(&head);
        let shared = shared_folder(&self.files);
        for (file, row) in self.files.iter().zip(&self.rows) {
            let shown = file.strip_prefix(&shared).unwrap_or(file);
            let mut cells = vec![shown.display().to_string()];
            cells.extend(row.iter().map(cell));
            table.cells(cells);
        }
        table.to_text(color)
    }
}

/// The folder that all files are in; it need not be repeated in each line.
fn shared_folder(files: &[PathBuf]) -> PathBuf {
    let mut shared =
        files.first().and_then(|file| file.parent()).map_or_else(PathBuf::new, Path::to_owned);
    while !files.iter().all(|file| file.starts_with(&shared)) && shared.pop() {}
    shared
}

fn cell(verdict: &Verdict) -> String {
    match verdict.refusal() {
        None => "loads".into(),
        Some(refusal) => format!("{} {}", refusal.errno, refusal.code),
    }
}

/// One verdict in a line.
pub fn sentence(verdict: &Verdict) -> String {
    let Verdict { module, release, .. } = verdict;
    let color = crate::console::color_on_stdout();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_shared_by_all_files() {
        let shared = |files: &[&str]| {
            let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
            shared_folder(&files)
        };
        assert_eq!(shared(&["/a/b/x.ko", "/a/b/y.ko"]), Path::new("/a/b"));
        assert_eq!(shared(&["/a/b/x.ko", "/a/c/y.ko"]), Path::new("/a"));
        assert_eq!(shared(&["x.ko", "/a/y.ko"]), Path::new(""));
        assert_eq!(shared(&[]), Path::new(""));
    }
}
