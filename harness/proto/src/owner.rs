//! Who owns which page of guest memory, as the kernel reports it and the host compares by it.

use serde::{Deserialize, Serialize};

/// The three lives of one driver file (DESIGN: the bench, roles).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The driver as Windows runs it day by day.
    Normal,
    /// The crash stack's copy (`dump_` prefix).
    Crash,
    /// The hibernate stack's copy (`hiber_` prefix).
    Hiber,
}

/// What a page of RAM is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// Not allocated.
    Free,
    /// Below 1 MiB or reported reserved: never used by the bench.
    Firmware,
    /// The windows of the resume loader and of the package it is given.
    Loader,
    /// The bench kernel's text and constants.
    KernelText,
    /// The bench kernel's variables and heap.
    KernelData,
    /// The bench kernel's main stack and its interrupt stacks.
    KernelStack,
    /// The stack on which the dump stack runs.
    HibernateStack,
    /// Page tables.
    PageTables,
    /// A section of a loaded driver image.
    Image(Role),
    /// The device extension of an instance.
    DeviceExtension(Role),
    /// The uncached extension of an instance.
    UncachedExtension(Role),
    /// SRBs, SRB extensions, scatter/gather lists, sense buffers of an instance's requests.
    Request(Role),
    /// Memory that the miniport allocated from pool.
    Pool(Role),
    /// A context returned by `SRB_FUNCTION_DUMP_POINTERS`: allocated by the normal instance, used by the dump instance.
    DumpContext(Role),
    /// The dump port driver's own blocks: common buffers, extensions, bounce pages.
    DumpPort(Role),
    /// Data buffers of the workload.
    DataBuffer,
    /// Pages filled with a seeded pattern, which stand for the machine's programs.
    Workload,
    /// Buffers of the bench kernel itself (shadow copies, tables of contents).
    Scratch,
}

/// A run of pages with one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRun {
    /// First page frame number (physical address / 4096).
    pub first_pfn: u64,
    /// Number of pages.
    pub pages: u64,
    /// Who owns them.
    pub owner: Owner,
}
