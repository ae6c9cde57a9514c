//! `HwStorBuildIo`: everything about a request that needs no lock.
//!
//! Commands get their frame written into the SRB extension; functions that concern no device are answered here, where allocation is
//! legal. Only `HwStorStartIo` talks to the device.

use ddi::{
    adapter::{Adapter, Built},
    context::BuildIoContext,
    memory::{BusRange, SrbExtension},
    port::Port,
    recorder::{self, Event},
    scatter::ScatterGather,
    srb::{Function, PnpAction, Srb},
    status::SrbStatus,
};
use hba::{
    request::{Fragment, Frame, FrameError, PrepareError, Prepared, Request, prepare},
    scsi::cdb::{opcode, synchronize_cache_10},
};

use super::{Kind, NormalAdapter, Ticket};
use crate::{
    request::{PATH, Refusal, command, command_without_data, segments},
    status,
};

/// Pieces of an SRB extension that does not lie contiguous for the device.
const FRAGMENTS_MAX: usize = 4;

impl NormalAdapter {
    #[inline]
    pub(super) fn build(&self, context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self> {
        if srb.function() == Function::ExecuteScsi {
            self.build_command(context.port(), srb)
        } else {
            self.build_other(context, srb)
        }
    }

    /// Everything but commands.
    #[cold]
    #[inline(never)]
    fn build_other(&self, context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self> {
        let port = context.port();
        match srb.function() {
            Function::Flush | Function::Shutdown => self.build_flush(port, srb),
            Function::ResetLogicalUnit
            | Function::ResetDevice
            | Function::ResetBus
            | Function::AbortCommand => Built::Start(srb.ready_without_state()),
            Function::DumpPointers => self.hand_out_dump_pointers(context, srb),
            Function::FreeDumpPointers => self.take_back_dump_pointers(context, srb),
            Function::Pnp => plug_and_play(port, srb),
            // Power goes through HwStorAdapterControl; what still comes this way has nothing to do.
            Function::Power => Built::Completed(srb.complete(port, SrbStatus::Success)),
            Function::ExecuteScsi | Function::IoControl | Function::Other(_) => {
                Built::Completed(srb.complete(port, SrbStatus::InvalidRequest))
            }
        }
    }

    /// A command: its frame is written into the SRB extension.
    #[inline]
    fn build_command(&self, port: Port<'_>, srb: Srb<Self>) -> Built<Self> {
        let ready = srb.ready_with(|srb, window| {
            // Asked for ahead of everything else: registers would have to be kept across the call.
            let whole = window.bus_range(port, 0);
            let (request, list) = command(srb, port).map_err(refusal_is_told)?;
            let kind = kind_of(request.cdb);
            let prepared = match whole {
                Some(whole) if whole.bytes() == Self::REGISTRATION.srb_extension_bytes => {
                    self.write_frame(window, whole, &request, list)?
                }
                _ => self.write_fragmented_frame(window, port, request, list)?,
            };
            Ok(Ticket { prepared, kind })
        });
        match ready {
            Ok(ready) => Built::Start(ready),
            Err((srb, status)) => refuse(port, srb, status),
        }
    }

    /// FLUSH and SHUTDOWN: the unit's cache goes to the medium.
    fn build_flush(&self, port: Port<'_>, srb: Srb<Self>) -> Built<Self> {
        let ready = srb.ready_with(|srb, window| {
            let unit = srb.address();
            if unit.path != PATH {
                return Err(refusal_is_told(Refusal::NoSuchPath));
            }
            let cdb = synchronize_cache_10();
            let request = command_without_data(unit, cdb.as_bytes());
            let prepared =
                self.write_fragmented_frame(window, port, request, ScatterGather::EMPTY)?;
            let kind = Kind::Flush;
            Ok(Ticket { prepared, kind })
        });
        match ready {
            Ok(ready) => Built::Start(ready),
            Err((srb, status)) => refuse(port, srb, status),
        }
    }

    /// Writes header, response area and descriptor table into the SRB extension, which begins at `whole` for the device and has no gap.
    #[inline]
    fn write_frame(
        &self,
        window: SrbExtension<'_>,
        whole: BusRange,
        request: &Request<'_>,
        list: ScatterGather<'_>,
    ) -> Result<Prepared, SrbStatus> {
        let found = self.found.as_ref().ok_or(SrbStatus::NoHba)?;
        // Constant but for the address, so that the compiler knows most bounds of the frame.
        let fragment = Fragment {
            offset: 0,
            length: Self::REGISTRATION.srb_extension_bytes,
            bus_address: whole.address(),
        };
        let frame = Frame::contiguous(fragment, found.plan.segments()).map_err(frame_is_refused)?;
        let frame = frame.for_plan(&found.plan);
        prepare(&window, &frame, request, segments(list)).map_err(request_is_refused)
    }

    /// The same wherever the extension lies. All by value: what is lent to a function has to be in memory, for the others too.
    #[cold]
    #[inline(never)]
    fn write_fragmented_frame(
        &self,
        window: SrbExtension<'_>,
        port: Port<'_>,
        request: Request<'_>,
        list: ScatterGather<'_>,
    ) -> Result<Prepared, SrbStatus> {
        let found = self.found.as_ref().ok_or(SrbStatus::NoHba)?;
        let frame = fragmented_frame(window, port, list.len(), found.plan.segments())
            .map_err(frame_is_refused)?;
        let frame = frame.for_plan(&found.plan);
        // By a reference to the window: the engine's code for it is a copy, and the one in line stays the only one of its kind.
        prepare(&&window, &frame, &request, segments(list)).map_err(request_is_refused)
    }
}

#[cold]
fn frame_is_refused(error: FrameError) -> SrbStatus {
    recorder::record(Event::RequestRefused, 0x200, error as u64);
    SrbStatus::InsufficientResources
}

#[cold]
fn request_is_refused(error: PrepareError) -> SrbStatus {
    recorder::record(Event::RequestRefused, 0x300, error as u64);
    status::of_refusal(error)
}

/// What a command is, where it matters at completion.
#[inline]
fn kind_of(cdb: &[u8]) -> Kind {
    match cdb {
        [opcode::INQUIRY, page_or_not, ..] if page_or_not & 1 == 0 => Kind::Inquiry,
        _ => Kind::Command,
    }
}

/// Why a request makes no command, as a status.
#[cold]
fn refusal_is_told(refusal: Refusal) -> SrbStatus {
    recorder::record(Event::RequestRefused, refusal.code(), 0);
    match refusal {
        Refusal::NoSuchPath => SrbStatus::NoDevice,
        Refusal::Bidirectional | Refusal::NoScatterGather => SrbStatus::InvalidRequest,
    }
}

/// Ends a request that could not be prepared; without a status it had no SRB extension.
#[cold]
fn refuse(
    port: Port<'_>,
    srb: Srb<NormalAdapter>,
    status: Option<SrbStatus>,
) -> Built<NormalAdapter> {
    let status = status.unwrap_or(SrbStatus::InsufficientResources);
    Built::Completed(srb.complete(port, status))
}

/// Finds room for the frame in an SRB extension that the port has scattered for the device.
fn fragmented_frame(
    window: SrbExtension<'_>,
    port: Port<'_>,
    pieces: usize,
    limit: u16,
) -> Result<Frame, FrameError> {
    let segments = u16::try_from(pieces)
        .map_err(|_| FrameError::NoRoom)?
        .clamp(1, limit);
    let mut offset = 0;
    let mut fragments = [None; FRAGMENTS_MAX];
    for place in &mut fragments {
        let Some(range) = window.bus_range(port, offset) else {
            break;
        };
        *place = Some(Fragment {
            offset,
            length: range.bytes(),
            bus_address: range.address(),
        });
        offset += range.bytes();
    }
    Frame::fragmented(fragments.into_iter().flatten(), segments)
}

/// PNP requests: the port does the work, the adapter has no objection.
fn plug_and_play(port: Port<'_>, srb: Srb<NormalAdapter>) -> Built<NormalAdapter> {
    let status = match srb.pnp_action() {
        PnpAction::Start
        | PnpAction::Stop
        | PnpAction::Remove
        | PnpAction::SurpriseRemoval
        | PnpAction::QueryCapabilities => SrbStatus::Success,
        PnpAction::Other(_) => SrbStatus::InvalidRequest,
    };
    Built::Completed(srb.complete(port, status))
}
