//! Dump filters: drivers between the writer of a dump and the dump port (ntdddump.h).
//!
//! Each stack has copies of its own ([`load`]), whose `DriverEntry` runs at `PASSIVE_LEVEL` with the stack's load; everything else
//! runs where the dump is written or read ([`super::filter_calls`]). A filter's memory is the dump stack's: it is restored by the
//! loader, because `Dump_Read` runs before anything else is back.
//! Several filters see a write in the order of their list, and a read in the opposite order.
//! Sources: Microsoft Learn, "Crash dump filter drivers", "Filter initialization", and the pages of ntdddump.h.

use alloc::{format, string::String, vec::Vec};

use proto::{
    owner::{Owner, Role},
    record::Record,
};

use super::window;
use crate::{
    call::{self, Callback, CallbackKind},
    mem::{self, AllocSpec, Allocation, Contiguity, Placement, Va},
    pe::{self, LoadedImage},
    port::abi::{
        Structure as _, View,
        filter::{
            DUMP_FILTER_CRITICAL, DUMP_FILTER_FLAG_SYSTEM_SUPPORT_64BIT_MEMORY,
            DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ, DUMP_FILTER_MAJOR_VERSION, FilterExtension,
            FilterInitializationData,
        },
    },
    record,
    rules::{self, Rule},
    sync::Lock,
};

/// Name of every block that a filter allocates.
pub const MEMORY_NAME: &str = "dump filter memory";

/// Code of all loaded filters: their calls are not a miniport's.
static IMAGES: Lock<Vec<(Va, u64)>> = Lock::new(Vec::new());

/// A filter's file.
#[derive(Clone, Copy, Debug)]
pub struct FilterFile<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A filter that loaded.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Its image.
    pub image: LoadedImage,
    /// Its extension, in memory of the dump port.
    pub extension: Va,
    /// `Dump_Start`; null if it has none. The same for the others.
    pub start: Va,
    /// `Dump_Write`.
    pub write: Va,
    /// `Dump_Finish`.
    pub finish: Va,
    /// `Dump_Unload`.
    pub unload: Va,
    /// `Dump_Read`; null as well if it does not say that it supports reads.
    pub read: Va,
    /// Longest write in pages that it takes.
    pub maximum_pages: u32,
    block: Va,
}

