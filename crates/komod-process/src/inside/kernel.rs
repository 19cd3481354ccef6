//! The kernel image in this process: its symbols, its types, and calling its functions.

use super::ptr::Ptr;
use super::single::Single;
use komod_kernel::prepared::Prepared;

static KERNEL: Single<&'static Prepared> = Single::new();

pub fn set(prepared: Prepared) -> &'static Prepared {
    let prepared: &'static Prepared = Box::leak(Box::new(prepared));
    KERNEL.set(prepared);
    prepared
}

pub fn prepared() -> &'static Prepared {
    KERNEL.with(|k| *k)
}

/// The address of a symbol of the image (per-CPU symbols: the offset).
pub fn symbol(name: &str) -> Option<Ptr> {
    prepared().symbols().lookup(name).map(Ptr)
}

/// The entry of a function of the image.
pub fn function(name: &str) -> Option<Ptr> {
    symbol(name).filter(|p| super::region::is_image_address(p.0))
}

/// Calls a function at an address with up to six arguments.
///
/// The callee is kernel code: it may switch tasks, fault (the task dies then and this never
/// returns) and call natives. No `Single` may be held.
pub fn call_at(function: Ptr, args: &[u64]) -> u64 {
    let arg = |i: usize| args.get(i).copied().unwrap_or(0);
    assert!(args.len() <= 6, "calls with stack arguments go through call_with_stack");
    type F = extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64;
    // SAFETY: the address is a kernel function (the caller's promise); the C convention lets a
    // callee ignore register arguments it does not have, and clobbers only what it declares.
    let f = unsafe { std::mem::transmute::<u64, F>(function.0) };
    f(arg(0), arg(1), arg(2), arg(3), arg(4), arg(5))
}

/// Calls a function of the image by name; `None` if this kernel has none of that name.
pub fn call(name: &str, args: &[u64]) -> Option<u64> {
    function(name).map(|f| call_at(f, args))
}

/// Writes a kernel variable if this kernel has it; tells whether it has.
pub fn set_variable<T: super::ptr::Plain>(name: &str, value: T) -> bool {
    match function(name) {
        Some(at) => {
            at.write(value);
            true
        }
        None => false,
    }
}

/// Prints one line into the kernel's log, as `printk(KERN_<level> "%s", text)` would.
pub fn print(level: u8, text: &str) {
    let Some(printk) = function("_printk") else { return };
    let mut line = vec![1, b'0' + level.min(7)];
    line.extend(text.bytes().filter(|b| *b != 0));
    line.extend(b"\n\0");
    type Printk = unsafe extern "C" fn(*const u8, ...) -> i32;
    // SAFETY: `_printk(const char *fmt, ...)` of kernel/printk/printk.c (6.1); format and argument
    // outlive the call and are NUL-terminated.
    unsafe {
        let printk = std::mem::transmute::<u64, Printk>(printk.0);
        printk(c"%s".as_ptr().cast(), line.as_ptr());
    }
}

/// An address as the kernel's `%p` shows it.
pub fn hashed(address: u64) -> String {
    use super::natives::memory;
    const LEN: u64 = 64;
    let (room, format) = (memory::internal(LEN, 8), memory::string("%p"));
    call("snprintf", &[room.0, LEN, format.0, address]);
    let text = room.read_string(LEN as usize);
    memory::release(room);
    memory::release(format);
    text
}

/// Calls a function whose seventh and eighth argument travel on the stack.
pub fn call_with_stack(function: Ptr, registers: [u64; 6], stack: [u64; 2]) -> u64 {
    type F = extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64) -> u64;
    // SAFETY: as in `call_at`.
    let f = unsafe { std::mem::transmute::<u64, F>(function.0) };
    let [a, b, c, d, e, g] = registers;
    f(a, b, c, d, e, g, stack[0], stack[1])
}
