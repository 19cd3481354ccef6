//! Page blocks and their `struct page`s.

use super::memory::{allocate, free, heap};
use super::natives;
use crate::inside::heap::Kind;
use crate::inside::kernel;
use crate::inside::offsets::offsets;
use crate::inside::ptr::Ptr;
use crate::inside::region::{PAGE, STRUCT_PAGE, VMEMMAP};
use crate::inside::stubs::CALLER;

/// `__GFP_COMP` of include/linux/gfp_types.h (bit 18 in 6.1 and 6.12).
const GFP_COMP: u32 = 1 << 18;
/// Beyond `MAX_ORDER` no allocation is served (10 on x86-64).
const MAX_ORDER: u32 = 10;

fn page_of(address: u64) -> Ptr {
    Ptr(VMEMMAP + address / PAGE * STRUCT_PAGE)
}

fn address_of(page: Ptr) -> Ptr {
    Ptr((page.0 - VMEMMAP) / STRUCT_PAGE * PAGE)
}

fn page_flag(name: &str) -> u64 {
    let btf = kernel::prepared().btf();
    btf.enum_value(Some("pageflags"), name).map_or(0, |bit| 1 << bit)
}

fn allocate_pages(gfp: u32, order: u32, by: u64) -> Ptr {
    if order > MAX_ORDER {
        return Ptr::NULL;
    }
    let at = allocate(PAGE << order, PAGE << order, Kind::Pages, by);
    if at.is_null() { Ptr::NULL } else { init_pages(at, order, gfp & GFP_COMP != 0) }
}

/// Sets up the `struct page`s of a fresh block as `prep_new_page` leaves them.
fn init_pages(at: Ptr, order: u32, compound: bool) -> Ptr {
    let o = offsets();
    let head = page_of(at.0);
    for i in 0..1u64 << order {
        let page = head.at(i * STRUCT_PAGE);
        page.fill(0, STRUCT_PAGE);
        page.at(o.page_mapcount).write(-1i32);
        if compound && i > 0 {
            page.at(o.page_compound_head).write(head.0 | 1);
        }
    }
    head.at(o.page_refcount).write(1i32);
    if compound && order > 0 {
        head.at(o.page_flags).write(page_flag("PG_head"));
        let second = head.at(STRUCT_PAGE);
        match o.page_compound_order {
            Some(offset) => second.at(offset).write(order as u8),
            None => second.at(o.page_flags).write(u64::from(order)),
        }
        if let Some(offset) = o.folio_nr_pages {
            head.at(offset).write(1u32 << order);
        }
    }
    head
}

fn free_page_block(page: Ptr, by: u64) {
    free(address_of(page), by);
}

/// Drops a reference; the last one frees the block.
fn put_page(page: Ptr, by: u64) {
    if page.is_null() {
        return;
    }
    let count = page.at(offsets().page_refcount);
    let left = count.read::<i32>() - 1;
    count.write(left);
    if left <= 0 {
        free_page_block(page, by);
    }
}

fn address_or_null(page: Ptr) -> u64 {
    if page.is_null() { 0 } else { address_of(page).0 }
}