/// Loads the filters of a stack in their order. `PASSIVE_LEVEL`.
///
/// # Errors
/// A line about a critical filter that did not load; the others are unloaded then.
pub fn load(role: Role, files: &[FilterFile<'_>], disk_bytes: u64) -> Result<Vec<Filter>, String> {
    let mut filters = Vec::new();
    for file in files {
        match load_one(role, file, disk_bytes) {
            Ok(filter) => filters.push(filter),
            Err(failure) => {
                record::emit(&Record::FilterLoaded {
                    role,
                    name: String::from(file.name),
                    status: failure.status,
                    reads: false,
                    maximum_pages: 0,
                });
                if failure.critical {
                    unload(role, filters);
                    return Err(format!(
                        "the critical dump filter {} did not load: {}",
                        file.name, failure.text
                    ));
                }
                crate::log_warning!(
                    "the dump filter {} did not load, the stack goes on without it: {}",
                    file.name,
                    failure.text
                );
            }
        }
    }
    Ok(filters)
}

struct Failure {
    critical: bool,
    status: u32,
    text: String,
}

fn load_one(role: Role, file: &FilterFile<'_>, disk_bytes: u64) -> Result<Filter, Failure> {
    /// `STATUS_NO_MEMORY`.
    const NO_MEMORY: u32 = 0xC000_0017;
    /// `STATUS_DRIVER_ENTRYPOINT_NOT_FOUND`, for whatever keeps an image out.
    const NO_IMAGE: u32 = 0xC000_0263;
    let failed = |status, text: String| Failure {
        critical: false,
        status,
        text,
    };
    let prefix = match role {
        Role::Crash => "dump_",
        Role::Normal | Role::Hiber => "hiber_",
    };
    let image = pe::load_quietly(&format!("{prefix}{}", file.name), file.bytes, role)
        .map_err(|error| failed(NO_IMAGE, format!("{error}")))?;
    let structures = FilterExtension::BYTES + FilterInitializationData::BYTES;
    let Some(block) = own_block(role, structures) else {
        image.unload();
        return Err(failed(NO_MEMORY, String::from("no memory")));
    };
    let block = block.va;
    IMAGES.lock().push((image.base, image.bytes));
    let data = View::<FilterInitializationData>::at(block.offset(FilterExtension::BYTES));
    prepare(role, block, disk_bytes);
    let callback = Callback {
        role,
        kind: CallbackKind::Other,
        name: "DriverEntry of a dump filter",
    };
    let returned = call::invoke(callback, image.entry, &[block.0, data.base().0]);
    let status = status_of(returned);
    let filter = Filter {
        extension: block,
        start: routine(data, FilterInitializationData::DUMP_START),
        write: routine(data, FilterInitializationData::DUMP_WRITE),
        finish: routine(data, FilterInitializationData::DUMP_FINISH),
        unload: routine(data, FilterInitializationData::DUMP_UNLOAD),
        read: routine(data, FilterInitializationData::DUMP_READ),
        maximum_pages: data
            .get(FilterInitializationData::MAX_PAGES_PER_WRITE)
            .unwrap_or(0),
        image,
        block,
    };
    let flags = data.get(FilterInitializationData::FLAGS).unwrap_or(0);
    if is_refusal(status) {
        drop_filter(filter);
        return Err(Failure {
            critical: flags & DUMP_FILTER_CRITICAL != 0,
            status,
            text: format!("DriverEntry returned {status:#010x}"),
        });
    }
    Ok(accept(role, filter, data, flags))
}

/// Looks at what a successful `DriverEntry` left.
fn accept(
    role: Role,
    mut filter: Filter,
    data: View<FilterInitializationData>,
    flags: u32,
) -> Filter {
    let version = data
        .get(FilterInitializationData::MAJOR_VERSION)
        .unwrap_or(0);
    rules::demand(
        Rule::FilterInitialization,
        (1..=DUMP_FILTER_MAJOR_VERSION).contains(&version)
            && (1..=offered_pages()).contains(&filter.maximum_pages),
        format_args!(
            "{}: version {version}, MaxPagesPerWrite {}",
            filter.image.name, filter.maximum_pages
        ),
    );
    let reads = version >= DUMP_FILTER_MAJOR_VERSION
        && flags & DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ != 0
        && !filter.read.is_null();
    if !reads {
        filter.read = Va::NULL;
    }
    filter.maximum_pages = filter.maximum_pages.clamp(1, offered_pages());
    let dump_data = data.get(FilterInitializationData::DUMP_DATA).unwrap_or(0);
    // The block is the kernel's own: the write cannot fail.
    let _ =
        View::<FilterExtension>::at(filter.extension).set(FilterExtension::DUMP_DATA, dump_data);
    record::emit(&Record::FilterLoaded {
        role,
        name: filter.image.name.clone(),
        status: 0,
        reads,
        maximum_pages: filter.maximum_pages,
    });
    filter
}

/// The NTSTATUS in what a routine returned.
pub(super) fn status_of(returned: u64) -> u32 {
    u32::try_from(returned & 0xFFFF_FFFF).unwrap_or(u32::MAX)
}

/// An NTSTATUS that is neither success nor information.
pub(super) const fn is_refusal(status: u32) -> bool {
    status >= 0x8000_0000
}

fn offered_pages() -> u32 {
    u32::try_from(window::PAGES).unwrap_or(u32::MAX)
}

fn own_block(role: Role, bytes: u64) -> Option<Allocation> {
    mem::alloc(AllocSpec {
        bytes,
        align: 16,
        contiguous: Contiguity::Contiguous,
        placement: Placement::Any,
        owner: Owner::DumpPort(role),
        name: "dump filter extension",
    })
    .ok()
}

/// Fills extension and initialisation data as `DriverEntry` finds them.
fn prepare(role: Role, block: Va, disk_bytes: u64) {
    let bytes = FilterExtension::BYTES + FilterInitializationData::BYTES;
    // The block was just allocated: none of the writes can fail.
    let _ = mem::fill(block, 0, bytes);
    let extension = View::<FilterExtension>::at(block);
    let kind: u32 = match role {
        Role::Crash => 1,
        Role::Normal | Role::Hiber => 2,
    };
    let size = u32::try_from(FilterExtension::BYTES).unwrap_or(0);
    let _ = extension.set(FilterExtension::DUMP_TYPE, kind);
    let _ = extension.set(FilterExtension::DISK_SIZE, disk_bytes);
    let _ = extension.set(FilterExtension::SIZE, size);
    let data = View::<FilterInitializationData>::at(block.offset(FilterExtension::BYTES));
    let _ = data.set(
        FilterInitializationData::MAJOR_VERSION,
        DUMP_FILTER_MAJOR_VERSION,
    );
    let _ = data.set(
        FilterInitializationData::MAX_PAGES_PER_WRITE,
        offered_pages(),
    );
    let _ = data.set(
        FilterInitializationData::FLAGS,
        DUMP_FILTER_FLAG_SYSTEM_SUPPORT_READ | DUMP_FILTER_FLAG_SYSTEM_SUPPORT_64BIT_MEMORY,
    );
}

fn routine(
    data: View<FilterInitializationData>,
    field: crate::port::abi::Field<FilterInitializationData, u64>,
) -> Va {
    data.get(field).map_or(Va::NULL, Va)
}

/// Unloads filters, the last one first. `PASSIVE_LEVEL`.
pub fn unload(role: Role, filters: Vec<Filter>) {
    for filter in filters.into_iter().rev() {
        if !filter.unload.is_null() {
            let callback = Callback {
                role,
                kind: CallbackKind::Other,
                name: "Dump_Unload",
            };
            call::invoke(callback, filter.unload, &[filter.extension.0]);
        }
        drop_filter(filter);
    }
    for block in memory(role) {
        rules::violate(
            Rule::PoolLeak,
            format_args!("a dump filter left {} bytes at {}", block.bytes, block.va),
        );
        // The list was just read.
        let _ = mem::free(block.va);
    }
}

fn drop_filter(filter: Filter) {
    IMAGES.lock().retain(|(base, _)| *base != filter.image.base);
    if let Err(error) = mem::free(filter.block) {
        crate::log_warning!("a dump filter's extension cannot be freed: {error:?}");
    }
    filter.image.unload();
}

/// What filters of a stack have allocated.
#[must_use]
pub fn memory(role: Role) -> Vec<Allocation> {
    mem::allocations()
        .into_iter()
        .filter(|block| block.name == MEMORY_NAME && block.owner == Owner::DumpPort(role))
        .collect()
}

/// Does the address lie in a dump filter's image?
#[must_use]
pub fn is_code(va: Va) -> bool {
    IMAGES
        .lock()
        .iter()
        .any(|&(base, bytes)| va.0.wrapping_sub(base.0) < bytes)
}

/// Owner and name of memory that the code at `caller` allocates. What a dump filter allocates is its stack's, so that it is kept
/// over a hibernation; all else is pool of this name.
#[must_use]
pub fn ownership(caller: Va, role: Role, name: &'static str) -> (Owner, &'static str) {
    if is_code(caller) {
        (Owner::DumpPort(role), MEMORY_NAME)
    } else {
        (Owner::Pool(role), name)
    }
}
