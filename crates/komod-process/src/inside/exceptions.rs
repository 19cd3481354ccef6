//! What the kernel makes of a fault: exception tables, WARN and BUG, an Oops in its own words.

use super::ptr::{Plain, Ptr};
use super::single::Single;
use super::stubs::{CALLER, CALLER_SP};
use super::traps::{self, Context};
use super::{kernel, machine, sched, single, watchdog};

/// Exceptions by their x86 vector; the last three are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Vector {
    DivideError = 0,
    Breakpoint = 3,
    InvalidOpcode = 6,
    GeneralProtection = 13,
    PageFault = 14,
    /// The CPU-time limit.
    Watchdog = 0x100,
    /// The task's stack is used up.
    StackGuard = 0x101,
    /// A system call, by its number.
    SystemCall = 0x102,
}

impl Vector {
    fn from_number(n: u64) -> Vector {
        match n {
            0 => Vector::DivideError,
            3 => Vector::Breakpoint,
            6 => Vector::InvalidOpcode,
            13 => Vector::GeneralProtection,
            0x100 => Vector::Watchdog,
            0x101 => Vector::StackGuard,
            0x102 => Vector::SystemCall,
            _ => Vector::PageFault,
        }
    }
}

/// The frame of an exception: `struct pt_regs`, then what the CPU tells beside it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Trap {
    pub regs: [u64; 21],
    pub vector: u64,
    pub error: u64,
    pub address: u64,
}

// SAFETY: 24 integers.
unsafe impl Plain for Trap {}

const IP: usize = 16;
/// `ud2` is two bytes long.
const UD2: u64 = 2;
/// `enum bug_trap_type` of include/linux/bug.h.
const BUG_TRAP_WARN: u64 = 1;
const BUG_TRAP_BUG: u64 = 2;

static EMERGENCY: Single<u64> = Single::new();

pub fn setup() {
    EMERGENCY.set(super::natives::memory::internal(64 * 1024, 4096).0);
}

/// A stack for exceptions that find none (64 KiB).
pub fn emergency_stack() -> u64 {
    EMERGENCY.with(|s| *s)
}

/// Runs on the faulting task's stack. Returns if the interrupted code may go on.
pub extern "C" fn handle(frame: Ptr) {
    single::abandon_all();
    let trap: Trap = frame.read();
    let regs = frame;
    match Vector::from_number(trap.vector) {
        Vector::InvalidOpcode => {
            match kernel::call("report_bug", &[trap.regs[IP], regs.0]).unwrap_or(0) & 0xff {
                BUG_TRAP_WARN => {
                    machine::note_warning(trap.regs[IP]);
                    regs.at(8 * IP as u64).write(trap.regs[IP] + UD2);
                    return;
                }
                BUG_TRAP_BUG => die(&trap, regs, "kernel BUG", "invalid opcode"),
                _ => {}
            }
            if fix_up(&trap, regs) {
                return;
            }
            die(&trap, regs, "invalid opcode", "invalid opcode")
        }
        Vector::DivideError => {
            if !fix_up(&trap, regs) {
                die(&trap, regs, "divide error", "divide error")
            }
        }
        Vector::Breakpoint => die(&trap, regs, "int3", "int3"),
        Vector::GeneralProtection => {
            if !fix_up(&trap, regs) {
                let what = "general protection fault";
                die(&trap, regs, what, what)
            }
        }
        Vector::PageFault => {
            if !fix_up(&trap, regs) {
                page_fault(&trap, regs)
            }
        }
        Vector::StackGuard => {
            let at = trap.address;
            kernel::print(0, &format!("BUG: TASK stack guard page was hit at {at:#x}"));
            die(&trap, regs, "kernel stack overflow", "stack guard page")
        }
        Vector::SystemCall => {
            let reason = format!("system call {} by kernel code", trap.address);
            kernel::print(0, &format!("BUG: {reason}"));
            die(&trap, regs, &reason, &reason)
        }
        Vector::Watchdog => watchdog_bites(&trap, regs),
    }
}

