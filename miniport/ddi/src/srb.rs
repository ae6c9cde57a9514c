//! A request: one move-only type over `SCSI_REQUEST_BLOCK` and `STORAGE_REQUEST_BLOCK`.
//!
//! Key types: [`Srb`], [`Completed`], [`Function`], [`SrbFlags`]. A request is owned by the miniport from the moment that the port hands it
//! over until [`Srb::complete`] consumes it. `HwStorBuildIo` and `HwStorStartIo` must return a proof of what became of
//! theirs ([`crate::adapter`]), which dropping does not yield. Neighbours: [`parts`] finds the pieces of either shape,
//! [`usual`] knows the shape that nearly all have, [`ready`] and [`noted`] what is noted of a request in its SRB extension, [`scsi`] what a SCSI request says, [`crate::scatter`] the data, [`crate::memory`] the SRB extension.
//! Source: WDK 10.0.22621 `srb.h`, `storport.h`.
#![expect(
    unsafe_code,
    reason = "request blocks are C structures behind raw pointers"
)]
// UNSAFETY: the request block and the buffers it points to are the port driver's memory, lent for the life of the request.

pub mod batch;
mod noted;
pub(crate) mod parts;
mod ready;
mod scsi;
pub mod table;
mod usual;

#[cfg(test)]
mod tests;

pub use self::{
    noted::Noted,
    ready::Ready,
    scsi::{Priority, QueueAction, ScsiRequest},
    usual::Usual,
};

use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};

use wdk_sys::{_SCSI_NOTIFICATION_TYPE, PSCSI_REQUEST_BLOCK, SCSI_REQUEST_BLOCK, storage};

use crate::{
    adapter::Adapter,
    port::{Port, UnitAddress},
    recorder::{self, Event},
    scatter::ScatterGather,
    status::SrbStatus,
};

/// What a request asks for (`SRB_FUNCTION_*`); an open type, since Windows versions add functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of srb.h")]
pub enum Function {
    ExecuteScsi,
    IoControl,
    Shutdown,
    Flush,
    AbortCommand,
    ResetBus,
    ResetDevice,
    ResetLogicalUnit,
    Power,
    Pnp,
    DumpPointers,
    FreeDumpPointers,
    /// Any other function, with its number.
    Other(u32),
}

impl Function {
    const fn from_code(code: u32) -> Self {
        match code {
            wdk_sys::SRB_FUNCTION_EXECUTE_SCSI => Self::ExecuteScsi,
            wdk_sys::SRB_FUNCTION_IO_CONTROL => Self::IoControl,
            wdk_sys::SRB_FUNCTION_SHUTDOWN => Self::Shutdown,
            wdk_sys::SRB_FUNCTION_FLUSH => Self::Flush,
            wdk_sys::SRB_FUNCTION_ABORT_COMMAND => Self::AbortCommand,
            wdk_sys::SRB_FUNCTION_RESET_BUS => Self::ResetBus,
            wdk_sys::SRB_FUNCTION_RESET_DEVICE => Self::ResetDevice,
            wdk_sys::SRB_FUNCTION_RESET_LOGICAL_UNIT => Self::ResetLogicalUnit,
            wdk_sys::SRB_FUNCTION_POWER => Self::Power,
            wdk_sys::SRB_FUNCTION_PNP => Self::Pnp,
            wdk_sys::SRB_FUNCTION_DUMP_POINTERS => Self::DumpPointers,
            wdk_sys::SRB_FUNCTION_FREE_DUMP_POINTERS => Self::FreeDumpPointers,
            other => Self::Other(other),
        }
    }
}

bitflags::bitflags! {
    /// `SrbFlags`, as far as a miniport looks at them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SrbFlags: u32 {
        /// Data flows from the device to memory.
        const DATA_IN = wdk_sys::SRB_FLAGS_DATA_IN;
        /// Data flows from memory to the device.
        const DATA_OUT = wdk_sys::SRB_FLAGS_DATA_OUT;
        /// The request says how it may be ordered.
        const QUEUE_ACTION_ENABLE = wdk_sys::SRB_FLAGS_QUEUE_ACTION_ENABLE;
        /// No sense data wanted.
        const DISABLE_AUTOSENSE = wdk_sys::SRB_FLAGS_DISABLE_AUTOSENSE;
        const _ = !0;
    }
}

