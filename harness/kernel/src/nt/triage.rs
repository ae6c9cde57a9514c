//! The arrays in which drivers list memory for a small dump; [`crate::bugcheck::array`] has what may be in them.
//!
//! Any IRQL: bug check callbacks call these routines at `HIGH_LEVEL`.

use super::{export, memory::demand};
use crate::{
    bugcheck::array::{Array, BLOCK_BYTES, Refusal},
    exports::{Export, ExportCall},
    mem::{self, MemFault},
    port::abi::{View, bugcheck::TriageArray},
};

/// `STATUS_SUCCESS`.
const SUCCESS: u64 = 0;

/// The routines.
pub static EXPORTS: &[Export] = &[
    export("KeAddTriageDumpDataBlock", add_block),
    export("KeInitializeTriageDumpDataArray", initialize),
];

/// `KeInitializeTriageDumpDataArray(KtriageDumpDataArray, Size)`.
fn initialize(call: &ExportCall) -> u64 {
    let (at, bytes) = (call.va(0), call.arg32(1));
    if at.is_null() {
        return Refusal::BufferTooSmall.status().into();
    }
    let array = match Array::empty(bytes) {
        Ok(array) => array,
        Err(refusal) => return refusal.status().into(),
    };
    let view = View::<TriageArray>::at(at);
    demand(call, mem::fill(at, 0, bytes.into()));
    demand(call, view.set(TriageArray::LIST_FLINK, at.0));
    demand(call, view.set(TriageArray::LIST_BLINK, at.0));
    demand(call, store(view, array));
    SUCCESS
}

/// `KeAddTriageDumpDataBlock(KtriageDumpDataArray, Address, Size)`.
fn add_block(call: &ExportCall) -> u64 {
    let (at, address, bytes) = (call.va(0), call.arg(1), call.arg(2));
    if at.is_null() {
        return Refusal::InvalidParameter.status().into();
    }
    let view = View::<TriageArray>::at(at);
    let array = demand(call, load(view));
    let longer = match array.with(address, bytes) {
        Ok(longer) => longer,
        Err(refusal) => return refusal.status().into(),
    };
    let place = u64::from(array.used) * u64::from(BLOCK_BYTES);
    let block = view.address(TriageArray::BLOCKS).offset(place);
    demand(call, mem::write(block, &[address, bytes]));
    demand(call, store(view, longer));
    SUCCESS
}

fn load(view: View<TriageArray>) -> Result<Array, MemFault> {
    Ok(Array {
        used: view.get(TriageArray::BLOCKS_USED)?,
        total: view.get(TriageArray::BLOCKS_TOTAL)?,
        data_bytes: view.get(TriageArray::DATA_BYTES)?,
        data_limit: view.get(TriageArray::DATA_LIMIT)?,
    })
}

fn store(view: View<TriageArray>, array: Array) -> Result<(), MemFault> {
    let Array {
        used,
        total,
        data_bytes,
        data_limit,
    } = array;
    view.set(TriageArray::BLOCKS_USED, used)?;
    view.set(TriageArray::BLOCKS_TOTAL, total)?;
    view.set(TriageArray::DATA_BYTES, data_bytes)?;
    view.set(TriageArray::DATA_LIMIT, data_limit)
}
