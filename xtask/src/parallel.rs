//! Doing the same to many things, a few at a time.

use komod_check::parallel;

/// Results in the order of the items, computed by as many threads as there are processors.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    parallel::each(items.len(), |number| work(&items[number]), |_| ())
}

#[cfg(test)]
mod tests {
    #[test]
    fn in_order() {
        let items: Vec<u32> = (0..100).collect();
        let expected: Vec<u32> = items.iter().map(|i| i * 2).collect();
        assert_eq!(super::map(&items, |i| i * 2), expected);
        assert!(super::map(&[] as &[u32], |i| *i).is_empty());
    }
}
