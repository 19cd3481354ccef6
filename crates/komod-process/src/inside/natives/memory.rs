//! Slab, vmalloc and boot memory: everything that ends in [`heap`](crate::inside::heap).

use super::natives;
use crate::inside::heap::{FreeError, Heap, Kind, Record};
use crate::inside::kernel;
use crate::inside::machine;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::region::PAGE;
use crate::inside::single::Single;
use crate::inside::stubs::CALLER;

static HEAP: Single<Heap> = Single::new();

/// `ZERO_SIZE_PTR` of include/linux/slab.h.
const ZERO_SIZE: u64 = 16;
/// `KMALLOC_MAX_SIZE` of x86-64 (4 MiB in 6.1 and 6.12).
const KMALLOC_MAX: u64 = 4 << 20;
const VMALLOC_MAX: u64 = 2 << 30;

pub fn setup() {
    HEAP.set(Heap::default());
}

pub fn heap<R>(f: impl FnOnce(&mut Heap) -> R) -> R {
    HEAP.with(f)
}

/// Memory of the in-process kernel's own machinery.
pub fn internal(size: u64, align: u64) -> Ptr {
    heap(|h| h.allocate(size, align, Kind::Internal, 0)).expect("the arena holds the boot")
}

/// A NUL-terminated string in the kernel's memory, to pass to kernel functions.
pub fn string(text: &str) -> Ptr {
    let at = internal(text.len() as u64 + 1, 8);
    at.write_bytes(text.as_bytes());
    at
}

pub fn release(at: Ptr) {
    free(at, 0);
}

fn caller() -> u64 {
    CALLER.read()
}

pub fn allocate(size: u64, align: u64, kind: Kind, by: u64) -> Ptr {
    if size == 0 {
        return Ptr(ZERO_SIZE);
    }
    heap(|h| h.allocate(size, align, kind, by)).unwrap_or(Ptr::NULL)
}

fn kmalloc_size(size: u64, by: u64) -> Ptr {
    if size > KMALLOC_MAX { Ptr::NULL } else { allocate(size, 8, Kind::Kmalloc, by) }
}

fn kvmalloc_size(size: u64, by: u64) -> Ptr {
    if size > KMALLOC_MAX { vmalloc_size(size, by) } else { allocate(size, 8, Kind::Kmalloc, by) }
}

fn vmalloc_size(size: u64, by: u64) -> Ptr {
    if size == 0 || size > VMALLOC_MAX {
        return Ptr::NULL;
    }
    allocate(size, PAGE, Kind::Vmalloc, by)
}

/// Frees, and reports what cannot be freed in the words of the kernel's own debug allocators.
pub fn free(at: Ptr, by: u64) {
    if at.0 <= ZERO_SIZE {
        return;
    }
    match heap(|h| h.free(at, by)) {
        Ok((_, false)) => {}
        Ok((record, true)) => report(&record, "Right Redzone overwritten", by),
        Err(FreeError::Double(record)) => report(&record, "Object already free", by),
        Err(FreeError::NotAllocated) => {
            let (what, who) = (machine::symbolize(at.0), machine::symbolize(by));
            machine::complain(&format!("BUG: invalid free of {:#x} ({what}) in {who}", at.0));
        }
    }
}

fn report(record: &Record, what: &str, by: u64) {
    let name = machine::symbolize;
    machine::complain(&format!("BUG {} (Not tainted): {what}", kind_name(record)));
    kernel::print(3, &format!("Allocated {} bytes in {}", record.size, name(record.caller)));
    if record.freed_by != 0 && !record.is_live() {
        kernel::print(3, &format!("Freed in {}", name(record.freed_by)));
    }
    kernel::print(3, &format!("Now freed in {}", name(by)));
}

/// How reports call an allocation.
pub fn kind_name(record: &Record) -> String {
    match record.kind {
        Kind::Kmalloc => format!("kmalloc-{}", record.size.next_power_of_two().max(8)),
        Kind::Cache(cache) => {
            let name = Ptr(cache).at(offsets().cache_name).read::<Ptr>();
            match name.read_string(64) {
                s if s.is_empty() => "kmem_cache".into(),
                s => s,
            }
        }
        Kind::Pages => "pages".into(),
        Kind::Vmalloc => "vmalloc".into(),
        Kind::Internal => "internal".into(),
    }
}

