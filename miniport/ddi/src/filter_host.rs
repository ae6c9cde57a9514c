//! A simulated dump stack for unit tests of filters on machines without Windows.
//!
//! Key types: [`Machine`] (registry, random numbers, memory), [`FilterHost`] (a loaded filter). The host passes the filter what a dump
//! stack passes it and holds it to the rules: source data, length, offset and flags stay, the new buffer is page aligned and the
//! filter's own. Neighbour: [`crate::fake`], whose doubles ask the machine. Not compiled for Windows.
#![expect(unsafe_code, reason = "calls a filter with raw pointers")]
// UNSAFETY: a simulated dump stack does what a dump stack does: it passes raw pointers to C entry points.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    boxed::Box,
    collections::BTreeMap,
    ptr, slice,
    string::String,
    vec::Vec,
};

use wdk_sys::{
    _FILTER_DUMP_TYPE, FILTER_EXTENSION, FILTER_INITIALIZATION_DATA, LARGE_INTEGER, MDL,
    MDL_MAPPED_TO_SYSTEM_VA, OBJECT_ATTRIBUTES, REG_BINARY, REG_DWORD, UNICODE_STRING,
};

use crate::{
    fake::{self, Call, low_u32},
    filter::{self, DumpFilter, DumpType, FilterExtension, InitializationData, Refusal},
    memory::quad,
};

const PAGE_BYTES: usize = 4096;
const STATUS_OBJECT_NAME_NOT_FOUND: u64 = 0xC000_0034;

/// What a filter finds around it.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Path of the key that exists.
    pub key: String,
    /// Its values: type and data by name.
    pub values: BTreeMap<String, (u32, Vec<u8>)>,
    /// Largest piece of contiguous memory to be had; 0 = any.
    pub contiguous_limit_bytes: u64,
    /// Where the random number generator begins.
    pub random_seed: u8,
    /// NTSTATUS of the random number generator.
    pub random_status: u32,
}

impl Machine {
    /// Adds a `REG_DWORD`.
    #[must_use]
    pub fn dword(mut self, name: &str, value: u32) -> Self {
        let bytes = value.to_le_bytes().to_vec();
        self.values.insert(name.into(), (REG_DWORD, bytes));
        self
    }

    /// Adds a `REG_BINARY`.
    #[must_use]
    pub fn binary(mut self, name: &str, value: &[u8]) -> Self {
        self.values
            .insert(name.into(), (REG_BINARY, value.to_vec()));
        self
    }

    /// Lets the doubles answer for this machine, on this thread.
    fn install(self) {
        let mut blocks = BTreeMap::new();
        let mut next_random = self.random_seed;
        fake::answer(move |call| match call.function {
            "ZwOpenKey" => self.open_key(call),
            "ZwQueryValueKey" => self.query_value(call),
            "BCryptGenRandom" => {
                let bytes = low_u32(call.arguments[2]);
                for offset in 0..u64::from(bytes) {
                    poke(call.arguments[1] + offset, next_random);
                    next_random = next_random.wrapping_mul(167).wrapping_add(13);
                }
                u64::from(self.random_status)
            }
            "MmAllocateContiguousMemorySpecifyCache" => {
                let bytes = call.arguments[0];
                if self.contiguous_limit_bytes != 0 && bytes > self.contiguous_limit_bytes {
                    return 0;
                }
                let layout = Layout::from_size_align(to_size(bytes), PAGE_BYTES)
                    .expect("a filter's memory has a size");
                // SAFETY: the size is not zero: a block holds at least its filter.
                let memory = unsafe { alloc_zeroed(layout) };
                let address = memory.expose_provenance() as u64;
                blocks.insert(address, layout);
                address
            }
            "MmFreeContiguousMemory" => {
                let address = call.arguments[0];
                let layout = blocks.remove(&address).expect("freed memory was allocated");
                // SAFETY: allocated above with this layout, and freed once.
                unsafe { dealloc(pointer(address), layout) };
                0
            }
            // Physical is virtual here.
            "MmGetPhysicalAddress" => call.arguments[0],
            _ => 0,
        });
    }

