//! A module for tests, made by hand.

/// A 64-bit ELF file with nothing but `.modinfo`, which ends the file.
pub fn module(modinfo: &[u8]) -> Vec<u8> {
    let names = b"\0.shstrtab\0.modinfo\0";
    let mut headers = vec![[0_u8; 64]];
    for (name, offset, size) in [(1_u32, 256_u64, names.len()), (11, 512, modinfo.len())] {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4] = 1;
        header[24..32].copy_from_slice(&offset.to_le_bytes());
        header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        headers.push(header);
    }
    let mut file = vec![0; 512];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[40] = 64;
    file[58..64].copy_from_slice(&[64, 0, 3, 0, 1, 0]);
    file[64..256].copy_from_slice(&headers.concat());
    file[256..256 + names.len()].copy_from_slice(names);
    file.extend_from_slice(modinfo);
    file
}