fn resize(old: Ptr, size: u64, by: u64) -> Ptr {
    if size == 0 {
        free(old, by);
        return Ptr(ZERO_SIZE);
    }
    let new = kvmalloc_size(size, by);
    if old.0 > ZERO_SIZE && !new.is_null() {
        let have = heap(|h| h.size_of(old)).unwrap_or(0);
        new.copy_from(old, have.min(size));
        free(old, by);
    }
    new
}

fn cache_create(name: Ptr, size: u32, align: u32, flags: u32, ctor: Ptr) -> Ptr {
    let o = offsets();
    let cache = internal(u64::from(o.sizeof_cache), 64);
    cache.at(o.cache_size).write(size);
    cache.at(o.cache_object_size).write(size);
    cache.at(o.cache_align).write(align.max(8));
    cache.at(o.cache_flags).write(flags);
    cache.at(o.cache_ctor).write(ctor);
    // The name is the module's; it may go before the cache does.
    let text = kernel_string(name);
    cache.at(o.cache_name).write(string(&text));
    cache
}

/// A string argument, which may also lie in our own read-only data.
fn kernel_string(at: Ptr) -> String {
    at.read_string(256)
}

fn cache_alloc(cache: Ptr, by: u64) -> Ptr {
    if cache.0 < PAGE {
        return Ptr::NULL;
    }
    let o = offsets();
    let size = cache.at(o.cache_size).read::<u32>();
    let align = cache.at(o.cache_align).read::<u32>();
    let at = allocate(u64::from(size.max(1)), u64::from(align), Kind::Cache(cache.0), by);
    let ctor = cache.at(o.cache_ctor).read::<Ptr>();
    if !ctor.is_null() && !at.is_null() {
        kernel::call_at(ctor, &[at.0]);
    }
    at
}

