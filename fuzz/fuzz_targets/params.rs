//! Any argument string against parameters of every type.
#![no_main]

use komod_load::Version;
use komod_load::params::{ParamDecl, ParamKind, Surroundings, parse_args};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    use ParamKind::*;
    let array = |of| Array { of: Box::new(of), max: 3 };
    let kinds = [
        Byte,
        Short,
        UShort,
        Int,
        UInt,
        Long,
        ULong,
        ULLong,
        HexInt,
        CharP,
        Bool,
        BoolEnableOnly(true),
        InvBool,
        BInt,
        String(8),
        array(Int),
        array(CharP),
        Custom { no_arg: false },
    ];
    let names = ('a'..).map(|letter| letter.to_string());
    let params: Vec<_> = names.zip(kinds).map(|(name, kind)| ParamDecl::new(name, kind)).collect();
    let version = Version::new(6, 12, 0);
    let around = Surroundings { version, dynamic_debug: true, locked_down: None };
    let outcome = parse_args("fuzz", data, &params, &around);
    assert_eq!(outcome.error.is_some(), !outcome.bad.is_empty());
    assert!(outcome.stores.iter().all(|store| store.param < params.len()));
});