natives! {
    ["__alloc_pages", "__alloc_pages_noprof", "__folio_alloc", "__folio_alloc_noprof"]
    fn alloc_pages_nodemask(gfp: u32, order: u32, _node: i32, _mask: Ptr) -> Ptr {
        allocate_pages(gfp, order, CALLER.read())
    }

    ["alloc_pages", "alloc_pages_noprof", "folio_alloc", "folio_alloc_noprof"]
    fn alloc_pages(gfp: u32, order: u32) -> Ptr { allocate_pages(gfp, order, CALLER.read()) }

    ["__get_free_pages", "get_free_pages_noprof"]
    fn get_free_pages(gfp: u32, order: u32) -> u64 {
        address_or_null(allocate_pages(gfp, order, CALLER.read()))
    }

    ["get_zeroed_page", "get_zeroed_page_noprof"]
    fn get_zeroed_page(gfp: u32) -> u64 { address_or_null(allocate_pages(gfp, 0, CALLER.read())) }

    ["free_pages"]
    fn free_pages(address: u64, _order: u32) {
        if address != 0 {
            put_page(page_of(address), CALLER.read());
        }
    }

    ["__free_pages"]
    fn free_pages_of(page: Ptr, _order: u32) { put_page(page, CALLER.read()) }

    ["__folio_put"]
    fn folio_put(folio: Ptr) { free_page_block(folio, CALLER.read()) }

    ["free_unref_page"]
    fn free_unref_page(page: Ptr, _order: u32) { free_page_block(page, CALLER.read()) }

    ["__free_pages_ok"]
    fn free_pages_ok(page: Ptr, _order: u32, _flags: i32) { free_page_block(page, CALLER.read()) }

    ["free_unref_page_list"]
    fn free_unref_page_list(list: Ptr) {
        let by = CALLER.read();
        let lru = offsets().page_lru;
        let mut at = list.read::<Ptr>();
        while at != list && !at.is_null() {
            let next = at.read::<Ptr>();
            free_page_block(Ptr(at.0 - u64::from(lru)), by);
            at = next;
        }
        list.write(list.0);
        list.at(8u64).write(list.0);
    }

    /// `struct folio_batch`: a count byte, then the folios (include/linux/pagevec.h, 6.12).
    ["free_unref_folios"]
    fn free_unref_folios(batch: Ptr) {
        let by = CALLER.read();
        for i in 0..u64::from(batch.read::<u8>()) {
            free_page_block(batch.at(8 + 8 * i).read(), by);
        }
        batch.write(0u8);
    }

    ["alloc_pages_exact", "alloc_pages_exact_noprof"]
    fn alloc_pages_exact(size: u64, _gfp: u32) -> Ptr {
        let at = allocate(size.next_multiple_of(PAGE), PAGE, Kind::Pages, CALLER.read());
        if !at.is_null() {
            for i in 0..size.div_ceil(PAGE) {
                init_pages(at.at(i * PAGE), 0, false);
            }
        }
        at
    }

    ["free_pages_exact"]
    fn free_pages_exact(at: Ptr, _size: u64) { free(at, CALLER.read()) }

    ["__alloc_pages_bulk"]
    fn alloc_pages_bulk(
        gfp: u32, _node: i32, _mask: Ptr, count: i32, _list: Ptr, array: Ptr,
    ) -> u64 {
        fill_array(gfp, count, array)
    }

    ["alloc_pages_bulk_noprof"]
    fn alloc_pages_bulk_612(
        gfp: u32, _node: i32, _mask: Ptr, count: i32, _list: Ptr, array: Ptr,
    ) -> u64 {
        fill_array(gfp, count, array)
    }

    ["vmalloc_to_page"]
    fn vmalloc_to_page(at: Ptr) -> Ptr { page_of(at.0) }

    ["vmalloc_to_pfn"]
    fn vmalloc_to_pfn(at: Ptr) -> u64 { at.0 / PAGE }

    /// Pages that follow each other already have one address. Others cannot be mapped side by
    /// side without page tables: they get memory of their own.
    ["vmap"]
    fn vmap(pages: Ptr, count: u32, _flags: u64, _prot: u64) -> Ptr {
        if count == 0 {
            return Ptr::NULL;
        }
        let first = address_of(pages.read());
        let joined = (1..u64::from(count))
            .all(|i| address_of(pages.at(8 * i).read()) == first.at(i * PAGE));
        if joined {
            first
        } else {
            allocate(u64::from(count) * PAGE, PAGE, Kind::Vmalloc, CALLER.read())
        }
    }

    /// Only what [`vmap`] had to allocate is freed.
    ["vunmap"]
    fn vunmap(at: Ptr) {
        let kind = heap(|h| h.find(at.0)).map(|r| r.kind);
        if kind == Some(Kind::Vmalloc) {
            free(at, CALLER.read());
        }
    }
}

fn fill_array(gfp: u32, count: i32, array: Ptr) -> u64 {
    if array.is_null() {
        return 0;
    }
    let by = CALLER.read();
    for i in 0..count.max(0) as u64 {
        let slot = array.at(8 * i);
        if slot.read::<u64>() == 0 {
            slot.write(allocate_pages(gfp, 0, by));
        }
    }
    count.max(0) as u64
}
