//! What differs between the exports of two kernels.

use super::exported::Exported;
use serde::Serialize;
use std::collections::BTreeMap;

/// A symbol that is not the same in both.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change<'a> {
    pub name: &'a str,
    pub old: Option<&'a Exported>,
    pub new: Option<&'a Exported>,
    /// `gone`, `new`, `crc`, `licence`, `namespace`, `owner`.
    pub what: Vec<&'static str>,
}

impl Change<'_> {
    pub fn to_text(&self) -> String {
        format!("{}: {}", self.name, self.what.join(", "))
    }
}

/// By name.
pub fn difference<'a>(
    old: &'a BTreeMap<String, Exported>,
    new: &'a BTreeMap<String, Exported>,
) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    for (name, was) in old {
        let now = new.get(name);
        let what = match now {
            None => vec!["gone"],
            Some(now) => changed(was, now),
        };
        if !what.is_empty() {
            changes.push(Change { name, old: Some(was), new: now, what });
        }
    }
    for (name, now) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        changes.push(Change { name, old: None, new: Some(now), what: vec!["new"] });
    }
    changes.sort_by_key(|change| change.name);
    changes
}

fn changed(was: &Exported, now: &Exported) -> Vec<&'static str> {
    let facts = [
        ("crc", was.crc != now.crc),
        ("licence", was.gpl != now.gpl),
        ("namespace", was.namespace != now.namespace),
        ("owner", was.owner != now.owner),
    ];
    facts.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_change_is_told() {
        let export = |owner: &str, gpl, crc| Exported {
            owner: owner.into(),
            gpl,
            namespace: None,
            crc: Some(crc),
        };
        let kernel = |list: &[(&str, Exported)]| -> BTreeMap<String, Exported> {
            list.iter().map(|(name, export)| ((*name).to_owned(), export.clone())).collect()
        };
        let (a, b) = (export("vmlinux", false, 1), export("lib/x", true, 2));
        let old = kernel(&[("gone", a.clone()), ("same", a.clone()), ("moved", a.clone())]);
        let new = kernel(&[("new", a.clone()), ("same", a), ("moved", b)]);
        let told: Vec<String> = difference(&old, &new).iter().map(Change::to_text).collect();
        assert_eq!(told, ["gone: gone", "moved: crc, licence, owner", "new: new"]);
    }
}
