//! Plans over a made-up module directory, and removals in a made-up kernel.

use super::config::{Source, directive};
use super::insertion::{self, Action, InsertionError};
use super::lookup::Module;
use super::removal::{self, RemovalError, Remover};
use super::{Config, Directory, Manner, Modules};
use crate::host::{FakeHost, FakeModule};
use crate::index::samples::{Layout, bytes, entries};
use crate::module_file::samples::named;
use crate::scratch::Folder;
use std::ops::Deref;
use std::path::PathBuf;

/// A directory with the modules a, b (needs a), c (needs b and a) and the built-in z.
struct Sample {
    directory: Directory,
    folder: Folder,
}

impl Deref for Sample {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.directory
    }
}

fn directory() -> Sample {
    let folder = Folder::new("modprobe");
    let dependencies = [("a", 0, "a.ko:"), ("b", 1, "b.ko: a.ko"), ("c", 2, "c.ko: b.ko a.ko")];
    let aliases = [("dev:*", 2, "c"), ("dev:1", 0, "a"), ("one", 1, "b")];
    let builtin = [("z", 0, "")];
    for (file, list) in [
        ("modules.dep.bin", &dependencies[..]),
        ("modules.alias.bin", &aliases),
        ("modules.builtin.bin", &builtin),
    ] {
        folder.file(file, bytes(&entries(list), Layout::Before));
    }
    Sample { directory: Directory::new(folder.to_owned()), folder }
}

