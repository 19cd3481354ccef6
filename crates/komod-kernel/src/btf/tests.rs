use super::*;

/// Assembles BTF: types as 32-bit words, strings by text.
#[derive(Default)]
struct Assembler {
    types: Vec<u32>,
    strings: Vec<u8>,
    first_string: u32,
    last: TypeId,
}

impl Assembler {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn on_top_of(base: &Btf) -> Self {
        Self { first_string: base.end_string() as u32, last: base.end_id() - 1, ..Self::default() }
    }

    fn text(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.first_string + self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        offset
    }

    fn add(&mut self, name: &str, kind: Kind, flag: bool, vlen: u32, tail: &[u32]) -> TypeId {
        let name = self.text(name);
        let info = (kind as u32 + 1) << 24 | vlen | u32::from(flag) << 31;
        self.types.extend([name, info]);
        self.types.extend(tail);
        self.last += 1;
        self.last
    }

    fn build(&self) -> Vec<u8> {
        let types: Vec<u8> = self.types.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut out = vec![0x9f, 0xeb, 1, 0];
        for field in [24, 0, types.len(), types.len(), self.strings.len()] {
            out.extend_from_slice(&(field as u32).to_le_bytes());
        }
        out.extend(types);
        out.extend(&self.strings);
        out
    }
}

/// ```c
/// struct inner { int a; char *b; };
/// struct outer { u64 first; union { int x; struct inner in; }; unsigned f1:3, f2:7;
///                char name[16]; int (*op)(struct outer *, const char *, ...); };
/// enum color { RED = -1, BLUE = 5 };  enum { BIG = 1 << 40 };
/// int work(struct outer *o, bool yes, enum color c);
/// ```
fn kernel() -> Assembler {
    let mut a = Assembler::new();
    let int = a.add("int", Kind::Int, false, 0, &[4, 1 << 24 | 32]);
    let character = a.add("char", Kind::Int, false, 0, &[1, 1 << 24 | 8]);
    let long = a.add("unsigned long", Kind::Int, false, 0, &[8, 64]);
    let wide = a.add("u64", Kind::Typedef, false, 0, &[long]);
    let boolean = a.add("_Bool", Kind::Int, false, 0, &[1, 4 << 24 | 8]);
    let text = a.add("", Kind::Ptr, false, 0, &[character]);
    let (na, nb) = (a.text("a"), a.text("b"));
    let inner = a.add("inner", Kind::Struct, false, 2, &[16, na, int, 0, nb, text, 64]);
    let (nx, nin) = (a.text("x"), a.text("in"));
    let union = a.add("", Kind::Union, false, 2, &[16, nx, int, 0, nin, inner, 0]);
    let array = a.add("", Kind::Array, false, 0, &[0, character, int, 16]);
    let outer = a.last + 1 + 5;
    let pointer = a.add("", Kind::Ptr, false, 0, &[outer]);
    let constant = a.add("", Kind::Const, false, 0, &[character]);
    let constant_text = a.add("", Kind::Ptr, false, 0, &[constant]);
    let proto = a.add("", Kind::FuncProto, false, 3, &[int, 0, pointer, 0, constant_text, 0, 0]);
    let op = a.add("", Kind::Ptr, false, 0, &[proto]);
    let names = ["first", "f1", "f2", "name", "op"].map(|name| a.text(name));
    let bits = |offset: u32, width: u32| width << 24 | offset;
    let members = [
        [names[0], wide, bits(0, 0)],
        [0, union, bits(64, 0)],
        [names[1], int, bits(192, 3)],
        [names[2], int, bits(195, 7)],
        [names[3], array, bits(224, 0)],
        [names[4], op, bits(384, 0)],
    ];
    let mut tail = vec![56];
    tail.extend(members.iter().flatten());
    assert_eq!(a.add("outer", Kind::Struct, true, 6, &tail), outer);
    let (red, blue, big) = (a.text("RED"), a.text("BLUE"), a.text("BIG"));
    let color = a.add("color", Kind::Enum, true, 2, &[4, red, u32::MAX, blue, 5]);
    a.add("", Kind::Enum64, false, 1, &[8, big, 0, 1 << 8]);
    let (o, yes, c) = (a.text("o"), a.text("yes"), a.text("c"));
    let work = a.add("", Kind::FuncProto, false, 3, &[int, o, pointer, yes, boolean, c, color]);
    a.add("work", Kind::Func, false, 1, &[work]);
    // A function, a typedef and a struct may share a name.
    a.add("outer", Kind::Typedef, false, 0, &[int]);
    a.add("outer", Kind::Func, false, 1, &[work]);
    a
}

#[test]
fn layouts() {
    let btf = Btf::parse(kernel().build()).unwrap();
    assert_eq!(btf.struct_size("outer"), Some(56));
    assert_eq!(btf.struct_size("absent"), None);
    let at = |path| btf.field("outer", path).map(|f| (f.offset, f.bits, f.size));
    assert_eq!(at("first"), Some((0, None, 8)));
    assert_eq!(at("x"), Some((8, None, 4)));
    assert_eq!(at("in.b"), Some((16, None, 8)));
    assert_eq!(at("f1"), Some((24, Some((0, 3)), 4)));
    assert_eq!(at("f2"), Some((24, Some((3, 7)), 4)));
    assert_eq!(at("name"), Some((28, None, 16)));
    for path in ["", ".", "in.", "in.c", "x.y", "first.z"] {
        assert_eq!(at(path), None, "{path:?}");
    }
}

