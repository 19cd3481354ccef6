//! A linked module on its way into the kernel: from `complete_formation` to `do_init_module`.

use super::super::natives::memory;
use super::super::ptr::Ptr;
use super::super::stubs;
use super::super::{kernel, region};
use super::list;
use super::load::Placement;
use komod_load::{Image, Plan};

/// `enum module_state`.
const COMING: u64 = 1;
const GOING: u64 = 2;
/// Levels of a module's parameters (`parse_args` in `load_module`).
const LEVELS: (i32, i32) = (-32768, 32767);

/// What is needed after the plan and the image are gone.
pub struct Formed {
    module: Ptr,
    name: String,
    uses: Vec<String>,
    /// Values of `.modinfo` keys with attributes (`version`, `srcversion`).
    modinfo: Vec<(String, String)>,
    /// Address and size of `__dyndbg` and `__dyndbg_classes`.
    dyndbg: [Option<(u64, u64)>; 2],
    elf: Ptr,
    /// Index of the section with the symbols.
    symbol_table: u32,
}

impl Formed {
    pub fn new(plan: &Plan<'_>, image: &Image, place: &Placement) -> Formed {
        let section = |name: &str| image.section(name).map(|s| (s.address, s.size));
        let modinfo = plan.modinfo();
        let pairs = ["version", "srcversion"]
            .iter()
            .filter_map(|key| Some(((*key).to_string(), modinfo.get(key)?.to_string())))
            .collect();
        super::note_sections(&plan.name, image);
        Formed {
            module: Ptr(image.this_module),
            name: plan.name.clone(),
            uses: plan.uses.clone(),
            modinfo: pairs,
            dyndbg: [section("__dyndbg"), section("__dyndbg_classes")],
            elf: place.file,
            symbol_table: plan.elf().symbols().map_or(0, |table| table.section as u32),
        }
    }

    fn field(&self, path: &str) -> Option<Ptr> {
        kernel::prepared().btf().field("module", path).map(|f| self.module.at(f.offset))
    }

    fn headers(&self) -> Ptr {
        self.elf.at(self.elf.at(40u64).read::<u64>())
    }

    /// Everything before init. The error is an errno; the module is out of the kernel again then.
    pub fn take_up(&self, protect: impl FnOnce()) -> Result<(), i32> {
        self.list_in();
        self.set_modinfo();
        self.use_others();
        let arguments = [self.elf.0, self.headers().0, self.module.0];
        kernel::call("module_finalize", &arguments);
        self.dynamic_debug();
        kernel::call("module_bug_finalize", &arguments);
        protect();
        let coming = self.come();
        let result = coming.and_then(|()| self.parameters()).and_then(|()| self.sysfs());
        if result.is_err() {
            self.undo();
        }
        result
    }

    /// `do_init_module`: runs init, and frees what only init needed. Answers its result.
    pub fn init(&self) -> i64 {
        i64::from(kernel::call("do_init_module", &[self.module.0]).unwrap_or(0) as i32)
    }

    fn list_in(&self) {
        let (Some(head), Some(link)) = (kernel::function("modules"), self.field("list")) else {
            return;
        };
        let lock = kernel::function("module_mutex").map_or(0, |p| p.0);
        kernel::call("mutex_lock", &[lock]);
        let first = head.read::<Ptr>();
        link.write(first);
        link.at(8u64).write(head);
        first.at(8u64).write(link);
        head.write(link);
        bounds();
        kernel::call("mod_tree_insert", &[self.module.0]);
        kernel::call("mutex_unlock", &[lock]);
    }

