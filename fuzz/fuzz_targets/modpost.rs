//! Any bytes as the object of a module (with device tables, exports and a source to go with it)
//! and as a symbol dump: a whole run in both dialects.
#![no_main]

use komod_build::modpost::{self, Dialect, Files, Input, ModuleObject, Options, SymbolDump};
use libfuzzer_sys::fuzz_target;

struct Companions<'a>(&'a [u8]);

impl Files for Companions<'_> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match path {
            "fuzz.mod" => Some(b"fuzz.o\n".to_vec()),
            ".fuzz.o.cmd" => Some(b"\nsource_fuzz.o := fuzz.c\n#SYMVER f 0x1\n".to_vec()),
            _ => Some(self.0.to_vec()),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    // The first byte chooses what the rest is cut into.
    let Some((&first, rest)) = data.split_first() else { return };
    let (object, text) = match first % 4 {
        0 => rest.split_at(rest.len() / 2),
        _ => (rest, &b"0x1\tf\tother/module\tEXPORT_SYMBOL_GPL\tNS\n"[..]),
    };
    let dump = SymbolDump::parse("Module.symvers", text).unwrap_or_default();
    for dialect in [Dialect::Ksymtab, Dialect::ExportSymbol] {
        let options = Options {
            all_versions: first & 4 != 0,
            mismatch_is_error: first & 8 != 0,
            warn_unresolved: first & 16 != 0,
            ..Options::default()
        };
        let modules = [ModuleObject { path: "fuzz", bytes: object }; 2];
        let input = Input {
            modules: &modules[..1 + usize::from(first & 32 != 0)],
            dumps: &[&dump],
            files: &Companions(text),
            options,
            dialect,
        };
        let output = modpost::run(&input);
        assert_eq!(output, modpost::run(&input), "the same input gives the same output");
        if output.failed {
            assert!(output.messages.iter().any(|m| m.level >= modpost::Level::Error));
        }
    }
});
