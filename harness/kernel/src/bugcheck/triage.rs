//! The calls that a small dump makes: each `KbCallbackTriageDumpData` callback may hand over an array of memory.
//!
//! What is wrong with an array or a block is reported and left out; the rest is taken. More than `MaxVirtMemSize` is cut.
//! Neighbours: [`super::array`] judges, [`super::run`] makes the calls, `crash::collect` asks.

use alloc::vec::Vec;

use proto::record::{CallbackRange, CallbackResult};

use super::{
    array::{self, Array, ArrayError, BLOCK_BYTES, Budget},
    list::Kind,
    run::{self, Failure, Session},
};
use crate::{
    crash::header::Bugcheck,
    mem::{self, Access, Va},
    port::abi::{
        View,
        bugcheck::{TRIAGE_BUGCHECK_ACTIVE, TriageArray, TriageDumpData, reason},
    },
    rules::{self, Rule},
};

/// Asks the `KbCallbackTriageDumpData` callbacks for memory, as much as `budget` has: first byte and length of each block.
#[must_use]
pub fn memory(bug_check: Bugcheck, mut budget: Budget) -> Vec<(Va, u64)> {
    let mut named = Vec::new();
    for (entry, reserve) in run::entries(Kind::Reason(reason::TRIAGE_DUMP_DATA)) {
        let mut session = Session::new(&entry, reason::TRIAGE_DUMP_DATA, &reserve);
        let result = match session.triage_data(bug_check, &mut budget) {
            Ok(blocks) if blocks.is_empty() => CallbackResult::Nothing,
            Ok(blocks) => {
                let ranges = blocks.iter().map(|&(start, bytes)| range(start, bytes));
                let result = CallbackResult::Ranges(ranges.collect());
                named.extend(blocks);
                result
            }
            Err(failure) => session.refuse(failure),
        };
        session.report(result);
    }
    named
}

fn range(start: Va, bytes: u64) -> CallbackRange {
    CallbackRange {
        address: start.0,
        bytes,
        owner: mem::translate(start).map_or(mem::Owner::Free, mem::owner_of),
    }
}

impl Session<'_> {
    /// One call, and the blocks of the array that it leaves.
    fn triage_data(
        &mut self,
        bug_check: Bugcheck,
        budget: &mut Budget,
    ) -> Result<Vec<(Va, u64)>, Failure> {
        rules::check(Rule::BugcheckCallbackAnswer);
        let limit = budget.max_virt_mem_bytes();
        let view = self.call::<TriageDumpData>(|view| {
            let [first, second, third, fourth] = bug_check.parameters;
            view.set(TriageDumpData::DATA_ARRAY, 0)?;
            view.set(TriageDumpData::FLAGS, TRIAGE_BUGCHECK_ACTIVE)?;
            view.set(TriageDumpData::MAX_VIRT_MEM_SIZE, limit)?;
            view.set(TriageDumpData::BUG_CHECK_CODE, bug_check.code)?;
            view.set(TriageDumpData::BUG_CHECK_PARAMETER_1, first)?;
            view.set(TriageDumpData::BUG_CHECK_PARAMETER_2, second)?;
            view.set(TriageDumpData::BUG_CHECK_PARAMETER_3, third)?;
            view.set(TriageDumpData::BUG_CHECK_PARAMETER_4, fourth)
        })?;
        let handed = Va(view.get(TriageDumpData::DATA_ARRAY)?);
        if handed.is_null() {
            return Ok(Vec::new());
        }
        let list = View::<TriageArray>::at(handed);
        let used: u32 = list.get(TriageArray::BLOCKS_USED)?;
        Array::judge(used, list.get(TriageArray::BLOCKS_TOTAL)?)?;
        let mut taken = Vec::new();
        for number in 0..u64::from(used) {
            let place = number * u64::from(BLOCK_BYTES);
            let [address, bytes] =
                mem::read::<[u64; 2]>(list.address(TriageArray::BLOCKS).offset(place))?;
            match take(Va(address), bytes, budget) {
                Ok((kept, excess)) => {
                    if kept != 0 {
                        taken.push((Va(address), kept));
                    }
                    // What comes behind a block that was cut would be cut, too.
                    if let Some(excess) = excess {
                        self.refuse(excess.into());
                        break;
                    }
                }
                Err(failure) => {
                    self.refuse(failure);
                    if matches!(failure, Failure::Array(ArrayError::TooMany)) {
                        break;
                    }
                }
            }
        }
        Ok(taken)
    }
}

/// Judges a block and takes as much of it as there is room for.
fn take(start: Va, bytes: u64, budget: &mut Budget) -> Result<(u64, Option<ArrayError>), Failure> {
    array::judge_block(start.0, bytes)?;
    mem::probe(start, budget.room_for(bytes), Access::Read)?;
    Ok(budget.take(bytes)?)
}
