//! `komod info`: what modinfo shows of a module file, and how the module is in a kernel that stays.

use super::{Outcome, Which, place_error};
use crate::console;
use crate::explained::Explained;
use crate::json;
use crate::kernels;
use crate::text::log::printable;
use anyhow::{Context, Result};
use clap::Args;
use komod_object::{Module, compress};
use komod_place::{Place, dependencies};
use komod_process::protocol::LoadedModule;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Show what a module file says of itself, as modinfo does
///
/// A name stands for a module of the kernel that is up: one that is loaded, which is also shown as
/// it is there, or one of that kernel's own. If none is up, or with --kernel, it stands for a
/// module of an installed kernel.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod info hello.ko                a file, compressed or not
  komod info hello                   the loaded module, its file and how it is
  komod info crc7                    a module of the kernel's own
  komod info --field depends x.ko    one field")]
pub struct InfoArgs {
    /// .ko files, names of loaded modules, or of stock modules
    #[arg(required = true)]
    what: Vec<OsString>,
    /// Only the values of this field
    #[arg(short = 'F', long, value_name = "FIELD")]
    field: Option<String>,
    /// The installed kernel whose modules names stand for, instead of the one that is up
    #[arg(short, long, value_name = "K", conflicts_with = "name")]
    kernel: Option<String>,
    #[command(flatten)]
    which: Which,
    #[arg(long)]
    pub json: bool,
}

/// Files larger than this are no modules.
const MAX: usize = 200 << 20;

#[derive(Serialize)]
struct ModuleInfo {
    #[serde(serialize_with = "json::path")]
    filename: PathBuf,
    /// As it is in the kernel that is up, if it was asked for by name and is loaded.
    loaded: Option<LoadedModule>,
    name: String,
    /// In file order, parameters left out.
    fields: Vec<(String, String)>,
    params: Vec<Param>,
    exports: Vec<ExportInfo>,
    imports: Vec<String>,
    signed: bool,
}

#[derive(Serialize)]
struct Param {
    name: String,
    kind: Option<String>,
    description: Option<String>,
}

#[derive(Serialize)]
struct ExportInfo {
    name: String,
    gpl_only: bool,
}

pub fn run(args: &InfoArgs) -> Result<Outcome> {
    let mut all = Vec::new();
    for word in &args.what {
        let Found { path, loaded } = find(word, args)?;
        let bytes = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
        let elf =
            compress::decompress(&bytes, MAX).with_context(|| format!("{}", path.display()))?;
        let module =
            Module::parse(&elf).with_context(|| format!("{} is not a module", path.display()))?;
        all.push(ModuleInfo { loaded, ..read(&path, &module)? });
    }
    if args.json {
        json::print("komod-info", serde_json::json!({ "modules": all }))?;
        return Ok(Outcome::Good);
    }
    for module in &all {
        match &args.field {
            Some(field) => one_field(module, field),
            None => everything(module),
        }
    }
    Ok(Outcome::Good)
}

/// The file a word stands for, and the module in the kernel that is up.
struct Found {
    path: PathBuf,
    loaded: Option<LoadedModule>,
}

