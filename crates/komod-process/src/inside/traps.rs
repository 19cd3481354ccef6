//! Faults of kernel and module code: from the process's signals back to what the CPU would have
//! raised.
//!
//! The signal handler does what hardware does: it saves the registers as a `struct pt_regs` on the
//! faulting task's stack and continues in [`exceptions`](super::exceptions), outside signal
//! context, where the kernel's own handlers can run.

use super::emulate;
use super::exceptions::{self, Trap, Vector};
use super::memory_map;
use super::ptr::Ptr;
use super::region;
use super::sched;
use super::task;
use super::watchdog::{self, Verdict};
use libc::{
    REG_CR2, REG_ERR, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
    REG_RAX, REG_RBP, REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
};
use std::arch::naked_asm;
use std::io;

/// Exit status of a kernel process that could not go on.
pub const HOPELESS: i32 = 99;

/// Registers by their number in an instruction.
pub const BY_NUMBER: [i32; 16] = [
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9,
    REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
];
/// Registers in the order of `struct pt_regs` (arch/x86/include/asm/ptrace.h) before `orig_ax`.
const PT_REGS: [i32; 15] = [
    REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP, REG_RBX, REG_R11, REG_R10, REG_R9, REG_R8,
    REG_RAX, REG_RCX, REG_RDX, REG_RSI, REG_RDI,
];
/// `__KERNEL_CS` and `__KERNEL_DS`: to the kernel, its code runs in ring 0.
const KERNEL_CS: u64 = 0x10;
const KERNEL_DS: u64 = 0x18;
const EMERGENCY_STACK: u64 = 64 * 1024;

/// Length of the instruction `syscall`.
const SYSCALL: u64 = 2;

/// Installs the handlers on a signal stack of their own.
pub fn setup() -> io::Result<()> {
    let size = 256 * 1024;
    let stack = Box::leak(vec![0u8; size].into_boxed_slice());
    let ss = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: size };
    // SAFETY: the stack is leaked, hence valid for the life of the process.
    if unsafe { libc::sigaltstack(&ss, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
    let install = |signal: i32, handler: Handler| {
        // SAFETY: all-zero is a valid sigaction; the handler has the SA_SIGINFO signature.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            match libc::sigaction(signal, &action, std::ptr::null_mut()) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        }
    };
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
        install(signal, on_fault)?;
    }
    install(libc::SIGSYS, on_system_call)?;
    install(libc::SIGVTALRM, on_tick)
}

/// The interrupted registers, as the handlers see them.
pub struct Context(*mut libc::ucontext_t);

impl Context {
    pub fn get(&self, register: i32) -> u64 {
        // SAFETY: the pointer is the one the system gave the handler; `register` indexes gregs.
        unsafe { (*self.0).uc_mcontext.gregs[register as usize] as u64 }
    }

    pub fn set(&mut self, register: i32, value: u64) {
        // SAFETY: as in `get`.
        unsafe { (*self.0).uc_mcontext.gregs[register as usize] = value as i64 }
    }
}

extern "C" fn on_fault(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    memory_map::hold_gs();
    let mut context = Context(context.cast());
    // SAFETY: the system passes a valid siginfo_t.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as u64) };
    let ip = context.get(REG_RIP);
    const SI_KERNEL: i32 = 0x80;
    let general_protection = signal == libc::SIGSEGV && code == SI_KERNEL && address == 0;
    let ours = !region::is_image_address(ip)
        && !region::is_module_address(ip)
        && sched::in_task()
        && is_our_code(ip);
    if !sched::in_task() && !region::is_image_address(ip) && !region::is_module_address(ip) {
        give_up(&format!("komod's own code faulted at {ip:#x} (address {address:#x})"));
    }
    if !ours && (general_protection || signal == libc::SIGILL) && emulate::step(&mut context) {
        return;
    }
    let vector = match signal {
        libc::SIGILL => Vector::InvalidOpcode,
        libc::SIGFPE => Vector::DivideError,
        libc::SIGTRAP => Vector::Breakpoint,
        _ if general_protection => Vector::GeneralProtection,
        _ => Vector::PageFault,
    };
    if ours {
        // A native followed a bad pointer of its caller's.
        exceptions::blame_caller(&mut context, vector, address);
        return;
    }
    deliver(&mut context, vector, address);
}

