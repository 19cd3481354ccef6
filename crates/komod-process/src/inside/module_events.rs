//! Modules coming and going, as the kernel itself announces them (`register_module_notifier`).

use super::natives::memory;
use super::ptr::Ptr;
use super::single::Single;
use super::{kernel, leaks, modules, stubs};
use std::time::Instant;

/// `enum module_state` of include/linux/module.h.
const LIVE: u64 = 0;
const COMING: u64 = 1;
const GOING: u64 = 2;

/// The module that came last since the last [`take_came`].
#[derive(Default)]
struct Came {
    name: String,
    formed: Option<Instant>,
    /// Its init has been entered.
    entered: bool,
}

static CAME: Single<Came> = Single::new();

pub fn setup() {
    CAME.set(Came::default());
}

/// The module whose load got past the loader since the last call, whatever init said, and when it
/// was formed.
pub fn take_came() -> Option<(String, Instant)> {
    let came = CAME.with(std::mem::take);
    came.formed.filter(|_| came.entered).map(|formed| (came.name, formed))
}

/// Called by the kernel for every change of a module's state.
extern "C" fn notify(_block: Ptr, action: u64, module: Ptr) -> i32 {
    let btf = kernel::prepared().btf();
    let Some(name) = btf.field("module", "name") else { return 0 };
    let name = module.at(name.offset).read_string(64);
    match action {
        COMING => {
            for (start, len) in text_areas(module) {
                leaks::note_text(&name, start, start + len);
            }
            modules::note_formed(&name, module);
            let formed = Some(Instant::now());
            CAME.with(|c| *c = Came { name: name.clone(), formed, entered: false });
        }
        // Init's symbols go when it has succeeded, the others with the module.
        LIVE | GOING => {
            leaks::note_names(&name);
            if is_in_sysfs(module) {
                CAME.with(|c| c.entered = true);
            }
        }
        _ => {}
    }
    0 // NOTIFY_DONE
}

/// Whether the module has its directory in sysfs: the last thing that the loader makes before init,
/// and that goes after everybody has been told (load_module, do_init_module in
/// kernel/module/main.c, 6.1 and 6.12).
fn is_in_sysfs(module: Ptr) -> bool {
    let field = kernel::prepared().btf().field("module", "mkobj.kobj.state_in_sysfs");
    let Some((field, (bit, _))) = field.and_then(|f| Some((f, f.bits?))) else { return false };
    module.at(field.offset).read::<u8>() >> bit & 1 == 1
}

/// Where the module's code lies: `core_layout` and `init_layout` (to 6.3), or the text areas of
/// `mem[]` (`MOD_TEXT` is 0, `MOD_INIT_TEXT` 4).
fn text_areas(module: Ptr) -> Vec<(u64, u64)> {
    let btf = kernel::prepared().btf();
    let at = |field: &str| btf.field("module", field).map(|f| module.at(f.offset));
    let mut areas = Vec::new();
    for layout in ["core_layout", "init_layout"] {
        let base = at(&format!("{layout}.base"));
        if let (Some(base), Some(size)) = (base, at(&format!("{layout}.text_size"))) {
            areas.push((base.read::<u64>(), u64::from(size.read::<u32>())));
        }
    }
    if let (Some(mem), Some(size)) = (at("mem"), btf.struct_size("module_memory")) {
        let field = |name: &str| btf.field("module_memory", name).map_or(0, |f| f.offset);
        let (base, len) = (field("base"), field("size"));
        for kind in [0, 4] {
            let area = mem.at(kind * size);
            areas.push((area.at(base).read::<u64>(), u64::from(area.at(len).read::<u32>())));
        }
    }
    areas.retain(|(base, len)| *base != 0 && *len != 0);
    areas
}

/// Asks the kernel to tell; runs as a step of the boot.
pub fn register() {
    let block = memory::internal(24, 8);
    let function = notify as extern "C" fn(Ptr, u64, Ptr) -> i32 as usize as u64;
    block.write(stubs::trampoline(function, 0));
    kernel::call("register_module_notifier", &[block.0]);
}
