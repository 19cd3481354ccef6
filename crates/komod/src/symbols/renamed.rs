//! What a symbol of one kernel may be called in another, where its name is not exported.
//!
//! Three things speak for a name: the same prototype, the same words, and stock modules that are in
//! both kernels and have put this one in the other's place. Checksums do not help: they are of the
//! declaration with its name.

use super::exported::KernelSymbols;
use super::index::ModuleTable;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// So many answers at most.
const MOST: usize = 3;
/// So many prototypes of modules are looked at for one answer: their files have to be read.
const MOST_SHAPES: usize = 12;

/// A name that may be another's successor (or, asked the other way round, what it was before).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Renamed<'a> {
    pub name: &'a str,
    pub same_prototype: bool,
    /// Stock modules of both kernels that want the one here and no longer want it there.
    pub users: usize,
    /// As many of them want this one there, and did not here.
    pub changed_over: usize,
    #[serde(skip)]
    score: f64,
}

impl Renamed<'_> {
    /// Why it may be the one.
    pub fn reasons(&self) -> String {
        let mut reasons = Vec::new();
        if self.same_prototype {
            reasons.push("same prototype".to_owned());
        }
        if self.changed_over > 0 {
            let (some, all) = (self.changed_over, self.users);
            reasons.push(format!("used by {some} of the {all} stock modules that used it"));
        }
        if reasons.is_empty() {
            reasons.push("same words".to_owned());
        }
        reasons.join(", ")
    }
}

/// A kernel, and the index of its modules.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    pub symbols: &'a KernelSymbols,
    pub modules: &'a ModuleTable,
}

/// Looks for names of `from` among those of `to`.
pub struct Renames<'a> {
    from: Side<'a>,
    to: Side<'a>,
    /// Names that only `to` exports, with their words.
    fresh: Vec<(&'a str, Vec<&'a str>)>,
    owners: HashMap<&'a str, &'a str>,
    /// The module of the same name on the other side.
    module_there: Vec<Option<usize>>,
    module_here: Vec<Option<usize>>,
    /// The number of a symbol of `to` on this side.
    symbol_here: Vec<Option<usize>>,
    /// Whether prototypes are read from module files, too.
    deep: bool,
}

impl<'a> Renames<'a> {
    /// `deep` reads files of modules for prototypes: for few questions.
    pub fn new(from: Side<'a>, to: Side<'a>, deep: bool) -> Renames<'a> {
        let here: HashSet<&str> = from.symbols.exports.names().collect();
        let exports = to.symbols.exports.names().zip(to.symbols.exports.values());
        let owners: HashMap<&str, &str> =
            exports.map(|(name, export)| (name, export.owner)).collect();
        let fresh = to.symbols.exports.names().filter(|name| !here.contains(name));
        let (module_there, module_here) = counterparts(from.modules, to.modules);
        let known: HashMap<&str, usize> = from.modules.symbols().zip(0..).collect();
        let symbol_here = to.modules.symbols().map(|name| known.get(name).copied()).collect();
        let fresh = fresh.map(|name| (name, words(name))).collect();
        Renames { from, to, fresh, owners, module_there, module_here, symbol_here, deep }
    }

    /// The likeliest first.
    pub fn of(&self, name: &str) -> Vec<Renamed<'a>> {
        let Some(export) = self.from.symbols.exports.get(name) else { return Vec::new() };
        let own_words = words(name);
        // Modules by their number here and there.
        let users: Vec<(usize, usize)> = self
            .from
            .modules
            .symbol(name)
            .into_iter()
            .flat_map(|symbol| self.from.modules.users(symbol))
            .filter_map(|here| Some((here, self.module_there[here]?)))
            .collect();
        let mut gained: BTreeMap<usize, usize> = BTreeMap::new();
        for &(here, there) in &users {
            for symbol in self.gained_by(here, there) {
                *gained.entry(symbol).or_default() += 1;
            }
        }
        let mut found: Vec<(f64, Renamed<'a>)> = Vec::new();
        for (&symbol, &changed_over) in &gained {
            let other = self.to.modules.symbol_name(symbol);
            // Those that modules export, too: an index has names of no kernel.
            let Some((&other, _)) = self.owners.get_key_value(other) else { continue };
            let all = users.len() + self.gainers(symbol) - changed_over;
            // One user alone proves little.
            let share = changed_over as f64 / all as f64;
            let share = share * changed_over as f64 / (changed_over as f64 + 0.5);
            found.push((share, self.candidate(other, users.len(), changed_over)));
        }
        let seen: HashSet<&str> = found.iter().map(|(_, renamed)| renamed.name).collect();
        let near = self
            .fresh
            .iter()
            .filter(|(other, words)| !seen.contains(other) && likeness(&own_words, words) >= ALIKE);
        found.extend(near.map(|(other, _)| (0.0, self.candidate(other, users.len(), 0))));

        for (share, renamed) in &mut found {
            renamed.score = *share + likeness(&own_words, &words(renamed.name));
        }
        found.retain(|(share, renamed)| renamed.score - share >= ALIKE || *share >= 0.3);
        found.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
        found.truncate(MOST_SHAPES);
        let shape = self.shape(self.from, name, export.owner);
        for (_, renamed) in &mut found {
            let owner = self.owners[renamed.name];
            let there = self.shape(self.to, renamed.name, owner);
            renamed.same_prototype = shape.is_some() && shape == there;
            if renamed.same_prototype {
                renamed.score += 0.6;
            }
            if owner == export.owner {
                renamed.score += 0.1;
            }
        }
        found.retain(|(share, renamed)| renamed.is_likely(*share, &own_words));
        found
            .sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score).then_with(|| a.name.cmp(b.name)));
        let best = found.first().map_or(0.0, |(_, renamed)| renamed.score);
        let found = found.into_iter().map(|(_, renamed)| renamed);
        found.filter(|renamed| renamed.score >= best * 0.7).take(MOST).collect()
    }

    fn shape(&self, side: Side<'_>, name: &str, owner: &str) -> Option<String> {
        (self.deep || owner == "vmlinux").then(|| side.symbols.shape(name, owner))?
    }

    fn candidate(&self, name: &'a str, users: usize, changed_over: usize) -> Renamed<'a> {
        Renamed { name, same_prototype: false, users, changed_over, score: 0.0 }
    }

    /// Symbols that a module wants there and not here.
    fn gained_by(&self, here: usize, there: usize) -> impl Iterator<Item = usize> {
        let module = self.from.modules.module(here);
        let had: HashSet<usize> = module.into_iter().flat_map(|m| m.imports()).collect();
        let wanted = self.to.modules.module(there).into_iter().flat_map(|m| m.imports());
        wanted.filter(move |symbol| self.symbol_here[*symbol].is_none_or(|s| !had.contains(&s)))
    }

    /// How many modules of both kernels want a symbol there and not here.
    fn gainers(&self, symbol: usize) -> usize {
        let here = self.symbol_here[symbol];
        let had: HashSet<usize> =
            here.into_iter().flat_map(|symbol| self.from.modules.users(symbol)).collect();
        let users = self.to.modules.users(symbol).filter_map(|there| self.module_here[there]);
        users.filter(|here| !had.contains(here)).count()
    }
}

