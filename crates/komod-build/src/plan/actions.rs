//! Commands grouped into actions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::dry_run::DryRun;
use crate::action::{Action, Kind};
use crate::doubt::Doubt;

/// What the commands of kbuild's makefiles are for, by name: the first of a target makes it an
/// action of a kind, others belong to one. (`scripts/Makefile.build`, `Makefile.modpost`,
/// `Makefile.modfinal`, Linux 6.1 and 6.12.) Whatever is not listed is left to kbuild.
const FIRST: [(&str, Kind); 8] = [
    ("cc_o_c", Kind::Compile),
    ("as_o_S", Kind::Compile),
    ("ld_multi_m", Kind::LinkMembers),
    ("mod", Kind::List),
    ("modules_order", Kind::List),
    ("gen_order", Kind::List),
    ("modpost", Kind::Modpost),
    ("ld_ko_o", Kind::LinkModule),
];
const MORE: [(&str, Kind); 5] = [
    ("check_local_export", Kind::Compile),
    ("gen_symversions_c", Kind::Compile),
    ("gen_symversions_S", Kind::Compile),
    ("record_mcount", Kind::Compile),
    ("btf_ko", Kind::LinkModule),
];
/// Notes for kbuild itself: that an object depends on objtool, too.
const NEEDLESS: &str = "gen_objtooldep";

/// Actions in the making.
pub struct Draft<'a> {
    directory: &'a Path,
    pub actions: Vec<Action>,
    by_target: BTreeMap<PathBuf, usize>,
}

impl<'a> Draft<'a> {
    /// `directory` is where the commands run.
    pub fn new(directory: &'a Path) -> Self {
        Draft { directory, actions: Vec::new(), by_target: BTreeMap::new() }
    }

    /// Adds what a dry run found, but for modpost.
    pub fn add(&mut self, run: &DryRun) -> Result<(), Doubt> {
        for planned in &run.steps {
            let name = planned.step.name.as_str();
            let target = self.directory.join(&planned.target);
            let strange = || {
                let name = target.file_name().unwrap_or(target.as_os_str()).to_string_lossy();
                Doubt::Step {
                    target: name.into_owned(),
                    step: format!("cmd_{}", planned.step.name),
                }
            };
            if name == NEEDLESS {
                continue;
            }
            if let Some((_, kind)) = MORE.iter().find(|(known, _)| *known == name) {
                let action = self.by_target.get(&target).and_then(|i| self.actions.get_mut(*i));
                let action = action.filter(|action| action.kind == *kind).ok_or_else(strange)?;
                action.steps.push(planned.step.clone());
                continue;
            }
            let known = FIRST.iter().find(|(known, _)| *known == name).ok_or_else(strange)?;
            let kind = match known.1 {
                Kind::Compile if !compiles_in(&planned.step.command) => return Err(strange()),
                Kind::Compile if is_info(&target) => Kind::CompileInfo,
                kind => kind,
            };
            let source = self.directory.join(&planned.source);
            let compiled = matches!(kind, Kind::Compile | Kind::CompileInfo);
            let inputs = match kind {
                Kind::Compile | Kind::CompileInfo => vec![source.clone()],
                Kind::LinkModule => self.linked(&planned.step.command, &target),
                _ => Vec::new(),
            };
            let also = match kind {
                Kind::Compile => vec![notes_of(&target)],
                _ => Vec::new(),
            };
            self.push(Action {
                kind,
                target,
                source: compiled.then_some(source),
                inputs,
                also,
                after: Vec::new(),
                steps: vec![planned.step.clone()],
            })?;
        }
        Ok(())
    }

    fn push(&mut self, action: Action) -> Result<(), Doubt> {
        let number = self.actions.len();
        for made in std::iter::once(&action.target).chain(&action.also) {
            if self.by_target.insert(made.clone(), number).is_some() {
                return Err(Doubt::Step {
                    target: made.display().to_string(),
                    step: "two commands".into(),
                });
            }
        }
        self.actions.push(action);
        Ok(())
    }

    /// What a module is linked from: objects, the linker script.
    fn linked(&self, command: &str, target: &Path) -> Vec<PathBuf> {
        let words = command.split_whitespace().map(|word| word.trim_end_matches(';'));
        let read = words.filter(|word| word.ends_with(".o") || word.ends_with(".lds"));
        read.map(|word| self.directory.join(word)).filter(|path| path != target).collect()
    }

    /// The members of composite modules, from the lists, which are written by now.
    pub fn members(&mut self) -> Result<(), Doubt> {
        for action in self.actions.iter_mut().filter(|action| action.kind == Kind::LinkMembers) {
            let list = action.target.with_extension("mod");
            let text = fs::read_to_string(&list).map_err(Doubt::io("read", &list))?;
            action.inputs = text.lines().map(PathBuf::from).collect();
            action.inputs.push(list);
        }
        Ok(())
    }

