//! The export tables of a linked module, read as the kernel reads them: from memory.

use crate::link::{Image, LinkedExport, unchecked};
use crate::plan::Plan;
use crate::{Evidence, Refusal};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use komod_object::export::{ENTRY_SIZE, TABLES};

/// Reads all exports. The kernel follows the references to names without a look at where they lead:
/// one that leads out of the module is refused here.
pub(crate) fn read(plan: &Plan<'_>, image: &Image) -> Result<Vec<LinkedExport>, Box<Refusal>> {
    let mut exports = Vec::new();
    if plan.facts.layout.object("kernel_symbol") as usize != ENTRY_SIZE {
        return Ok(exports);
    }
    for (table, crcs, gpl_only) in TABLES {
        let Some(table) = image.section(table) else { continue };
        let crcs = image.section(crcs);
        for index in 0..table.size / ENTRY_SIZE as u64 {
            let entry = table.address.wrapping_add(index * ENTRY_SIZE as u64);
            let Some(name) = target(image, entry, 4).and_then(|at| image.string(at)) else {
                let found = format!("the name of export {index} is not in the module");
                return Err(unchecked(plan, Evidence::found(found)));
            };
            let Some(address) = target(image, entry, 0) else { continue };
            let namespace = target(image, entry, 8).and_then(|at| image.string(at));
            let crc = crcs.filter(|crcs| (index + 1) * 4 <= crcs.size);
            let crc = crc.and_then(|crcs| image.read(crcs.address.wrapping_add(index * 4), 4));
            exports.push(LinkedExport {
                name: name.to_string(),
                address,
                crc: crc.and_then(|bytes| bytes.first_chunk()).map(|b| u32::from_le_bytes(*b)),
                gpl_only,
                namespace: namespace.filter(|ns| !ns.is_empty()).map(|ns| ns.to_string()),
            });
        }
    }
    Ok(exports)
}

/// Follows the place-relative reference in a field of an entry.
fn target(image: &Image, entry: u64, field: u64) -> Option<u64> {
    let place = entry.wrapping_add(field);
    let distance = i32::from_le_bytes(*image.read(place, 4)?.first_chunk()?);
    Some(place.wrapping_add_signed(distance.into()))
}
