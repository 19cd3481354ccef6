//! From a name or an alias to modules.

use super::directory::{Directory, File};
use super::{Config, Manner};
use crate::fnmatch::fnmatch;
use crate::index::{Index, IndexError};
use crate::modprobe::config::{Refusal, Rule};
use crate::name::{self, normalized};

/// A module as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    pub name: Vec<u8>,
    /// The alias that led to it: the pattern of the configuration's line, or else what was asked.
    pub alias: Option<Vec<u8>>,
    /// `None` if it is built in, or there is no such file.
    pub file: Option<File>,
    pub builtin: bool,
}

/// A module's name, and the alias that led to it: modules found by different aliases are treated on
/// their own.
pub type Key = (Vec<u8>, Option<Vec<u8>>);

impl Module {
    /// What tells it from others.
    pub fn key(&self) -> Key {
        (self.name.clone(), self.alias.clone())
    }

    fn is_called(&self, name: &[u8]) -> bool {
        self.name == name || self.alias.as_deref() == Some(name)
    }
}

/// The modules of a directory, under a configuration.
#[derive(Debug, Clone, Copy)]
pub struct Modules<'m> {
    pub config: &'m Config,
    pub directory: &'m Directory,
    pub manner: Manner,
}

impl Modules<'_> {
    /// All modules that a name stands for; none if it is unknown. The first of these that has an
    /// answer gives it: aliases of the configuration, modules, symbols, commands of the
    /// configuration, aliases of modules, modules that are built in, and their aliases.
    pub fn find(&self, asked: &[u8]) -> Result<Vec<Module>, IndexError> {
        let Ok(name) = normalized(asked) else { return Ok(Vec::new()) };
        let name = name.into_owned();
        let aliases = self.config.aliases.iter();
        let mut found = Vec::new();
        for alias in aliases.filter(|alias| fnmatch(&alias.pattern, &name)) {
            found.push(self.module(&alias.module, Some(&alias.pattern))?);
        }
        if !found.is_empty() {
            return Ok(found);
        }
        if let Some(file) = self.directory.file(&name)? {
            return Ok(vec![Module { name, alias: None, file: Some(file), builtin: false }]);
        }
        if name.starts_with(b"symbol:") {
            found = self.matching(self.directory.symbols()?, &name)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let rules = self.config.installs.iter().chain(&self.config.removes);
        if rules.into_iter().any(|rule| rule.module == name) {
            return Ok(vec![self.module(&name, None)?]);
        }
        found = self.matching(self.directory.aliases()?, &name)?;
        if !found.is_empty() {
            return Ok(found);
        }
        if self.directory.is_builtin(&name)? {
            return Ok(vec![Module { name, alias: None, file: None, builtin: true }]);
        }
        self.matching(self.directory.builtin_aliases()?, &name)
    }

    fn matching(&self, index: Option<&Index>, name: &[u8]) -> Result<Vec<Module>, IndexError> {
        let Some(index) = index else { return Ok(Vec::new()) };
        let values = index.matching(name)?;
        values.into_iter().map(|value| self.module(value.text, Some(name))).collect()
    }

    /// A module by its name.
    pub fn module(&self, name: &[u8], alias: Option<&[u8]>) -> Result<Module, IndexError> {
        let file = self.directory.file(name)?;
        let builtin = file.is_none() && self.directory.is_builtin(name)?;
        Ok(Module { name: name.to_vec(), alias: alias.map(<[u8]>::to_vec), file, builtin })
    }

    /// Its options from the configuration.
    pub fn options(&self, module: &Module) -> Vec<u8> {
        let rules = self.config.options.iter().filter(|rule| module.is_called(&rule.module));
        let texts: Vec<&[u8]> = rules.map(|rule| rule.text.as_slice()).collect();
        texts.join(&b' ')
    }

    /// The command that is run instead of inserting it.
    pub fn install_command(&self, module: &Module) -> Result<Option<&[u8]>, IndexError> {
        let command = first(&self.config.installs, module);
        if command.is_some() && self.manner == Manner::Kmod && self.has_softdeps(module)? {
            return Ok(None);
        }
        Ok(command)
    }

    /// The command that is run instead of removing it.
    pub fn remove_command(&self, module: &Module) -> Option<&[u8]> {
        first(&self.config.removes, module)
    }

    /// Why it must not be inserted, if so: by its name, or those in its file.
    pub fn refusal(&self, module: &Module) -> Option<Refusal> {
        let by_file = |file: &File| self.config.refusal_of_file(name::as_path(&file.path));
        self.config.refusal(&module.name).or_else(|| module.file.as_ref().and_then(by_file))
    }

    /// Are there soft dependencies that stand for any module?
    fn has_softdeps(&self, module: &Module) -> Result<bool, IndexError> {
        let (pre, post) = self.softdeps(module);
        for name in pre.into_iter().chain(post) {
            if !self.find(name)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names of the modules to insert before and after it.
    pub fn softdeps(&self, module: &Module) -> (Vec<&[u8]>, Vec<&[u8]>) {
        let (mut pre, mut post) = (Vec::new(), Vec::new());
        for softdep in &self.config.softdeps {
            if fnmatch(&softdep.module, &module.name) {
                pre.extend(softdep.pre.iter().map(Vec::as_slice));
                post.extend(softdep.post.iter().map(Vec::as_slice));
                if self.manner == Manner::Kmod {
                    break;
                }
            }
        }
        (pre, post)
    }
}

fn first<'r>(rules: &'r [Rule], module: &Module) -> Option<&'r [u8]> {
    let rule = rules.iter().find(|rule| fnmatch(&rule.module, &module.name))?;
    Some(&rule.text)
}
