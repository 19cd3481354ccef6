//! What modprobe only shows: the configuration, steps as JSON, checksums of symbols.

use super::{Arguments, Failed, Log, Run};
use crate::json;
use komod_kernel::host::insert::MAX_MODULE;
use komod_kernel::modprobe::Module;
use komod_kernel::modprobe::config::{Config, Rule, dump};
use komod_kernel::modprobe::insertion::{Action, Step};
use komod_object::compress::decompress;
use komod_object::elf::Elf;
use komod_object::versions::Versions;
use serde::Serialize;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Write};

/// `-c`
pub fn config(run: &mut Run<'_>) -> Result<(), Failed> {
    if run.arguments.json {
        let mut config = ConfigJson::of(run.modules.config);
        let seen = dump::each_alias(run.modules.directory, |alias, module| {
            let owned = |bytes| Cow::Owned(text(bytes).into_owned());
            config.index_alias.push(AliasJson { pattern: owned(alias), module: owned(module) });
        });
        seen.map_err(|error| run.fatal(error))?;
        return print("komod-modprobe-config", config);
    }
    let text = run.modules.config.to_text();
    let _ = run.out.write_all(&text);
    let _ = run.out.write_all(b"\n# End of configuration files. Dumping indexes now:\n\n");
    match dump::aliases(run.modules.directory) {
        Ok(text) => {
            let _ = run.out.write_all(&text);
            Ok(())
        }
        Err(error) => {
            let _ = run.out.flush();
            Err(run.fatal(error))
        }
    }
}

fn print<T: Serialize>(format: &str, body: T) -> Result<(), Failed> {
    json::print(format, body).map_err(|_| Failed)
}

type Texts<'t> = Vec<Cow<'t, str>>;

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn texts(list: &[Vec<u8>]) -> Texts<'_> {
    list.iter().map(|bytes| text(bytes)).collect()
}

#[derive(Serialize)]
struct ConfigJson<'c> {
    blacklist: Texts<'c>,
    install: Vec<RuleJson<'c>>,
    remove: Vec<RuleJson<'c>>,
    alias: Vec<AliasJson<'c>>,
    options: Vec<RuleJson<'c>>,
    softdep: Vec<SoftdepJson<'c>>,
    weakdep: Vec<WeakdepJson<'c>>,
    forbid: Vec<LimitJson<'c>>,
    allow_only: Vec<LimitJson<'c>>,
    /// Those of modules and of symbols, from the module directory.
    index_alias: Vec<AliasJson<'c>>,
}

#[derive(Serialize)]
struct RuleJson<'c> {
    module: Cow<'c, str>,
    value: Cow<'c, str>,
}

#[derive(Serialize)]
struct AliasJson<'c> {
    pattern: Cow<'c, str>,
    module: Cow<'c, str>,
}

#[derive(Serialize)]
struct SoftdepJson<'c> {
    module: Cow<'c, str>,
    pre: Texts<'c>,
    post: Texts<'c>,
}

#[derive(Serialize)]
struct WeakdepJson<'c> {
    module: Cow<'c, str>,
    modules: Texts<'c>,
}

#[derive(Serialize)]
struct LimitJson<'c> {
    pattern: Cow<'c, str>,
    file: Cow<'c, str>,
    line: u32,
}

impl<'c> ConfigJson<'c> {
    fn of(config: &'c Config) -> Self {
        let rules = |rules: &'c [Rule]| {
            let rule =
                |rule: &'c Rule| RuleJson { module: text(&rule.module), value: text(&rule.text) };
            rules.iter().map(rule).collect()
        };
        let limits = |limits: &'c [komod_kernel::modprobe::config::Limit]| {
            let limit = |limit: &'c komod_kernel::modprobe::config::Limit| LimitJson {
                pattern: text(&limit.pattern),
                file: limit.place.file.to_string_lossy(),
                line: limit.place.line,
            };
            limits.iter().map(limit).collect()
        };
        let aliases = config.aliases.iter();
        let softdeps = config.softdeps.iter();
        let weakdeps = config.weakdeps.iter();
        ConfigJson {
            blacklist: texts(&config.blacklist),
            install: rules(&config.installs),
            remove: rules(&config.removes),
            alias: aliases
                .map(|a| AliasJson { pattern: text(&a.pattern), module: text(&a.module) })
                .collect(),
            options: rules(&config.options),
            softdep: softdeps
                .map(|s| SoftdepJson {
                    module: text(&s.module),
                    pre: texts(&s.pre),
                    post: texts(&s.post),
                })
                .collect(),
            weakdep: weakdeps
                .map(|w| WeakdepJson { module: text(&w.module), modules: texts(&w.modules) })
                .collect(),
            forbid: limits(&config.forbidden),
            allow_only: limits(&config.allowed),
            index_alias: Vec::new(),
        }
    }
}

