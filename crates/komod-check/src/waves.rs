//! Modules that can be checked at the same time.

use rustc_hash::FxHashMap;

use crate::links::Links;

/// Cuts an [`order`](crate::order()) into waves. Judging all modules of a wave before any of them is
/// taken gives the verdicts that the order itself gives, one after the other.
pub fn waves(modules: &[Links], order: &[usize]) -> Vec<Vec<usize>> {
    // For a symbol, the first wave that may use its exporters, and the last that wanted it.
    let mut usable: FxHashMap<&str, usize> = FxHashMap::default();
    let mut wanted: FxHashMap<&str, usize> = FxHashMap::default();
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for &number in order {
        let Some(module) = modules.get(number) else { continue };
        let concerns = || module.imports.iter().chain(&module.exports).map(String::as_str);
        let after = concerns().filter_map(|symbol| usable.get(symbol));
        // Who came before an exporter in the order must not find its symbols.
        let not_before = module.exports.iter().filter_map(|symbol| wanted.get(symbol.as_str()));
        let wave = after.chain(not_before).copied().max().unwrap_or(0);
        for symbol in &module.exports {
            usable.insert(symbol, wave + 1);
        }
        for symbol in concerns() {
            let last = wanted.entry(symbol).or_default();
            *last = wave.max(*last);
        }
        if waves.len() <= wave {
            waves.resize_with(wave + 1, Vec::new);
        }
        if let Some(members) = waves.get_mut(wave) {
            members.push(number);
        }
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, imports: &[&str], exports: &[&str]) -> Links {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Links { name: name.into(), exports: owned(exports), imports: owned(imports) }
    }

    #[test]
    fn users_come_in_a_later_wave_than_exporters() {
        let all = [module("a", &[], &["a"]), module("b", &["a"], &["b"]), module("c", &[], &[])];
        assert_eq!(waves(&all, &[0, 1, 2]), [vec![0, 2], vec![1]]);
    }

    #[test]
    fn exporters_of_the_same_symbol_are_apart() {
        let all = [module("a", &[], &["x"]), module("b", &[], &["x"])];
        assert_eq!(waves(&all, &[0, 1]), [vec![0], vec![1]]);
    }

    #[test]
    fn an_exporter_later_in_the_order_is_not_found_too_early() {
        // 1 wants `late` of 2, but comes first; 0 puts it off to the second wave.
        let all = [
            module("a", &[], &["a"]),
            module("b", &["a", "late"], &[]),
            module("c", &[], &["late"]),
        ];
        assert_eq!(waves(&all, &[0, 1, 2]), [vec![0], vec![1, 2]]);
    }
}
