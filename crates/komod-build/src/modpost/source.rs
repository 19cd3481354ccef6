//! The texts modpost writes: `.mod.c` and `Module.symvers`.

use super::object::Object;
use super::output::ModuleOutput;
use super::{Dialect, Options};
use std::io::Write;

const HEAD_KSYMTAB: &str = "\
#include <linux/module.h>
#define INCLUDE_VERMAGIC
#include <linux/build-salt.h>
#include <linux/elfnote-lto.h>
#include <linux/export-internal.h>
#include <linux/vermagic.h>
#include <linux/compiler.h>

BUILD_SALT;
BUILD_LTO_INFO;

MODULE_INFO(vermagic, VERMAGIC_STRING);
";

const HEAD_EXPORT_SYMBOL: &str = "\
#include <linux/module.h>
#include <linux/export-internal.h>
#include <linux/compiler.h>

";

const THIS_MODULE: &str = "\
MODULE_INFO(name, KBUILD_MODNAME);

__visible struct module __this_module
__section(\".gnu.linkonce.this_module\") = {
\t.name = KBUILD_MODNAME,
";

const EXIT: &str = "\
#ifdef CONFIG_MODULE_UNLOAD
\t.exit = cleanup_module,
#endif
";

const RETPOLINE: &str = "
#ifdef CONFIG_RETPOLINE
MODULE_INFO(retpoline, \"Y\");
#endif
";

const VERSIONS: &str = "
static const struct modversion_info ____versions[]
__used __section(\"__versions\") = {
";

/// The text of `.mod.c`.
pub(super) fn module_source(
    object: &Object<'_>,
    output: &ModuleOutput,
    options: &Options,
    dialect: Dialect,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + 48 * (output.versions.len() + output.aliases.len()));
    let mut put = |text: &[u8]| out.extend_from_slice(text);
    put(match dialect {
        Dialect::Ksymtab => HEAD_KSYMTAB.as_bytes(),
        Dialect::ExportSymbol => HEAD_EXPORT_SYMBOL.as_bytes(),
    });
    put(THIS_MODULE.as_bytes());
    if object.has_init {
        put(b"\t.init = init_module,\n");
    }
    if object.has_exit {
        put(EXIT.as_bytes());
    }
    put(b"\t.arch = MODULE_ARCH_INIT,\n};\n");
    if !options.external {
        put(b"\nMODULE_INFO(intree, \"Y\");\n");
    }
    if dialect == Dialect::Ksymtab {
        put(RETPOLINE.as_bytes());
    }
    // Folders whose modules taint the kernel in their own way (`drivers/staging`, `tools/testing`).
    if object.path.starts_with("drivers/staging") {
        put(b"\nMODULE_INFO(staging, \"Y\");\n");
    }
    if object.path.starts_with("tools/testing") {
        put(b"\nMODULE_INFO(test, \"Y\");\n");
    }
    exports(object, options, dialect, &mut out);
    if options.modversions {
        out.extend_from_slice(VERSIONS.as_bytes());
        for version in &output.versions {
            // C's `%#8x`: 0x is part of the width, and zero has none.
            let crc = match version.crc {
                0 => "0".to_owned(),
                crc => format!("{crc:#x}"),
            };
            line(&mut out, format_args!("\t{{ {crc:>8}, \"{}\" }},", version.symbol));
        }
        out.extend_from_slice(b"};\n");
    }
    let depends = output.depends.join(",");
    line(&mut out, format_args!("\nMODULE_INFO(depends, \"{depends}\");"));
    out.push(b'\n');
    for alias in &output.aliases {
        out.extend_from_slice(b"MODULE_ALIAS(\"");
        out.extend_from_slice(alias);
        out.extend_from_slice(b"\");\n");
    }
    if let Some(srcversion) = &output.srcversion {
        line(&mut out, format_args!("\nMODULE_INFO(srcversion, \"{srcversion}\");"));
    }
    out
}

fn exports(object: &Object<'_>, options: &Options, dialect: Dialect, out: &mut Vec<u8>) {
    let suffix = |gpl_only| if gpl_only { "_gpl" } else { "" };
    if dialect == Dialect::ExportSymbol {
        out.push(b'\n');
        for export in &object.exports {
            let kind = if export.is_function { "FUNC" } else { "DATA" };
            let (name, gpl, namespace) = (&export.name, suffix(export.gpl_only), &export.namespace);
            line(out, format_args!("KSYMTAB_{kind}({name}, \"{gpl}\", \"{namespace}\");"));
        }
    }
    if options.modversions {
        out.push(b'\n');
        for export in &object.exports {
            let (name, gpl) = (&export.name, suffix(export.gpl_only));
            let crc = export.crc.unwrap_or(0);
            line(out, format_args!("SYMBOL_CRC({name}, 0x{crc:08x}, \"{gpl}\");"));
        }
    }
}

/// The lines of `Module.symvers` for one module.
pub(super) fn symvers_lines(object: &Object<'_>, out: &mut String) {
    use std::fmt::Write;
    for export in &object.exports {
        let gpl = if export.gpl_only { "_GPL" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "0x{:08x}\t{}\t{}\tEXPORT_SYMBOL{gpl}\t{}",
            export.crc.unwrap_or(0),
            export.name,
            object.path,
            export.namespace
        );
    }
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = writeln!(out, "{text}");
}
