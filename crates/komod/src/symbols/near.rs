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
    let (mut words_a, mut words_b): (Vec<&str>, Vec<&str>) =
        (bare_a.split('_').collect(), bare_b.split('_').collect());
    words_a.sort_unstable();
    words_b.sort_unstable();
    if words_a == words_b {
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

/// Letters to add, take away or change, if not more than `limit`.
fn edits(a: &[u8], b: &[u8], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let changed = above[column] + usize::from(letter != other);
            line.push(changed.min(above[column + 1] + 1).min(line[column] + 1));
        }
        if line.iter().min().is_some_and(|least| *least > limit) {
            return None;
        }
        above = line;
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