    /// `setup_modinfo`: each attribute copies its value out of the file.
    fn set_modinfo(&self) {
        let btf = kernel::prepared().btf();
        let (Some(list), Some(setup), Some(name)) = (
            kernel::function("modinfo_attrs"),
            btf.field("module_attribute", "setup"),
            btf.field("module_attribute", "attr.name"),
        ) else {
            return;
        };
        const MOST: u64 = 32;
        for i in 0..MOST {
            let attribute = list.at(8 * i).read::<Ptr>();
            if attribute.is_null() {
                break;
            }
            let function = attribute.at(setup.offset).read::<Ptr>();
            if function.is_null() {
                continue;
            }
            let key = attribute.at(name.offset).read::<Ptr>().read_string(64);
            let value = self.modinfo.iter().find(|(k, _)| *k == key);
            let text = value.map_or(Ptr::NULL, |(_, v)| memory::string(v));
            kernel::call_at(function, &[self.module.0, text.0]);
            memory::release(text);
        }
    }

    /// `ref_module` for every module whose symbols are used.
    fn use_others(&self) {
        let btf = kernel::prepared().btf();
        let offset = |f: &str| btf.field("module_use", f).map_or(0, |p| p.offset);
        for name in &self.uses {
            let Some(other) = list::find(name) else { continue };
            kernel::call("try_module_get", &[other.0]);
            let size = btf.struct_size("module_use").unwrap_or(48);
            let by = super::super::heap::Kind::Kmalloc;
            let link = memory::allocate(u64::from(size), 8, by, 0);
            link.at(offset("source")).write(self.module);
            link.at(offset("target")).write(other);
            let add = |entry: Ptr, head: Option<Ptr>| {
                let Some(head) = head else { return };
                let first = head.read::<Ptr>();
                entry.write(first);
                entry.at(8u64).write(head);
                first.at(8u64).write(entry);
                head.write(entry);
            };
            let theirs = btf.field("module", "source_list").map(|f| other.at(f.offset));
            add(link.at(offset("source_list")), theirs);
            add(link.at(offset("target_list")), self.field("target_list"));
        }
    }

    /// Before 6.4 the loader hands dynamic debug its table; later a notifier finds it itself.
    fn dynamic_debug(&self) {
        let btf = kernel::prepared().btf();
        if btf.field("module", "dyndbg_info").is_some() {
            return;
        }
        let [Some((_, 1..)), _] = self.dyndbg else { return };
        let info = memory::internal(u64::from(btf.struct_size("_ddebug_info").unwrap_or(32)), 8);
        for (section, element, default, pointer, count) in [
            (self.dyndbg[0], "_ddebug", 56, "descs", "num_descs"),
            (self.dyndbg[1], "ddebug_class_map", 64, "classes", "num_classes"),
        ] {
            let field = |f: &str| btf.field("_ddebug_info", f).map(|p| info.at(p.offset));
            let (Some(pointer), Some(count)) = (field(pointer), field(count)) else { continue };
            let (address, size) = section.unwrap_or_default();
            let each = u64::from(btf.struct_size(element).unwrap_or(default));
            pointer.write(address);
            count.write((size / each) as u32);
        }
        let name = self.field("name").unwrap_or(Ptr::NULL);
        kernel::call("ddebug_add_module", &[info.0, name.0]);
        memory::release(info);
    }

    /// `prepare_coming_module`: live patches, then everybody who listens.
    fn come(&self) -> Result<(), i32> {
        match kernel::call("klp_module_coming", &[self.module.0]).unwrap_or(0) as i32 {
            0 => {}
            error => return Err(-error),
        }
        let chain = kernel::function("module_notify_list").map_or(0, |p| p.0);
        let arguments = [chain, COMING, GOING, self.module.0];
        let result = kernel::call("blocking_notifier_call_chain_robust", &arguments).unwrap_or(0);
        // notifier_to_errno (include/linux/notifier.h).
        const STOP_MASK: u64 = 0x8000;
        match result & !STOP_MASK {
            n if n > 1 => Err((n - 1) as i32),
            _ => Ok(()),
        }
    }

