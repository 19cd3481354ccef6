//! The kernel's log, as the kernel's own printk formats it: a console of the extended kind, which
//! gets every record in `/dev/kmsg`'s form (Documentation/ABI/testing/dev-kmsg).

use super::natives::memory;
use super::offsets::offsets;
use super::ptr::Ptr;
use super::single::Single;
use super::{kernel, out, stubs};
use crate::kmsg;
use crate::protocol::Event;

/// `CON_PRINTBUFFER | CON_ENABLED | CON_ANYTIME | CON_EXTENDED` of include/linux/console.h.
const FLAGS: u16 = 1 | 4 | 16 | 64;

/// How the first line of a panic begins (`panic` in kernel/panic.c, 6.1 and 6.12).
const PANIC: &str = "Kernel panic - not syncing: ";

/// The first line of the latest panic.
static PANICKED: Single<String> = Single::new();

/// What the kernel said when it panicked; empty if it did not.
pub fn panic_text() -> String {
    PANICKED.with(|text| text.clone())
}

extern "C" fn write(_console: Ptr, text: Ptr, len: u32) {
    let bytes = text.read_bytes(len as usize);
    if let Some(record) = kmsg::parse(&String::from_utf8_lossy(&bytes)) {
        if record.text.starts_with(PANIC) {
            PANICKED.set(record.text.clone());
        }
        out::send(&Event::Log(record), &[]);
    }
}

/// Registers the console; the records so far are replayed to it.
pub fn register() {
    PANICKED.set(String::new());
    let o = offsets();
    let console = memory::internal(u64::from(o.sizeof_console), 64);
    console.at(o.console_name).write_bytes(b"komod\0");
    let write = write as extern "C" fn(Ptr, Ptr, u32) as usize as u64;
    console.at(o.console_write).write(stubs::trampoline(write, 0));
    console.at(o.console_flags).write(FLAGS);
    console.at(o.console_index).write(-1i16);
    // Every level, whatever `quiet` or `loglevel=` say.
    kernel::set_variable("ignore_loglevel", 1u8);
    kernel::call("register_console", &[console.0]);
}
