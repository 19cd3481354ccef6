//! Is a product what its commands would make now?

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use super::lock;
use crate::action::{Action, Kind};
use crate::digest;
use crate::stamp::Stamp;
use crate::state::{Record, Seen};

/// Stamps of files, each looked up once.
#[derive(Default)]
pub struct Files(Mutex<HashMap<PathBuf, Stamp>>);

impl Files {
    /// The stamp of a file.
    pub fn stamp(&self, path: &Path) -> Stamp {
        if let Some(stamp) = lock(&self.0).get(path) {
            return *stamp;
        }
        let stamp = Stamp::of(path);
        lock(&self.0).insert(path.to_owned(), stamp);
        stamp
    }

    /// The file has been written.
    pub fn forget(&self, path: &Path) {
        lock(&self.0).remove(path);
    }
}

/// The record with today's stamps, if the product is up to date.
pub fn refreshed(mut record: Record, commands: &str, files: &Files) -> Option<Record> {
    if record.commands != commands {
        return None;
    }
    for seen in &mut record.seen {
        let now = files.stamp(&seen.path);
        if seen.stamp == Some(now) {
            continue;
        }
        // Touched, or written again with the same text.
        if now == Stamp::ABSENT || seen.content.is_none() || content(&seen.path) != seen.content {
            return None;
        }
        seen.stamp = (!now.is_fresh(SystemTime::now())).then_some(now);
    }
    Some(record)
}

/// A file's content, as a name.
pub fn content(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|bytes| digest::of([bytes]))
}

/// The name of an action's commands.
pub fn commands(action: &Action) -> String {
    let steps = action.steps.iter().flat_map(|step| [step.name.clone(), step.command.clone()]);
    let inputs = action.inputs.iter().map(|input| input.to_string_lossy().into_owned());
    digest::of(steps.chain(inputs))
}

/// What an action used, with `before`, the stamps (and contents) from before it ran, for files that
/// were known then, and `start`, when that was.
pub fn seen(
    paths: impl IntoIterator<Item = PathBuf>,
    before: &HashMap<PathBuf, Seen>,
    start: SystemTime,
    folder: &Path,
) -> Vec<Seen> {
    let mut list = Vec::new();
    let mut known = BTreeSet::new();
    for path in paths {
        if !known.insert(path.clone()) {
            continue;
        }
        if let Some(before) = before.get(&path) {
            list.push(before.clone());
            continue;
        }
        let stamp = Stamp::of(&path);
        if stamp.is_fresh(start) {
            // Changed while it was read: which text was read is not known.
            list.push(Seen { path, stamp: None, content: None });
            continue;
        }
        let content = path.starts_with(folder).then(|| content(&path)).flatten();
        list.push(Seen { path, stamp: Some(stamp), content });
    }
    list
}

/// A file as it is now, before it is used.
pub fn before(path: &Path) -> Seen {
    let stamp = Stamp::of(path);
    let content = content(path);
    let stamp = (!stamp.is_fresh(SystemTime::now())).then_some(stamp);
    Seen { path: path.to_owned(), stamp, content }
}

/// The project's own sources and headers that its objects were compiled from: modpost reads them
/// again.
pub fn sources(
    actions: &[Action],
    records: &BTreeMap<PathBuf, Record>,
    folder: &Path,
) -> Vec<Seen> {
    let compiled = actions.iter().filter(|action| action.kind == Kind::Compile);
    let mut found = BTreeMap::new();
    for (action, record) in
        compiled.filter_map(|action| Some((action, records.get(&action.target)?)))
    {
        for seen in &record.seen {
            let product = seen.path == action.target || action.also.contains(&seen.path);
            if seen.path.starts_with(folder) && !product {
                found.insert(seen.path.clone(), seen.clone());
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn touched_files_are_compared_by_content() {
        let dir = std::env::temp_dir().join(format!("komod-fresh-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("x.c");
        fs::write(&path, "1").unwrap();
        let later = SystemTime::now() + Duration::from_secs(1);
        let record = |seen| Record { commands: "c".into(), seen };
        let list = seen([path.clone()], &HashMap::new(), later, &dir);
        assert!(list.first().unwrap().stamp.is_some());
        let check = |list: &[Seen]| refreshed(record(list.to_vec()), "c", &Files::default());
        assert!(check(&list).is_some());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "1").unwrap();
        assert!(check(&list).is_some(), "another inode, the same text");
        fs::write(&path, "2").unwrap();
        assert!(check(&list).is_none());
        assert!(refreshed(record(list), "d", &Files::default()).is_none());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn files_changed_while_they_were_read_are_out_of_date() {
        let path = std::env::temp_dir().join(format!("komod-fresh-{}.h", std::process::id()));
        let start = SystemTime::now();
        fs::write(&path, "1").unwrap();
        let list = seen([path.clone()], &HashMap::new(), start, Path::new("/"));
        let record = Record { commands: "c".into(), seen: list };
        assert!(refreshed(record, "c", &Files::default()).is_none());
        fs::remove_file(path).unwrap();
    }
}
