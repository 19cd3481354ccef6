//! Drawing a sample that everyone can draw again: the same seed and list give the same sample.

/// `count` of the `items`, drawn without putting back (Fisher–Yates on a SplitMix64 sequence), in
/// the order of the list.
pub fn sample<T: Clone>(items: &[T], count: usize, seed: u64) -> Vec<T> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    let mut state = seed;
    for i in (1..order.len()).rev() {
        let j = (next(&mut state) % (i as u64 + 1)) as usize;
        order.swap(i, j);
    }
    order.truncate(count);
    order.sort_unstable();
    order.into_iter().filter_map(|i| items.get(i).cloned()).collect()
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let items: Vec<u32> = (0..1000).collect();
        let a = sample(&items, 20, 1);
        assert_eq!(a, sample(&items, 20, 1));
        assert_ne!(a, sample(&items, 20, 2));
        assert_eq!(a.len(), 20);
        assert!(a.windows(2).all(|w| w[0] < w[1]), "in order, none twice");
    }

    #[test]
    fn more_than_there_are_is_all() {
        assert_eq!(sample(&[1, 2, 3], 9, 5), [1, 2, 3]);
    }

    #[test]
    fn known_first_value() {
        // Reference value of SplitMix64 with seed 0.
        assert_eq!(next(&mut 0), 0xe220_a839_7b1d_cdaf);
    }
}
