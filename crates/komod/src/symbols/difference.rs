//! What differs between the exports of two kernels.

use super::exported::Exported;
use super::renamed::Renamed;
use serde::Serialize;
use std::collections::BTreeMap;

/// A symbol that is not the same in both.
#[derive(Debug, PartialEq, Serialize)]
pub struct Change<'a> {
    pub name: &'a str,
    pub old: Option<Exported<'a>>,
    pub new: Option<Exported<'a>>,
    /// `gone`, `new`, `crc`, `licence`, `namespace`, `owner`.
    pub what: Vec<&'static str>,
    /// What a symbol that is gone may be called now, the likeliest first.
    pub perhaps: Vec<Renamed<'a>>,
}

impl Change<'_> {
    pub fn to_text(&self) -> String {
        let perhaps = match self.perhaps.first() {
            Some(likeliest) => format!(", perhaps {}", likeliest.name),
            None => String::new(),
        };
        format!("{}: {}{perhaps}", self.name, self.what.join(", "))
    }
}

/// By name.
pub fn difference<'a>(
    old: &BTreeMap<&'a str, Exported<'a>>,
    new: &BTreeMap<&'a str, Exported<'a>>,
) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'a>> = Vec::new();
    let perhaps = Vec::new;
    for (&name, &was) in old {
        let now = new.get(name).copied();
        let what = match &now {
            None => vec!["gone"],
            Some(now) => changed(&was, now),
        };
        if !what.is_empty() {
            changes.push(Change { name, old: Some(was), new: now, what, perhaps: perhaps() });
        }
    }
    for (&name, &now) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        let what = vec!["new"];
        changes.push(Change { name, old: None, new: Some(now), what, perhaps: perhaps() });
    }
    changes.sort_by_key(|change| change.name);
    changes
}

fn changed(was: &Exported<'_>, now: &Exported<'_>) -> Vec<&'static str> {
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
        let export = |owner, gpl, crc| Exported { owner, gpl, namespace: None, crc: Some(crc) };
        let (a, b) = (export("vmlinux", false, 1), export("lib/x", true, 2));
        let old = BTreeMap::from([("gone", a), ("same", a), ("moved", a)]);
        let new = BTreeMap::from([("new", a), ("same", a), ("moved", b)]);
        let told: Vec<String> = difference(&old, &new).iter().map(Change::to_text).collect();
        assert_eq!(told, ["gone: gone", "moved: crc, licence, owner", "new: new"]);
    }
}
