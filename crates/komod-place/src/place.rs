//! The trait all places share, in the words of the kernel's own interfaces.

use crate::PlaceError;
use komod_process::protocol::{Entry, Event, Exit, Leak, LoadedModule, Loader, Status, Symbol};

/// Takes what the kernel says of its own accord while a call runs: log records and Oopses.
pub type Events<'a> = &'a mut dyn FnMut(&Event);

/// What `init_module(2)` takes, and a name for people.
#[derive(Debug, Clone, Copy)]
pub struct ModuleToLoad<'a> {
    /// The file's name, for messages.
    pub file: &'a str,
    /// The uncompressed ELF file.
    pub elf: &'a [u8],
    /// `name=value` words as `insmod` passes them.
    pub params: &'a str,
    pub loader: Loader,
    /// `MODULE_INIT_IGNORE_VERMAGIC`.
    pub force_vermagic: bool,
    /// `MODULE_INIT_IGNORE_MODVERSIONS`.
    pub force_modversions: bool,
}

/// A module that is live now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The name by which the kernel knows it.
    pub name: String,
    /// Microseconds of wall time the loader took.
    pub load_us: u64,
    /// Microseconds of wall time the module's `init` took.
    pub init_us: u64,
}

/// The third argument of `ioctl(2)`.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    Value(u64),
    /// A buffer; the call gives it back as the kernel left it.
    Buffer(&'a [u8]),
}

/// A program that the place has, and what it gets.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    pub path: &'a str,
    /// `argv[0]` included.
    pub arguments: &'a [String],
    pub environment: &'a [(String, String)],
    /// All of its standard input.
    pub input: &'a [u8],
}

/// A kernel that modules can be put into.
///
/// Every call waits until the kernel has answered. Kernel errors are
/// [`PlaceError::Refused`] with the kernel's errno.
pub trait Place {
    fn load(&mut self, module: &ModuleToLoad<'_>, events: Events<'_>)
    -> Result<Loaded, PlaceError>;

    /// `delete_module(2)` with `O_NONBLOCK`, and `O_TRUNC` when forced.
    fn unload(&mut self, name: &str, force: bool, events: Events<'_>) -> Result<(), PlaceError>;

    /// The modules there are, the latest first, as `/proc/modules` lists them.
    fn modules(&mut self, events: Events<'_>) -> Result<Vec<LoadedModule>, PlaceError>;

    /// Symbols whose name contains `needle`, at most `limit`; `true` if there are more.
    fn symbols(
        &mut self,
        needle: &str,
        limit: usize,
        events: Events<'_>,
    ) -> Result<(Vec<Symbol>, bool), PlaceError>;

    /// The content of a file, at most `limit` bytes of it.
    fn read(&mut self, path: &str, limit: u64, events: Events<'_>) -> Result<Vec<u8>, PlaceError>;

    /// Writes in one `write(2)`; gives the number of bytes the kernel took.
    fn write(
        &mut self,
        path: &str,
        data: &[u8],
        append: bool,
        events: Events<'_>,
    ) -> Result<i64, PlaceError>;

    fn list(&mut self, path: &str, events: Events<'_>) -> Result<Vec<Entry>, PlaceError>;

    /// The call's result and, if the argument was a buffer, the buffer after the call.
    fn ioctl(
        &mut self,
        path: &str,
        command: u32,
        argument: Argument<'_>,
        events: Events<'_>,
    ) -> Result<(i64, Vec<u8>), PlaceError>;

    /// Lets time pass: timers fire, work items and threads run.
    fn advance(&mut self, ns: u64, events: Events<'_>) -> Result<(), PlaceError>;

    /// What the code of a module, unloaded by now, allocated and did not free.
    fn leaks(&mut self, name: &str, events: Events<'_>) -> Result<Vec<Leak>, PlaceError>;

    /// Makes a file with this content and mode; one that is there is replaced. The folders above
    /// it are made.
    fn put(
        &mut self,
        path: &str,
        mode: u32,
        data: &[u8],
        events: Events<'_>,
    ) -> Result<(), PlaceError>;

    /// Runs a program until it ends; what it writes comes as [`Event::Output`].
    fn exec(&mut self, program: &Program<'_>, events: Events<'_>) -> Result<Exit, PlaceError>;

    fn status(&mut self, events: Events<'_>) -> Result<Status, PlaceError>;
}
