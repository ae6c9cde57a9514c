//! Test doubles of the exported functions, so that unit tests of the drivers link and run on a machine without Windows.
//!
//! Key types: [`Call`], [`answer`]. Every double writes down its arguments and returns what the test's closure says, zero without one.
//! The record and the closure belong to the thread, so tests run in parallel. Not compiled for Windows.
//!
//! The doubles of the variadic exports are ordinary functions with many integer parameters: in the C calling conventions of the hosts
//! that run these tests, a variable argument lies where an ordinary one would. What lies behind the arguments that a caller passed is
//! undefined; a test looks only at those that the selector has, and at the width that their types have ([`low_u32`]).
#![expect(unsafe_code, reason = "defines the exported C symbols")]
#![expect(non_snake_case, reason = "names of the DDI")]
// UNSAFETY: the doubles are unsafe C functions by signature; none of them follows a pointer.

mod exports;
mod word;

use std::{boxed::Box, cell::RefCell, vec::Vec};

pub use self::word::Word;

/// One call of an exported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Name of the export.
    pub function: &'static str,
    /// Arguments in order, each as the integer in its slot.
    pub arguments: Vec<u64>,
}

type Answer = Box<dyn FnMut(&Call) -> u64>;

std::thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Option<Answer>> = const { RefCell::new(None) };
}

/// Forgets this thread's calls and closure.
pub fn reset() {
    CALLS.with_borrow_mut(Vec::clear);
    ANSWER.set(None);
}

/// Lets `respond` decide what the doubles return, as the integer in the return register. It may write through the pointers among the
/// arguments, and it must not call an exported function.
pub fn answer(respond: impl FnMut(&Call) -> u64 + 'static) {
    ANSWER.set(Some(Box::new(respond)));
}

/// The calls of this thread since [`reset`], in order.
#[must_use]
pub fn calls() -> Vec<Call> {
    CALLS.with_borrow(Clone::clone)
}

/// The low half of a slot, where an argument of at most 32 bits lies.
#[must_use]
pub const fn low_u32(slot: u64) -> u32 {
    (slot & 0xFFFF_FFFF) as u32
}

/// Records a call and asks the closure for the result.
fn record(function: &'static str, arguments: Vec<u64>) -> u64 {
    let call = Call {
        function,
        arguments,
    };
    let result =
        ANSWER.with_borrow_mut(|respond| respond.as_mut().map_or(0, |respond| respond(&call)));
    CALLS.with_borrow_mut(|calls| calls.push(call));
    result
}