natives! {
    ["__kmalloc", "__kmalloc_noprof", "kmalloc_large", "__kmalloc_large_noprof", "kmalloc_order"]
    fn kmalloc(size: u64, _gfp: u32) -> Ptr { kmalloc_size(size, caller()) }

    ["__kmalloc_node", "kmalloc_large_node", "__kmalloc_large_node_noprof"]
    fn kmalloc_node(size: u64, _gfp: u32, _node: i32) -> Ptr { kmalloc_size(size, caller()) }

    ["__kmalloc_node_noprof"]
    fn kmalloc_node_buckets(size: u64, _buckets: Ptr, _gfp: u32, _node: i32) -> Ptr {
        kmalloc_size(size, caller())
    }

    ["__kmalloc_node_noprof"]
    fn kmalloc_node_plain(size: u64, _gfp: u32, _node: i32) -> Ptr { kmalloc_size(size, caller()) }

    ["__kmalloc_node_track_caller", "__kmalloc_node_track_caller_noprof"]
    fn kmalloc_track(size: u64, _gfp: u32, _node: i32, by: u64) -> Ptr { kmalloc_size(size, by) }

    ["__kmalloc_node_track_caller_noprof"]
    fn kmalloc_track_buckets(size: u64, _buckets: Ptr, _gfp: u32, _node: i32, by: u64) -> Ptr {
        kmalloc_size(size, by)
    }

    ["kmalloc_trace", "__kmalloc_cache_noprof"]
    fn kmalloc_trace(_cache: Ptr, _gfp: u32, size: u64) -> Ptr { kmalloc_size(size, caller()) }

    ["kmalloc_node_trace", "__kmalloc_cache_node_noprof"]
    fn kmalloc_node_trace(_cache: Ptr, _gfp: u32, _node: i32, size: u64) -> Ptr {
        kmalloc_size(size, caller())
    }

    ["kfree", "kvfree", "vfree", "vfree_atomic"]
    fn kfree(object: Ptr) { free(object, caller()) }

    ["kfree_sensitive"]
    fn kfree_sensitive(object: Ptr) {
        let size = heap(|h| h.size_of(object)).unwrap_or(0);
        if size > 0 {
            object.fill(0, size);
        }
        free(object, caller());
    }

    ["kvfree_sensitive"]
    fn kvfree_sensitive(object: Ptr, len: u64) {
        if object.0 > ZERO_SIZE {
            object.fill(0, len.min(heap(|h| h.size_of(object)).unwrap_or(0)));
        }
        free(object, caller());
    }

    ["ksize", "__ksize"]
    fn ksize(object: Ptr) -> u64 {
        if object.0 <= ZERO_SIZE { 0 } else { heap(|h| h.size_of(object)).unwrap_or(0) }
    }

    ["krealloc", "krealloc_noprof"]
    fn krealloc(old: Ptr, size: u64, _gfp: u32) -> Ptr {
        if size > KMALLOC_MAX { Ptr::NULL } else { resize(old, size, caller()) }
    }

    ["kvrealloc"]
    fn kvrealloc(old: Ptr, _old_size: u64, size: u64, _gfp: u32) -> Ptr {
        resize(old, size, caller())
    }

    ["kvrealloc_noprof"]
    fn kvrealloc_612(old: Ptr, size: u64, _gfp: u32) -> Ptr { resize(old, size, caller()) }

    ["kvmalloc_node"]
    fn kvmalloc_node(size: u64, _gfp: u32, _node: i32) -> Ptr { kvmalloc_size(size, caller()) }

    ["__kvmalloc_node_noprof"]
    fn kvmalloc_node_buckets(size: u64, _buckets: Ptr, _gfp: u32, _node: i32) -> Ptr {
        kvmalloc_size(size, caller())
    }

    ["__kvmalloc_node_noprof"]
    fn kvmalloc_node_plain(size: u64, _gfp: u32, _node: i32) -> Ptr {
        kvmalloc_size(size, caller())
    }

    ["kmem_cache_create"]
    fn kmem_cache_create(name: Ptr, size: u32, align: u32, flags: u32, ctor: Ptr) -> Ptr {
        cache_create(name, size, align, flags, ctor)
    }

    ["kmem_cache_create_usercopy"]
    fn kmem_cache_create_usercopy(
        name: Ptr, size: u32, align: u32, flags: u32, _offset: u32, _len: u32, ctor: Ptr,
    ) -> Ptr {
        cache_create(name, size, align, flags, ctor)
    }

    ["__kmem_cache_create_args"]
    fn kmem_cache_create_args(name: Ptr, size: u32, args: Ptr, flags: u32) -> Ptr {
        let o = offsets();
        let field = |offset: Option<u32>| offset.filter(|_| !args.is_null()).map(|f| args.at(f));
        let align = field(o.args_align).map_or(0, |p| p.read::<u32>());
        let ctor = field(o.args_ctor).map_or(Ptr::NULL, |p| p.read::<Ptr>());
        cache_create(name, size, align, flags, ctor)
    }

    /// Buckets keep the objects of one caller apart; nothing here takes from them. The answer is
    /// that of a kernel without CONFIG_SLAB_BUCKETS (include/linux/slab.h, 6.12).
    ["kmem_buckets_create"]
    fn kmem_buckets_create(_name: Ptr, _flags: u32, _offset: u32, _len: u32, _ctor: Ptr) -> Ptr {
        Ptr(ZERO_SIZE)
    }

    ["kmem_cache_alloc", "kmem_cache_alloc_noprof"]
    fn kmem_cache_alloc(cache: Ptr, _gfp: u32) -> Ptr { cache_alloc(cache, caller()) }

    ["kmem_cache_alloc_lru", "kmem_cache_alloc_lru_noprof"]
    fn kmem_cache_alloc_lru(cache: Ptr, _lru: Ptr, _gfp: u32) -> Ptr {
        cache_alloc(cache, caller())
    }

    ["kmem_cache_alloc_node", "kmem_cache_alloc_node_noprof"]
    fn kmem_cache_alloc_node(cache: Ptr, _gfp: u32, _node: i32) -> Ptr {
        cache_alloc(cache, caller())
    }

    ["kmem_cache_alloc_bulk", "kmem_cache_alloc_bulk_noprof"]
    fn kmem_cache_alloc_bulk(cache: Ptr, _gfp: u32, count: u64, out: Ptr) -> i32 {
        let by = caller();
        for i in 0..count {
            out.at(8 * i).write(cache_alloc(cache, by));
        }
        count as i32
    }

    ["kmem_cache_free"]
    fn kmem_cache_free(_cache: Ptr, object: Ptr) { free(object, caller()) }

    ["kmem_cache_free_bulk"]
    fn kmem_cache_free_bulk(_cache: Ptr, count: u64, objects: Ptr) {
        let by = caller();
        for i in 0..count {
            free(objects.at(8 * i).read(), by);
        }
    }

    ["kmem_cache_destroy"]
    fn kmem_cache_destroy(cache: Ptr) {
        if cache.0 > ZERO_SIZE {
            free(cache.at(offsets().cache_name).read(), 0);
            free(cache, caller());
        }
    }

    ["kmem_cache_shrink"]
    fn kmem_cache_shrink(_cache: Ptr) -> i32 { 0 }

    ["kmem_cache_size"]
    fn kmem_cache_size(cache: Ptr) -> u32 { cache.at(offsets().cache_object_size).read() }

    ["vmalloc", "vzalloc", "vmalloc_noprof", "vzalloc_noprof", "vmalloc_user",
     "vmalloc_user_noprof", "vmalloc_32", "vmalloc_32_noprof", "vmalloc_32_user",
     "vmalloc_32_user_noprof"]
    fn vmalloc(size: u64) -> Ptr { vmalloc_size(size, caller()) }

    ["vmalloc_node", "vzalloc_node", "vmalloc_node_noprof", "vzalloc_node_noprof"]
    fn vmalloc_node(size: u64, _node: i32) -> Ptr { vmalloc_size(size, caller()) }

    ["__vmalloc", "__vmalloc_noprof", "vmalloc_huge", "vmalloc_huge_noprof"]
    fn vmalloc_gfp(size: u64, _gfp: u32) -> Ptr { vmalloc_size(size, caller()) }

    ["__vmalloc_node", "__vmalloc_node_noprof"]
    fn vmalloc_align(size: u64, align: u64, _gfp: u32, _node: i32, by: Ptr) -> Ptr {
        if size == 0 || size > VMALLOC_MAX {
            return Ptr::NULL;
        }
        allocate(size, align.max(PAGE), Kind::Vmalloc, by.0)
    }

    ["__vmalloc_node_range", "__vmalloc_node_range_noprof"]
    fn vmalloc_range(
        size: u64, align: u64, _start: u64, _end: u64, _gfp: u32, _prot: u64, _flags: u64,
        _node: i32, by: Ptr,
    ) -> Ptr {
        if size == 0 || size > VMALLOC_MAX {
            return Ptr::NULL;
        }
        allocate(size, align.max(PAGE), Kind::Vmalloc, by.0)
    }

    /// Boot-time hash tables (dentries, inodes, sockets) are sized by memory; 1,024 buckets do.
    ["alloc_large_system_hash"]
    fn alloc_large_system_hash(
        _name: Ptr, bucket: u64, _entries: u64, _scale: i32, _flags: i32, shift: Ptr, mask: Ptr,
        _low: u64, _high: u64,
    ) -> Ptr {
        const SHIFT: u32 = 10;
        if !shift.is_null() {
            shift.write(SHIFT);
        }
        if !mask.is_null() {
            mask.write((1u32 << SHIFT) - 1);
        }
        internal(bucket << SHIFT, PAGE)
    }

    ["memblock_alloc_try_nid", "memblock_alloc_try_nid_raw", "memblock_alloc_exact_nid_raw"]
    fn memblock_alloc(size: u64, align: u64, _min: u64, _max: u64, _node: i32) -> Ptr {
        internal(size.max(1), align.max(8))
    }
}
