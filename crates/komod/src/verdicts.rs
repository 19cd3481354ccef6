//! Asking for the verdicts of many modules, for several kernels; the table of them.

use crate::checking::Unread;
use crate::progress::Progress;
use anyhow::Result;
use komod_check::{
    Checker, Judged, Links, Machine, Request, Target, Verdict, order, parallel, waves,
};
use komod_place::dependencies::{self, Contents};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A row of verdicts for each file, with one for each kernel.
pub struct Table {
    pub files: Vec<PathBuf>,
    pub rows: Vec<Vec<Verdict>>,
    /// Files without a row.
    pub unread: Vec<Unread>,
    releases: Vec<String>,
}

/// Asks for all of them; `deep`ly, also for what the kernel does not check. Modules of one wave are
/// asked for at the same time. A file that cannot be read leaves the others their verdicts.
pub fn verdicts(
    files: &[PathBuf],
    targets: &[Target],
    machine: &Machine,
    request: &Request,
    deep: bool,
) -> Table {
    let progress = Progress::start(format!("reading {} modules", files.len()));
    let mut unread = Vec::new();
    let mut sound = Vec::new();
    let mut modules = Vec::new();
    for (file, module) in files.iter().zip(read_all(files, &progress)) {
        match module {
            Ok(module) => {
                sound.push(file.clone());
                modules.push(module);
            }
            Err(error) => unread.push(Unread { path: file.clone(), error }),
        }
    }
    let files = sound;
    let links: Vec<Links> =
        modules.iter_mut().map(|module| std::mem::take(&mut module.links)).collect();
    let checker = |target| {
        let checker = Checker::new(target, &links).on(machine.clone()).asking(request.clone());
        if deep { checker } else { checker.only_loading() }
    };
    let mut checkers: Vec<Checker<'_>> = targets.iter().map(checker).collect();
    let mut rows: Vec<Vec<Verdict>> = files.iter().map(|_| Vec::new()).collect();
    let mut before = 0;
    for wave in waves(&links, &order(&links)) {
        let judge = |turn: usize| -> Result<Vec<Judged>> {
            let number = wave[turn];
            let file = &files[number];
            let read_again;
            let elf = match &modules[number].kept {
                Some(elf) => elf,
                None => {
                    read_again = dependencies::contents(file)?.elf;
                    &read_again
                }
            };
            Ok(checkers.iter().map(|c| c.judge(file, elf, &links[number])).collect())
        };
        let tell = |done| {
            progress.set(format!("checking modules ({} of {})", before + done, files.len()));
        };
        let judged = parallel::each(wave.len(), judge, tell);
        for (&number, judged) in wave.iter().zip(judged) {
            modules[number].kept = None;
            match judged {
                Ok(judged) => {
                    let both = checkers.iter_mut().zip(judged);
                    rows[number].extend(both.map(|(checker, judged)| checker.take(judged)));
                }
                // It went away in the meantime.
                Err(error) => unread.push(Unread { path: files[number].clone(), error }),
            }
        }
        before += wave.len();
    }
    let (files, rows) = files.into_iter().zip(rows).filter(|(_, row)| !row.is_empty()).unzip();
    let releases = targets.iter().map(|target| target.release().to_owned()).collect();
    Table { files, rows, unread, releases }
}

/// Modules that were compressed are kept until they are checked, up to this size together: to read
/// a plain file again is faster than to decompress one.
const KEPT: usize = 512 << 20;

struct ReadModule {
    links: Links,
    kept: Option<Vec<u8>>,
}

fn read_all(files: &[PathBuf], progress: &Progress) -> Vec<Result<ReadModule>> {
    let kept = AtomicUsize::new(0);
    let read = |number: usize| -> Result<ReadModule> {
        let Contents { elf, compressed } = dependencies::contents(&files[number])?;
        let links = Links::of(&elf);
        // One module alone is not read twice.
        let worth = compressed || files.len() == 1;
        let room = worth && kept.fetch_add(elf.len(), Ordering::Relaxed) <= KEPT;
        Ok(ReadModule { links, kept: room.then_some(elf) })
    };
    let tell = |done| progress.set(format!("reading modules ({done} of {})", files.len()));
    parallel::each(files.len(), read, tell)
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
