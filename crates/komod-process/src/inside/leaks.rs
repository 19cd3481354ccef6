//! Who allocated what is still there after a module has gone.

use super::natives::{memory, percpu};
use super::single::Single;
use super::{machine, region};
use crate::protocol::{Leak, Location};
use std::collections::HashMap;

/// The allocation sequence number at which each module's load began, and where its text lies.
#[derive(Default)]
struct Marks {
    began: HashMap<String, u64>,
    texts: HashMap<String, Vec<(u64, u64)>>,
    /// Return addresses in words, noted while the module was there.
    names: HashMap<u64, Location>,
}

static MARKS: Single<Marks> = Single::new();

pub fn setup() {
    MARKS.set(Marks::default());
}

/// A load of this module starts now.
pub fn begin(name: &str) {
    let seq = memory::heap(|h| h.seq());
    MARKS.with(|m| {
        m.began.insert(name.to_string(), seq);
        m.texts.remove(name);
    });
}

/// The module's text ranges, once it has been placed.
pub fn note_text(name: &str, start: u64, end: u64) {
    MARKS.with(|m| {
        m.texts.entry(name.to_string()).or_default().push((start, end));
        m.names.retain(|address, _| !(start..end).contains(address));
    });
}

/// Before the module goes: puts its allocation sites in words while its symbols are there.
pub fn note_names(name: &str) {
    for record in live(name) {
        let location = machine::locate(record.1);
        // Sites in init were named when it had just ended; they have no names now.
        MARKS.with(|m| {
            m.names.entry(record.1).or_insert(location);
        });
    }
}

/// Live allocations by code of this module: (address, caller, size, what).
fn live(name: &str) -> Vec<(u64, u64, u64, String)> {
    let (since, texts) = MARKS.with(|m| {
        (m.began.get(name).copied().unwrap_or(0), m.texts.get(name).cloned().unwrap_or_default())
    });
    let mine = |caller: u64| {
        region::is_module_address(caller) && texts.iter().any(|(a, b)| (*a..*b).contains(&caller))
    };
    let records = memory::heap(|h| h.live_since(since, mine));
    let mut all: Vec<_> =
        records.iter().map(|r| (r.address, r.caller, r.size, memory::kind_name(r))).collect();
    let percpu = percpu::live(mine);
    all.extend(percpu.into_iter().map(|(at, size, by)| (at, by, size, "percpu".to_string())));
    all
}

/// The report for a module that has been unloaded.
pub fn of(name: &str) -> Vec<Leak> {
    let leak = |(address, caller, size, what): (u64, u64, u64, String)| {
        let known = MARKS.with(|m| m.names.get(&caller).cloned());
        let caller = known.unwrap_or(Location { address: caller, ..Location::default() });
        Leak { address, size, what, caller }
    };
    live(name).into_iter().map(leak).collect()
}
