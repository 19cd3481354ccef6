//! The strings of `.modinfo`, by key: which values only one side has.

use super::difference::{Aspect, Difference, Level, Value};
use super::side::Side;
use crate::Text;
use crate::modinfo::ModInfo;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

pub(super) const SECTION: &str = ".modinfo";

pub(super) fn compare(a: &Side<'_>, b: &Side<'_>, found: &mut Vec<Difference>) {
    let (Some(sa), Some(sb)) = (a.by_name(SECTION), b.by_name(SECTION)) else { return };
    if sa.data() == sb.data() {
        return;
    }
    let (mut a, mut b) = (values(sa.data()), values(sb.data()));
    let keys: Vec<Text<'_>> =
        a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).copied().collect();
    for key in keys {
        let only_a = a.remove(&key).unwrap_or_default();
        let only_b = b.remove(&key).unwrap_or_default();
        let (only_a, only_b) = without_common(only_a, only_b);
        let count = only_a.len().max(only_b.len());
        for index in 0..count {
            let value = |list: &[Text<'_>]| list.get(index).map_or(Value::Absent, Value::text);
            let difference =
                Difference::new(Aspect::Modinfo, Level::Different, value(&only_a), value(&only_b));
            found.push(difference.section(SECTION).symbol(key));
        }
    }
}

/// Values by key, in file order. A string without `=` is its own key.
fn values(data: &[u8]) -> BTreeMap<Text<'_>, Vec<Text<'_>>> {
    let mut map: BTreeMap<Text<'_>, Vec<Text<'_>>> = BTreeMap::new();
    for string in ModInfo::new(data).strings() {
        let bytes = string.as_bytes();
        let equals = bytes.iter().position(|&byte| byte == b'=').unwrap_or(bytes.len());
        let (key, value) = bytes.split_at(equals);
        let value = value.strip_prefix(b"=").unwrap_or(value);
        map.entry(Text::new(key)).or_default().push(Text::new(value));
    }
    map
}

/// Takes away what both lists have, as often as both have it; the order stays.
pub(super) fn without_common<T: Ord + Copy>(a: Vec<T>, b: Vec<T>) -> (Vec<T>, Vec<T>) {
    let mut count: BTreeMap<T, i64> = BTreeMap::new();
    b.iter().for_each(|&item| *count.entry(item).or_default() += 1);
    let mut common: BTreeMap<T, i64> = BTreeMap::new();
    let only_a = a
        .into_iter()
        .filter(|item| match count.get_mut(item) {
            Some(left) if *left > 0 => {
                *left -= 1;
                *common.entry(*item).or_default() += 1;
                false
            }
            _ => true,
        })
        .collect();
    let only_b = b
        .into_iter()
        .filter(|item| match common.get_mut(item) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        })
        .collect();
    (only_a, only_b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn common_values_go_away_as_often_as_both_have_them() {
        let (a, b) = without_common(vec![1, 2, 2, 3], vec![2, 4, 1]);
        assert_eq!((a, b), (vec![2, 3], vec![4]));
    }
}