/// What a PNP request asks for (`STOR_PNP_ACTION`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PnpAction {
    /// `StorStartDevice`.
    Start,
    /// `StorRemoveDevice`.
    Remove,
    /// `StorStopDevice`.
    Stop,
    /// `StorQueryCapabilities`.
    QueryCapabilities,
    /// `StorSurpriseRemoval`.
    SurpriseRemoval,
    /// Any other action.
    Other(i32),
}

/// SCSI status GOOD (SAM-5, 5.3.1).
const GOOD: u8 = 0;

/// Proof that a request was completed; there is no other way to get one.
#[derive(Debug)]
#[must_use = "return it, so that the caller knows what became of the request"]
pub struct Completed(());

/// A request that the miniport owns.
///
/// # Invariants
/// `block` is a request block that the port driver handed to adapter type `A` and that has not been completed since.
#[derive(Debug)]
#[repr(transparent)]
#[must_use = "a request has to be completed, parked or given back"]
pub struct Srb<A: Adapter> {
    block: NonNull<SCSI_REQUEST_BLOCK>,
    adapter: PhantomData<fn() -> A>,
}

// SAFETY: a request block is plain memory, and ownership of it moves with the value.
unsafe impl<A: Adapter> Send for Srb<A> {}

impl<A: Adapter> Srb<A> {
    /// # Safety
    /// `block` is a request block that the port driver just handed over to adapter type `A`.
    #[inline]
    pub(crate) const unsafe fn from_port(block: PSCSI_REQUEST_BLOCK) -> Self {
        // INVARIANT: the caller vouches for the block.
        Self {
            // SAFETY: as above.
            block: unsafe { NonNull::new_unchecked(block) },
            adapter: PhantomData,
        }
    }

    pub(crate) const fn pointer(&self) -> PSCSI_REQUEST_BLOCK {
        self.block.as_ptr()
    }

