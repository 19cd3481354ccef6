//! Machine code that stands between the kernel and Rust, in reach of the kernel's 32-bit jumps.

use super::ptr::Ptr;
use super::region::{PAGE, STUBS, STUBS_LEN};
use super::single::Single;

/// The emulated interrupt flag (bit 9 of RFLAGS), read and written by the stubs themselves.
pub const IRQ_FLAG: Ptr = Ptr(STUBS);
/// Return address and stack pointer of the kernel code that called the native last entered.
pub const CALLER: Ptr = Ptr(STUBS + 8);
pub const CALLER_SP: Ptr = Ptr(STUBS + 16);
const CODE: u64 = STUBS + PAGE;

static NEXT: Single<u64> = Single::new();
static FIXED: Single<Fixed> = Single::new();

/// The fixed stubs.
pub fn fixed() -> Fixed {
    FIXED.with(|f| *f)
}

/// Stubs for functions with a register convention of their own (paravirt callee-save calls keep
/// every register but RAX) and for the commonest trivial natives.
#[derive(Debug, Clone, Copy)]
pub struct Fixed {
    pub zero: u64,
    pub one: u64,
    pub ident: u64,
    pub save_fl: u64,
    pub irq_disable: u64,
    pub irq_enable: u64,
}

pub fn setup() -> Fixed {
    NEXT.set(CODE);
    IRQ_FLAG.write(0x200u64);
    let flag = (STUBS as u32).to_le_bytes();
    let with = |head: &[u8], tail: &[u8]| [head, &flag, tail].concat();
    let fixed = Fixed {
        zero: emit(&[0x31, 0xc0, 0xc3]),
        one: emit(&[0xb8, 1, 0, 0, 0, 0xc3]),
        ident: emit(&[0x48, 0x89, 0xf8, 0xc3]),
        // mov rax, [IRQ_FLAG]; or rax, 2; ret
        save_fl: emit(&with(&[0x48, 0x8b, 0x04, 0x25], &[0x48, 0x83, 0xc8, 0x02, 0xc3])),
        // mov qword [IRQ_FLAG], imm32; ret
        irq_disable: emit(&with(&[0x48, 0xc7, 0x04, 0x25], &[0, 0, 0, 0, 0xc3])),
        irq_enable: emit(&with(&[0x48, 0xc7, 0x04, 0x25], &[0, 2, 0, 0, 0xc3])),
    };
    FIXED.set(fixed);
    fixed
}

/// Places code and gives its address.
pub fn emit(code: &[u8]) -> u64 {
    NEXT.with(|next| {
        let at = next.next_multiple_of(16);
        let end = at + code.len() as u64;
        assert!(end <= STUBS + STUBS_LEN, "no room for more stubs");
        Ptr(at).write_bytes(code);
        *next = end;
        at
    })
}

/// A stub that answers with a constant: `mov rax, value; ret`.
pub fn constant(value: u64) -> u64 {
    emit(&[&[0x48, 0xb8][..], &value.to_le_bytes(), &[0xc3]].concat())
}

/// A trampoline: the kernel calls with a stack that is only 8-byte aligned
/// (`-mpreferred-stack-boundary=3`), Rust needs 16; arguments beyond the sixth are copied.
pub fn trampoline(target: u64, stack_args: usize) -> u64 {
    let mut code = Vec::with_capacity(64);
    // mov rax, [rsp]; mov [CALLER], rax; mov [CALLER_SP], rsp
    code.extend([0x48, 0x8b, 0x04, 0x24]);
    code.extend([0x48, 0x89, 0x04, 0x25]);
    code.extend((CALLER.0 as u32).to_le_bytes());
    code.extend([0x48, 0x89, 0x24, 0x25]);
    code.extend((CALLER_SP.0 as u32).to_le_bytes());
    // push rbp; mov rbp, rsp; and rsp, -16
    code.extend([0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xe4, 0xf0]);
    if stack_args % 2 == 1 {
        code.extend([0x48, 0x83, 0xec, 0x08]); // sub rsp, 8
    }
    for i in (0..stack_args).rev() {
        code.extend([0xff, 0x75, (16 + 8 * i) as u8]); // push [rbp + 16 + 8 i]
    }
    // mov rax, target; call rax; leave; ret
    code.extend([0x48, 0xb8]);
    code.extend(target.to_le_bytes());
    code.extend([0xff, 0xd0, 0xc9, 0xc3]);
    emit(&code)
}
