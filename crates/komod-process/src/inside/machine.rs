//! What happened to the machine: faults, limits, deaths; and its addresses in words.

use super::natives::workqueue;
use super::ptr::Ptr;
use super::single::Single;
use super::{builtin, kernel, modules, natives, out, region, sched, traps};
use crate::protocol::{Event, Frame, Location, Oops};

#[derive(Debug, Clone, Copy, Default)]
struct Happened {
    oopses: u32,
    /// Those since somebody last asked for something.
    storm: u32,
    stopped: bool,
    dying: bool,
    dead: bool,
}

static HAPPENED: Single<Happened> = Single::new();
/// More Oopses than this in one request: the kernel is no longer able to report them.
const STORM: u32 = 20;

pub fn setup() {
    HAPPENED.set(Happened::default());
}

/// Prints the first line of a report of misuse (of memory, of the context it runs in), and tells
/// the client of it.
pub fn complain(text: &str) {
    kernel::print(3, text);
    out::send(&Event::Complaint { text: text.to_string() }, &[]);
}

/// The kernel warned (`WARN_ON`) at this address.
pub fn note_warning(address: u64) {
    out::send(&Event::Warning { at: locate(address) }, &[]);
}

/// A request begins: what happened before it is over.
pub fn calm() {
    HAPPENED.with(|h| h.storm = 0);
}

/// The CPU-time limit stopped a task.
pub fn note_stopped() {
    HAPPENED.with(|h| h.stopped = true);
}

/// Tells whether the limit struck since the last call.
pub fn take_stopped() -> bool {
    HAPPENED.with(|h| std::mem::take(&mut h.stopped))
}

/// The kernel panicked: nothing runs any more.
pub fn halt() {
    HAPPENED.with(|h| h.dead = true);
    task_died();
}

pub fn is_dead() -> bool {
    HAPPENED.with(|h| h.dead)
}

/// An Oops is being printed: complaints about its context would only hide it.
pub fn is_dying() -> bool {
    HAPPENED.with(|h| h.dying)
}

pub fn oops_count() -> u32 {
    HAPPENED.with(|h| h.oopses)
}

/// The running task is about to end because of a fault.
pub fn task_died() {
    HAPPENED.with(|h| h.dying = false);
    sched::mark_crashed();
    if let Some(id) = sched::current() {
        workqueue::forget_worker(id);
    }
}

const REGISTERS: [(&str, usize); 17] = [
    ("RIP", 16),
    ("RSP", 19),
    ("EFLAGS", 18),
    ("RAX", 10),
    ("RBX", 5),
    ("RCX", 11),
    ("RDX", 12),
    ("RSI", 13),
    ("RDI", 14),
    ("RBP", 4),
    ("R8", 9),
    ("R9", 8),
    ("R10", 7),
    ("R11", 6),
    ("R12", 3),
    ("R13", 2),
    ("R14", 1),
];

/// Sends the report of a fault as data; the kernel prints its own words beside it.
pub fn oops(regs: &[u64; 21], reason: &str) {
    HAPPENED.with(|h| {
        h.oopses += 1;
        h.storm += 1;
        h.dying = true;
    });
    if HAPPENED.with(|h| h.storm) > STORM {
        traps::give_up("one Oops leads to the next");
    }
    let (comm, pid) = sched::comm_and_pid(sched::current_struct());
    let mut registers: Vec<(String, u64)> =
        REGISTERS.iter().map(|(name, i)| ((*name).to_string(), regs[*i])).collect();
    registers.push(("R15".into(), regs[0]));
    let ip = regs[16];
    let code = if region::is_kernel_memory(ip, 16) && is_text(ip) {
        Ptr(ip).read_bytes(16).iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
    } else {
        String::new()
    };
    let report = Oops {
        reason: reason.to_string(),
        comm,
        pid,
        rip: locate(ip),
        code,
        registers,
        trace: trace(regs[19]),
    };
    out::send(&Event::Oops(Box::new(report)), &[]);
}

/// Return addresses on the stack, innermost first. Without unwinding none is sure.
fn trace(sp: u64) -> Vec<Frame> {
    const FRAMES: usize = 24;
    let Some(stack) = super::task::stack_of(sp) else { return Vec::new() };
    let top = stack.0 + super::task::STACK;
    let mut frames = Vec::new();
    let mut at = sp.next_multiple_of(8).max(stack.0);
    while at < top && frames.len() < FRAMES {
        let value = Ptr(at).read::<u64>();
        if is_text(value) {
            frames.push(Frame { at: locate(value), sure: false });
        }
        at += 8;
    }
    frames
}

/// The innermost function of a module on a stack that is not in use: where a task waits.
pub fn module_frame(sp: u64) -> Option<Location> {
    let stack = super::task::stack_of(sp)?;
    let top = stack.0 + super::task::STACK;
    let words = (sp.next_multiple_of(8)..top).step_by(8).map(|at| Ptr(at).read::<u64>());
    words.filter(|value| modules::is_text(*value)).map(locate).next()
}

fn is_text(address: u64) -> bool {
    if region::is_image_address(address) {
        let inside = |name: &str| {
            kernel::prepared()
                .section(name)
                .is_some_and(|s| address.wrapping_sub(s.address) < s.size)
        };
        return inside(".text") || inside(".init.text");
    }
    builtin::locate(address).is_some() || modules::is_text(address)
}

/// An address in words.
pub fn locate(address: u64) -> Location {
    if region::is_image_address(address) {
        if let Some((symbol, size)) = kernel::prepared().symbols().nearest(address) {
            return Location {
                address,
                symbol: Some(symbol.name.to_string()),
                offset: address - symbol.address,
                size,
                ..Location::default()
            };
        }
    } else if region::is_module_address(address)
        && let Some(location) = builtin::locate(address).or_else(|| modules::locate(address))
    {
        return location;
    }
    Location { address, ..Location::default() }
}

pub fn symbolize(address: u64) -> String {
    locate(address).to_string()
}

/// Bits of `tainted_mask`.
pub fn taint() -> u64 {
    kernel::function("tainted_mask").map_or(0, |p| p.read())
}

/// The taint letters as the kernel prints them (`print_tainted`).
pub fn taint_letters() -> String {
    let at = kernel::call("print_tainted", &[]).map(Ptr);
    let text = at.filter(|p| region::is_kernel_memory(p.0, 1)).map(|p| p.read_string(64));
    text.unwrap_or_default()
}

pub fn heap_counts() -> (u64, u64) {
    natives::memory::heap(|h| h.live())
}
