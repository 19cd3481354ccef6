//! One refusal: a good module, one change, and what the kernel must answer.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use crate::elf_builder::{ElfBuilder, GLOBAL, hello, kernel};
use komod_load::{Described, Errno, RefusalCode, Request, Version, plan, survey};
use komod_object::elf::*;

pub const V6_1: Version = Version::new(6, 1, 192);
pub const V6_12: Version = Version::new(6, 12, 117);
pub const BOTH: &[Version] = &[V6_1, V6_12];
pub const OLD: &[Version] = &[V6_1];
pub const NEW: &[Version] = &[V6_12];
/// What the kernel says of every module without a signature, once.
pub const UNSIGNED: &str =
    "hello: module verification failed: signature and/or required key missing - tainting kernel";

pub struct Setting {
    pub elf: ElfBuilder,
    pub kernel: Described,
    pub request: Request,
}

impl Setting {
    pub fn new(version: Version) -> Self {
        Setting { elf: hello(version), kernel: kernel(version), request: Request::default() }
    }

    /// Replaces a `.modinfo` string, or removes it.
    pub fn modinfo(&mut self, key: &str, value: Option<&str>) {
        let section = self.elf.get(".modinfo");
        let old = String::from_utf8(section.data.clone()).unwrap();
        let prefix = format!("{key}=");
        let mut strings: Vec<String> = old
            .split('\0')
            .filter(|string| !string.is_empty() && !string.starts_with(&prefix))
            .map(str::to_owned)
            .collect();
        strings.extend(value.map(|value| format!("{prefix}{value}")));
        section.data = strings.iter().flat_map(|s| [s.as_bytes(), b"\0"].concat()).collect();
    }

    /// An undefined symbol that the code refers to.
    pub fn import(&mut self, name: &str) {
        let symbol = self.elf.symbol(name, GLOBAL, SHN_UNDEF, 0);
        let text = self.elf.index_of(".text");
        self.elf.rela(text, 4, R_X86_64_PLT32, symbol, -4);
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.elf.build()
    }
}

/// Runs a case on the given versions and compares code, error and log.
#[track_caller]
pub fn refuse(
    on: &[Version],
    change: impl Fn(&mut Setting),
    code: RefusalCode,
    errno: Errno,
    dmesg: &[&str],
) {
    for &version in on {
        let mut setting = Setting::new(version);
        change(&mut setting);
        let bytes = setting.bytes();
        let refusal = plan(&bytes, &setting.kernel, &setting.request).unwrap_err();
        let lines: Vec<_> = refusal.dmesg.iter().map(|line| line.text.as_str()).collect();
        assert_eq!((refusal.code, refusal.errno), (code, errno), "{version}: {lines:?}");
        assert_eq!(lines, dmesg, "{version}");
        // A survey comes to the same first refusal.
        let survey = survey(&bytes, &setting.kernel, &setting.request);
        assert_eq!(survey.refusals[0], *refusal, "{version}");
    }
}