/// Kernel code made a system call that the sandbox refuses. No kernel code makes one.
extern "C" fn on_system_call(
    _signal: i32,
    _info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let mut context = Context(context.cast());
    let (ip, number) = (context.get(REG_RIP), context.get(REG_RAX));
    if !region::is_image_address(ip) && !region::is_module_address(ip) {
        give_up(&format!("system call {number} is not permitted"));
    }
    context.set(REG_RIP, ip - SYSCALL);
    deliver(&mut context, Vector::SystemCall, number);
}

/// Not an address of the kernel's regions, and mapped: code of this program.
fn is_our_code(ip: u64) -> bool {
    let low = on_fault as *const () as u64;
    ip.abs_diff(low) < 64 << 20
}

extern "C" fn on_tick(_signal: i32, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let mut context = Context(context.cast());
    let ip = context.get(REG_RIP);
    match watchdog::tick() {
        Verdict::Fine => {}
        Verdict::Stop if region::is_image_address(ip) || region::is_module_address(ip) => {
            deliver(&mut context, Vector::Watchdog, 0);
        }
        Verdict::Stop => {}
        // SAFETY: leaves without running destructors.
        Verdict::Unwanted => unsafe { libc::_exit(0) },
        Verdict::Hopeless => give_up("a native of the in-process kernel does not end"),
    }
}

/// Makes the interrupted code continue in [`exception_entry`] with its registers on its stack.
pub fn deliver(context: &mut Context, vector: Vector, address: u64) {
    let sp = context.get(REG_RSP);
    let usable = |stack: Ptr| sp >= stack.0 + 4096 && sp <= stack.0 + task::STACK;
    let on_task_stack = sched::current_stack().is_some_and(usable);
    let overflow = !on_task_stack && sched::on_stack(sp);
    let top = if overflow || !region::is_kernel_memory(sp, 8) {
        exceptions::emergency_stack() + EMERGENCY_STACK
    } else {
        sp - 128
    };
    let frame = (top - size_of::<Trap>() as u64) & !15;
    let mut regs = [0u64; 21];
    for (slot, register) in regs.iter_mut().zip(PT_REGS) {
        *slot = context.get(register);
    }
    regs[15] = u64::MAX; // orig_ax: not a system call
    regs[16] = context.get(REG_RIP);
    regs[17] = KERNEL_CS;
    regs[18] = context.get(libc::REG_EFL);
    regs[19] = sp;
    regs[20] = KERNEL_DS;
    let fault = if vector == Vector::PageFault { context.get(REG_CR2) } else { address };
    let trap = Trap {
        regs,
        vector: if overflow { Vector::StackGuard } else { vector } as u64,
        error: context.get(REG_ERR) & !4, // the U bit: the kernel runs in ring 0
        address: fault,
    };
    Ptr(frame).write(trap);
    context.set(REG_RDI, frame);
    context.set(REG_RSP, frame);
    context.set(REG_RIP, exception_entry as *const () as u64);
    // Direction and trap flags as at any C function's entry.
    context.set(libc::REG_EFL, 0x202);
}

/// Runs the exception handler on the frame at RDI and, if it returns, resumes what was
/// interrupted. Ring 3 cannot `iretq` to ring 0's selectors, so the real ones are put in place.
#[unsafe(naked)]
unsafe extern "C" fn exception_entry() {
    naked_asm!(
        "cld",
        "mov rbx, rdi",
        "call {handle}",
        "mov rsp, rbx",
        "mov qword ptr [rsp + 136], 0x33", // cs
        "mov qword ptr [rsp + 160], 0x2b", // ss
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rax",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "add rsp, 8",
        "iretq",
        handle = sym exceptions::handle,
    )
}

/// Ends the process: its state cannot be trusted any more.
pub fn give_up(why: &str) -> ! {
    let message = format!("komod: the in-process kernel cannot go on: {why}\n");
    // SAFETY: writes a valid buffer to standard error and leaves without running destructors.
    unsafe {
        libc::write(2, message.as_ptr().cast(), message.len());
        libc::_exit(HOPELESS)
    }
}