/// From here on words are alike.
const ALIKE: f64 = 0.5;

impl Renamed<'_> {
    /// `share` is that of the users that changed over, among all that did or could.
    fn is_likely(&self, share: f64, own_words: &[&str]) -> bool {
        let alike = likeness(own_words, &words(self.name));
        let name = self.same_prototype && alike >= ALIKE;
        // One user alone does not make up for other words.
        let several = self.changed_over >= 2 && (alike >= 0.3 || self.same_prototype);
        let used_alike = share >= 0.4 && (several || alike >= ALIKE);
        let used = share >= 0.7 && self.changed_over >= 3;
        name || used_alike || used || alike >= 0.75
    }
}

/// The numbers on the other side of modules that both have, by name.
fn counterparts(a: &ModuleTable, b: &ModuleTable) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let numbers = |table: &'_ ModuleTable| -> HashMap<String, usize> {
        table
            .modules()
            .zip(0..)
            .map(|(module, number)| (module.name().to_owned(), number))
            .collect()
    };
    let (of_a, of_b) = (numbers(a), numbers(b));
    let there = a.modules().map(|module| of_b.get(module.name()).copied()).collect();
    let here = b.modules().map(|module| of_a.get(module.name()).copied()).collect();
    (there, here)
}

fn words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words
}

/// The share of words that both have; more if one has all of the other's. Both sorted.
fn likeness(a: &[&str], b: &[&str]) -> f64 {
    let (mut at, mut other, mut both) = (0, 0, 0);
    while at < a.len() && other < b.len() {
        match a[at].cmp(b[other]) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => other += 1,
            std::cmp::Ordering::Equal => (at, other, both) = (at + 1, other + 1, both + 1),
        }
    }
    let all = a.len() + b.len() - both;
    if all == 0 {
        return 0.0;
    }
    let share = both as f64 / all as f64;
    if both == a.len().min(b.len()) && both > 0 { share.mul_add(0.8, 0.2) } else { share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_any_order() {
        let like = |a, b| likeness(&words(a), &words(b));
        assert!((like("freeze_bdev", "bdev_freeze") - 1.0).abs() < 1e-9);
        assert!((like("__class_create", "class_create") - 1.0).abs() < 1e-9);
        assert!(
            like("devl_port_register", "devl_port_register_with_ops")
                > like("devl_port_register", "devl_params_register")
        );
        assert!((like("vmalloc", "vmalloc_noprof") - 0.6).abs() < 1e-9);
        assert!(like("kfree", "vmalloc") < 1e-9 && like("", "_") < 1e-9);
    }
}
