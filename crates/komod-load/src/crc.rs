//! Symbol versions: the checksums of `__versions` against those of the exporters.
//!
//! Source: `check_version()`, `kernel/module/version.c`, Linux 6.1 and 6.12.

use crate::session::Session;
use crate::{Errno, Evidence, Finding, RefusalCode};
use alloc::format;
use alloc::vec::Vec;
use komod_object::Text;
use komod_object::versions::Versions;

/// The checksums a module was built against, sorted for lookup.
pub(crate) struct Crcs<'a> {
    /// `None` if there is no `__versions` section, or it shall be ignored.
    sorted: Option<Vec<(Text<'a>, u64)>>,
}

impl<'a> Crcs<'a> {
    pub fn new(contents: Option<&'a [u8]>) -> Self {
        let sorted = contents.map(|contents| {
            let entries = Versions::new(contents).iter().map(|v| (v.name, v.crc));
            let mut entries: Vec<_> = entries.collect();
            // Stable: of two entries for one name the first counts, as for the kernel.
            entries.sort_by_key(|entry| entry.0);
            entries
        });
        Crcs { sorted }
    }

    pub fn present(&self) -> bool {
        self.sorted.is_some()
    }

    /// Compares the checksum of `symbol`; `codes` say what to call a difference and a gap.
    ///
    /// A finding means the symbol may not be used. The log lines are written either way.
    pub fn check(
        &self,
        session: &mut Session<'_>,
        names: &crate::modinfo_checks::Names<'_>,
        symbol: &str,
        crc: Option<u32>,
        codes: Codes,
    ) -> Option<Finding> {
        // An exporter without checksums has tainted the kernel already.
        let crc = crc.filter(|_| session.facts.config.modversions)?;
        let evidence = Evidence::symbol(symbol).wants(format!("{crc:#010x}"));
        let finding = |code, evidence| Some(Finding { code, errno: codes.errno, evidence });
        let Some(sorted) = &self.sorted else {
            let forced = session.force_load(names.module, symbol);
            return if forced { None } else { finding(RefusalCode::NoVersions, evidence) };
        };
        let first = sorted.partition_point(|entry| entry.0.as_bytes() < symbol.as_bytes());
        match sorted.get(first).filter(|entry| entry.0 == symbol) {
            Some(&(_, found)) if found == u64::from(crc) => None,
            Some(&(_, found)) => {
                let info = names.info;
                session.warn(format!("{info}: disagrees about version of symbol {symbol}"));
                finding(codes.differs, evidence.but(format!("{found:#010x}")))
            }
            None => {
                session.warn(format!("{}: no symbol version for {symbol}", names.info));
                finding(codes.missing, evidence)
            }
        }
    }
}

/// What a failed comparison is called.
#[derive(Clone, Copy)]
pub(crate) struct Codes {
    pub errno: Errno,
    pub differs: RefusalCode,
    pub missing: RefusalCode,
}

/// For `module_layout`, the checksum that stands for the module structures themselves.
pub(crate) const LAYOUT: Codes = Codes {
    errno: Errno::ENOEXEC,
    differs: RefusalCode::ModuleLayoutCrc,
    missing: RefusalCode::NoModuleLayoutVersion,
};

/// For every other symbol.
pub(crate) const SYMBOL: Codes = Codes {
    errno: Errno::EINVAL,
    differs: RefusalCode::SymbolCrc,
    missing: RefusalCode::NoSymbolVersion,
};
