//! `HwStorBuildIo`: everything about a request that needs no lock.
//!
//! Commands get their frame written into the SRB extension; functions that concern no device are answered here, where allocation is
//! legal. Only `HwStorStartIo` talks to the device.

use ddi::{
    adapter::{Adapter, Built},
    context::BuildIoContext,
    port::Port,
    recorder::{self, Event},
    scatter::ScatterGather,
    srb::{Function, PnpAction, Srb},
    status::SrbStatus,
};
use hba::{
    request::{Fragment, Frame, FrameError, Prepared, Request, prepare},
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
        let port = context.port();
        match srb.function() {
            Function::ExecuteScsi | Function::Flush | Function::Shutdown => {
                self.build_request(port, srb)
            }
            Function::ResetLogicalUnit
            | Function::ResetDevice
            | Function::ResetBus
            | Function::AbortCommand => Built::Start(srb),
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

    /// What goes to a unit. One place for all of it, so that the compiler puts the frame in line.
    #[inline]
    fn build_request(&self, port: Port<'_>, srb: Srb<Self>) -> Built<Self> {
        let flush = synchronize_cache_10();
        let asked = if srb.function() == Function::ExecuteScsi {
            command(&srb, port).map(|(request, list)| (kind_of(request.cdb), request, list))
        } else {
            flush_command(&srb, flush.as_bytes())
        };
        let (kind, prepared) = match asked {
            Ok((kind, request, list)) => (kind, self.write_frame(&srb, port, &request, list)),
            Err(refusal) => return refuse(port, srb, refusal),
        };
        finish_build(port, srb, kind, prepared)
    }

    /// Writes header, response area and descriptor table into the SRB extension.
    #[inline]
    fn write_frame(
        &self,
        srb: &Srb<Self>,
        port: Port<'_>,
        request: &Request<'_>,
        list: ScatterGather<'_>,
    ) -> Result<Prepared, SrbStatus> {
        let Some(found) = &self.found else {
            return Err(SrbStatus::NoHba);
        };
        let limit = found.plan.segments();
        let window = srb.extension().ok_or(SrbStatus::InsufficientResources)?;
        let frame = frame(srb, port, list.len(), limit).map_err(|error| {
            recorder::record(Event::RequestRefused, 0x200, error as u64);
            SrbStatus::InsufficientResources
        })?;
        let frame = frame.for_plan(&found.plan);
        prepare(&window, &frame, request, segments(list)).map_err(|error| {
            recorder::record(Event::RequestRefused, 0x300, error as u64);
            status::of_refusal(error)
        })
    }
}

/// What a command is, where it matters at completion.
#[inline]
fn kind_of(cdb: &[u8]) -> Kind {
    match cdb {
        [opcode::INQUIRY, page_or_not, ..] if page_or_not & 1 == 0 => Kind::Inquiry,
        _ => Kind::Command,
    }
}

/// FLUSH and SHUTDOWN: the unit's cache goes to the medium.
#[cold]
fn flush_command<'a>(
    srb: &Srb<NormalAdapter>,
    cdb: &'a [u8],
) -> Result<(Kind, Request<'a>, ScatterGather<'a>), Refusal> {
    let unit = srb.address();
    if unit.path != PATH {
        return Err(Refusal::NoSuchPath);
    }
    Ok((
        Kind::Flush,
        command_without_data(unit, cdb),
        ScatterGather::EMPTY,
    ))
}

/// A request that makes no command.
#[cold]
fn refuse(port: Port<'_>, srb: Srb<NormalAdapter>, refusal: Refusal) -> Built<NormalAdapter> {
    recorder::record(Event::RequestRefused, refusal.code(), 0);
    let status = match refusal {
        Refusal::NoSuchPath => SrbStatus::NoDevice,
        Refusal::Bidirectional | Refusal::NoScatterGather => SrbStatus::InvalidRequest,
    };
    Built::Completed(srb.complete(port, status))
}

/// Finds room for the frame in the SRB extension, which the port may have scattered for the device.
#[inline]
fn frame(
    srb: &Srb<NormalAdapter>,
    port: Port<'_>,
    pieces: usize,
    limit: u16,
) -> Result<Frame, FrameError> {
    let whole = srb.extension_bus_range(port, 0).ok_or(FrameError::NoRoom)?;
    if whole.bytes() == NormalAdapter::REGISTRATION.srb_extension_bytes {
        let fragment = Fragment {
            offset: 0,
            length: whole.bytes(),
            bus_address: whole.address(),
        };
        return Frame::contiguous(fragment, limit);
    }
    fragmented_frame(srb, port, pieces, limit)
}

/// The same for an extension in several pieces.
#[cold]
fn fragmented_frame(
    srb: &Srb<NormalAdapter>,
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
        let Some(range) = srb.extension_bus_range(port, offset) else {
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

/// Notes what was prepared, or ends the request.
#[inline]
fn finish_build(
    port: Port<'_>,
    mut srb: Srb<NormalAdapter>,
    kind: Kind,
    prepared: Result<Prepared, SrbStatus>,
) -> Built<NormalAdapter> {
    let status = match prepared {
        Ok(prepared) if srb.attach(Ticket { prepared, kind }) => return Built::Start(srb),
        Ok(_) => SrbStatus::InsufficientResources,
        Err(status) => status,
    };
    Built::Completed(srb.complete(port, status))
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