    fn open_key(&self, call: &Call) -> u64 {
        // SAFETY: the caller's structure, live during the call.
        let attributes: OBJECT_ATTRIBUTES =
            unsafe { pointer::<OBJECT_ATTRIBUTES>(call.arguments[2]).read() };
        if text(attributes.ObjectName) != self.key {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        // SAFETY: the caller's variable, live during the call.
        unsafe { pointer::<u64>(call.arguments[0]).write(0x44) };
        0
    }

    fn query_value(&self, call: &Call) -> u64 {
        let Some((kind, data)) = self.values.get(&text(pointer(call.arguments[1]))) else {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        };
        let length = u32::try_from(data.len()).expect("values are short");
        let header = [0, *kind, length].map(u32::to_le_bytes).concat();
        let room = to_size(call.arguments[4]);
        let bytes: Vec<u8> = header.iter().chain(data).copied().take(room).collect();
        for (offset, byte) in (0..).zip(bytes) {
            poke(call.arguments[3] + offset, byte);
        }
        // STATUS_BUFFER_OVERFLOW is a warning.
        if header.len() + data.len() > room {
            0x8000_0005
        } else {
            0
        }
    }
}

/// A filter that loaded.
pub struct FilterHost {
    extension: Box<FILTER_EXTENSION>,
    data: FILTER_INITIALIZATION_DATA,
}

impl core::fmt::Debug for FilterHost {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FilterHost")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

/// Why a filter did not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotLoaded {
    /// What `DriverEntry` returned.
    pub status: i32,
    /// `Flags` of the initialisation data.
    pub flags: u32,
}

/// What is written after the filter had its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they come from another buffer than the source.
    pub replaced: bool,
}

impl FilterHost {
    /// Loads a filter by its entry point.
    ///
    /// # Errors
    /// [`NotLoaded`].
    pub fn load(
        machine: Machine,
        entry: fn(FilterExtension, InitializationData) -> i32,
        dump_type: DumpType,
        maximum_pages: u32,
    ) -> Result<Self, NotLoaded> {
        fake::reset();
        machine.install();
        let mut extension = Box::new(FILTER_EXTENSION {
            DumpType: match dump_type {
                DumpType::Crash => _FILTER_DUMP_TYPE::DumpTypeCrashdump,
                DumpType::Hibernation => _FILTER_DUMP_TYPE::DumpTypeHibernation,
                DumpType::Unknown(raw) => raw,
            },
            ..FILTER_EXTENSION::default()
        });
        let mut data = FILTER_INITIALIZATION_DATA {
            MaxPagesPerWrite: maximum_pages,
            ..FILTER_INITIALIZATION_DATA::default()
        };
        let status = entry(
            FilterExtension(&raw mut *extension),
            InitializationData(&raw mut data),
        );
        if status < 0 {
            let flags = data.Flags;
            return Err(NotLoaded { status, flags });
        }
        extension.DumpData = data.DumpData;
        Ok(Self { extension, data })
    }

    /// What the filter left in its initialisation data.
    #[must_use]
    pub const fn data(&self) -> &FILTER_INITIALIZATION_DATA {
        &self.data
    }

    /// Calls `Dump_Start`; returns its status.
    ///
    /// # Panics
    /// If the filter has none.
    pub fn start(&mut self) -> i32 {
        let routine = self.data.DumpStart.expect("the filter has Dump_Start");
        // SAFETY: the filter's own extension.
        unsafe { routine(&raw mut *self.extension) }
    }

    /// Calls `Dump_Write` with data that begin `byte_offset` bytes into a page.
    ///
    /// # Panics
    /// If the filter breaks a rule of `DUMP_WRITE`.
    pub fn write(&mut self, offset: u64, source: &[u8], byte_offset: usize) -> Written {
        let mut pages = std::vec![0_u8; source.len() + 2 * PAGE_BYTES];
        let lead = pages.as_ptr().align_offset(PAGE_BYTES) + byte_offset;
        pages[lead..lead + source.len()].copy_from_slice(source);
        let data = &mut pages[lead..lead + source.len()];
        let mut list = List::new(data, byte_offset);
        let mut place = LARGE_INTEGER {
            QuadPart: offset.cast_signed(),
        };
        let routine = self.data.DumpWrite.expect("the filter has Dump_Write");
        let extension = &raw mut *self.extension;
        // SAFETY: the filter's own extension, and structures that live until the call returns.
        let status = unsafe { routine(extension, &raw mut place, list.mdl()) };
        assert_eq!(status, 0, "Dump_Write succeeds");
        assert_eq!(quad(place), offset, "the offset stays");
        assert_eq!(
            &pages[lead..lead + source.len()],
            source,
            "the source stays"
        );
        let after = list.read();
        assert_eq!(after.ByteCount as usize, source.len(), "the length stays");
        assert_eq!(after.MdlFlags, List::FLAGS, "the flags stay");
        let replaced = after.MappedSystemVa.cast_const().cast::<u8>() != pages[lead..].as_ptr();
        if replaced {
            let address = after.MappedSystemVa.expose_provenance();
            assert_eq!(address % PAGE_BYTES, 0, "the new buffer is page aligned");
            assert_eq!(after.StartVa, after.MappedSystemVa);
            assert_eq!(after.ByteOffset, 0);
            for (frame, page) in list.frames(source.len().div_ceil(PAGE_BYTES)).zip(0..) {
                assert_eq!(frame, (address / PAGE_BYTES) as u64 + page, "frame {page}");
            }
        }
        // SAFETY: the list maps that many bytes, as checked above.
        let bytes =
            unsafe { slice::from_raw_parts(after.MappedSystemVa.cast::<u8>(), source.len()) };
        Written {
            bytes: bytes.to_vec(),
            replaced,
        }
    }