    #[inline]
    const fn parts(&self) -> parts::Parts<'_> {
        // SAFETY: the block is live and ours (type invariant), for as long as `self` is borrowed.
        unsafe { parts::Parts::of(self.block) }
    }

    #[inline]
    const fn parts_mut(&mut self) -> parts::PartsMut<'_> {
        // SAFETY: the block is live and ours (type invariant), and `self` is borrowed exclusively.
        unsafe { parts::PartsMut::of(self.block) }
    }

    /// What the request asks for.
    #[must_use]
    #[inline]
    pub fn function(&self) -> Function {
        Function::from_code(self.parts().function())
    }

    /// The unit that the request is for.
    #[must_use]
    #[inline]
    pub fn address(&self) -> UnitAddress {
        self.parts().address()
    }

    /// Direction of the data and other flags.
    #[must_use]
    #[inline]
    pub fn flags(&self) -> SrbFlags {
        SrbFlags::from_bits_retain(self.parts().flags())
    }

    /// Bytes of data to transfer.
    #[must_use]
    #[inline]
    pub fn data_transfer_length(&self) -> u32 {
        self.parts().data_transfer_length()
    }

    /// What a PNP request asks for.
    #[must_use]
    pub fn pnp_action(&self) -> PnpAction {
        use wdk_sys::STOR_PNP_ACTION as action;
        match self.parts().pnp_action() {
            action::StorStartDevice => PnpAction::Start,
            action::StorRemoveDevice => PnpAction::Remove,
            action::StorStopDevice => PnpAction::Stop,
            action::StorQueryCapabilities => PnpAction::QueryCapabilities,
            action::StorSurpriseRemoval => PnpAction::SurpriseRemoval,
            other => PnpAction::Other(other),
        }
    }

    /// Whether this is the request that `abort` wants aborted (its `NextSrb`).
    #[must_use]
    pub fn is_target_of(&self, abort: &Self) -> bool {
        core::ptr::addr_eq(self.block.as_ptr(), abort.parts().next_srb())
    }

    /// The pieces of the data buffer as the device sees them; `None` when the port has no list for the request.
    #[must_use]
    #[inline]
    pub fn scatter_gather(&self, port: Port<'_>) -> Option<ScatterGather<'_>> {
        // SAFETY: the extension is live (invariant of Port) and the request is ours.
        let list =
            unsafe { storage::StorPortGetScatterGatherList(port.extension(), self.pointer()) };
        // SAFETY: the list belongs to the request and lives until its completion.
        unsafe { ScatterGather::new(list) }
    }

    /// The data buffer as bytes, for functions whose buffer is a control structure and therefore always mapped
    /// (`DUMP_POINTERS`, PNP, `IO_CONTROL`). `None` for other functions or without a buffer.
    pub fn control_buffer(&mut self) -> Option<&mut [u8]> {
        match self.function() {
            Function::IoControl
            | Function::Pnp
            | Function::DumpPointers
            | Function::FreeDumpPointers => {}
            _ => return None,
        }
        let buffer = NonNull::new(self.parts().data_buffer().cast::<u8>())?;
        let bytes = self.data_transfer_length() as usize;
        // SAFETY: for these functions DataBuffer is a system address of DataTransferLength bytes that belongs to the
        // request, and `self` is borrowed exclusively.
        Some(unsafe { core::slice::from_raw_parts_mut(buffer.as_ptr(), bytes) })
    }

    /// Stores the SCSI status byte.
    #[inline]
    pub fn set_scsi_status(&mut self, status: u8) {
        self.parts_mut().set_scsi_status(status);
    }

    /// Stores how many bytes were transferred; never on a request that ends busy (the port sends the same block again).
    #[inline]
    pub fn set_data_transfer_length(&mut self, bytes: u32) {
        self.parts_mut().set_data_transfer_length(bytes);
    }

    /// Room for sense data in bytes; 0 when the request has no sense buffer or does not want any.
    #[must_use]
    pub fn sense_capacity(&self) -> u8 {
        if self.flags().contains(SrbFlags::DISABLE_AUTOSENSE) {
            return 0;
        }
        self.parts().sense().1
    }

    /// Copies sense data into the request's sense buffer, cut to its capacity, and stores the length; returns it.
    pub fn set_sense(&mut self, sense: &[u8]) -> u8 {
        let capacity = self.sense_capacity();
        let length = u8::try_from(sense.len()).unwrap_or(u8::MAX).min(capacity);
        let Some(buffer) = NonNull::new(self.parts().sense().0.cast::<u8>()) else {
            return 0;
        };
        // SAFETY: (1) the buffer holds SenseInfoBufferLength bytes, and length is at most that; (2) the source has at least
        // length bytes; (3) the buffer belongs to the request and cannot overlap the caller's slice.
        unsafe {
            core::ptr::copy_nonoverlapping(sense.as_ptr(), buffer.as_ptr(), usize::from(length));
        };
        self.parts_mut().set_sense_length(length);
        length
    }

    /// Ends a command that did all that it was asked for: [`SrbStatus::Success`], SCSI status GOOD, `bytes` transferred.
    #[inline]
    pub fn succeed(mut self, port: Port<'_>, bytes: u32) -> Completed {
        let mut parts = self.parts_mut();
        parts.set_scsi_status(GOOD);
        parts.set_data_transfer_length(bytes);
        self.complete(port, SrbStatus::Success)
    }

    /// Ends the request: stores `status` and gives the block back to the port for good. Any IRQL.
    #[inline]
    pub fn complete(self, port: Port<'_>, status: SrbStatus) -> Completed {
        let mut srb = ManuallyDrop::new(self);
        srb.parts_mut().set_srb_status(status.code());
        let block = srb.pointer();
        // SAFETY: (1) the extension is live (invariant of Port); (2) the block is ours, and is not used after this.
        unsafe {
            storage::StorPortNotification(
                _SCSI_NOTIFICATION_TYPE::RequestComplete,
                port.extension(),
                block,
            );
        };
        Completed(())
    }
}

impl<A: Adapter> Drop for Srb<A> {
    /// A request that is dropped would hang its sender; the types of [`crate::adapter`] leave no way to do it by mistake in the
    /// entry points, and here it is at least never silent.
    fn drop(&mut self) {
        recorder::record(Event::RequestLeaked, self.block.as_ptr() as u64, 0);
        debug_assert!(false, "a request was dropped instead of completed");
    }
}