#[test]
fn enumerators_and_prototypes() {
    let btf = Btf::parse(kernel().build()).unwrap();
    assert_eq!(btf.enum_value(None, "RED"), Some(-1));
    assert_eq!(btf.enum_value(Some("color"), "BLUE"), Some(5));
    assert_eq!(btf.enum_value(Some("colour"), "BLUE"), None);
    assert_eq!(btf.enum_value(None, "BIG"), Some(1 << 40));
    assert_eq!(btf.enum_value(None, "color"), None);
    let work = btf.func("work").unwrap();
    assert_eq!(work.ret, TypeClass::Int { size: 4, signed: true });
    let classes: Vec<_> = work.params.iter().map(|p| (p.0, p.1)).collect();
    let expected =
        [("o", TypeClass::Pointer), ("yes", TypeClass::Bool), ("c", TypeClass::Enum { size: 4 })];
    assert_eq!(classes, expected);
    assert!(!work.variadic);
    let op = btf.prototype(btf.field("outer", "op").unwrap().type_id).unwrap();
    assert!(op.variadic && op.params.len() == 2);
}

#[test]
fn types_read_as_c() {
    let btf = Btf::parse(kernel().build()).unwrap();
    let name = |path| btf.type_name(btf.field("outer", path).unwrap().type_id);
    assert_eq!(name("op"), "int (*)(struct outer *, const char *, ...)");
    assert_eq!(name("name"), "char[16]");
    assert_eq!(name("first"), "u64");
    assert_eq!(name("in"), "struct inner");
    let work = btf.find("work", |kind| kind == Kind::Func).unwrap();
    assert_eq!(btf.type_name(work.id()), "int work(struct outer *, _Bool, enum color)");
}

#[test]
fn split_btf_continues_its_base() {
    let base = Btf::parse(kernel().build()).unwrap();
    let outer = base.structure("outer").unwrap().id();
    let mut a = Assembler::on_top_of(&base);
    let o = a.text("o");
    a.add("mine", Kind::Struct, false, 1, &[56, o, outer, 0]);
    let btf = Btf::parse_split(a.build(), &base).unwrap();
    assert_eq!(btf.len(), base.len() + 1);
    assert_eq!(btf.field("mine", "o.in.b").map(|f| f.offset), Some(16));
    assert_eq!(btf.struct_size("inner"), Some(16));
    assert_eq!(btf.enum_value(None, "BLUE"), Some(5));
    assert!(btf.func("work").is_some());
}

#[test]
fn an_index_made_earlier_gives_the_same_answers() {
    let built = Btf::parse(kernel().build()).unwrap();
    let index = built.index_bytes().to_vec();
    let opened = Btf::with_index(kernel().build().into(), index.clone().into()).unwrap();
    assert_eq!(opened.field("outer", "op"), built.field("outer", "op"));
    for length in 0..index.len() {
        let cut = index[..length].to_vec().into();
        assert_eq!(Btf::with_index(kernel().build().into(), cut).err(), Some(BtfError::Index));
    }
}

fn exercise(btf: &Btf) {
    for id in 0..btf.end_id().min(100) {
        let _ = (btf.type_name(id), btf.size_of(id), btf.class(id), btf.prototype(id));
        let _ = (btf.field_of(id, "in.b"), btf.resolve(id));
    }
    let _ = (btf.field("outer", "in.b"), btf.func("work"), btf.enum_value(None, "BLUE"));
}

#[test]
fn damaged_btf_never_panics() {
    let good = kernel().build();
    let strings_at = good.len() - kernel().strings.len();
    for length in 0..strings_at {
        assert!(Btf::parse(good[..length].to_vec()).is_err(), "{length} bytes");
    }
    let index = Btf::parse(good.clone()).unwrap().index_bytes().to_vec();
    for at in 0..good.len() {
        for value in [0, 1, 0x0d, 0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            if let Ok(btf) = Btf::parse(bad.clone()) {
                exercise(&btf);
            }
            if let Ok(btf) = Btf::with_index(bad.into(), index.clone().into()) {
                exercise(&btf);
            }
        }
    }
    for at in 0..index.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bad = index.clone();
            bad[at] = value;
            if let Ok(btf) = Btf::with_index(good.clone().into(), bad.into()) {
                exercise(&btf);
            }
        }
    }
}

#[test]
fn cycles_end() {
    let mut a = Assembler::new();
    a.add("loop", Kind::Typedef, false, 0, &[2]);
    a.add("", Kind::Const, false, 0, &[1]);
    let members: Vec<u32> = std::iter::once(8).chain((0..1000).flat_map(|_| [0, 3, 0])).collect();
    a.add("nest", Kind::Struct, false, 1000, &members);
    let proto: Vec<u32> = std::iter::once(4).chain((0..1000).flat_map(|_| [0, 4])).collect();
    a.add("", Kind::FuncProto, false, 1000, &proto);
    let btf = Btf::parse(a.build()).unwrap();
    assert_eq!(btf.field("nest", "x"), None);
    assert_eq!(btf.size_of(1), None);
    assert!(btf.type_name(4).len() < 1 << 20);
}
