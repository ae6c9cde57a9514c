//! Exports: routines that drivers import, found by name, reached through one stub each.
//!
//! A routine is a plain function of an [`ExportCall`], which gives it the arguments as they lie on the driver's stack.
//! Tables: [`Table::Nt`] for both kinds of instances, [`Table::Port`] for the normal role, [`Table::Dump`] for the dump
//! roles; the latter two both answer to `storport.sys`.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::{fmt, hint};

use proto::{
    owner::Role,
    record::{ExportEntry, Record},
};

use crate::{
    bugcheck::watch,
    call, crash,
    hw::{probe, stubs},
    image, measure,
    mem::{self, Va},
    nt,
    processors::{self, delay, giant},
    record,
    sync::Lock,
    timer,
};

pub mod data;
pub mod refuse;

/// Calls that the ring remembers.
const RECENT: usize = 64;

/// A routine of an export.
pub type Handler = fn(&ExportCall) -> u64;

/// An exported routine.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// The module that drivers import it from, in lower case.
    pub module: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub handler: Handler,
}

/// The tables of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// The kernel, HAL, WMI library and cng.sys, for all roles.
    Nt,
    /// Storport, for the normal role.
    Port,
    /// The dump port driver, for the dump roles.
    Dump,
}

impl Table {
    /// The table that serves a role's port routines.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Normal => Self::Port,
            Role::Crash | Role::Hiber => Self::Dump,
        }
    }
}

/// A call of an export.
#[derive(Clone, Copy, Debug)]
pub struct ExportCall {
    /// What was called.
    pub export: &'static Export,
    /// The instance that called, by the return address.
    pub role: Option<Role>,
    /// Where the call returns to.
    pub return_address: Va,
    args: Va,
}

impl ExportCall {
    /// Argument `n`, counted from 0, stack arguments and variadic ones alike.
    #[must_use]
    pub fn arg(&self, n: u64) -> u64 {
        // The driver just executed a call on this stack: the slots are mapped.
        mem::read(self.args.offset(n * 8)).unwrap_or(0)
    }

    /// The lower half of an argument, for types of 32 bits.
    #[must_use]
    pub fn arg32(&self, n: u64) -> u32 {
        let [b0, b1, b2, b3, ..] = self.arg(n).to_le_bytes();
        u32::from_le_bytes([b0, b1, b2, b3])
    }

    /// The lowest byte of an argument, for `BOOLEAN`, `UCHAR` and `KIRQL`.
    #[must_use]
    pub fn arg8(&self, n: u64) -> u8 {
        self.arg(n).to_le_bytes()[0]
    }

    /// An argument that is a pointer.
    #[must_use]
    pub fn va(&self, n: u64) -> Va {
        Va(self.arg(n))
    }

    /// Address of the array of arguments: the `va_list` of a variadic routine.
    #[must_use]
    pub const fn args_va(&self) -> Va {
        self.args
    }

    /// The role, or the normal one for calls from nowhere.
    #[must_use]
    pub fn role_or_normal(&self) -> Role {
        self.role.unwrap_or(Role::Normal)
    }
}

/// A call that was made.
#[derive(Clone, Copy, Debug)]
struct Recent {
    export: &'static Export,
    return_address: Va,
    args: [u64; 4],
}

impl fmt::Display for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth] = self.args;
        write!(
            f,
            "{}({first:#x}, {second:#x}, {third:#x}, {fourth:#x}) from {}",
            self.export.name,
            image::symbolise(self.return_address)
        )
    }
}

