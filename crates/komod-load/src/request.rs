//! What is asked of the kernel along with the bytes.

use crate::kernel::Compression;
use alloc::string::String;

/// The arguments of `finit_module(2)` and who calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Parameters, as on `insmod`'s command line: `debug=1 names=a,b`.
    pub params: String,
    /// `MODULE_INIT_IGNORE_MODVERSIONS` (`modprobe --force-modversion`).
    pub ignore_modversions: bool,
    /// `MODULE_INIT_IGNORE_VERMAGIC` (`modprobe --force-vermagic`).
    pub ignore_vermagic: bool,
    /// `MODULE_INIT_COMPRESSED_FILE`: the file was handed over compressed like this. The bytes to
    /// plan with are the decompressed ones.
    pub compressed: Option<Compression>,
    /// The caller has `CAP_SYS_MODULE`.
    pub capable: bool,
    /// Name of the calling command, as lockdown logs it.
    pub command: String,
}

impl Default for Request {
    /// `insmod x.ko` by root.
    fn default() -> Self {
        Request {
            params: String::new(),
            ignore_modversions: false,
            ignore_vermagic: false,
            compressed: None,
            capable: true,
            command: String::from("insmod"),
        }
    }
}

impl Request {
    /// `insmod x.ko <params>` by root.
    pub fn with_params(params: impl Into<String>) -> Self {
        Request { params: params.into(), ..Request::default() }
    }
}
