//! modpost without its program: kbuild's command line read, komod's own modpost run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::doubt::Doubt;
use crate::modpost::{self, Dialect, Disk, Input, ModuleObject, Options, SymbolDump};
use crate::replace;

/// The program, as kbuild names it (`MODPOST` in `scripts/Makefile.modpost`).
const PROGRAM: &str = "scripts/mod/modpost";

/// A command line of modpost's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    options: Options,
    /// Modules named one by one: Debian's `modpost` takes the first off the list.
    objects: Vec<PathBuf>,
    /// The list of modules.
    order: PathBuf,
    /// Symbol dumps, in order.
    dumps: Vec<PathBuf>,
    /// The dump to write.
    pub symvers: PathBuf,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Said {
    /// Its messages.
    pub lines: Vec<String>,
    /// An error was among them.
    pub failed: bool,
}

/// Reads a command. Nothing if there is more to it than komod's modpost does.
pub fn read(command: &str) -> Option<Line> {
    let (before, arguments) = command.split_once(PROGRAM)?;
    let before: Vec<&str> = before.split_whitespace().collect();
    let listed = match before.as_slice() {
        [] => None,
        ["sed", "'s/ko$/o/'", list, "|"] => Some(*list),
        _ => return None,
    };
    let line = Line::read(arguments.split_whitespace(), listed)?;
    (line.order.is_absolute() && line.objects.is_empty()).then_some(line)
}

impl Line {
    /// Reads modpost's arguments; `listed` is the list of modules that comes by standard input.
    /// Nothing if there is more to it than komod's modpost does.
    pub fn read<'a>(
        mut words: impl Iterator<Item = &'a str>,
        listed: Option<&str>,
    ) -> Option<Line> {
        let mut line = Line {
            options: Options { external: false, modversions: false, ..Options::default() },
            ..Line::default()
        };
        while let Some(word) = words.next() {
            let options = &mut line.options;
            match word {
                "-e" => options.external = true,
                "-m" => options.modversions = true,
                "-a" => options.all_versions = true,
                "-n" => options.ignore_missing = true,
                "-w" => options.warn_unresolved = true,
                "-W" => options.extra_warnings = true,
                "-E" => options.mismatch_is_error = true,
                "-N" => options.allow_missing_namespaces = true,
                "-M" => {}
                "-i" => line.dumps.push(words.next()?.into()),
                "-o" => line.symvers = words.next()?.into(),
                "-T" => {
                    let list = words.next()?;
                    line.order = if list == "-" { listed? } else { list }.into();
                }
                object if !object.starts_with('-') => line.objects.push(object.into()),
                _ => return None,
            }
        }
        let whole = !line.order.as_os_str().is_empty() && !line.symvers.as_os_str().is_empty();
        whole.then_some(line)
    }
}

/// Runs it; commands are relative to `directory`. Nothing if the program has better words for what
/// is wrong.
pub fn run(line: &Line, dialect: Dialect, directory: &Path) -> Result<Option<Said>, Doubt> {
    let order = directory.join(&line.order);
    let order = fs::read_to_string(&order).map_err(Doubt::io("read", order))?;
    let named: Vec<_> = line.objects.iter().map(|object| object.to_string_lossy()).collect();
    let mut paths = Vec::new();
    let mut objects = Vec::new();
    for entry in named.iter().map(AsRef::as_ref).chain(order.lines()) {
        let Some((path, _)) = entry.rsplit_once('.') else { return Ok(None) };
        let object = format!("{path}.o");
        objects.push(fs::read(&object).map_err(Doubt::io("read", object))?);
        paths.push(path);
    }
    let mut texts = Vec::new();
    for dump in &line.dumps {
        let Ok(text) = fs::read(directory.join(dump)) else { return Ok(None) };
        texts.push((dump.to_string_lossy(), text));
    }
    let mut dumps = Vec::new();
    for (path, text) in &texts {
        let Ok(dump) = SymbolDump::parse(path, text) else { return Ok(None) };
        dumps.push(dump);
    }
    let dumps: Vec<&SymbolDump<'_>> = dumps.iter().collect();
    let modules: Vec<ModuleObject<'_>> = paths
        .iter()
        .zip(&objects)
        .map(|(path, bytes)| ModuleObject { path, bytes: bytes.as_slice() })
        .collect();
    let input =
        Input { modules: &modules, dumps: &dumps, files: &Disk, options: line.options, dialect };
    let output = modpost::run(&input);
    for module in &output.modules {
        if let Some(source) = &module.source {
            let path = PathBuf::from(format!("{}.mod.c", module.path));
            if fs::read(&path).ok().as_ref() != Some(source) {
                replace::file(&path, source).map_err(Doubt::io("write", path))?;
            }
        }
    }
    if let Some(symvers) = &output.symvers {
        let path = &line.symvers;
        fs::write(path, symvers).map_err(Doubt::io("write", path))?;
    }
    let lines = output
        .messages
        .iter()
        .flat_map(|message| message.to_string().lines().map(str::to_owned).collect::<Vec<_>>());
    Ok(Some(Said { lines: lines.collect(), failed: output.failed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_of_both_kernel_lines() {
        let old = read(
            "sed 's/ko$/o/' /m/modules.order | scripts/mod/modpost -m -o /m/t -e -i Module.symvers \
             -i /x -T - ",
        )
        .unwrap();
        assert_eq!(old.order, Path::new("/m/modules.order"));
        assert_eq!(old.dumps, [Path::new("Module.symvers"), Path::new("/x")]);
        assert_eq!((old.options, old.symvers.to_str()), (Options::default(), Some("/m/t")));
        let new = read("scripts/mod/modpost -M -m -w -o /m/t -T /m/modules.order -e").unwrap();
        assert!(new.options.warn_unresolved && new.dumps.is_empty());
    }

    #[test]
    fn what_is_more_than_modpost() {
        for command in [
            "echo >&2 \"WARNING\"; scripts/mod/modpost -e -o /m/t -T /m/modules.order",
            "scripts/mod/modpost -d /m/nsdeps -o /m/t -T /m/modules.order",
            "scripts/mod/modpost -o /m/t -T -",
            "scripts/mod/modpost -T /m/modules.order",
            "true",
        ] {
            assert_eq!(read(command), None, "{command}");
        }
    }
}
