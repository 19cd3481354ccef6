//! What an image has at an address: tables, strings and bytes of the kernel.

use std::fs::File;
use std::os::unix::fs::FileExt;

use komod_kernel::prepared::Prepared;

/// More than a string has that is looked for here.
const LONGEST: usize = 256;
/// More than a table has that is looked for here.
const MOST: u64 = 4 << 20;

/// An image, open for reading.
pub(crate) struct ImageData<'i> {
    image: &'i Prepared,
    file: File,
}

impl<'i> ImageData<'i> {
    pub(crate) fn open(image: &'i Prepared) -> Option<Self> {
        Some(ImageData { image, file: File::open(image.image_path()).ok()? })
    }

    /// The string at a symbol.
    pub(crate) fn string_of(&self, symbol: &str) -> Option<String> {
        self.string(self.image.symbols().lookup(symbol)?)
    }

    /// So many bytes at a symbol.
    pub(crate) fn bytes_of(&self, symbol: &str, length: u64) -> Option<Vec<u8>> {
        let address = self.image.symbols().lookup(symbol)?;
        let mut bytes = vec![0; usize::try_from(length).ok().filter(|_| length <= MOST)?];
        self.file.read_exact_at(&mut bytes, address.checked_sub(self.image.base())?).ok()?;
        Some(bytes)
    }

    /// The string at an address; `None` if it is empty, or no UTF-8.
    pub(crate) fn string(&self, address: u64) -> Option<String> {
        let mut bytes = [0; LONGEST];
        let offset = address.checked_sub(self.image.base())?;
        let read = self.file.read_at(&mut bytes, offset).ok()?;
        let text = bytes.get(..read)?.split(|&byte| byte == 0).next()?;
        String::from_utf8(text.to_vec()).ok().filter(|text| !text.is_empty())
    }

    /// The byte at a symbol.
    pub(crate) fn byte_of(&self, symbol: &str) -> Option<u8> {
        let address = self.image.symbols().lookup(symbol)?;
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, address.checked_sub(self.image.base())?).ok()?;
        Some(byte[0])
    }

    /// A section of the image.
    pub(crate) fn section(&self, name: &str) -> Option<Vec<u8>> {
        self.image.section_bytes(name).ok()?
    }

    /// Eight bytes at each of these fields, of every struct in a table between the linker's symbols
    /// `__start_…` and `__stop_…`.
    pub(crate) fn table<const N: usize>(
        &self,
        section: &str,
        of: &str,
        fields: [&str; N],
    ) -> Option<Vec<[u64; N]>> {
        let symbol = |end: &str| self.image.symbols().lookup(&format!("__{end}_{section}"));
        let (start, stop) = (symbol("start")?, symbol("stop")?);
        let length = stop.checked_sub(start).filter(|length| *length <= MOST)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.file.read_exact_at(&mut bytes, start.checked_sub(self.image.base())?).ok()?;
        let btf = self.image.btf();
        let size = usize::try_from(btf.struct_size(of)?).ok()?.max(1);
        let mut offsets = [0; N];
        for (offset, field) in offsets.iter_mut().zip(fields) {
            *offset = usize::try_from(btf.field(of, field)?.offset).ok()?;
        }
        let values = |entry: &[u8]| {
            offsets.map(|offset| {
                let value = entry.get(offset..).and_then(|rest| rest.first_chunk());
                value.map_or(0, |value| u64::from_le_bytes(*value))
            })
        };
        Some(bytes.chunks_exact(size).map(values).collect())
    }
}
