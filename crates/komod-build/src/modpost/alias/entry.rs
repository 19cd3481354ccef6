//! One entry of a device table.

/// An entry, with what follows it in its section.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    data: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Entry { data }
    }

    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        let bytes = self.data.get(offset..).and_then(|tail| tail.first_chunk::<N>());
        bytes.copied().unwrap_or([0; N])
    }

    pub(super) fn u8(&self, offset: usize) -> u32 {
        self.array::<1>(offset)[0].into()
    }

    pub(super) fn u16(&self, offset: usize) -> u32 {
        u16::from_le_bytes(self.array(offset)).into()
    }

    pub(super) fn u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    pub(super) fn u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.array(offset))
    }

    /// The text at `offset`. It ends at the first NUL, even behind its field.
    pub(super) fn text(&self, offset: usize) -> &'a [u8] {
        let tail = self.data.get(offset..).unwrap_or_default();
        let end = tail.iter().position(|&byte| byte == 0).unwrap_or(tail.len());
        &tail[..end]
    }

    /// Sixteen bytes: a GUID or UUID.
    pub(super) fn guid(&self, offset: usize) -> [u8; 16] {
        self.array(offset)
    }
}