    /// What the filter says to a write, instead of the bug check that would follow; ends the filter's life.
    ///
    /// `F` is the filter's type. `None` if it has no objection.
    ///
    /// # Panics
    /// If the filter misses an argument.
    #[must_use]
    pub fn refusal<F: DumpFilter>(mut self, offset: u64, source: &[u8]) -> Option<Refusal> {
        let mut source = source.to_vec();
        let mut list = List::new(&mut source, 0);
        let mut place = LARGE_INTEGER {
            QuadPart: offset.cast_signed(),
        };
        let extension = &raw mut *self.extension;
        // SAFETY: the filter's own extension, and structures that live until the call returns.
        let written = unsafe { filter::write::<F>(extension, &raw mut place, list.mdl()) };
        let refusal = written.expect("the arguments are complete").err();
        self.unload();
        refusal
    }

    /// Calls `Dump_Read` on data that were read; returns its status.
    ///
    /// # Panics
    /// If the filter changes offset or list.
    pub fn read(&mut self, offset: u64, data: &mut [u8]) -> i32 {
        let mut list = List::new(data, 0);
        let before = list.words.clone();
        let mut place = LARGE_INTEGER {
            QuadPart: offset.cast_signed(),
        };
        let routine = self.data.DumpRead.expect("the filter has Dump_Read");
        let extension = &raw mut *self.extension;
        // SAFETY: the filter's own extension, and structures that live until the call returns.
        let status = unsafe { routine(extension, &raw mut place, list.mdl()) };
        assert_eq!(quad(place), offset, "the offset stays");
        assert_eq!(list.words, before, "the list stays");
        status
    }

    /// Calls `Dump_Finish` and `Dump_Unload`.
    ///
    /// # Panics
    /// If one of them fails.
    pub fn unload(mut self) {
        let extension = &raw mut *self.extension;
        for routine in [self.data.DumpFinish, self.data.DumpUnload] {
            let routine = routine.expect("the filter has Dump_Finish and Dump_Unload");
            // SAFETY: the filter's own extension, used for the last time by the second.
            let status = unsafe { routine(extension) };
            assert_eq!(status, 0);
        }
    }
}

/// A memory descriptor list and its page frames.
struct List {
    words: Vec<u64>,
}

impl List {
    const FLAGS: i16 = MDL_MAPPED_TO_SYSTEM_VA as i16;
    const HEADER_WORDS: usize = size_of::<MDL>() / 8;

    fn new(data: &mut [u8], byte_offset: usize) -> Self {
        let pages = (byte_offset + data.len()).div_ceil(PAGE_BYTES);
        let start = data.as_mut_ptr();
        let mut list = Self {
            words: std::vec![0; Self::HEADER_WORDS + pages],
        };
        let first_frame = (start.expose_provenance() / PAGE_BYTES) as u64;
        for (frame, word) in (first_frame..).zip(&mut list.words[Self::HEADER_WORDS..]) {
            *word = frame;
        }
        let header = MDL {
            MdlFlags: Self::FLAGS,
            MappedSystemVa: start.cast(),
            StartVa: start.wrapping_sub(byte_offset).cast(),
            ByteCount: u32::try_from(data.len()).expect("tests write little"),
            ByteOffset: u32::try_from(byte_offset).expect("less than a page"),
            ..MDL::default()
        };
        // SAFETY: the words hold a header at their start, suitably aligned.
        unsafe { list.mdl().write(header) };
        list
    }

    fn mdl(&mut self) -> *mut MDL {
        self.words.as_mut_ptr().cast()
    }

    fn read(&mut self) -> MDL {
        // SAFETY: the words hold a header at their start.
        unsafe { self.mdl().read() }
    }

    fn frames(&self, count: usize) -> impl Iterator<Item = u64> {
        self.words[Self::HEADER_WORDS..][..count].iter().copied()
    }
}

fn to_size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("sizes of a test fit")
}

fn pointer<T>(address: u64) -> *mut T {
    ptr::with_exposed_provenance_mut(to_size(address))
}

fn poke(address: u64, byte: u8) {
    // SAFETY: the caller's buffer, live during the call.
    unsafe { pointer::<u8>(address).write(byte) };
}

fn text(string: *mut UNICODE_STRING) -> String {
    // SAFETY: the caller's string, live during the call.
    let string = unsafe { string.read() };
    let units = usize::from(string.Length) / 2;
    // SAFETY: the string's buffer holds that many units.
    let units = unsafe { slice::from_raw_parts(string.Buffer, units) };
    String::from_utf16_lossy(units)
}