#[derive(Default)]
struct State {
    /// All exports, in the order of their stubs.
    all: Vec<(Table, &'static Export)>,
    by_name: BTreeMap<(Table, &'static str), usize>,
    counters: BTreeMap<(usize, Option<Role>), u64>,
    recent: Vec<Recent>,
    next_recent: usize,
}

static STATE: Lock<State> = Lock::new(State {
    all: Vec::new(),
    by_name: BTreeMap::new(),
    counters: BTreeMap::new(),
    recent: Vec::new(),
    next_recent: 0,
});

/// Adds the routines of a table.
///
/// # Panics
/// If there are more routines than stubs, or two of one name in a table: defects of the tables.
pub fn register(table: Table, exports: &'static [Export]) {
    let mut state = STATE.lock();
    for export in exports {
        let index = state.all.len();
        assert!(index < stubs::STUBS, "more exports than stubs");
        state.all.push((table, export));
        let earlier = state.by_name.insert((table, export.name), index);
        assert!(earlier.is_none(), "{} is exported twice", export.name);
    }
}

/// Address to put into an import table of an image of that role; `None` if nobody exports the name.
#[must_use]
pub fn resolve(role: Role, module: &str, name: &str) -> Option<Va> {
    let table = match module_kind(module) {
        Some(ModuleKind::Nt) => Table::Nt,
        Some(ModuleKind::Port) => Table::of(role),
        None => return None,
    };
    if table == Table::Nt {
        if name == "__chkstk" {
            return Some(probe::stack_probe());
        }
        if let Some(va) = data::address(name) {
            return Some(va);
        }
    }
    address_in(table, name)
}

/// Address of the stub of an export, as a role sees it.
#[must_use]
pub fn address(role: Role, name: &str) -> Option<Va> {
    address_in(Table::of(role), name).or_else(|| address_in(Table::Nt, name))
}

/// All entry points, for the host's breakpoints.
#[must_use]
pub fn entries() -> Vec<ExportEntry> {
    let state = STATE.lock();
    let mut entries = Vec::new();
    for (index, (table, export)) in state.all.iter().enumerate() {
        entries.push(ExportEntry {
            dump: *table == Table::Dump,
            name: String::from(export.name),
            address: stubs::stub(index).0,
        });
    }
    entries
}

/// Sends the entry points to the host.
pub fn announce() {
    record::emit(&Record::Exports { entries: entries() });
}

/// How often each export was called, by instance.
#[must_use]
pub fn counters() -> Vec<(&'static Export, Option<Role>, u64)> {
    let state = STATE.lock();
    state
        .counters
        .iter()
        .filter_map(|(&(index, role), &count)| {
            let (_, export) = state.all.get(index)?;
            Some((*export, role, count))
        })
        .collect()
}

/// The last `count` calls, newest first.
#[must_use]
pub fn recent(count: usize) -> Vec<String> {
    let calls: Vec<Recent> = {
        let state = STATE.lock();
        let (later, earlier) = state
            .recent
            .split_at(state.next_recent.min(state.recent.len()));
        let in_order = earlier.iter().chain(later);
        in_order.rev().take(count).copied().collect()
    };
    calls.iter().map(|call| format!("{call}")).collect()
}

/// What every stub calls.
pub(crate) fn dispatch(index: usize, args: Va, return_address: Va) -> u64 {
    let start = timer::instructions();
    delay::disarm();
    delay::maybe();
    let entered = giant::enter();
    let role = image::find(return_address).map(|place| place.role);
    let mut call = None;
    let mut table = None;
    {
        let mut state = STATE.lock();
        if let Some(&(of, export)) = state.all.get(index) {
            table = Some(of);
            let made = ExportCall {
                export,
                role,
                return_address,
                args,
            };
            *state.counters.entry((index, role)).or_insert(0) += 1;
            remember(&mut state, &made);
            call = Some(made);
        }
    }
    let Some(call) = call else {
        panic!("stub {index} has no export");
    };
    call::enter_export(args, return_address);
    measure::export(&call);
    if table == Some(Table::Port) {
        crash::cause::port_called();
    }
    watch::look_at(table, &call);
    if table == Some(Table::Nt) {
        nt::prohibited::look_at(&call);
    }
    let result = refuse::answer(&call).unwrap_or_else(|| (call.export.handler)(&call));
    // Settled before the clock is read: the way back from there is subtracted from every figure and must be the same for all.
    let may_pause = hint::black_box(!processors::is_single() && role == Some(Role::Normal));
    call::leave_export(timer::instructions().wrapping_sub(start));
    giant::leave(entered);
    if may_pause {
        delay::arm();
    }
    result
}

fn remember(state: &mut State, call: &ExportCall) {
    let entry = Recent {
        export: call.export,
        return_address: call.return_address,
        args: [call.arg(0), call.arg(1), call.arg(2), call.arg(3)],
    };
    let next = state.next_recent;
    match state.recent.get_mut(next) {
        Some(slot) => *slot = entry,
        None => state.recent.push(entry),
    }
    state.next_recent = (next + 1) % RECENT;
}

enum ModuleKind {
    Nt,
    Port,
}

/// Modules by the names that import tables use.
fn module_kind(module: &str) -> Option<ModuleKind> {
    let is = |name: &str| module.eq_ignore_ascii_case(name);
    if is("storport.sys") {
        Some(ModuleKind::Port)
    } else if ["ntoskrnl.exe", "hal.dll", "wmilib.sys", "cng.sys"]
        .into_iter()
        .any(is)
    {
        Some(ModuleKind::Nt)
    } else {
        None
    }
}

fn address_in(table: Table, name: &str) -> Option<Va> {
    let state = STATE.lock();
    state
        .by_name
        .iter()
        .find(|((in_table, found), _)| *in_table == table && *found == name)
        .map(|(_, &index)| stubs::stub(index))
}
