//! One build of a small module by kbuild, to see what it does.
//!
//! The probe has what kbuild treats differently: a module of one C file, and one of several with
//! an exported symbol and an assembly file. Its makefile prints what it finds around itself.

use std::fs;
use std::path::{Path, PathBuf};

use komod_object::elf::{Elf, SectionHeader};

use super::{Common, FLAGS, Means, Recipe, inputs, is_makes};
use crate::digest;
use crate::doubt::Doubt;
use crate::event::Deaf;
use crate::execute::{self, Plain};
use crate::kbuild::Run;
use crate::log::Log;
use crate::modpost::Dialect;
use crate::plan::{self, Plan, dry_run};
use crate::state::State;
use crate::tree::Tree;

const KBUILD: &str = "\
obj-m := komod_probe.o komod_probe_pair.o
komod_probe_pair-y := komod_probe_c.o komod_probe_s.o
ifeq ($(notdir $(firstword $(MAKEFILE_LIST))),Makefile.build)
$(shell env -0 > $(src)/environment)
$(info komod:overrides:$(MAKEOVERRIDES))
$(info komod:flags:$(MAKEFLAGS))
$(info komod:directory:$(CURDIR))
$(info komod:makefile:$(firstword $(MAKEFILE_LIST)))
endif
";

const PLAIN: &str = "\
#include <linux/init.h>
#include <linux/module.h>

