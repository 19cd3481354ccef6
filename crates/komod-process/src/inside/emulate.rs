//! Privileged instructions: what little is left of them after paravirtualisation.
//!
//! There are no devices behind the ports (reads give all ones, as an empty bus does), model
//! specific registers read as zero, control registers give the usual values.

use super::ptr::Ptr;
use super::region;
use super::stubs::IRQ_FLAG;
use super::traps::{BY_NUMBER, Context};
use libc::{REG_RAX, REG_RCX, REG_RDX, REG_RIP};

/// Usual contents of CR0 (PE, MP, ET, NE, WP, AM, PG) and CR4 (PSE to OSXMMEXCPT).
const CR0: u64 = 0x8005_0033;
const CR4: u64 = 0x6f0;

/// Executes the instruction at RIP if it is one of them; tells whether it was.
pub fn step(context: &mut Context) -> bool {
    let start = context.get(REG_RIP);
    if !region::is_image_address(start) && !region::is_module_address(start) {
        return false;
    }
    let byte = |offset: u64| Ptr(start + offset).read::<u8>();
    let (mut at, mut wide, mut repeat, mut rex) = (0, false, false, 0u8);
    loop {
        match byte(at) {
            0x66 => wide = true,
            0xf2 | 0xf3 => repeat = true,
            b @ 0x40..=0x4f => {
                rex = b;
                at += 1;
                break;
            }
            _ => break,
        }
        at += 1;
        if at > 4 {
            return false;
        }
    }
    let ax = context.get(REG_RAX);
    let length = match byte(at) {
        0xfa => flag(0, 1),     // cli
        0xfb => flag(0x200, 1), // sti
        0xf4 => 1,              // hlt
        0xe4 | 0xec => {
            context.set(REG_RAX, ax | 0xff); // in al
            if byte(at) == 0xe4 { 2 } else { 1 }
        }
        0xe5 | 0xed => {
            let ones = if wide { ax | 0xffff } else { 0xffff_ffff };
            context.set(REG_RAX, ones); // in ax, in eax
            if byte(at) == 0xe5 { 2 } else { 1 }
        }
        0xe6 | 0xe7 => 2, // out imm
        0xee | 0xef => 1, // out dx
        0x6c..=0x6f => {
            if repeat {
                context.set(REG_RCX, 0); // ins, outs
            }
            1
        }
        0x0f => match two_byte(context, &byte, at, rex) {
            Some(length) => length,
            None => return false,
        },
        _ => return false,
    };
    context.set(REG_RIP, start + at + length);
    true
}

fn flag(value: u64, length: u64) -> u64 {
    IRQ_FLAG.write(value);
    length
}

fn two_byte(context: &mut Context, byte: &dyn Fn(u64) -> u8, at: u64, rex: u8) -> Option<u64> {
    let next = byte(at + 2);
    Some(match byte(at + 1) {
        0x06 | 0x08 | 0x09 | 0x30 => 2, // clts, invd, wbinvd, wrmsr
        0x32 | 0x33 => {
            context.set(REG_RAX, 0); // rdmsr, rdpmc
            context.set(REG_RDX, 0);
            2
        }
        0x20 | 0x21 => {
            let value = match next >> 3 & 7 {
                0 => CR0,
                4 => CR4,
                _ => 0,
            };
            let register = (next & 7) as usize | if rex & 1 == 1 { 8 } else { 0 };
            context.set(BY_NUMBER[register], value); // mov from cr, dr
            3
        }
        0x22 | 0x23 => 3, // mov to cr, dr
        0x01 if matches!(next, 0xca | 0xcb | 0xf8 | 0xd0 | 0xd1) => 3, // clac, stac, swapgs, x*bv
        0x00 | 0x01 | 0xc7 => 2 + modrm_length(byte, at + 2), // l?dt, invlpg, xsaves …
        _ => return None,
    })
}

/// Length of a ModRM byte with its SIB byte and displacement (Intel SDM vol. 2, 2.1.5).
fn modrm_length(byte: &dyn Fn(u64) -> u8, at: u64) -> u64 {
    let modrm = byte(at);
    let (mode, rm) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return 1;
    }
    let mut length = 1;
    if rm == 4 {
        length += 1;
        if mode == 0 && byte(at + 1) & 7 == 5 {
            length += 4;
        }
    }
    length
        + match (mode, rm) {
            (1, _) => 1,
            (2, _) | (0, 5) => 4,
            _ => 0,
        }
}
