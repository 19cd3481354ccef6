//! The running in-process kernel as the loader core sees it: facts and exported symbols, read
//! from the kernel's own memory.

use super::super::kernel;
use super::super::ptr::Ptr;
use super::list;
use komod_load::{
    Errno, Facts, Kernel, LogLine, Owner, Resolved, SignatureVerdict, State, StructModule, Taint,
    Version,
};

/// What the loader may ask of the kernel without running its code.
pub struct Target {
    facts: Facts,
    loaded: Vec<list::Listed>,
    /// Decided before planning, by the kernel's own code.
    pub signature: SignatureVerdict,
    pub builtin: bool,
}

impl Target {
    pub fn new(release: &str, signature: SignatureVerdict, builtin: bool) -> Result<Self, String> {
        let version = Version::from_release(release)
            .ok_or_else(|| format!("`{release}` is no kernel release"))?;
        let vermagic = kernel::function("vermagic").ok_or("the image has no vermagic")?;
        let mut facts = Facts::new(version, vermagic.read_string(256));
        facts.layout =
            StructModule::resolve(size_of, offset_of).ok_or("BTF lacks struct module")?;
        facts.taint = Taint(super::super::machine::taint());
        if let Some(enforce) = kernel::function("sig_enforce") {
            facts.config.sig_enforce = enforce.read::<u8>() != 0;
        }
        facts.config.modules_disabled = flag("modules_disabled");
        // SPECTRE_V2_NONE is 0 (arch/x86/include/asm/nospec-branch.h).
        facts.config.retpoline = flag("spectre_v2_enabled");
        facts.config.lockdown = flag("kernel_locked_down");
        facts.blacklist = kernel::function("module_blacklist")
            .map(|p| p.read::<Ptr>().read_string(4096))
            .unwrap_or_default();
        facts.notices = list::notices();
        facts.module_area = super::super::region::MODULES_LEN;
        Ok(Target { facts, loaded: list::loaded(), signature, builtin })
    }
}

/// Whether an `int` of the kernel is not 0.
fn flag(variable: &str) -> bool {
    kernel::function(variable).is_some_and(|p| p.read::<u32>() != 0)
}

fn size_of(name: &str) -> Option<u32> {
    kernel::prepared().btf().struct_size(name)
}

/// Offsets in C notation, array elements (`mem[3].base`) included.
fn offset_of(structure: &str, path: &str) -> Option<u32> {
    let btf = kernel::prepared().btf();
    let Some((array, rest)) = path.split_once('[') else {
        return btf.field(structure, path).map(|f| f.offset);
    };
    let (index, rest) = rest.split_once(']')?;
    let array = btf.field(structure, array)?;
    let element = btf.resolve(array.type_id)?.target()?;
    let index: u32 = index.parse().ok()?;
    let inner = match rest.strip_prefix('.') {
        Some(rest) => btf.field_of(element, rest)?.offset,
        None => 0,
    };
    Some(array.offset + index * btf.size_of(element)? + inner)
}

impl Kernel for Target {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn lookup(&self, name: &str) -> Option<Resolved<'_>> {
        if let Some(export) = kernel::prepared().exports().lookup(name) {
            return Some(Resolved {
                address: export.address,
                crc: export.crc,
                gpl_only: export.gpl,
                namespace: export.namespace,
                owner: Owner::Kernel,
            });
        }
        self.loaded.iter().find_map(|module| {
            let export = module.exports.iter().find(|e| e.name == name)?;
            Some(Resolved {
                address: export.address,
                crc: export.crc,
                gpl_only: export.gpl_only,
                namespace: export.namespace.as_deref(),
                owner: Owner::Module {
                    name: &module.name,
                    state: module.state,
                    taints: module.taints,
                },
            })
        })
    }

    fn module_state(&self, name: &str) -> Option<State> {
        self.loaded.iter().find(|m| m.name == name).map(|m| m.state)
    }

    fn is_builtin(&self, _name: &str) -> bool {
        self.builtin
    }

    fn verify_signature(
        &self,
        _payload: &[u8],
        _signature: &[u8],
        _log: &mut Vec<LogLine>,
    ) -> SignatureVerdict {
        self.signature
    }
}

/// Judges a module's signature by the kernel's own keys and cryptography (`mod_verify_sig`).
/// Runs on a task.
pub fn verify(payload: &[u8], signature: &[u8]) -> SignatureVerdict {
    use super::super::natives::memory;
    const ENOKEY: i32 = -126;
    const ENOPKG: i32 = -65;
    const EKEYREJECTED: i32 = -129;
    /// `VERIFY_USE_SECONDARY_KEYRING` and `VERIFY_USE_PLATFORM_KEYRING`
    /// (include/linux/verification.h).
    const KEYRINGS: [u64; 2] = [1, 2];
    let Some(function) = kernel::function("verify_pkcs7_signature") else {
        return SignatureVerdict::UnknownKey;
    };
    let btf = kernel::prepared().btf();
    let usage = btf.enum_value(None, "VERIFYING_MODULE_SIGNATURE").unwrap_or(0) as u64;
    let data = memory::internal(payload.len().max(1) as u64, 16);
    let pkcs7 = memory::internal(signature.len().max(1) as u64, 16);
    data.write_bytes(payload);
    pkcs7.write_bytes(signature);
    let mut result = ENOKEY;
    for keyring in KEYRINGS {
        let (data_len, sig_len) = (payload.len() as u64, signature.len() as u64);
        let registers = [data.0, data_len, pkcs7.0, sig_len, keyring, usage];
        result = kernel::call_with_stack(function, registers, [0, 0]) as i32;
        if result != ENOKEY {
            break;
        }
    }
    memory::release(data);
    memory::release(pkcs7);
    match result {
        0 => SignatureVerdict::Valid,
        ENOKEY => SignatureVerdict::UnknownKey,
        ENOPKG => SignatureVerdict::UnsupportedCrypto,
        EKEYREJECTED => SignatureVerdict::Rejected,
        other => SignatureVerdict::Malformed(Errno(-other)),
    }
}

/// Whether `/sys/module/NAME` exists (a built-in's, unless a module of that name is loaded).
/// Runs on a task.
pub fn has_sysfs_entry(name: &str) -> bool {
    use super::super::natives::memory;
    let Some(kset) = kernel::function("module_kset").map(|p| p.read::<u64>()) else {
        return false;
    };
    let text = memory::string(name);
    let found = kernel::call("kset_find_obj", &[kset, text.0]).map_or(Ptr::NULL, Ptr);
    memory::release(text);
    if !found.is_null() {
        kernel::call("kobject_put", &[found.0]);
    }
    !found.is_null()
}