static int __init komod_probe_init(void)
{
\tpr_info(\"probe\\n\");
\treturn 0;
}

static void __exit komod_probe_exit(void)
{
}

module_init(komod_probe_init);
module_exit(komod_probe_exit);
MODULE_DESCRIPTION(\"what kbuild makes of it\");
MODULE_LICENSE(\"GPL\");
";

const EXPORTING: &str = "\
#include <linux/module.h>

int komod_probe_value(int seed);

int komod_probe_value(int seed)
{
\treturn seed + 1;
}
EXPORT_SYMBOL_GPL(komod_probe_value);
MODULE_DESCRIPTION(\"what kbuild makes of two files\");
MODULE_LICENSE(\"GPL\");
";

/// Assembly for every architecture.
const ASSEMBLY: &str = "\
#include <linux/linkage.h>

\t.section .rodata
\t.long 1
";

/// Products that must come out the same.
const COMPARED: [&str; 8] = [
    "komod_probe.o",
    "komod_probe.mod.c",
    "komod_probe.ko",
    "komod_probe_pair.o",
    "komod_probe_pair.mod.o",
    "komod_probe_pair.ko",
    "Module.symvers",
    "modules.order",
];

/// Words of kbuild's that are for whoever builds for this tree.
const WARNINGS: [&str; 4] =
    ["the compiler differs", "The kernel was built by", "You are using:", "is not available"];

/// Builds the probe and draws the recipe from it.
pub fn run(
    tree: &Tree,
    variables: &[(String, String)],
    folder: &Path,
    means: &Means<'_>,
) -> Result<Recipe, Doubt> {
    let real = fs::canonicalize(folder).map_err(Doubt::io("open", folder))?;
    if let Some(character) = crate::location::bad_character(&real) {
        let where_ = real.display();
        return Err(Doubt::Probe(format!("kbuild cannot build in {where_} with {character:?}")));
    }
    let probe = real.join("probe");
    let _ = fs::remove_dir_all(&probe);
    fs::create_dir_all(&probe).map_err(Doubt::io("make", &probe))?;
    for (name, text) in [
        ("Kbuild", KBUILD),
        ("komod_probe.c", PLAIN),
        ("komod_probe_c.c", EXPORTING),
        ("komod_probe_s.S", ASSEMBLY),
    ] {
        let path = probe.join(name);
        fs::write(&path, text).map_err(Doubt::io("write", path))?;
    }
    let mut all = vec![("KCPPFLAGS".to_owned(), FLAGS.to_owned())];
    all.extend_from_slice(variables);
    let run = Run {
        tree,
        folder: &probe,
        goals: &["modules".to_owned()],
        variables: &all,
        jobserver: means.jobserver,
        patience: means.patience,
        verbose: false,
    };
    let log = run.run(None, &Deaf).map_err(Doubt::io("run", "make"))?;
    if log.status != Some(0) {
        let words = log.lines.iter().find(|line| line.contains("rror"));
        return Err(Doubt::Probe(words.cloned().unwrap_or_else(|| "no reason given".into())));
    }
    let mut recipe = read(tree, &log, &probe, &real, variables)?;
    let (doubt, common) = differing(tree, &recipe, variables, means)?;
    recipe.doubt = doubt;
    recipe.common = common;
    let _ = fs::remove_dir_all(&probe);
    recipe.id = digest::of([serde_json::to_vec(&recipe).unwrap_or_default()]);
    Ok(recipe)
}

/// Reads what the probe's makefile printed.
fn read(
    tree: &Tree,
    log: &Log,
    probe: &Path,
    folder: &Path,
    variables: &[(String, String)],
) -> Result<Recipe, Doubt> {
    let said = |name: &str| {
        let mark = format!("komod:{name}:");
        let line = log.lines.iter().find_map(|line| line.strip_prefix(&mark));
        line.ok_or_else(|| Doubt::Probe(format!("the probe did not see make's {name}")))
    };
    let path = probe.join("environment");
    let bytes = fs::read(&path).map_err(Doubt::io("read", path))?;
    let mut exported = Vec::new();
    for entry in String::from_utf8_lossy(&bytes).split('\0') {
        if let Some((name, value)) = entry.split_once('=')
            && !is_makes(name)
        {
            exported.push((name.to_owned(), value.to_owned()));
        }
    }
    // What komod's own environment adds, as for kbuild.
    exported.extend(crate::kbuild::environment(tree));
    exported.sort();
    exported.dedup_by(|a, b| a.0 == b.0);
    let mut overrides = words(said("overrides")?);
    overrides.retain(|word| {
        let name = word.split('=').next().unwrap_or_default();
        name != "KCPPFLAGS" && !variables.iter().any(|(known, _)| known == name)
    });
    let scripts = Path::new(said("makefile")?).parent().unwrap_or(Path::new("/")).to_owned();
    let directory = PathBuf::from(said("directory")?);
    let scripts = directory.join(scripts);
    let inputs = inputs::collect(tree, &scripts, &exported);
    let warning = |line: &&String| WARNINGS.iter().any(|words| line.contains(words));
    Ok(Recipe {
        id: String::new(),
        exported,
        overrides,
        folder: probe.to_owned(),
        include: include_folders(said("flags")?),
        dry_run: dry_run::place(folder).map_err(Doubt::io("write", folder))?,
        said: log.lines.iter().filter(warning).cloned().collect(),
        directory,
        scripts,
        inputs,
        common: None,
        doubt: None,
    })
}

/// Builds the probe by the recipe; names a product that came out differently. Gives what can be kept
/// of it for all modules.
fn differing(
    tree: &Tree,
    recipe: &Recipe,
    variables: &[(String, String)],
    means: &Means<'_>,
) -> Result<(Option<String>, Option<Common>), Doubt> {
    let probe = &recipe.folder;
    let mut kbuilds = Vec::new();
    for name in COMPARED {
        let path = probe.join(name);
        kbuilds.push((name, fs::read(&path).map_err(Doubt::io("read", path))?));
    }
    for entry in fs::read_dir(probe).map_err(Doubt::io("read", probe))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !["Kbuild", "komod_probe.c", "komod_probe_c.c", "komod_probe_s.S"]
            .contains(&name.as_str())
        {
            let _ = fs::remove_file(entry.path());
        }
    }
    let subject = plan::Subject {
        recipe,
        folder: probe,
        notes: probe,
        flags: FLAGS,
        variables,
        patience: means.patience,
    };
    let plan = plan::make(&subject)?;
    let environment = plan::environment(&subject);
    let task = execute::Task {
        directory: &recipe.directory,
        environment: &environment,
        folder: probe,
        compiler: &Plain,
        ready: None,
        modpost: Dialect::of_tree(tree).ok(),
        jobserver: means.jobserver,
        restore: &|line| line,
        listener: &Deaf,
        verbose: false,
    };
    let mut state = State::default();
    let done = execute::run(&plan.actions, &mut state, &task)?;
    if let Some(failed) = done.failed {
        return Ok((Some(failed.display().to_string()), None));
    }
    let differs = |(name, kbuilds): &(&str, Vec<u8>)| {
        let ours = fs::read(probe.join(name)).ok();
        ours.is_none_or(|ours| {
            ours != *kbuilds && without_btf(ours) != without_btf(kbuilds.clone())
        })
    };
    let differing = kbuilds.iter().find(|product| differs(product));
    Ok((differing.map(|(name, _)| (*name).to_owned()), common(recipe, &plan, &state)))
}

/// A module with nothing in `.BTF`. pahole, which kbuild has make that section, works with several
/// threads: the order of its types is another one now and then, also between two runs of kbuild's.
fn without_btf(mut module: Vec<u8>) -> Vec<u8> {
    let btf = Elf::parse(&module).ok().and_then(|elf| Some(elf.section_by_name(".BTF")?.header));
    let place = |header: SectionHeader| {
        let start = usize::try_from(header.offset).ok()?;
        Some(start..start.checked_add(usize::try_from(header.size).ok()?)?)
    };
    if let Some(bytes) = btf.and_then(place).and_then(|place| module.get_mut(place)) {
        bytes.fill(0);
    }
    module
}

/// Keeps the object that all modules have, beside the recipe.
fn common(recipe: &Recipe, plan: &Plan, state: &State) -> Option<Common> {
    let target = recipe.folder.join(".module-common.o");
    let action = plan.actions.iter().find(|action| action.target == target)?;
    let record = state.records.get(&target)?;
    let object = recipe.folder.parent()?.join("module-common.o");
    fs::copy(&target, &object).ok()?;
    let read = record.seen.iter().filter(|seen| seen.path != target);
    let read = read.map(|seen| Some((seen.path.clone(), seen.stamp?)));
    let command = action.steps.first()?.command.clone();
    Some(Common { command, object, read: read.collect::<Option<_>>()? })
}

/// The words of `MAKEOVERRIDES`, where a blank in a word has a backslash before it.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            ' ' if word.is_empty() => {}
            ' ' => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The folders of `-I` in `MAKEFLAGS`.
fn include_folders(flags: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut flags = flags.split_whitespace().take_while(|word| *word != "--");
    while let Some(word) = flags.next() {
        if let Some(folder) = word.strip_prefix("-I") {
            let folder = if folder.is_empty() { flags.next() } else { Some(folder) };
            folders.extend(folder.map(PathBuf::from));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_may_be_in_another_order_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("komod-probe-btf-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let made = |value: &str, types: &str| {
            fs::write(folder.join("x.s"), format!(".data\n.long {value}\n")).unwrap();
            fs::write(folder.join("types"), types).unwrap();
            let run = |program: &str, words: &[&str]| {
                let mut command = std::process::Command::new(program);
                assert!(command.args(words).current_dir(&folder).status().unwrap().success());
            };
            run("as", &["-o", "x.o", "x.s"]);
            run("objcopy", &["--add-section", ".BTF=types", "x.o"]);
            fs::read(folder.join("x.o")).unwrap()
        };
        let (one, other, changed) = (made("1", "ab"), made("1", "ba"), made("2", "ab"));
        assert_ne!(one, other);
        assert_eq!(without_btf(one.clone()), without_btf(other));
        assert_ne!(without_btf(one), without_btf(changed));
        assert_eq!(without_btf(b"no ELF".to_vec()), b"no ELF");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn makes_own_lists() {
        assert_eq!(words("a=1 b=c\\ d  e="), ["a=1", "b=c d", "e="]);
        assert_eq!(
            include_folders("rRw -I /s -I/t -j1 --no-print-directory -- A=1 -I /u"),
            [PathBuf::from("/s"), "/t".into()]
        );
    }
}