    /// Adds modpost, which reads all modules at once.
    pub fn modpost(&mut self, run: &DryRun, modules: &[PathBuf]) -> Result<(), Doubt> {
        let [planned] = run.steps.as_slice() else {
            return Err(Doubt::Step { target: "Module.symvers".into(), step: "modpost".into() });
        };
        let mut inputs = vec![self.directory.join("Module.symvers")];
        let mut words = planned.step.command.split_whitespace();
        while let Some(word) = words.next() {
            let dump = match word.strip_prefix("-i") {
                Some("") => words.next(),
                dump => dump,
            };
            inputs.extend(dump.map(|dump| self.directory.join(dump)));
        }
        for action in &self.actions {
            inputs.push(action.target.clone());
            inputs.extend_from_slice(&action.also);
        }
        inputs.sort();
        inputs.dedup();
        self.push(Action {
            kind: Kind::Modpost,
            target: self.directory.join(&planned.target),
            source: None,
            inputs,
            also: modules.iter().map(|object| object.with_extension("mod.c")).collect(),
            after: Vec::new(),
            steps: vec![planned.step.clone()],
        })
    }

    /// The actions with their order. Every object that is read and not there must be made by one.
    pub fn finish(mut self) -> Result<Vec<Action>, Doubt> {
        for (number, action) in self.actions.iter_mut().enumerate() {
            for input in &action.inputs {
                match self.by_target.get(input) {
                    Some(made) if *made >= number => {
                        return Err(Doubt::NotMade(input.display().to_string()));
                    }
                    Some(made) => action.after.push(*made),
                    None if action.kind != Kind::Modpost && !input.exists() => {
                        return Err(Doubt::NotMade(input.display().to_string()));
                    }
                    None => {}
                }
            }
            action.after.sort_unstable();
            action.after.dedup();
        }
        Ok(self.actions)
    }
}

/// Does the command tell the compiler to list what it reads?
fn compiles_in(command: &str) -> bool {
    command.contains("-Wp,-MMD,")
}

/// Is this object about a module, not of it?
fn is_info(target: &Path) -> bool {
    let name = target.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".mod.o") || name == ".module-common.o"
}

/// Where kbuild keeps what modpost wants to know about an object.
pub fn notes_of(object: &Path) -> PathBuf {
    let name = object.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    object.with_file_name(format!(".{name}.cmd"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Step;
    use crate::plan::dry_run::Planned;

    fn planned(target: &str, name: &str, command: &str) -> Planned {
        Planned {
            target: target.into(),
            source: "/dev/null".into(),
            step: Step { name: name.into(), command: command.into() },
        }
    }

    fn add(steps: Vec<Planned>) -> Result<Vec<Action>, Doubt> {
        let mut draft = Draft::new(Path::new("/k"));
        draft.add(&DryRun { steps, ..DryRun::default() })?;
        draft.finish()
    }

    #[test]
    fn commands_of_a_target_are_one_action() {
        let actions = add(vec![
            planned("/m/x.o", "cc_o_c", "gcc -Wp,-MMD,/m/.x.o.d -c -o /m/x.o /m/x.c"),
            planned("/m/x.o", "check_local_export", "check /m/x.o"),
            planned("/m/x.o", "gen_objtooldep", "echo"),
            planned("/m/x.mod.o", "cc_o_c", "gcc -Wp,-MMD,/m/.x.mod.o.d -c"),
            planned("/m/x.ko", "ld_ko_o", "ld -r -o /m/x.ko /m/x.o /m/x.mod.o;  true"),
        ])
        .unwrap();
        let kinds: Vec<Kind> = actions.iter().map(|action| action.kind).collect();
        assert_eq!(kinds, [Kind::Compile, Kind::CompileInfo, Kind::LinkModule]);
        assert_eq!(actions.first().unwrap().steps.len(), 2);
        assert_eq!(actions.first().unwrap().also, [PathBuf::from("/m/.x.o.cmd")]);
        assert_eq!(actions.last().unwrap().after, [0, 1]);
    }

    #[test]
    fn strange_commands_are_doubts() {
        for steps in [
            vec![planned("/m/x.h", "gen_header", "sh x > /m/x.h")],
            vec![planned("/m/x.o", "cc_o_c", "gcc -c -o /m/x.o /m/x.c")],
            vec![planned("/m/x.o", "btf_ko", "pahole")],
            vec![planned("/m/x.ko", "ld_ko_o", "ld -r -o /m/x.ko /m/nowhere.o")],
            vec![planned("/m/x.mod", "mod", "a"), planned("/m/x.mod", "mod", "b")],
        ] {
            assert!(add(steps).is_err());
        }
    }
}
