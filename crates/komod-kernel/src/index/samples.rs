//! Indexes for tests, sound and damaged.

use super::Index;
use std::collections::BTreeMap;
use std::path::Path;

/// Where a node stands to its children: `Before` since depmod 34.
#[derive(Clone, Copy)]
pub enum Layout {
    Before,
    Behind,
}

/// Keys with their values, each with a priority, in the order they get in the file.
pub type Entries<'e> = BTreeMap<&'e [u8], Vec<(u32, &'e str)>>;

pub fn entries<'e>(list: &[(&'e str, u32, &'e str)]) -> Entries<'e> {
    let mut entries = Entries::new();
    for (key, priority, value) in list {
        entries.entry(key.as_bytes()).or_default().push((*priority, *value));
    }
    entries
}

/// An index of them.
pub fn index(entries: &Entries<'_>, layout: Layout) -> Index {
    Index::new(Path::new("sample.bin"), bytes(entries, layout).into()).unwrap()
}

pub fn bytes(entries: &Entries<'_>, layout: Layout) -> Vec<u8> {
    let mut out = header(0);
    let list: Vec<_> = entries.iter().map(|(key, values)| (*key, values.as_slice())).collect();
    let root = node(&mut out, &list, layout);
    out[8..12].copy_from_slice(&root.to_be_bytes());
    out
}

/// The start of a file with this reference to the root.
pub fn header(root: u32) -> Vec<u8> {
    [0xB007_F457_u32, 0x0002_0001, root].iter().flat_map(|word| word.to_be_bytes()).collect()
}

type Rest<'e> = (&'e [u8], &'e [(u32, &'e str)]);

/// Writes the node of these rests of keys and all below it; its reference.
fn node(out: &mut Vec<u8>, rests: &[Rest<'_>], layout: Layout) -> u32 {
    let prefix = common(rests);
    let rests: Vec<Rest<'_>> = rests.iter().map(|(rest, v)| (&rest[prefix.len()..], *v)).collect();
    let values = rests.iter().find(|(rest, _)| rest.is_empty()).map_or(&[][..], |(_, v)| *v);
    let mut children: BTreeMap<u8, Vec<Rest<'_>>> = BTreeMap::new();
    for (rest, values) in &rests {
        if let Some((first, rest)) = rest.split_first() {
            children.entry(*first).or_default().push((rest, values));
        }
    }
    let first = children.keys().next().copied().unwrap_or(0);
    let last = children.keys().next_back().copied().unwrap_or(0);
    let mut table = vec![0; usize::from(last - first) + 1];
    if let Layout::Behind = layout {
        for (byte, rests) in &children {
            table[usize::from(byte - first)] = node(out, rests, layout);
        }
    }
    let offset = out.len();
    let mut flags = 0;
    if !prefix.is_empty() {
        flags |= 0x8000_0000;
        out.extend_from_slice(prefix);
        out.push(0);
    }
    let mut table_at = 0;
    if !children.is_empty() {
        flags |= 0x2000_0000;
        out.extend([first, last]);
        table_at = out.len();
        out.extend(table.iter().flat_map(|word| word.to_be_bytes()));
    }
    if !values.is_empty() {
        flags |= 0x4000_0000;
        out.extend(u32::try_from(values.len()).unwrap().to_be_bytes());
        for (priority, value) in values {
            out.extend(priority.to_be_bytes());
            out.extend(value.as_bytes());
            out.push(0);
        }
    }
    if let Layout::Before = layout {
        for (byte, rests) in &children {
            let reference = node(out, rests, layout);
            let at = table_at + usize::from(byte - first) * 4;
            out[at..at + 4].copy_from_slice(&reference.to_be_bytes());
        }
    }
    flags | u32::try_from(offset).unwrap()
}

/// What all rests start with.
fn common<'e>(rests: &[Rest<'e>]) -> &'e [u8] {
    let Some(((first, _), others)) = rests.split_first() else { return &[] };
    let shared = |(rest, _): &Rest<'_>| first.iter().zip(*rest).take_while(|(a, b)| a == b).count();
    &first[..others.iter().map(shared).min().unwrap_or(first.len())]
}
