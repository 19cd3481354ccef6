//! The legacy interrupt lines of a PC. No device raises one, but drivers of ISA devices ask for
//! theirs by number, and on a machine without the device they get it.

use super::kernel;

/// ISA interrupts, `NR_IRQS_LEGACY` of arch/x86/include/asm/irq_vectors.h (6.1).
const LINES: u64 = 16;
/// Lines that a PC's own devices have taken when modules are loaded: timer, keyboard, cascade,
/// clock, ACPI, mouse.
const TAKEN: [u64; 6] = [0, 1, 2, 8, 9, 12];

/// Gives the free lines a controller that does nothing; a step of the boot after `early_irq_init`.
pub fn provide() {
    let (Some(chip), Some(handler)) =
        (kernel::function("dummy_irq_chip"), kernel::function("handle_simple_irq"))
    else {
        return;
    };
    // irq, from, cnt, node, owner, affinity (kernel/irq/irqdesc.c, 6.1). Lines there already stay.
    kernel::call("__irq_alloc_descs", &[0, 0, LINES, 0, 0, 0]);
    for line in (0..LINES).filter(|line| !TAKEN.contains(line)) {
        kernel::call("irq_set_chip_and_handler_name", &[line, chip.0, handler.0, 0]);
        // IRQ_NOREQUEST of include/linux/irq.h is set on lines nobody has set up.
        const IRQ_NOREQUEST: u64 = 1 << 11;
        kernel::call("irq_modify_status", &[line, IRQ_NOREQUEST, 0]);
    }
}
