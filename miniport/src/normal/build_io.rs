//! `HwStorBuildIo`: everything about a request that needs no lock.
//!
//! Commands get their frame written into the SRB extension; functions that concern no device are answered here, where allocation is
//! legal. Only `HwStorStartIo` talks to the device.

use ddi::{
    adapter::{Adapter, Built},
    context::BuildIoContext,
    memory::SrbExtension,
    port::Port,
    recorder::{self, Event},
    srb::{Function, PnpAction, Srb, Usual},
    status::SrbStatus,
};
use hba::{
    request::{
        CdbField, Fragment, Frame, FrameError, NO_DATA, Piece, PrepareError, Prepared, Request,
        prepare,
    },
    scsi::cdb::{opcode, synchronize_cache_10},
};

use super::{Kind, NormalAdapter, Ticket};
use crate::{
    request::{PATH, Refusal, command, command_without_data, usual_command},
    status,
};

/// Pieces of an SRB extension that does not lie contiguous for the device.
const FRAGMENTS_MAX: usize = 4;

impl NormalAdapter {
    #[inline]
    pub(super) fn build(&self, context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self> {
        let port = context.port();
        match srb.ready_usual(|srb, usual, window| self.usual_ticket(port, srb, usual, window)) {
            Ok(ready) => Built::Start(ready),
            Err(srb) => self.build_other(context, srb),
        }
    }

    /// A command as nearly all are, in an SRB extension that has no gap for the device. `None` for everything else, and whenever something is
    /// wrong: [`NormalAdapter::build_other`] does it in all its forms, and says what it is.
    #[inline]
    fn usual_ticket(
        &self,
        port: Port<'_>,
        srb: &Srb<Self>,
        usual: Usual<'_>,
        window: SrbExtension<'_>,
    ) -> Option<Ticket> {
        const BYTES: u32 = NormalAdapter::REGISTRATION.srb_extension_bytes;
        // Asked for ahead of everything else: registers would have to be kept across the call.
        let bus_address = window.bus_address(port)?;
        let (request, list) = usual_command(srb, usual, port)?;
        let plan = &self.found.as_ref()?.plan;
        // Constant but for the address, so that the compiler knows the bounds of the frame.
        let fragment = Fragment {
            offset: 0,
            length: BYTES,
            bus_address,
        };
        let frame = Frame::contiguous(fragment, plan.segments()).ok()?;
        let prepared = prepare(&window, &frame, plan.recipe(), &request, list.pieces()).ok()?;
        Some(Ticket {
            prepared,
            kind: kind_of(&request.cdb),
        })
    }

    /// Everything.
    #[cold]
    #[inline(never)]
    fn build_other(&self, context: &BuildIoContext<'_, Self>, srb: Srb<Self>) -> Built<Self> {
        let port = context.port();
        match srb.function() {
            Function::ExecuteScsi => self.build_command(port, srb),
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
            Function::IoControl | Function::Other(_) => {
                Built::Completed(srb.complete(port, SrbStatus::InvalidRequest))
            }
        }
    }

    /// A command in a block of any shape and an SRB extension of any pieces.
    fn build_command(&self, port: Port<'_>, srb: Srb<Self>) -> Built<Self> {
        let ready = srb.ready_with(|srb, window| {
            let (request, list) = command(srb, port).map_err(refusal_is_told)?;
            let kind = kind_of(&request.cdb);
            let prepared = self.write_frame(window, port, &request, list.pieces())?;
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
            let prepared = self.write_frame(window, port, &request, NO_DATA)?;
            let kind = Kind::Flush;
            Ok(Ticket { prepared, kind })
        });
        match ready {
            Ok(ready) => Built::Start(ready),
            Err((srb, status)) => refuse(port, srb, status),
        }
    }

    /// Writes header, response area and descriptor table into the SRB extension, wherever the device sees its pieces.
    fn write_frame(
        &self,
        window: SrbExtension<'_>,
        port: Port<'_>,
        request: &Request,
        pieces: &[impl Piece],
    ) -> Result<Prepared, SrbStatus> {
        let plan = &self.found.as_ref().ok_or(SrbStatus::NoHba)?.plan;
        let frame = fragmented_frame(window, port, pieces.len(), plan.segments())
            .map_err(frame_is_refused)?;
        // By a reference to the window: the engine's code for it is a copy, and the one in line stays the only one of its kind.
        prepare(&&window, &frame, plan.recipe(), request, pieces).map_err(request_is_refused)
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
fn kind_of(cdb: &CdbField) -> Kind {
    match cdb.front() {
        [opcode::INQUIRY, page_or_not] if page_or_not & 1 == 0 => Kind::Inquiry,
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
