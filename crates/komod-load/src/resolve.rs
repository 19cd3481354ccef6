//! Symbols: every undefined one is looked up, compared by checksum and licence, and its owner
//! becomes a module this one holds.
//!
//! Source: `simplify_symbols()`, `resolve_symbol()` and what they call, `kernel/module/main.c`,
//! Linux 6.1 and 6.12.

use crate::crc::{Crcs, SYMBOL};
use crate::kernel::{Owner, Resolved, State};
use crate::modinfo_checks::Names;
use crate::session::{Session, Step};
use crate::view::View;
use crate::{Errno, Evidence, Finding, RefusalCode, Taint};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use komod_object::Text;
use komod_object::elf::{Elf, SHN_ABS, SHN_COMMON, SHN_LIVEPATCH, SHN_UNDEF, Symbol};
use komod_object::modinfo::ModInfo;

/// What resolving the symbols of a module yields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolution {
    /// Symbol index and address of each symbol found.
    pub addresses: Vec<(u32, u64)>,
    /// Modules this one uses, in order of first use.
    pub uses: Vec<String>,
    pub using_gplonly_symbols: bool,
}

/// How the lookup of one symbol ended.
enum Outcome<'k> {
    Found(Resolved<'k>),
    /// The kernel's lookup returned nothing; a weak symbol may live with that.
    Absent(Finding),
    /// The lookup found the symbol but forbids it, for weak symbols too.
    Forbidden(Finding),
}

pub(crate) struct Resolver<'r, 'a> {
    pub names: &'r Names<'r>,
    pub info: &'r ModInfo<'a>,
    pub crcs: &'r Crcs<'a>,
    pub view: &'r View<'a>,
}

impl Resolver<'_, '_> {
    /// Goes over the whole symbol table; all problems are found before the load is refused.
    pub fn resolve(&self, session: &mut Session<'_>, elf: &Elf<'_>) -> Step<Resolution> {
        let mut resolution = Resolution::default();
        let mut findings = Vec::new();
        let table = elf.symbols().into_iter().flat_map(|table| table.iter().skip(1));
        for symbol in table {
            let problem = match symbol.shndx {
                SHN_UNDEF => self.undefined(session, &symbol, &mut resolution),
                SHN_COMMON => self.common(session, &symbol),
                SHN_ABS | SHN_LIVEPATCH => None,
                _ => self.defined(session, &symbol),
            };
            findings.extend(problem);
        }
        if !findings.is_empty() {
            let refusal = session.fatal_with(findings);
            session.note(refusal)?;
        }
        Ok(resolution)
    }

    fn common(&self, session: &mut Session<'_>, symbol: &Symbol<'_>) -> Option<Finding> {
        if symbol.name.starts_with("__gnu_lto") {
            return None;
        }
        session.warn(format!("{}: please compile with -fno-common", self.names.module));
        let evidence = Evidence::symbol(symbol.name.to_string());
        Some(Finding { code: RefusalCode::CommonSymbol, errno: Errno::ENOEXEC, evidence })
    }

    fn defined(&self, session: &mut Session<'_>, symbol: &Symbol<'_>) -> Option<Finding> {
        let (index, count) = (symbol.shndx, self.view.header.shnum);
        if index < count {
            return None;
        }
        session.error(format!(
            "{}: Symbol {} has an invalid section index {index} (max {})",
            self.names.module,
            symbol.name,
            count.saturating_sub(1)
        ));
        let evidence = Evidence::symbol(symbol.name.to_string())
            .but(format!("section index {index}"))
            .wants(format!("below {count}"));
        Some(Finding { code: RefusalCode::CorruptElf, errno: Errno::ENOEXEC, evidence })
    }

    fn undefined(
        &self,
        session: &mut Session<'_>,
        symbol: &Symbol<'_>,
        resolution: &mut Resolution,
    ) -> Option<Finding> {
        let name = symbol.name.to_string_lossy();
        let outcome = match symbol.name.as_str() {
            Some(name) => self.look_up(session, name, resolution),
            None => absent(&name, RefusalCode::UnknownSymbol),
        };
        let finding = match outcome {
            Outcome::Found(found) => {
                resolution.addresses.push((symbol.index as u32, found.address));
                return None;
            }
            Outcome::Absent(_)
                if symbol.is_weak() || session.facts.arch.ignores_undefined(&name) =>
            {
                return None;
            }
            Outcome::Absent(finding) | Outcome::Forbidden(finding) => finding,
        };
        let module = self.names.module;
        session.warn(format!("{module}: Unknown symbol {name} (err -{})", finding.errno.0));
        Some(finding)
    }

