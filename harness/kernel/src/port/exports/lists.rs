//! Interlocked lists in the miniport's memory: sequenced singly linked lists and doubly linked lists.

use super::{
    super::abi::{
        View,
        codes::{STOR_STATUS_INVALID_PARAMETER, STOR_STATUS_SUCCESS},
        services::{ListEntry, SingleListEntry, SlistHeader},
    },
    args,
};
use crate::{
    exports::ExportCall,
    mem::{MemFault, Va},
    rules::{self, Rule},
};

/// Depth lies in bits 0 to 15 of the first word, the next entry in bits 4 to 63 of the second (`SLIST_HEADER`, x64).
const DEPTH_MASK: u64 = 0xFFFF;
const SEQUENCE_ONE: u64 = 1 << 16;
const NEXT_MASK: u64 = !0xF;

fn finish(call: &ExportCall, result: Result<u32, MemFault>) -> u32 {
    result.unwrap_or_else(|fault| {
        rules::violate(
            Rule::PortArgument,
            format_args!("{}: list operation: {fault}", call.export.name),
        );
        STOR_STATUS_INVALID_PARAMETER
    })
}

struct Slist {
    view: View<SlistHeader>,
    counters: u64,
    next: u64,
}

impl Slist {
    fn read(head: Va) -> Result<Self, MemFault> {
        let view = View::<SlistHeader>::at(head);
        Ok(Self {
            view,
            counters: view.get(SlistHeader::ALIGNMENT)?,
            next: view.get(SlistHeader::REGION)? & NEXT_MASK,
        })
    }

    fn write(&self, depth: u64, next: u64) -> Result<(), MemFault> {
        let counters =
            (self.counters & !DEPTH_MASK).wrapping_add(SEQUENCE_ONE) | depth & DEPTH_MASK;
        self.view.set(SlistHeader::ALIGNMENT, counters)?;
        self.view.set(SlistHeader::REGION, next)
    }

    const fn depth(&self) -> u64 {
        self.counters & DEPTH_MASK
    }
}

/// `StorPortInitializeSListHead(ext, SListHead)`.
pub(super) fn slist_initialize(call: &ExportCall) -> u32 {
    let head = call.va(2);
    rules::demand(
        Rule::PortArgument,
        head.0.is_multiple_of(16),
        format_args!("the SLIST_HEADER at {head} is not aligned to 16 bytes"),
    );
    let view = View::<SlistHeader>::at(head);
    let result = view
        .set(SlistHeader::ALIGNMENT, 0)
        .and_then(|()| view.set(SlistHeader::REGION, 0));
    finish(call, result.map(|()| STOR_STATUS_SUCCESS))
}

/// `StorPortInterlockedPushEntrySList(ext, SListHead, SListEntry, *Result)`.
pub(super) fn slist_push(call: &ExportCall) -> u32 {
    let push = || {
        let list = Slist::read(call.va(2))?;
        View::<SingleListEntry>::at(call.va(3)).set(SingleListEntry::NEXT, list.next)?;
        list.write(list.depth() + 1, call.arg(3))?;
        args::put("StorPortInterlockedPushEntrySList", call.va(4), &list.next);
        Ok(STOR_STATUS_SUCCESS)
    };
    finish(call, push())
}

/// `StorPortInterlockedPopEntrySList(ext, SListHead, *Result)`.
pub(super) fn slist_pop(call: &ExportCall) -> u32 {
    let pop = || {
        let list = Slist::read(call.va(2))?;
        if list.next != 0 {
            let next = View::<SingleListEntry>::at(Va(list.next)).get(SingleListEntry::NEXT)?;
            list.write(list.depth().saturating_sub(1), next)?;
        }
        args::put("StorPortInterlockedPopEntrySList", call.va(3), &list.next);
        Ok(STOR_STATUS_SUCCESS)
    };
    finish(call, pop())
}

/// `StorPortInterlockedFlushSList(ext, SListHead, *Result)`.
pub(super) fn slist_flush(call: &ExportCall) -> u32 {
    let flush = || {
        let list = Slist::read(call.va(2))?;
        list.write(0, 0)?;
        args::put("StorPortInterlockedFlushSList", call.va(3), &list.next);
        Ok(STOR_STATUS_SUCCESS)
    };
    finish(call, flush())
}

/// `StorPortQueryDepthSList(ext, SListHead, *Result)`.
pub(super) fn slist_depth(call: &ExportCall) -> u32 {
    let depth = || {
        let [low, high, ..] = Slist::read(call.va(2))?.depth().to_le_bytes();
        args::put("StorPortQueryDepthSList", call.va(3), &[low, high]);
        Ok(STOR_STATUS_SUCCESS)
    };
    finish(call, depth())
}

/// Which end of a doubly linked list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Head,
    Tail,
}

/// `StorPortInterlockedInsertHeadList(ext, ListHead, ListEntry, *Result, Lock)`.
pub(super) fn insert_head(call: &ExportCall) -> u32 {
    finish(call, insert(call, End::Head))
}

/// `StorPortInterlockedInsertTailList(ext, ListHead, ListEntry, *Result, Lock)`.
pub(super) fn insert_tail(call: &ExportCall) -> u32 {
    finish(call, insert(call, End::Tail))
}

fn insert(call: &ExportCall, end: End) -> Result<u32, MemFault> {
    let (head, entry) = (call.arg(2), call.arg(3));
    let at = |address| View::<ListEntry>::at(Va(address));
    let (before, after) = match end {
        End::Head => (head, at(head).get(ListEntry::FLINK)?),
        End::Tail => (at(head).get(ListEntry::BLINK)?, head),
    };
    at(entry).set(ListEntry::FLINK, after)?;
    at(entry).set(ListEntry::BLINK, before)?;
    at(before).set(ListEntry::FLINK, entry)?;
    at(after).set(ListEntry::BLINK, entry)?;
    let neighbour = if end == End::Head { after } else { before };
    let result = if neighbour == head { 0 } else { neighbour };
    args::put("StorPortInterlockedInsertList", call.va(4), &result);
    Ok(STOR_STATUS_SUCCESS)
}

/// `StorPortInterlockedRemoveHeadList(ext, ListHead, *Result, Lock)`.
pub(super) fn remove_head(call: &ExportCall) -> u32 {
    let remove = || {
        let head = call.arg(2);
        let at = |address| View::<ListEntry>::at(Va(address));
        let entry = at(head).get(ListEntry::FLINK)?;
        let result = if entry == head {
            0
        } else {
            let next = at(entry).get(ListEntry::FLINK)?;
            at(head).set(ListEntry::FLINK, next)?;
            at(next).set(ListEntry::BLINK, head)?;
            entry
        };
        args::put("StorPortInterlockedRemoveHeadList", call.va(3), &result);
        Ok(STOR_STATUS_SUCCESS)
    };
    finish(call, remove())
}
