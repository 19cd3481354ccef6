//! The exception table, sorted by the instruction that may fault.
//!
//! Entries hold three 32-bit values, of which the first two are distances from their own place to
//! the instruction and to its fixup (`arch/x86/include/asm/extable.h`, Linux 6.1 and 6.12). Moving
//! an entry therefore changes its numbers, not what they mean.

use crate::link::Image;
use crate::plan::Plan;
use alloc::vec::Vec;

const ENTRY: usize = 12;

/// Sorts `__ex_table`; does nothing if entries have another size on this kernel.
pub(crate) fn sort(plan: &Plan<'_>, image: &mut Image) {
    let index = plan.view.find("__ex_table");
    let known = plan.facts.layout.object("exception_table_entry") as usize == ENTRY;
    let (Some(place), true) = (plan.place(index), known && index != 0) else { return };
    let size = plan.view.headers[index].size as usize;
    let Some(table) = image
        .regions
        .get_mut(place.region)
        .and_then(|region| region.bytes.get_mut(place.offset as usize..)?.get_mut(..size))
    else {
        return;
    };
    sort_entries(table);
}

fn sort_entries(table: &mut [u8]) {
    let word = |entry: &[u8], at: usize| {
        entry[at..].first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
    };
    // Absolute positions inside the table's own frame, so that entries can move.
    let mut entries: Vec<(i64, i64, i32)> = table
        .chunks_exact(ENTRY)
        .enumerate()
        .map(|(index, entry)| {
            let place = (index * ENTRY) as i64;
            let target = |at: usize| place + at as i64 + i64::from(word(entry, at));
            (target(0), target(4), word(entry, 8))
        })
        .collect();
    if entries.is_sorted_by_key(|entry| entry.0) {
        return;
    }
    entries.sort_by_key(|entry| entry.0);
    for (index, (entry, values)) in table.chunks_exact_mut(ENTRY).zip(&entries).enumerate() {
        let place = (index * ENTRY) as i64;
        entry[..4].copy_from_slice(&((values.0 - place) as i32).to_le_bytes());
        entry[4..8].copy_from_slice(&((values.1 - place - 4) as i32).to_le_bytes());
        entry[8..].copy_from_slice(&values.2.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_targets() {
        // Entry 0 points at 1000 and 2000, entry 1 at 500 and 3000.
        let raw = [1000, 2000 - 4, 7, 500 - 12, 3000 - 16, 8];
        let mut table: Vec<u8> = raw.iter().flat_map(|word: &i32| word.to_le_bytes()).collect();
        sort_entries(&mut table);
        let sorted = [500, 3000 - 4, 8, 1000 - 12, 2000 - 16, 7];
        let wanted: Vec<u8> = sorted.iter().flat_map(|word: &i32| word.to_le_bytes()).collect();
        assert_eq!(table, wanted);
    }
}
