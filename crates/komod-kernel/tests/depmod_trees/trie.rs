//! A reader of binary indexes for comparisons, independent of the code under test, and a writer of
//! the layout of kmod 34 from what was read.

/// A node of the trie.
pub struct Node {
    prefix: Vec<u8>,
    first: u8,
    children: Vec<Option<Node>>,
    values: Vec<Value>,
}

/// A priority and a value.
type Value = (u32, Vec<u8>);
/// A key with its values.
type Found = (Vec<u8>, Vec<Value>);

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn string(bytes: &[u8], at: &mut usize) -> Vec<u8> {
    let len = bytes[*at..].iter().position(|byte| *byte == 0).unwrap();
    let text = bytes[*at..*at + len].to_vec();
    *at += len + 1;
    text
}

/// Reads an index of any layout.
pub fn read(bytes: &[u8]) -> Node {
    assert_eq!((number(bytes, 0), number(bytes, 4)), (0xB007_F457, 0x0002_0001));
    node(bytes, number(bytes, 8))
}

fn node(bytes: &[u8], reference: u32) -> Node {
    let mut at = (reference & 0x0fff_ffff) as usize;
    let mut node = Node { prefix: Vec::new(), first: 0, children: Vec::new(), values: Vec::new() };
    if reference & 0x8000_0000 != 0 {
        node.prefix = string(bytes, &mut at);
        assert!(!node.prefix.is_empty());
    }
    if reference & 0x2000_0000 != 0 {
        node.first = bytes[at];
        let count = usize::from(bytes[at + 1] - bytes[at]) + 1;
        let references = (0..count).map(|child| number(bytes, at + 2 + 4 * child));
        node.children =
            references.map(|child| (child != 0).then(|| self::node(bytes, child))).collect();
        at += 2 + 4 * count;
    }
    if reference & 0x4000_0000 != 0 {
        let count = number(bytes, at);
        at += 4;
        for _ in 0..count {
            let priority = number(bytes, at);
            at += 4;
            node.values.push((priority, string(bytes, &mut at)));
        }
    }
    node
}

impl Node {
    /// Keys with their values, in order.
    pub fn entries(&self) -> Vec<Found> {
        let mut found = Vec::new();
        self.gather(Vec::new(), &mut found);
        found
    }

    fn gather(&self, mut key: Vec<u8>, found: &mut Vec<Found>) {
        key.extend(&self.prefix);
        if !self.values.is_empty() {
            found.push((key.clone(), self.values.clone()));
        }
        for (byte, child) in (self.first..).zip(&self.children) {
            if let Some(child) = child {
                child.gather([key.as_slice(), &[byte]].concat(), found);
            }
        }
    }

    /// The index of these nodes, each before its children.
    pub fn before_children(&self) -> Vec<u8> {
        let mut out = vec![0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 0];
        let root = self.append(&mut out);
        out[8..12].copy_from_slice(&root.to_be_bytes());
        out
    }

    fn append(&self, out: &mut Vec<u8>) -> u32 {
        let mut reference = u32::try_from(out.len()).unwrap();
        if !self.prefix.is_empty() {
            reference |= 0x8000_0000;
            out.extend(&self.prefix);
            out.push(0);
        }
        let mut slot = 0;
        if !self.children.is_empty() {
            reference |= 0x2000_0000;
            let last = usize::from(self.first) + self.children.len() - 1;
            out.extend([self.first, u8::try_from(last).unwrap()]);
            slot = out.len();
            out.resize(slot + 4 * self.children.len(), 0);
        }
        if !self.values.is_empty() {
            reference |= 0x4000_0000;
            out.extend(u32::try_from(self.values.len()).unwrap().to_be_bytes());
            for (priority, value) in &self.values {
                out.extend(priority.to_be_bytes());
                out.extend(value);
                out.push(0);
            }
        }
        for child in &self.children {
            let child = child.as_ref().map_or(0, |child| child.append(out));
            out[slot..slot + 4].copy_from_slice(&child.to_be_bytes());
            slot += 4;
        }
        reference
    }
}