fn config(text: &str) -> Config {
    let mut config = Config::default();
    directive::read(&mut config, &Source::new(PathBuf::from("t.conf")), text.as_bytes());
    assert_eq!(config.complaints, []);
    config
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn plan(modules: Modules<'_>, name: &str) -> Result<String, InsertionError> {
    let mut shown = Vec::new();
    for module in modules.find(name.as_bytes())? {
        for step in insertion::steps(modules, &module, &insertion::Wish::default())? {
            let optional = if step.required { "" } else { "?" };
            shown.push(match step.action {
                Action::Command(command) => format!("{}{optional}", text(&command)),
                Action::Missing => format!("no {}", text(&step.module.name)),
                _ => format!("{}{optional}", text(&step.module.name)),
            });
        }
    }
    Ok(shown.join(" "))
}

#[test]
fn dependencies_come_first() {
    let directory = directory();
    let config = config("softdep b pre: z dev:1\ninstall a run\nalias two nothing");
    let planned = |manner, name| {
        plan(Modules { config: &config, directory: &directory, manner }, name).unwrap()
    };
    assert_eq!(planned(Manner::Komod, "c"), "run z? run? run b c? b c");
    assert_eq!(planned(Manner::Komod, "dev:1"), "run run z? run? b c");
    // By this name b is another module than the one that c needs.
    assert_eq!(planned(Manner::Komod, "one"), "run z? run? run b? c? b");
    assert_eq!(planned(Manner::Komod, "two"), "no nothing");
    assert_eq!(planned(Manner::Komod, "unknown"), "");
}

#[test]
fn softdeps_add_up() {
    let directory = directory();
    let config = config("softdep a pre: z\nsoftdep a post: b\ninstall a run");
    let planned =
        |manner| plan(Modules { config: &config, directory: &directory, manner }, "a").unwrap();
    assert_eq!(planned(Manner::Komod), "z? run run b?");
    assert_eq!(planned(Manner::Kmod), "z? a");
}

/// However long a chain is, and in circles.
#[test]
fn softdeps_in_a_row() {
    let directory = directory();
    let mut lines = String::from("alias end0 z\n");
    for number in 0..5000 {
        lines += &format!("install m{number} run\nsoftdep m{number} pre: m{}\n", number + 1);
    }
    lines += "softdep z pre: m0\ninstall m5000 run\nsoftdep m5000 post: z m17";
    let config = config(&lines);
    let modules = Modules { config: &config, directory: &directory, manner: Manner::Komod };
    let planned = plan(modules, "m0").unwrap();
    assert_eq!(planned.matches("run").count(), 5001);
}

#[test]
fn forbidden_modules_stay_out() {
    let directory = directory();
    let config = config("forbid b\nsoftdep a post: one\nsoftdep a pre: z");
    let modules = Modules { config: &config, directory: &directory, manner: Manner::Komod };
    assert_eq!(plan(modules, "a").unwrap(), "z? a");
    let refused = |name| plan(modules, name).unwrap_err().to_string();
    assert_eq!(refused("one"), "forbidden by t.conf line 1");
    assert_eq!(refused("c"), "it depends on 'b', which is forbidden by t.conf line 1");
    let allowed = self::config("allow-only a b");
    let modules = Modules { config: &allowed, ..modules };
    assert_eq!(plan(modules, "b").unwrap(), "a b");
    let refused = plan(modules, "c").unwrap_err().to_string();
    assert_eq!(refused, "not in the list of allowed modules (t.conf line 1)");
}

/// A file that has another name than its module is forbidden by either.
#[test]
fn forbidden_under_another_name() {
    let directory = directory();
    directory.folder.file("a.ko", named("evil-one"));
    let config = config("forbid evil*");
    let modules = Modules { config: &config, directory: &directory, manner: Manner::Komod };
    let refused = |name| plan(modules, name).unwrap_err().to_string();
    assert_eq!(refused("a"), "forbidden by t.conf line 1");
    assert_eq!(refused("c"), "it depends on 'a', which is forbidden by t.conf line 1");
    // Also where kmod's decisions are wanted.
    assert!(plan(Modules { manner: Manner::Kmod, ..modules }, "c").is_err());
    let allowed = self::config("allow-only evil_one b");
    let modules = Modules { config: &allowed, ..modules };
    assert_eq!(
        plan(modules, "b").unwrap_err().to_string(),
        "it depends on 'a', which is not in the list of allowed modules (t.conf line 1)"
    );
}

/// Notes what it is told, and lets the rest go on.
#[derive(Default)]
struct Notes(Vec<String>);

impl Remover for Notes {
    type Error = RemovalError;

    fn command(&mut self, _: &Module, command: &[u8]) -> Result<(), RemovalError> {
        self.0.push(text(command));
        Ok(())
    }

    fn remove(&mut self, module: &Module) -> Result<(), RemovalError> {
        self.0.push(format!("-{}", text(&module.name)));
        Ok(())
    }

    fn stays(&mut self, error: RemovalError) -> Result<(), RemovalError> {
        self.0.push(error.to_string());
        Ok(())
    }
}

fn removal(host: &FakeHost, config: &str, wish: removal::Wish) -> String {
    let directory = directory();
    let config = self::config(config);
    let modules = Modules { config: &config, directory: &directory, manner: Manner::Komod };
    let mut notes = Notes::default();
    let target = modules.find(b"b").unwrap().remove(0);
    if let Err(error) = removal::remove(modules, host, target, wish, &mut notes) {
        notes.0.push(format!("stopped: {error}"));
    }
    notes.0.join(", ")
}

fn loaded(list: &[(&str, i64, &[&str])]) -> FakeHost {
    let host = FakeHost::default();
    for (name, uses, holders) in list {
        let holders = holders.iter().map(|holder| (*holder).to_owned()).collect();
        let module = FakeModule { uses: *uses, holders, ..FakeModule::default() };
        host.modules.borrow_mut().push(((*name).to_owned(), module));
    }
    host
}

#[test]
fn removal_goes_the_other_way() {
    let usual = removal::Wish::default();
    let host = loaded(&[("a", 0, &[]), ("b", 0, &[]), ("c", 0, &[])]);
    assert_eq!(removal(&host, "", usual), "-b, -a");
    assert_eq!(removal(&host, "softdep b pre: a post: c z", usual), "-c, -a, -b, -b, -a, -a");
    assert_eq!(removal(&host, "remove b run", usual), "run");
    let nothing = FakeHost::default();
    assert_eq!(removal(&nothing, "", usual), "");
    let first = removal::Wish { first_time: true, ..usual };
    assert_eq!(removal(&nothing, "", first), "stopped: Module b is not in kernel.");
    let show = removal::Wish { only_show: true, ..usual };
    assert_eq!(removal(&nothing, "softdep b post: z", show), "-z, -b");
}

#[test]
fn modules_in_use_stay() {
    let usual = removal::Wish::default();
    let host = loaded(&[("a", 1, &["b"]), ("b", 1, &["c"]), ("c", 0, &[])]);
    assert_eq!(removal(&host, "", usual), "stopped: Module b is in use.");
    let waiting = removal::Wish { in_use: true, ..usual };
    assert_eq!(removal(&host, "", waiting), "-b");
    let holders = removal::Wish { holders: true, ..usual };
    assert_eq!(removal(&host, "", holders), "-c, stopped: Module b is in use.");
    assert_eq!(removal(&host, "softdep b pre: c post: a", waiting), "-a, -b, -c");
    let post = "softdep c post: a";
    let host = loaded(&[("a", 1, &[]), ("b", 0, &[]), ("c", 0, &[])]);
    assert_eq!(
        removal(&host, &format!("{post}\nsoftdep b pre: c"), usual),
        "-b, Module a is in use., -c, -b"
    );
}

/// Soft dependencies in circles, and ones that double with each step.
#[test]
fn removal_ends() {
    let show = removal::Wish { only_show: true, ..removal::Wish::default() };
    let host = FakeHost::default();
    assert_eq!(removal(&host, "softdep b pre: a\nsoftdep a pre: b", show), "-b, -a, -b");
    let mut lines = String::from("softdep b pre: n0\ninstall n40 x\n");
    for number in 0..40 {
        let next = number + 1;
        lines += &format!("softdep n{number} pre: n{next} n{next}\ninstall n{number} x\n");
    }
    let ended = removal(&host, &lines, show);
    assert!(ended.ends_with("stopped: Module b needs more than 100000 steps to be removed"));
}
