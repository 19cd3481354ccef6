//! Who needs whom: symbols → dependencies → the order in which they are listed.

use super::error::DepmodError;
use super::facts::{Facts, List};
use super::{circles, hash};
use rustc_hash::{FxBuildHasher, FxHashMap};

/// A symbol that a module exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export<'f> {
    /// Its name.
    pub name: &'f [u8],
    /// The module's place in the order.
    pub module: usize,
    /// Its checksum, with `-E`.
    pub checksum: u64,
}

/// The symbols of all modules; of several modules with the same symbol the last counts.
#[derive(Debug, Default)]
pub struct Exports<'f> {
    by_name: FxHashMap<&'f [u8], (usize, u64)>,
}

impl<'f> Exports<'f> {
    /// Gathers the exports of modules in their order.
    pub fn of(modules: &'f [Facts<'_>]) -> Exports<'f> {
        let count = modules.iter().map(|facts| facts.list(List::Exports).count()).sum();
        let mut by_name = FxHashMap::with_capacity_and_hasher(count, FxBuildHasher);
        for (module, facts) in modules.iter().enumerate() {
            for (at, name) in facts.list(List::Exports).enumerate() {
                let checksum = facts.checksums.exports.get(at).copied().unwrap_or_default();
                by_name.insert(name, (module, checksum));
            }
        }
        Exports { by_name }
    }

    /// Who has this symbol, and with which checksum. Some architectures write a dot before the
    /// names of functions; a prefix is one of all names (`-P`).
    pub fn find(&self, name: &[u8], prefix: Option<u8>) -> Option<(usize, u64)> {
        self.by_name.get(bare(name, prefix)).copied()
    }

    /// All symbols in the order of kmod's hash table.
    pub fn in_order(&self) -> Vec<Export<'f>> {
        let all = self.by_name.iter();
        let mut all: Vec<(u32, Export<'f>)> = all
            .map(|(&name, &(module, checksum))| {
                (hash::place(name, hash::SYMBOL_BUCKETS).0, Export { name, module, checksum })
            })
            .collect();
        all.sort_unstable_by_key(|(bucket, export)| (*bucket, export.name));
        all.into_iter().map(|(_, export)| export).collect()
    }
}

/// A name without what some architectures put before it.
pub fn bare(name: &[u8], prefix: Option<u8>) -> &[u8] {
    match name.split_first() {
        Some((b'.', rest)) => rest,
        Some((first, rest)) if Some(*first) == prefix => rest,
        _ => name,
    }
}

/// The dependencies of all modules, by their places in the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// What each needs directly.
    pub direct: Vec<Vec<usize>>,
    /// A number for each: users have lower ones than what they use.
    pub depth: Vec<usize>,
}

impl Dependencies {
    /// Finds them, in the order in which a module first needs another.
    pub fn of(modules: &[Facts<'_>], exports: &Exports<'_>, prefix: Option<u8>) -> Dependencies {
        let mut met = vec![usize::MAX; modules.len()];
        let direct = modules.iter().enumerate().map(|(module, facts)| {
            let mut direct = Vec::new();
            for name in facts.list(List::Needs) {
                let Some((provider, _)) = exports.find(name, prefix) else { continue };
                if let Some(met) = met.get_mut(provider)
                    && *met != module
                {
                    *met = module;
                    direct.push(provider);
                }
            }
            direct
        });
        Dependencies { direct: direct.collect(), depth: Vec::new() }
    }

    /// Gives each module its depth, and puts what it needs in that order.
    pub fn sort(&mut self, name: impl Fn(usize) -> String) -> Result<(), DepmodError> {
        let mut users = vec![0_usize; self.direct.len()];
        for &used in self.direct.iter().flatten() {
            if let Some(users) = users.get_mut(used) {
                *users += 1;
            }
        }
        let mut open: Vec<usize> =
            (0..users.len()).filter(|&module| users.get(module) == Some(&0)).collect();
        let mut depth = vec![usize::MAX; users.len()];
        let mut next = 0;
        while let Some(module) = open.pop() {
            if let Some(depth) = depth.get_mut(module) {
                *depth = next;
                next += 1;
            }
            for &used in self.direct.get(module).into_iter().flatten() {
                if let Some(users) = users.get_mut(used) {
                    *users -= 1;
                    if *users == 0 {
                        open.push(used);
                    }
                }
            }
        }
        if next < depth.len() {
            let circles = circles::find(&self.direct);
            let modules = circles.iter().map(|circle| circle.members).sum();
            let named = |circle: circles::Circle| circle.path.into_iter().map(&name).collect();
            let cycles = circles.into_iter().map(named).collect();
            return Err(DepmodError::Cycles { cycles, modules });
        }
        for direct in &mut self.direct {
            direct.sort_by_key(|used| depth.get(*used).copied());
        }
        self.depth = depth;
        Ok(())
    }

    /// A walker for [`Closure::of`].
    pub fn closure(&self) -> Closure<'_> {
        Closure { dependencies: self, met: vec![usize::MAX; self.direct.len()], all: Vec::new() }
    }
}

