//! Modules and what they need of each other, as a graph.

pub mod dot;
mod layout;
pub mod svg;
pub mod tree;

use crate::symbols::index::{ModuleEntry, ModuleTable};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An edge goes from a module to one it needs. Modules are numbers into `names`.
#[derive(Debug, Default)]
pub struct Graph {
    pub names: Vec<String>,
    /// What each module needs, and the symbols it is needed for; none for a soft dependency.
    pub needs: Vec<BTreeMap<usize, Vec<String>>>,
}

impl Graph {
    /// Of modules in the order of precedence: the first that exports a symbol counts, and the
    /// first of a name.
    pub fn of(tables: &[&ModuleTable]) -> Graph {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut modules: Vec<(&ModuleTable, ModuleEntry<'_>)> = Vec::new();
        for table in tables {
            for module in table.modules() {
                numbers.entry(module.name()).or_insert_with(|| {
                    modules.push((table, module));
                    modules.len() - 1
                });
            }
        }
        let mut exporters: HashMap<&str, usize> = HashMap::new();
        for (number, (_, module)) in modules.iter().enumerate() {
            for export in module.exports() {
                exporters.entry(export.name).or_insert(number);
            }
        }
        let mut graph = Graph::default();
        for (number, (table, module)) in modules.iter().enumerate() {
            let mut needs: BTreeMap<usize, Vec<String>> = BTreeMap::new();
            for symbol in module.imports().map(|symbol| table.symbol_name(symbol)) {
                if let Some(&other) = exporters.get(symbol).filter(|o| **o != number) {
                    needs.entry(other).or_default().push(symbol.to_owned());
                }
            }
            for soft in module.soft() {
                if let Some(&other) = numbers.get(soft).filter(|o| **o != number) {
                    needs.entry(other).or_default();
                }
            }
            needs.values_mut().for_each(|symbols| symbols.sort_unstable());
            graph.names.push(module.name().to_owned());
            graph.needs.push(needs);
        }
        graph
    }

    pub fn number(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// With all edges turned round: who needs a module.
    pub fn reversed(self) -> Graph {
        let mut needs = vec![BTreeMap::new(); self.names.len()];
        for (user, needed) in self.needs.into_iter().enumerate() {
            for (other, symbols) in needed {
                needs[other].insert(user, symbols);
            }
        }
        Graph { names: self.names, needs }
    }

    /// The modules that can be reached from some, in at most so many steps.
    pub fn reachable(&self, from: &[usize], depth: usize) -> BTreeSet<usize> {
        let mut seen: BTreeSet<usize> = from.iter().copied().collect();
        let mut edge: Vec<usize> = from.to_vec();
        for _ in 0..depth {
            let next = edge.iter().flat_map(|number| self.needs[*number].keys().copied());
            edge = next.filter(|other| seen.insert(*other)).collect();
            if edge.is_empty() {
                break;
            }
        }
        seen
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// `(module, modules needed)`.
    pub fn graph(modules: &[(&str, &[&str])]) -> Graph {
        let names: Vec<String> = modules.iter().map(|(name, _)| (*name).to_owned()).collect();
        let number = |name: &&str| names.iter().position(|n| n == name).unwrap();
        let needs = modules.iter().map(|(_, needs)| {
            needs.iter().map(|name| (number(name), vec![format!("{name}_symbol")])).collect()
        });
        Graph { needs: needs.collect(), names: names.clone() }
    }

    #[test]
    fn circles_end_and_depth_counts() {
        let g = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &[])]);
        assert_eq!(g.reachable(&[0], usize::MAX), BTreeSet::from([0, 1, 2]));
        assert_eq!(g.reachable(&[0], 1), BTreeSet::from([0, 1]));
        assert_eq!(g.reversed().reachable(&[0], 1), BTreeSet::from([0, 2]));
    }
}
