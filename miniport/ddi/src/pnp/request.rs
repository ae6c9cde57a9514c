//! A request as a dispatch routine holds it.
//!
//! Key type: [`Request`]: completing it or passing it down consumes it, so that each is done once.
#![expect(unsafe_code, reason = "I/O request packets are shared with the I/O manager")]
// UNSAFETY: the packet is a C structure that belongs to this driver until it is completed or passed down.

use wdk_sys::{
    _POWER_STATE_TYPE, _SYSTEM_POWER_STATE, IO_NO_INCREMENT, IO_STACK_LOCATION, IRP_MN_SET_POWER,
    NTSTATUS, PDEVICE_OBJECT, PIRP, STATUS_UNSUCCESSFUL, ntddk,
};

use crate::ports::Resources;

/// A packet that this driver owns.
///
/// # Invariants
/// `irp` was passed to a dispatch routine and was neither completed nor passed down since.
pub(super) struct Request {
    irp: PIRP,
}

impl Request {
    /// INVARIANT: the caller is a dispatch routine that passes the packet that it got, once.
    pub(super) const fn new(irp: PIRP) -> Self {
        Self { irp }
    }

    /// Address of the packet: the tag of the remove lock.
    pub(super) const fn tag(&self) -> *mut core::ffi::c_void {
        self.irp.cast()
    }

    /// `IoGetCurrentIrpStackLocation`.
    fn location(&self) -> *mut IO_STACK_LOCATION {
        // SAFETY: a packet in a dispatch routine has a current stack location.
        unsafe {
            (*self.irp)
                .Tail
                .Overlay
                .__bindgen_anon_2
                .__bindgen_anon_1
                .CurrentStackLocation
        }
    }

    /// The minor function.
    pub(super) fn minor(&self) -> u32 {
        // SAFETY: the location is this driver's.
        u32::from(unsafe { (*self.location()).MinorFunction })
    }

    /// What a start request brings.
    pub(super) fn resources(&self) -> Resources<'_> {
        // SAFETY: the location is this driver's; for a start request the union holds these pointers.
        let start = unsafe { (*self.location()).Parameters.StartDevice };
        Resources::new(start.AllocatedResourcesTranslated)
    }

    /// Whether this power request says that the system works again.
    pub(super) fn is_wake(&self) -> bool {
        if self.minor() != IRP_MN_SET_POWER {
            return false;
        }
        // SAFETY: the location is this driver's; for such a request the union holds these members.
        let power = unsafe { (*self.location()).Parameters.Power };
        // SAFETY: both views of the union are plain integers.
        let state = unsafe { power.State.SystemState };
        power.Type == _POWER_STATE_TYPE::SystemPowerState
            && state == _SYSTEM_POWER_STATE::PowerSystemWorking
    }

    /// Sets what the request will have been completed with.
    pub(super) fn set_status(&self, status: NTSTATUS) {
        // SAFETY: the packet is this driver's.
        unsafe { (*self.irp).IoStatus.__bindgen_anon_1.Status = status };
    }

    /// Sends it to the lower driver and waits until that is through; the packet stays ours. `PASSIVE_LEVEL`.
    pub(super) fn forward(&self, lower: PDEVICE_OBJECT) -> NTSTATUS {
        // SAFETY: the packet is ours and has stack locations for all lower drivers.
        let sent = unsafe { ntddk::IoForwardIrpSynchronously(lower, self.irp) };
        if sent == 0 {
            return STATUS_UNSUCCESSFUL;
        }
        // SAFETY: the packet is ours again.
        unsafe { (*self.irp).IoStatus.__bindgen_anon_1.Status }
    }

    /// Completes it with `status`, which is returned for the dispatch routine to return.
    pub(super) fn complete(self, status: NTSTATUS) -> NTSTATUS {
        self.set_status(status);
        // SAFETY: the packet is ours and is given away here.
        unsafe { ntddk::IofCompleteRequest(self.irp, IO_NO_INCREMENT as i8) };
        status
    }

    /// `IoSkipCurrentIrpStackLocation` and `IoCallDriver`: the lower driver does the rest.
    pub(super) fn pass(self, lower: PDEVICE_OBJECT) -> NTSTATUS {
        // SAFETY: the packet is ours; the lower driver sets the location back when it takes it over.
        let overlay = unsafe { &mut (*self.irp).Tail.Overlay };
        // SAFETY: one past the current location is the caller's, or the end of the array.
        let next = unsafe { self.location().add(1) };
        overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation = next;
        // SAFETY: the packet is ours.
        unsafe { (*self.irp).CurrentLocation += 1 };
        // SAFETY: the packet is ours and is given away here; `lower` is the device that ours is attached to.
        unsafe { ntddk::IofCallDriver(lower, self.irp) }
    }
}
