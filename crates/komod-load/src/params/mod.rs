//! Module parameters: what `insmod x.ko debug=1 names=a,b` would store, or why it would fail.
//!
//! [`declared`] reads the parameters out of a module's `__param` section, with their types and
//! limits. [`parse_args`] takes an argument string apart as the kernel does and answers with the
//! values, the kernel's log lines and its error.
//!
//! Source: `kernel/params.c`, `next_arg()` in `lib/cmdline.c`, `lib/kstrtox.c`, Linux 6.1 and 6.12.
//!
//! ```
//! use komod_load::Version;
//! use komod_load::params::{ParamDecl, ParamKind, Surroundings, Value, parse_args};
//! let declared = [ParamDecl::new("count", ParamKind::Int), ParamDecl::new("on", ParamKind::Bool)];
//! let version = Version::new(6, 1, 192);
//! let around = Surroundings { version, dynamic_debug: true, locked_down: None };
//! let parsed = parse_args("hello", b"count=0x10 on", &declared, &around);
//! assert_eq!(parsed.stores[0].value, Value::Signed(16));
//! assert_eq!(parsed.stores[1].value, Value::Bool(true));
//! let parsed = parse_args("hello", b"count=ten", &declared, &around);
//! assert_eq!(parsed.dmesg[0].text, "hello: `ten' invalid for parameter `count'");
//! ```

mod declared;
mod dyndbg;
mod kind;
mod number;
mod parse;
mod tokens;

pub use declared::declared;
pub use kind::{ParamDecl, ParamKind, Value};
pub use parse::{Outcome, Store, Surroundings, parse_args};
pub use tokens::{Token, Tokens};