fn fix_up(trap: &Trap, regs: Ptr) -> bool {
    let args = [regs.0, trap.vector, trap.error, trap.address];
    kernel::call("fixup_exception", &args).is_some_and(|r| r as u32 != 0)
}

/// The first line of an Oops, as `show_fault_oops` (arch/x86/mm/fault.c, 6.1) puts it.
fn fault_reason(trap: &Trap) -> String {
    let at = trap.address;
    if at < 4096 {
        format!("BUG: kernel NULL pointer dereference, address: {at:016x}")
    } else {
        format!("BUG: unable to handle page fault for address: {at:016x}")
    }
}

fn page_fault(trap: &Trap, regs: Ptr) -> ! {
    machine::oops(&trap.regs, &fault_reason(trap));
    /// The CPU wanted an instruction (arch/x86/include/asm/trap_pf.h `X86_PF_INSTR`).
    const INSTRUCTION: u64 = 1 << 4;
    if trap.error & INSTRUCTION != 0 && super::region::is_module_address(trap.address) {
        // The kernel says so only if its page tables do (`show_fault_oops`).
        let what = "kernel tried to execute NX-protected page - exploit attempt? (uid: 0)";
        kernel::print(2, what);
    }
    let args = [regs.0, trap.error, trap.address];
    if kernel::call("page_fault_oops", &args).is_none() {
        kernel::print(0, &fault_reason(trap));
        die_now(regs, "Oops", trap.error);
    }
    end_task()
}

fn die(trap: &Trap, regs: Ptr, reason: &str, title: &str) -> ! {
    machine::oops(&trap.regs, reason);
    die_now(regs, title, trap.error)
}

/// The kernel's own `die()`: it prints the Oops and ends the task.
fn die_now(regs: Ptr, title: &str, error: u64) -> ! {
    let title = super::natives::memory::string(title);
    kernel::call("die", &[title.0, regs.0, error]);
    end_task()
}

fn end_task() -> ! {
    machine::task_died();
    sched::exit(None)
}

fn watchdog_bites(trap: &Trap, regs: Ptr) -> ! {
    let (comm, pid) = sched::comm_and_pid(sched::current_struct());
    let seconds = watchdog::limit_seconds();
    let reason = format!("watchdog: BUG: soft lockup - CPU#0 stuck for {seconds}s! [{comm}:{pid}]");
    watchdog::begin();
    machine::note_stopped();
    machine::oops(&trap.regs, &reason);
    kernel::print(0, &reason);
    kernel::call("show_regs", &[regs.0]);
    end_task()
}

/// A native faulted on a pointer it was given: the fault is its caller's, as if the kernel's own
/// function had run there.
pub fn blame_caller(context: &mut Context, vector: Vector, address: u64) {
    context.set(libc::REG_RIP, CALLER.read());
    context.set(libc::REG_RSP, CALLER_SP.read::<u64>() + 8);
    traps::deliver(context, vector, address);
}

/// As [`blame_caller`], from inside a native that saw that a pointer leads nowhere.
pub fn bad_pointer(address: u64) -> ! {
    fault_at(CALLER.read(), CALLER_SP.read::<u64>() + 8, address)
}

/// A page fault of this kernel function, whose part a native plays: what it was to work on lay in a
/// module that has gone.
pub fn gone(function: &str, address: u64) -> ! {
    // Behind the function's first instruction, on the stack of whoever plays it.
    let ip = kernel::function(function).map_or(0, |f| f.0 + 1);
    let here = 0u64;
    fault_at(ip, &raw const here as u64, address)
}

fn fault_at(ip: u64, sp: u64, address: u64) -> ! {
    if !sched::in_task() {
        traps::give_up(&format!("access outside the kernel's memory: {address:#x}"));
    }
    single::abandon_all();
    let mut regs = [0u64; 21];
    regs[15] = u64::MAX;
    regs[IP] = ip;
    regs[17] = 0x10;
    regs[18] = 0x202;
    regs[19] = sp;
    regs[20] = 0x18;
    let trap = Trap { regs, vector: Vector::PageFault as u64, error: 0, address };
    let frame = super::natives::memory::internal(size_of::<Trap>() as u64, 16);
    frame.write(trap);
    page_fault(&trap, frame)
}
