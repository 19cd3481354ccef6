//! `depmod`: writes the index files of a kernel's modules (depmod(8)).
//!
//! The work is `komod_kernel::depmod`'s; here are the options, messages and exit statuses of kmod
//! 34's tool, and what is new: `--incremental`, `--threads` and `-n --json`.

mod json;
mod newer;
mod options;

use super::Call;
use super::log::{Level, Log};
use crate::console;
use komod_kernel::depmod::cache::{self, Cache, Outcome};
use komod_kernel::depmod::config::Config;
use komod_kernel::depmod::error::{DepmodError, errno_text};
use komod_kernel::depmod::indexes::{self, Index, Watch};
use komod_kernel::depmod::kernel_symbols::{self, KernelSymbols, Questions};
use komod_kernel::depmod::publish::{self, Written};
use komod_kernel::depmod::read::How;
use komod_kernel::depmod::remark::{Gravity, Remark};
use komod_kernel::depmod::set::Making;
use komod_kernel::depmod::survey::Survey;
use komod_kernel::depmod::tree::{Modules, Request, Tree};
use komod_kernel::depmod::unchanged;
use komod_kernel::depmod::walk::ModuleFile;
use options::{Asked, Options};
use std::mem::ManuallyDrop;
use std::process::ExitCode;

/// The release of kmod whose behaviour this is, and what it can.
const VERSION: &str = "kmod version 34\n+ZSTD +XZ +ZLIB +OPENSSL -MBEDTLS\n";

/// Runs the tool.
pub fn main(call: &Call) -> ExitCode {
    let program = call.program_name();
    let mut log = Log::new(&program);
    let options = match options::read(call, &mut log) {
        Ok(Asked::Work(options)) => options,
        Ok(Asked::Help) => {
            console::data(options::usage(&program).as_bytes());
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Version) => {
            console::data(VERSION.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(options::Refused) => return ExitCode::FAILURE,
    };
    let mut remarks = Remarks { log: &log, all: Vec::new(), told: 0 };
    let done = work(&options, &mut remarks);
    remarks.tell();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failed(&log, &error);
            ExitCode::FAILURE
        }
    }
}

fn work(options: &Options, remarks: &mut Remarks<'_>) -> Result<(), DepmodError> {
    let Options { directory, output, prefix, .. } = options;
    let config = Config::read(&options.version, &options.config, &mut remarks.all)?;
    remarks.tell();
    if options.quick && !newer::is_any_module_newer(directory, output, &config) {
        return Ok(());
    }
    let kernel = kernel_symbols(options, remarks)?;
    // Nothing in the cache has checksums.
    let checksums = options.check && options.symvers.is_some();
    let cache = match options.incremental && !checksums {
        true => Cache::read(output),
        false => Cache::default(),
    };
    let how = How { threads: options.threads, checksums };
    let files = &options.files;
    let request = Request { directory, files, config: &config, how, prefix: *prefix };
    let all = &mut remarks.all;
    let search = |each: &mut dyn FnMut(&ModuleFile)| request.search(each, all);
    let (files, survey) = Survey::during(&cache, directory, how, search);
    let files = files?;
    // Of the lists' state before they are used: if they change now, that shows next time.
    let keeps = options.incremental && !checksums && !options.show;
    let inputs = keeps.then(|| unchanged::inputs(directory, *prefix)).flatten();
    let tells_more = options.verbose || options.check || options.warn;
    if !tells_more && unchanged::is_up_to_date(&survey, &files, inputs, output) {
        return Ok(());
    }
    remarks.tell();
    let told = remarks.told;
    // The end of the process frees them at once.
    let modules = ManuallyDrop::new(Modules::read(files, &survey, how, &mut remarks.all));
    remarks.tell();
    let kernel = kernel.as_ref().filter(|_| options.check);
    let resolve = |remarks: &mut Remarks<'_>| {
        let tree = Tree::resolve(&modules, *prefix)?;
        if kernel.is_some() || options.verbose {
            let questions = Questions { kernel, providers: options.verbose, prefix: *prefix };
            kernel_symbols::report(&tree, questions, &mut remarks.all);
            remarks.tell();
        }
        Ok(tree)
    };
    if options.json {
        return json::print(options, &resolve(remarks)?);
    }
    if options.show {
        let texts = indexes::texts(&resolve(remarks)?, &mut remarks.all);
        console::data(&texts.iter().flat_map(|text| &text.bytes).copied().collect::<Vec<u8>>());
        return Ok(());
    }
    let making = Making {
        modules: &modules,
        directory,
        watch: Watch { duplicates: options.warn },
        threads: options.threads,
    };
    publish::remove_leftovers(output);
    let mut told_of_indexes = Vec::new();
    let resolve = || resolve(remarks);
    let write = |index: &Index| publish::write(output, index);
    let set = making.make(resolve, write, &mut told_of_indexes)?;
    remarks.all.append(&mut told_of_indexes);
    let (set, mut written): (Vec<Index>, Vec<Written>) = set.into_iter().unzip();
    if keeps {
        // What was said about modules and indexes has to be said again next time; and modules that
        // cannot be read are in the indexes, but not in the cache.
        let silent = remarks.all.is_empty() && remarks.told == told;
        let outcome = Outcome::of(inputs.filter(|_| silent), &set);
        let cache = Index { name: cache::FILE, bytes: modules.cache(survey.started, &outcome) };
        written.push(publish::write(output, &cache)?);
    }
    publish::put_in_place(output, written)
}

fn kernel_symbols(
    options: &Options,
    remarks: &mut Remarks<'_>,
) -> Result<Option<KernelSymbols>, DepmodError> {
    match (&options.symvers, &options.system_map) {
        (Some(symvers), _) => KernelSymbols::symvers(symvers).map(Some),
        (None, Some(map)) => {
            KernelSymbols::system_map(map, options.prefix, &mut remarks.all).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// What is still to be told.
struct Remarks<'l> {
    log: &'l Log,
    all: Vec<Remark>,
    /// How many were told.
    told: usize,
}

impl Remarks<'_> {
    fn tell(&mut self) {
        let mut shown = Vec::new();
        self.told += self.all.len();
        for remark in self.all.drain(..) {
            if let Remark::Needs { .. } = remark {
                shown.extend_from_slice(format!("{remark}\n").as_bytes());
                continue;
            }
            let level = match remark.gravity() {
                Gravity::Error => Level::Error,
                Gravity::Warning => Level::Warning,
                Gravity::Info => Level::Info,
            };
            self.log.say(level, remark);
        }
        if !shown.is_empty() {
            console::data(&shown);
        }
    }
}

fn failed(log: &Log, error: &DepmodError) {
    match error {
        DepmodError::Cycles { cycles, .. } => {
            for cycle in cycles {
                let first = cycle.first().map(String::as_str).unwrap_or_default();
                log.error(format_args!("Cycle detected: {} -> {first}", cycle.join(" -> ")));
            }
            log.error(error);
        }
        DepmodError::Search { path, source } => {
            let reason = errno_text(source);
            log.error(format_args!("could not open directory {}: {reason}", path.display()));
            log.fatal(error);
        }
        error => log.fatal(error),
    }
}
