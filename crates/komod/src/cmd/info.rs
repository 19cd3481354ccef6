//! `komod info`: what modinfo shows of a module file.

use super::Outcome;
use crate::console;
use crate::explained::Explained;
use crate::json;
use crate::kernels;
use crate::text::log::printable;
use anyhow::{Context, Result};
use clap::Args;
use komod_object::{Module, compress};
use komod_place::dependencies;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show what a module file says of itself, as modinfo does
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  komod info hello.ko                a file, compressed or not
  komod info crc7                    a module of the kernel's own
  komod info --field depends x.ko    one field")]
pub struct InfoArgs {
    /// .ko files, or names of stock modules
    #[arg(required = true)]
    what: Vec<String>,
    /// Only the values of this field
    #[arg(short = 'F', long, value_name = "FIELD")]
    field: Option<String>,
    /// The kernel whose modules names stand for
    #[arg(short, long, value_name = "K")]
    kernel: Option<String>,
    #[arg(long)]
    pub json: bool,
}

/// Files larger than this are no modules.
const MAX: usize = 200 << 20;

#[derive(Serialize)]
struct ModuleInfo {
    filename: PathBuf,
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
        let path = find(word, args.kernel.as_deref())?;
        let bytes = std::fs::read(&path).with_context(|| format!("{}", path.display()))?;
        let elf =
            compress::decompress(&bytes, MAX).with_context(|| format!("{}", path.display()))?;
        let module =
            Module::parse(&elf).with_context(|| format!("{} is not a module", path.display()))?;
        all.push(read(&path, &module)?);
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

fn find(word: &str, kernel: Option<&str>) -> Result<PathBuf> {
    let path = PathBuf::from(word);
    if path.is_file() {
        return Ok(path);
    }
    if word.contains('/') || dependencies::module_name(&path).is_some() {
        return Err(Explained::new(format!("{word}: no such file")).into());
    }
    let kernel = kernels::look_up(kernel)?;
    let found = kernel.modules.as_deref().and_then(|d| dependencies::find_stock(d, word));
    Ok(found.ok_or_else(|| {
        Explained::new(format!("there is no file {word}, and no such module in {}", kernel.release))
    })?)
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
