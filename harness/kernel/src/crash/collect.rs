//! What a small dump takes from the stopped system: its stack, its drivers, the pages that registers point to, what drivers
//! name.
//!
//! [`gather`] says which memory; [`read`] gives it as it was when the system stopped, not as the dump has left it. Every range
//! is mapped RAM when it is gathered.

use alloc::vec::Vec;

use proto::{
    hiber::PAGE_BYTES,
    owner::{Owner, Role},
    record::PhysicalRange,
};

use super::{
    debugger::Module,
    live::Snapshot,
    pages,
    small::{Apart, Driver, STACK_BYTES_MAX, Small, SmallError, SmallSpec, Stretch},
};
use crate::{
    bugcheck::{array::Budget, triage},
    hibernate::freeze::Shadow,
    hw::{entry::Frame, layout},
    mem::{self, Access, Va, size},
};

/// Addresses below are no pointers.
const LOWEST_POINTER: u64 = 0x1_0000;

/// Plans the small dump; drivers are asked for as much as `budget` has.
///
/// # Errors
/// [`SmallError`].
pub(super) fn gather(
    snapshot: &Snapshot,
    registers: &Frame,
    budget: Budget,
) -> Result<Small, SmallError> {
    let mut apart = Apart::default();
    let stack = stack(registers.rsp);
    let debugger_data = snapshot.debugger_data();
    let _ = apart.add(stack);
    let _ = apart.add(debugger_data);
    let mut recorded = apart.add(snapshot.debugger_lists());
    let added: Vec<Stretch> = triage::memory(snapshot.bugcheck(), budget)
        .into_iter()
        .flat_map(|(start, bytes)| {
            apart.add(Stretch {
                address: start.0,
                bytes,
            })
        })
        .collect();
    recorded.extend(
        pointers(registers)
            .into_iter()
            .filter_map(page)
            .flat_map(|page| apart.add(page)),
    );
    let drivers: Vec<Driver> = snapshot.modules().iter().map(driver).collect();
    Small::new(&SmallSpec {
        stack,
        debugger_data,
        processor: snapshot.processor(),
        thread: snapshot.thread(),
        drivers: &drivers,
        recorded: &recorded,
        added: &added,
    })
}

/// Memory as it was when the system stopped; zeros, and a word about it, where there is none.
pub(super) fn read(shadow: &Shadow, address: u64, into: &mut [u8]) {
    let mut done = 0;
    while done < into.len() {
        let va = Va(address).offset(done as u64);
        let bytes = size(PAGE_BYTES - va.page_offset()).min(into.len() - done);
        let piece = &mut into[done..done + bytes];
        let found = mem::translate(va).is_some_and(|pa| {
            let frame = shadow.of(pa.pfn()).unwrap_or(pa.page());
            mem::read_physical_bytes(frame.offset(pa.page_offset()), piece).is_ok()
        });
        if !found {
            crate::log_warning!("the memory at {va} went away while the dump was written");
        }
        done += bytes;
    }
}

/// The stack from its pointer on. A pointer into the page below a stack that was used up means the stack from its end on.
fn stack(pointer: u64) -> Stretch {
    let start = [pointer, Va(pointer).page().offset(PAGE_BYTES).0]
        .into_iter()
        .find(|&start| is_mapped(start, 1));
    let Some(start) = start else {
        return Stretch::default();
    };
    let limit = stack_end(start).min(start.saturating_add(STACK_BYTES_MAX));
    let mut end = start;
    while end < limit {
        let next = Va(end).page().offset(PAGE_BYTES).0.min(limit);
        if next <= end || !is_mapped(end, next - end) {
            break;
        }
        end = next;
    }
    Stretch {
        address: start,
        bytes: end - start,
    }
}

/// Where the stack ends that holds an address: one of the kernel's own, a block, or else the page.
fn stack_end(address: u64) -> u64 {
    let own = [
        layout::main_stack(),
        layout::hibernate_stack(),
        layout::fault_stack(),
        layout::double_fault_stack(),
        layout::nmi_stack(),
    ]
    .into_iter()
    .find(|stack: &PhysicalRange| (stack.address..stack.address + stack.bytes).contains(&address));
    match (own, mem::find(Va(address))) {
        (Some(stack), _) => stack.address + stack.bytes,
        (None, Some(block)) => block.va.0 + block.bytes,
        (None, None) => Va(address).page().offset(PAGE_BYTES).0,
    }
}

/// What the registers hold that may be an address: the instruction first, then those that carry arguments.
const fn pointers(registers: &Frame) -> [u64; 16] {
    [
        registers.rip,
        registers.rcx,
        registers.rdx,
        registers.r8,
        registers.r9,
        registers.rbp,
        registers.rax,
        registers.rbx,
        registers.rsi,
        registers.rdi,
        registers.r10,
        registers.r11,
        registers.r12,
        registers.r13,
        registers.r14,
        registers.r15,
    ]
}

/// The page of an address, if it is the system's and no device writes to it.
fn page(address: u64) -> Option<Stretch> {
    if address < LOWEST_POINTER {
        return None;
    }
    let owner = mem::owner_of(mem::translate(Va(address))?);
    let wanted = pages::is_kernel_page(owner) || owner == Owner::DeviceExtension(Role::Normal);
    let page = Stretch {
        address: Va(address).page().0,
        bytes: PAGE_BYTES,
    };
    (wanted && is_mapped(page.address, page.bytes)).then_some(page)
}

/// A module with what its headers say of its file.
fn driver(module: &Module) -> Driver {
    /// Where the DOS header has the offset of the PE header.
    const NEW_HEADER: u64 = 0x3C;
    /// `FileHeader.TimeDateStamp` and `OptionalHeader.CheckSum`, from the PE header on.
    const TIME_STAMP: u64 = 8;
    const CHECK_SUM: u64 = 88;
    let base = Va(module.base);
    let is_image = mem::read::<[u8; 2]>(base).is_ok_and(|magic| magic == *b"MZ");
    let header = mem::read::<u32>(base.offset(NEW_HEADER)).unwrap_or(0);
    let field = |offset| {
        let at = u64::from(header) + offset;
        let inside = is_image && at + 4 <= u64::from(module.bytes);
        let value = inside.then(|| mem::read::<u32>(base.offset(at)).ok());
        value.flatten().unwrap_or(0)
    };
    Driver {
        name: module.name.clone(),
        base: module.base,
        bytes: module.bytes,
        check_sum: field(CHECK_SUM),
        time_stamp: field(TIME_STAMP),
    }
}

fn is_mapped(address: u64, bytes: u64) -> bool {
    mem::probe(Va(address), bytes, Access::Read).is_ok()
}