    fn look_up<'k>(
        &self,
        session: &mut Session<'k>,
        name: &str,
        resolution: &mut Resolution,
    ) -> Outcome<'k> {
        let proprietary = session.module_taint.contains(Taint::PROPRIETARY);
        let kernel = session.kernel;
        let Some(found) = kernel.lookup(name) else {
            return absent(name, RefusalCode::UnknownSymbol);
        };
        if found.gpl_only {
            if proprietary {
                // To a proprietary module GPL-only symbols do not exist at all.
                return absent(name, RefusalCode::GplOnly);
            }
            resolution.using_gplonly_symbols = true;
        }
        let evidence = || Evidence::symbol(name).owner(found.owner.name());
        let gpl_user = resolution.using_gplonly_symbols;
        if !self.inherit_taint(session, found.owner, name, gpl_user) {
            let code = RefusalCode::ProprietaryOwner;
            return Outcome::Absent(Finding { code, errno: Errno::ENOENT, evidence: evidence() });
        }
        if let Some(mut finding) = self.crcs.check(session, self.names, name, found.crc, SYMBOL) {
            finding.evidence = finding.evidence.owner(found.owner.name());
            return Outcome::Forbidden(finding);
        }
        if let Some(namespace) = found.namespace
            && !self.imports_namespace(session, name, namespace)
        {
            let evidence = evidence().wants(namespace);
            let code = RefusalCode::Namespace;
            return Outcome::Forbidden(Finding { code, errno: Errno::EINVAL, evidence });
        }
        if let Owner::Module { name: owner, state, .. } = found.owner
            && let Some(finding) = self.hold(session, owner, state, evidence(), resolution)
        {
            return Outcome::Forbidden(finding);
        }
        Outcome::Found(found)
    }

    /// Using a proprietary module makes a module proprietary; mixing that with GPL-only symbols
    /// is refused.
    fn inherit_taint(
        &self,
        session: &mut Session<'_>,
        owner: Owner<'_>,
        symbol: &str,
        using_gplonly_symbols: bool,
    ) -> bool {
        let Owner::Module { name: owner, taints, .. } = owner else { return true };
        if !taints.contains(Taint::PROPRIETARY) {
            return true;
        }
        let module = self.names.module;
        if using_gplonly_symbols {
            session.error(format!(
                "{module}: module using GPL-only symbols uses symbols {symbol} from proprietary \
                 module {owner}."
            ));
            return false;
        }
        if !session.module_taint.contains(Taint::PROPRIETARY) {
            session.warn(format!(
                "{module}: module uses symbols {symbol} from proprietary module {owner}, \
                 inheriting taint."
            ));
            session.module_taint |= Taint::PROPRIETARY;
        }
        true
    }

    fn imports_namespace(&self, session: &mut Session<'_>, symbol: &str, namespace: &str) -> bool {
        if namespace.is_empty() || self.info.all("import_ns").any(|ns| ns == *namespace) {
            return true;
        }
        let text = format!(
            "{}: module uses symbol ({symbol}) from namespace {namespace}, but does not import it.",
            self.names.module
        );
        let allowed = session.facts.config.allow_missing_namespace_imports;
        if allowed {
            session.warn(text);
        } else {
            session.error(text);
        }
        allowed
    }

    /// Takes a reference on the module that owns a symbol, unless it is held already.
    fn hold(
        &self,
        session: &mut Session<'_>,
        owner: &str,
        state: State,
        evidence: Evidence,
        resolution: &mut Resolution,
    ) -> Option<Finding> {
        if resolution.uses.iter().any(|used| used == owner) {
            return None;
        }
        let errno = match state {
            State::Live => {
                resolution.uses.push(owner.to_string());
                return None;
            }
            State::Coming | State::Unformed => {
                let module = self.names.module;
                session.warn(format!("{module}: gave up waiting for init of module {owner}."));
                Errno::EBUSY
            }
            State::Going => Errno::ENOENT,
        };
        Some(Finding { code: RefusalCode::OwnerBusy, errno, evidence })
    }
}

fn absent<'k>(name: &str, code: RefusalCode) -> Outcome<'k> {
    Outcome::Absent(Finding { code, errno: Errno::ENOENT, evidence: Evidence::symbol(name) })
}

/// The undefined symbols of a plain object, by a simple lookup; all missing ones are reported.
pub(crate) fn resolve_object(
    elf: &Elf<'_>,
    lookup: &dyn Fn(&str) -> Option<u64>,
) -> (Vec<(u32, u64)>, Vec<Finding>) {
    let (mut addresses, mut findings) = (Vec::new(), Vec::new());
    for symbol in elf.symbols().into_iter().flat_map(|table| table.iter().skip(1)) {
        let name: Text<'_> = symbol.name;
        if symbol.shndx == SHN_COMMON {
            let evidence = Evidence::symbol(name.to_string());
            let code = RefusalCode::CommonSymbol;
            findings.push(Finding { code, errno: Errno::ENOEXEC, evidence });
        }
        if !symbol.is_undefined() {
            continue;
        }
        match name.as_str().and_then(lookup) {
            Some(address) => addresses.push((symbol.index as u32, address)),
            None if symbol.is_weak() || name == "_GLOBAL_OFFSET_TABLE_" => {}
            None => {
                let evidence = Evidence::symbol(name.to_string());
                let code = RefusalCode::UnknownSymbol;
                findings.push(Finding { code, errno: Errno::ENOENT, evidence });
            }
        }
    }
    (addresses, findings)
}