/// Finds all that a module needs.
pub struct Closure<'d> {
    dependencies: &'d Dependencies,
    met: Vec<usize>,
    all: Vec<usize>,
}

impl Closure<'_> {
    /// Everything the module needs, directly or not, users before what they use.
    pub fn of(&mut self, module: usize) -> &[usize] {
        self.all.clear();
        let direct = |module: usize| self.dependencies.direct.get(module).into_iter().flatten();
        let mut open: Vec<usize> = direct(module).copied().collect();
        while let Some(used) = open.pop() {
            if let Some(met) = self.met.get_mut(used)
                && *met != module
            {
                *met = module;
                self.all.push(used);
                open.extend(direct(used));
            }
        }
        let depth = &self.dependencies.depth;
        self.all.sort_unstable_by_key(|used| depth.get(*used).copied());
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depmod::facts::Gathering;

    fn module(exports: &str, needs: &str) -> Facts<'static> {
        let mut gathering = Gathering::default();
        for (list, names) in [(List::Exports, exports), (List::Needs, needs)] {
            names.split_whitespace().for_each(|name| gathering.push(name.as_bytes()));
            gathering.end(list);
        }
        gathering.facts()
    }

    fn resolve(modules: &[Facts<'_>]) -> Result<Dependencies, DepmodError> {
        let mut found = Dependencies::of(modules, &Exports::of(modules), None);
        found.sort(|module| module.to_string()).map(|()| found)
    }

    #[test]
    fn the_last_export_counts_and_users_come_first() {
        let modules = [
            module("z", "c .a"),
            module("c", "b none"),
            module("b", "a"),
            module("a a2 b2", "b3"),
            module("b2", "a2 a"),
        ];
        let found = resolve(&modules).unwrap();
        assert_eq!(found.direct, [vec![1, 3], vec![2], vec![3], vec![], vec![3]]);
        let mut closure = found.closure();
        assert_eq!(closure.of(0), [1, 2, 3]);
        assert!(closure.of(3).is_empty());
        let exports = Exports::of(&modules);
        assert_eq!(exports.find(b"b2", None), Some((4, 0)));
        assert_eq!(exports.find(b"_b2", Some(b'_')), Some((4, 0)));
    }

    #[test]
    fn circles_are_errors() {
        let itself = [module("a", "a")];
        assert!(matches!(resolve(&itself), Err(DepmodError::Cycles { modules: 1, .. })));
        let modules = [module("a", "d b"), module("d", "a"), module("b", "c"), module("c", "b")];
        let Err(DepmodError::Cycles { cycles, modules }) = resolve(&modules) else { panic!() };
        assert_eq!(modules, 4);
        assert_eq!(cycles, [["0", "1"], ["2", "3"]]);
    }
}