fn find(word: &OsStr, args: &InfoArgs) -> Result<Found> {
    let path = PathBuf::from(word);
    let shown = word.display();
    if path.is_file() {
        return Ok(Found { path, loaded: None });
    }
    let Some(name) = word.to_str().filter(|w| !w.contains('/')) else {
        return Err(Explained::new(format!("{shown}: no such file")).into());
    };
    if dependencies::module_name(&path).is_some() {
        return Err(Explained::new(format!("{shown}: no such file")).into());
    }
    let stock = |dir: Option<&Path>| dir.and_then(|dir| dependencies::find_stock(dir, name));
    if args.kernel.is_none()
        && let Some(mut place) = args.which.connect_if_up()?
    {
        let info = place.info().map_err(|e| place_error(&e, "asking the kernel"))?;
        let list = place.modules(&mut |_| {}).map_err(|e| place_error(&e, "listing modules"))?;
        let name = name.replace('-', "_");
        let loaded = list.into_iter().find(|m| m.name == name);
        let file = loaded.as_ref().and_then(|m| info.files.get(&m.name).cloned());
        let path = file.or_else(|| stock(info.about.modules_dir.as_deref()));
        let nothing = || match &loaded {
            Some(_) => Explained::new(format!("it is not known which file {name} was loaded from"))
                .hint("give the file: komod info FILE.ko"),
            None => Explained::new(format!(
                "there is no file {shown}, and no such module in {} ({})",
                info.name, info.about.release
            ))
            .hint(
                "`komod list` shows what is loaded; with --kernel K an installed kernel is asked",
            ),
        };
        let path = path.ok_or_else(nothing)?;
        return Ok(Found { path, loaded });
    }
    let kernel = kernels::look_up(args.kernel.as_deref())?;
    let path = stock(kernel.modules.as_deref()).ok_or_else(|| {
        Explained::new(format!(
            "there is no file {shown}, and no such module in {}",
            kernel.release
        ))
    })?;
    Ok(Found { path, loaded: None })
}

fn read(path: &Path, module: &Module<'_>) -> Result<ModuleInfo> {
    let filename = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let fields = module.modinfo().entries();
    let fields = fields
        .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
        .filter(|(k, _)| k != "parm" && k != "parmtype")
        .collect();
    let text = |t: Option<komod_object::Text<'_>>| t.map(|t| t.to_string_lossy().into_owned());
    let params = module.params().into_iter().map(|p| Param {
        name: p.name.to_string_lossy().into_owned(),
        kind: text(p.kind),
        description: text(p.description),
    });
    let exports = module.exports().with_context(|| format!("{}", path.display()))?;
    Ok(ModuleInfo {
        name: module.name().to_string_lossy().into_owned(),
        fields,
        params: params.collect(),
        exports: exports
            .iter()
            .map(|e| ExportInfo {
                name: e.name.to_string_lossy().into_owned(),
                gpl_only: e.gpl_only,
            })
            .collect(),
        imports: module.imports().map(|i| i.name.to_string_lossy().into_owned()).collect(),
        signed: module.signature().is_some(),
        filename,
        loaded: None,
    })
}

/// modinfo's line: the key and its colon in 16 columns.
fn line(key: &str, value: &str) {
    console::line(&printable(&format!("{:<16}{value}", format!("{key}:"))));
}

fn everything(module: &ModuleInfo) {
    line("filename", &module.filename.display().to_string());
    module.fields.iter().for_each(|(k, v)| line(k, v));
    if module.signed {
        line("sig_id", "PKCS#7");
    }
    // modinfo shows them in reverse order of appearance.
    module.params.iter().rev().for_each(|p| line("parm", &param(p)));
    if let Some(m) = &module.loaded {
        line("state", &m.state);
        line("size", &m.size.to_string());
        line("refcount", &m.refcount.to_string());
        line("used by", &m.used_by.join(","));
        line("address", &format!("{:#x}", m.address));
        line("taints", &m.taints);
    }
}

fn param(p: &Param) -> String {
    let description = p.description.as_deref().unwrap_or_default();
    match &p.kind {
        Some(kind) => format!("{}:{description} ({kind})", p.name),
        None => format!("{}:{description}", p.name),
    }
}

fn one_field(module: &ModuleInfo, field: &str) {
    match field {
        "filename" => console::line(&module.filename.display().to_string()),
        "parm" => module.params.iter().rev().for_each(|p| console::line(&printable(&param(p)))),
        _ => {
            let values = module.fields.iter().filter(|(k, _)| k == field);
            values.for_each(|(_, v)| console::line(&printable(v)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_read_as_modinfo_writes_them() {
        let p = |kind: Option<&str>, description: Option<&str>| {
            param(&Param {
                name: "n".into(),
                kind: kind.map(str::to_owned),
                description: description.map(str::to_owned),
            })
        };
        assert_eq!(p(Some("int"), Some("how many")), "n:how many (int)");
        assert_eq!(p(Some("int"), None), "n: (int)");
        assert_eq!(p(None, Some("x")), "n:x");
    }
}
