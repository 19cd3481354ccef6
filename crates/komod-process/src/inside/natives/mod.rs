//! The natives: Rust functions that stand in for kernel functions which touch hardware, page
//! tables, the scheduler or time. One family, one file.
//!
//! A native is declared once, with the names it answers to and its C signature. At start each
//! signature is compared with the kernel's BTF; a native that no longer fits refuses to be
//! installed instead of crashing later. Names a kernel lacks are skipped: they belong to another
//! version.

pub mod cpu;
pub mod kprobe;
pub mod kthread;
pub mod memory;
pub mod pages;
pub mod patch;
pub mod percpu;
pub mod protection;
pub mod random;
pub mod rcu;
pub mod reboot;
pub mod schedule;
pub mod stubbed;
pub mod table;
pub mod time;
pub mod timer;
pub mod workqueue;

use komod_kernel::btf::Btf;
pub use table::{Installed, Table};

/// Declares natives and a `register` function that adds them to a [`Table`].
macro_rules! natives {
    ($($(#[$meta:meta])* [$($name:literal),+ $(,)?]
        fn $f:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {
        $($(#[$meta])* extern "C" fn $f($($arg: $type),*) $(-> $ret)? $body)*

        pub fn register(table: &mut $crate::inside::natives::Table) {
            $(table.add(&[$($name),+], $f as extern "C" fn($($type),*) $(-> $ret)?);)*
        }
    };
}
pub(crate) use natives;

/// Every native there is.
pub fn all(fixed: &super::stubs::Fixed, btf: &Btf) -> Table {
    let mut table = Table::default();
    memory::register(&mut table);
    pages::register(&mut table);
    percpu::register(&mut table);
    schedule::register(&mut table);
    kprobe::register(&mut table);
    kthread::register(&mut table);
    time::register(&mut table);
    timer::register(&mut table);
    workqueue::register(&mut table);
    rcu::register_for(&mut table, btf);
    random::register(&mut table);
    cpu::register(&mut table);
    patch::register(&mut table);
    protection::register(&mut table);
    reboot::register(&mut table);
    stubbed::register(&mut table, fixed);
    table
}