    fn parameters(&self) -> Result<(), i32> {
        let read = |path: &str| self.field(path).map_or(0, |p| p.read::<u64>());
        let (Some(parse), Some(name)) = (kernel::function("parse_args"), self.field("name")) else {
            return Ok(());
        };
        let count = self.field("num_kp").map_or(0, |p| u64::from(p.read::<u32>()));
        let unknown =
            kernel::function("unknown_module_param_cb").map_or(stubs::fixed().zero, |p| p.0);
        let (low, high) = (LEVELS.0 as i64 as u64, LEVELS.1 as u64);
        let registers = [name.0, read("args"), read("kp"), count, low, high];
        let rest = Ptr(kernel::call_with_stack(parse, registers, [self.module.0, unknown]));
        if rest.is_error() {
            return Err(-(rest.0 as i64) as i32);
        }
        if region::is_kernel_memory(rest.0, 1) {
            let words = rest.read_string(4096);
            let line = format!("{}: parameters '{words}' after `--' ignored", self.name);
            kernel::print(4, &line);
        }
        Ok(())
    }

    /// `/sys/module/NAME`, through the kernel's own code, which reads the section headers.
    fn sysfs(&self) -> Result<(), i32> {
        let btf = kernel::prepared().btf();
        let info = memory::internal(u64::from(btf.struct_size("load_info").unwrap_or(256)), 16);
        let headers = self.headers();
        let strings = headers.at(64 * u64::from(self.elf.at(62u64).read::<u16>()) + 24);
        let names = self.elf.at(strings.read::<u64>());
        for (path, value) in [
            ("name", self.field("name").map_or(0, |p| p.0)),
            ("mod", self.module.0),
            ("hdr", self.elf.0),
            ("sechdrs", headers.0),
            ("secstrings", names.0),
        ] {
            if let Some(field) = btf.field("load_info", path) {
                info.at(field.offset).write(value);
            }
        }
        if let Some(field) = btf.field("load_info", "index.sym") {
            info.at(field.offset).write(self.symbol_table);
        }
        let kp = self.field("kp").map_or(0, |p| p.read::<u64>());
        let count = self.field("num_kp").map_or(0, |p| u64::from(p.read::<u32>()));
        let set_up = kernel::call("mod_sysfs_setup", &[self.module.0, info.0, kp, count]);
        let mut result = set_up.unwrap_or(0) as i32;
        if result == 0 && self.field("klp").is_some_and(|klp| klp.read::<u8>() != 0) {
            // What a live patch needs of its file later.
            result = kernel::call("copy_module_elf", &[self.module.0, info.0]).unwrap_or(0) as i32;
            if result < 0 {
                kernel::call("mod_sysfs_teardown", &[self.module.0]);
            }
        }
        memory::release(info);
        if result < 0 { Err(-result) } else { Ok(()) }
    }

    /// Takes the module out again, in the kernel's order (`coming_cleanup` to `unlink_mod`).
    fn undo(&self) {
        if let Some(state) = self.field("state") {
            state.write(GOING as u32);
        }
        let count = self.field("num_kp").map_or(0, |p| u64::from(p.read::<u32>()));
        let kp = self.field("kp").map_or(0, |p| p.read::<u64>());
        kernel::call("module_destroy_params", &[kp, count]);
        let chain = kernel::function("module_notify_list").map_or(0, |p| p.0);
        kernel::call("blocking_notifier_call_chain", &[chain, GOING, self.module.0]);
        kernel::call("klp_module_going", &[self.module.0]);
        kernel::call("module_bug_cleanup", &[self.module.0]);
        kernel::call("module_arch_cleanup", &[self.module.0]);
        kernel::call("module_unload_free", &[self.module.0]);
        if let Some(link) = self.field("list") {
            let (next, previous) = (link.read::<Ptr>(), link.at(8u64).read::<Ptr>());
            previous.write(next);
            next.at(8u64).write(previous);
        }
        kernel::call("mod_tree_remove", &[self.module.0]);
    }
}

/// Where the kernel looks for modules at all (`mod_update_bounds`): the whole module area.
fn bounds() {
    let btf = kernel::prepared().btf();
    let Some(tree) = kernel::function("mod_tree") else { return };
    let ends = [("addr_min", region::MODULES), ("addr_max", region::MODULES + region::MODULES_LEN)];
    for (name, value) in ends {
        if let Some(field) = btf.field("mod_tree_root", name) {
            tree.at(field.offset).write(value);
        }
    }
}
