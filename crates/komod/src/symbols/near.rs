//! Names like another: what somebody may have meant.

/// The names most like `wanted`, the nearest first.
pub fn nearest<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let near = names.filter_map(|name| Some((distance(wanted, name)?, name)));
    let mut near: Vec<(usize, &str)> = near.collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(most).map(|(_, name)| name).collect()
}

/// How far apart two names are; `None` if they have nothing to do with each other.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (bare_a, bare_b) = (a.trim_matches('_'), b.trim_matches('_'));
    if bare_a.is_empty() || bare_b.is_empty() {
        return None;
    }
    if bare_a == bare_b {
        return Some(0);
    }
    // Most names are neither; this has to be quick.
    let same_length = bare_a.len() == bare_b.len();
    if same_length && sorted_words(bare_a) == sorted_words(bare_b) {
        return Some(1);
    }
    // One letter in five may differ.
    let limit = 1 + bare_a.len() / 5;
    if let Some(edits) = edits(bare_a.as_bytes(), bare_b.as_bytes(), limit) {
        return Some(1 + edits);
    }
    // A word more at an end: `kmalloc` and `kmalloc_noprof`.
    let longer = |long: &str, short: &str| {
        let rest = long.strip_prefix(short).map(|rest| rest.starts_with('_'));
        let before = long.strip_suffix(short).map(|rest| rest.ends_with('_'));
        rest == Some(true) || before == Some(true)
    };
    let long_enough = bare_a.len().min(bare_b.len()) >= 4;
    (long_enough && (longer(bare_a, bare_b) || longer(bare_b, bare_a)))
        .then(|| 2 + bare_a.len().abs_diff(bare_b.len()))
}

fn sorted_words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split('_').collect();
    words.sort_unstable();
    words
}

/// How often each letter is there; letters that share a place count as one.
fn letters(name: &[u8]) -> [i16; 32] {
    let mut counts = [0; 32];
    name.iter().for_each(|letter| counts[usize::from(letter & 31)] += 1);
    counts
}

/// Letters to add, take away or change, if not more than `limit`.
fn edits(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    // Each edit mends at most two differences in the counts.
    let differences = letters(a).into_iter().zip(letters(b)).map(|(a, b)| a.abs_diff(b));
    if usize::from(differences.sum::<u16>()) > 2 * limit {
        return None;
    }
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut line = Vec::with_capacity(above.len());
    for (row, letter) in a.iter().enumerate() {
        line.clear();
        line.push(row + 1);
        for (column, other) in b.iter().enumerate() {
            let changed = above[column] + usize::from(letter != other);
            line.push(changed.min(above[column + 1] + 1).min(line[column] + 1));
        }
        if line.iter().min().is_some_and(|least| *least > limit) {
            return None;
        }
        std::mem::swap(&mut above, &mut line);
    }
    above.last().copied().filter(|edits| *edits <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_names_come_first() {
        let names =
            ["_printk", "kmalloc_noprof", "timer_del_sync", "vprintk", "usb_register", "pintk"];
        let of = |wanted| nearest(wanted, names.into_iter(), 3);
        assert_eq!(of("printk"), ["_printk", "pintk", "vprintk"]);
        assert_eq!(of("del_timer_sync"), ["timer_del_sync"]);
        assert_eq!(of("kmalloc"), ["kmalloc_noprof"]);
        assert!(of("nothing_like_it").is_empty() && of("").is_empty() && of("___").is_empty());
    }
}
