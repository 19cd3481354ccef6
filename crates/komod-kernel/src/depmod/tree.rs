//! A kernel's modules, found, ordered, read and resolved: what the indexes are made of.

use super::ahead;
use super::cache::{self, Cache, Outcome};
use super::config::Config;
use super::error::DepmodError;
use super::facts::Facts;
use super::read::{self, How};
use super::remark::Remark;
use super::resolve::{Dependencies, Export, Exports};
use super::stamp::Stamp;
use super::survey::Survey;
use super::walk::{self, ModuleFile};
use super::{lists, order};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// More modules have no numbers (kmod's limit).
const MAX_MODULES: usize = 65_534;

/// What to look at.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// The kernel's folder of modules.
    pub directory: &'r Path,
    /// Only these files instead of all in the folder.
    pub files: &'r [PathBuf],
    /// What `depmod.d` says.
    pub config: &'r Config,
    /// How to read the files.
    pub how: How,
    /// The character before all symbols (`-P`).
    pub prefix: Option<u8>,
}

/// The modules of a kernel that were found and read, in their order.
#[derive(Debug)]
pub struct Modules<'c> {
    /// Their files.
    pub files: Vec<ModuleFile>,
    /// What the files say; nothing for those that could not be read.
    pub facts: Vec<Facts<'c>>,
    /// How the files looked that could be read.
    stamps: Vec<Option<Stamp>>,
}

impl Request<'_> {
    /// Finds the modules' files; `each` may get them as they are found.
    pub fn search(
        &self,
        each: ahead::Found<'_>,
        remarks: &mut Vec<Remark>,
    ) -> Result<Vec<ModuleFile>, DepmodError> {
        let Request { directory, files, config, .. } = self;
        let mut files = match files {
            [] => walk::walk(directory, config, each, remarks)?,
            files => walk::of_files(directory, files)?,
        };
        if files.len() > MAX_MODULES {
            let found = files.len();
            return Err(DepmodError::TooManyModules { found, limit: MAX_MODULES });
        }
        let list = lists::read(directory, order::MODULES_ORDER, remarks);
        order::arrange(&mut files, list.as_deref(), directory, remarks);
        Ok(files)
    }
}

impl<'c> Modules<'c> {
    /// Finds and reads them.
    pub fn find(
        request: &Request<'_>,
        cache: &'c Cache,
        remarks: &mut Vec<Remark>,
    ) -> Result<Modules<'c>, DepmodError> {
        let Request { directory, how, .. } = request;
        let (files, survey) =
            Survey::during(cache, directory, *how, |each| request.search(each, remarks));
        Ok(Modules::read(files?, &survey, *how, remarks))
    }

    /// Reads the modules of these files, but for what is known.
    pub fn read(
        files: Vec<ModuleFile>,
        known: &Survey<'c>,
        how: How,
        remarks: &mut Vec<Remark>,
    ) -> Modules<'c> {
        let read = read::read_all(&files, known, how);
        let read = files.iter().zip(read).map(|(file, outcome)| match outcome {
            Ok((facts, stamp)) => (facts, Some(stamp)),
            Err(error) => {
                remarks.push(Remark::bad_module(file.path(), &error));
                (Facts::default(), None)
            }
        });
        let (facts, stamps) = read.unzip();
        Modules { files, facts, stamps }
    }

    /// The bytes of a cache of these modules, read at this time or later, and what came out.
    pub fn cache(&self, read: SystemTime, outcome: &Outcome) -> Vec<u8> {
        let all = self.files.iter().zip(&self.stamps).zip(&self.facts);
        let read_ones = all.filter_map(|((file, stamp), facts)| Some((file, (*stamp)?, facts)));
        cache::bytes(read_ones, read, outcome)
    }

    /// The modules in their order, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &ModuleFile, &Facts<'c>)> {
        (0..).zip(&self.files).zip(&self.facts).map(|((at, file), f)| (at, file, f))
    }

    /// The names of a module for people.
    pub fn name(&self, module: usize) -> String {
        let name = self.files.get(module).map(|file| file.name.as_slice()).unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }
}

/// Modules with their exports and dependencies.
#[derive(Debug)]
pub struct Tree<'m> {
    /// The modules.
    pub modules: &'m Modules<'m>,
    /// Their symbols by name.
    pub exports: Exports<'m>,
    /// Their symbols in the order of the indexes.
    pub symbols: Vec<Export<'m>>,
    /// Who needs whom.
    pub dependencies: Dependencies,
}

impl<'m> Tree<'m> {
    /// Resolves.
    pub fn resolve(modules: &'m Modules<'m>, prefix: Option<u8>) -> Result<Tree<'m>, DepmodError> {
        let exports = Exports::of(&modules.facts);
        let mut dependencies = Dependencies::of(&modules.facts, &exports, prefix);
        dependencies.sort(|module| modules.name(module))?;
        let symbols = exports.in_order();
        Ok(Tree { modules, exports, symbols, dependencies })
    }

    /// See [`Modules::iter`].
    pub fn iter(&self) -> impl Iterator<Item = (u32, &'m ModuleFile, &'m Facts<'m>)> {
        self.modules.iter()
    }
}