#[derive(Serialize)]
struct StepsJson<'s> {
    module: Cow<'s, str>,
    alias: Option<Cow<'s, str>>,
    steps: Vec<StepJson<'s>>,
}

#[derive(Serialize)]
struct StepJson<'s> {
    /// `insmod`, `install` or `builtin`, as in the lines without `--json`.
    action: &'static str,
    module: Cow<'s, str>,
    path: Option<Cow<'s, str>>,
    command: Option<Cow<'s, str>>,
    options: Cow<'s, str>,
    required: bool,
}

/// `-D --json`: a line for each module that the name stands for.
pub fn steps(module: &Module, steps: &[Step]) {
    let steps = steps.iter().filter_map(|step| {
        let (action, path, command) = match &step.action {
            Action::Insert(path) => ("insmod", Some(text(path)), None),
            Action::Command(command) => ("install", None, Some(text(command))),
            Action::Builtin => ("builtin", None, None),
            Action::Missing => return None,
        };
        let options = text(step.options.trim_ascii());
        let module = text(&step.module.name);
        Some(StepJson { action, module, path, command, options, required: step.required })
    });
    let alias = module.alias.as_deref().map(text);
    let body = StepsJson { module: text(&module.name), alias, steps: steps.collect() };
    let _ = print("komod-modprobe-steps", body);
}

/// `--show-modversions`: the checksums of the symbols that modules need.
pub fn versions(arguments: &Arguments, log: &Log) -> Result<(), Failed> {
    of_file(arguments, log, "modversions", |elf| {
        let section = elf.section_by_name("__versions")?;
        let versions = Versions::new(section.data());
        Some(versions.iter().map(|v| (v.crc, v.name.as_bytes().to_vec())).collect())
    })
}

/// `--show-exports`: the checksums of the symbols that a module exports.
pub fn exports(arguments: &Arguments, log: &Log) -> Result<(), Failed> {
    of_file(arguments, log, "symbols", |elf| {
        let mut found: Vec<(u64, Vec<u8>)> = Vec::new();
        for symbol in elf.symbols()?.iter() {
            if let Some(name) = symbol.name.as_bytes().strip_prefix(b"__crc_") {
                found.push((crc(elf, &symbol)?, name.to_vec()));
            }
        }
        if found.is_empty() {
            // Built without checksums.
            let section = elf.section_by_name("__ksymtab_strings")?;
            let names = section.data().split(|byte| *byte == 0).filter(|name| !name.is_empty());
            found = names.map(|name| (0, name.to_vec())).collect();
        }
        (!found.is_empty()).then_some(found)
    })
}

/// The value of a `__crc_` symbol, or what it points to where checksums have a section.
fn crc(elf: &Elf<'_>, symbol: &komod_object::elf::Symbol<'_>) -> Option<u64> {
    if symbol.is_undefined() || symbol.shndx >= 0xff00 {
        return Some(symbol.value & 0xffff_ffff);
    }
    let section = elf.section(usize::from(symbol.shndx))?;
    let at = usize::try_from(symbol.value).ok()?;
    let word = section.data().get(at..)?.first_chunk::<4>()?;
    Some(u64::from(u32::from_le_bytes(*word)))
}

fn of_file(
    arguments: &Arguments,
    log: &Log,
    what: &str,
    list: impl Fn(&Elf<'_>) -> Option<Vec<(u64, Vec<u8>)>>,
) -> Result<(), Failed> {
    let Some(file) = arguments.operands.first() else { return Err(Failed) };
    let shown = file.to_string_lossy();
    let told = |text: &str| {
        log.fatal(format_args!("could not get {what} of {shown}: {text}"));
        Failed
    };
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            log.fatal(format_args!("Module {shown} not found."));
            return Err(Failed);
        }
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(22);
            return Err(told(&komod_kernel::host::strerror(errno)));
        }
    };
    let bytes = decompress(&bytes, MAX_MODULE).map_err(|error| told(&error.to_string()))?;
    let elf = Elf::parse(&bytes).map_err(|_| told("Exec format error"))?;
    let found = list(&elf).ok_or_else(|| told("No such file or directory"))?;
    let mut out = io::stdout().lock();
    for (crc, name) in found {
        let _ = write!(out, "{crc:#010x}\t");
        let _ = out.write_all(&[&name[..], b"\n"].concat());
    }
    Ok(())
}

fn read(file: &OsStr) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(file)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::from_raw_os_error(22));
    }
    std::fs::read(file)
}
