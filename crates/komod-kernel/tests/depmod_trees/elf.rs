//! Small modules made by hand.

/// A module to be.
#[derive(Clone, Default)]
pub struct Made {
    pub exports: Vec<String>,
    pub needs: Vec<String>,
    /// Names only in `__versions`.
    pub versions: Vec<String>,
    pub modinfo: Vec<Vec<u8>>,
    pub narrow: bool,
    pub big: bool,
    /// Instead of symbols `__crc_…`.
    pub ksymtab_strings: bool,
}

/// A module with these exports and needs, separated by blanks.
pub fn module(exports: &str, needs: &str) -> Made {
    let words = |text: &str| text.split_whitespace().map(String::from).collect();
    Made { exports: words(exports), needs: words(needs), ..Made::default() }
}

impl Made {
    pub fn info(mut self, text: impl AsRef<[u8]>) -> Made {
        self.modinfo.push(text.as_ref().to_vec());
        self
    }

    /// The file. The sections stand in this order: symbols, their names, modinfo, versions,
    /// exported names, names of sections; then the table.
    pub fn bytes(&self) -> Vec<u8> {
        let mut strings = vec![0];
        let mut symbols = vec![0; if self.narrow { 16 } else { 24 }];
        let exports = if self.ksymtab_strings { &[][..] } else { &self.exports };
        let crcs = exports.iter().map(|name| (format!("__crc_{name}"), 0xfff1));
        for (name, section) in crcs.chain(self.needs.iter().map(|n| (n.clone(), 0))) {
            let at = strings.len() as u64;
            strings.extend(name.bytes());
            strings.push(0);
            let value = if section == 0 { 0 } else { 0x1234 };
            let fields: &[(u64, usize)] = match self.narrow {
                false => &[(at, 4), (0x10, 1), (0, 1), (section, 2), (value, 8), (0, 8)],
                true => &[(at, 4), (value, 4), (0, 4), (0x10, 1), (0, 1), (section, 2)],
            };
            for &(value, size) in fields {
                self.put(&mut symbols, value, size);
            }
        }
        let mut modinfo = b"license=GPL\0".to_vec();
        for text in &self.modinfo {
            modinfo.extend(text);
            modinfo.push(0);
        }
        let mut versions = Vec::new();
        for name in &self.versions {
            let start = versions.len();
            self.put(&mut versions, 0x5678, if self.narrow { 4 } else { 8 });
            versions.extend(name.bytes());
            versions.resize(start + 64, 0);
        }
        let mut sections = vec![
            (".symtab", symbols),
            (".strtab", strings),
            (".modinfo", modinfo),
            ("__versions", versions),
        ];
        if self.ksymtab_strings {
            let names = self.exports.iter().flat_map(|n| [n.as_bytes(), &[0]].concat()).collect();
            sections.push(("__ksymtab_strings", names));
        }
        self.file(&sections)
    }

    fn file(&self, sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut names = vec![0];
        let header = if self.narrow { 52 } else { 64 };
        let mut out = vec![0; header];
        let mut table = vec![0; if self.narrow { 40 } else { 64 }];
        let count = sections.len() as u64 + 2;
        let last = (".shstrtab", Vec::new());
        for (name, bytes) in sections.iter().chain([&last]) {
            let at = names.len() as u64;
            names.extend(name.bytes());
            names.push(0);
            let bytes = if bytes.is_empty() && *name == ".shstrtab" { &names } else { bytes };
            let (offset, size) = (out.len() as u64, bytes.len() as u64);
            out.extend(bytes);
            let word = if self.narrow { 4 } else { 8 };
            for (value, size) in [
                (at, 4),
                (1, 4),
                (0, word),
                (0, word),
                (offset, word),
                (size, word),
                (0, 4),
                (0, 4),
                (0, word),
                (0, word),
            ] {
                self.put(&mut table, value, size);
            }
        }
        let table_at = out.len() as u64;
        out.extend(table);
        let mut start = vec![0x7f, b'E', b'L', b'F'];
        start.extend([2 - u8::from(self.narrow), 1 + u8::from(self.big), 1]);
        start.resize(16, 0);
        let (word, entry) = if self.narrow { (4, 40) } else { (8, 64) };
        for (value, size) in [
            (1, 2),
            (62, 2),
            (1, 4),
            (0, word),
            (0, word),
            (table_at, word),
            (0, 4),
            (header as u64, 2),
            (0, 2),
            (0, 2),
            (entry, 2),
            (count, 2),
            (count - 1, 2),
        ] {
            self.put(&mut start, value, size);
        }
        out[..header].copy_from_slice(&start);
        out
    }

    fn put(&self, out: &mut Vec<u8>, value: u64, size: usize) {
        let bytes = value.to_le_bytes();
        match self.big {
            false => out.extend(&bytes[..size]),
            true => out.extend(bytes[..size].iter().rev()),
        }
    }
}
