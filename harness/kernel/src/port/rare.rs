//! Requests that a miniport sees seldom: private I/O controls of somebody else's, PnP queries, flush.

use proto::owner::Owner;

use super::{
    PortError,
    abi::{
        Structure, View,
        codes::pnp_action,
        srb::{
            SRB_FUNCTION_FLUSH, SRB_FUNCTION_IO_CONTROL, SRB_FUNCTION_PNP, SRB_STATUS_BAD_FUNCTION,
            SRB_STATUS_INVALID_REQUEST, SRB_STATUS_SUCCESS, SrbIoControl,
        },
    },
    adapter::{ROLE, Unit},
    dispatch, power,
    request::{Buffer, Direction, Request},
    srb::Parameters,
    start,
};
use crate::{
    mem,
    rules::{self, Rule},
};

/// Signature and code that no miniport knows.
const SIGNATURE: [u8; 8] = *b"NOBODYS!";
const CONTROL_CODE: u32 = 0x00C0_FFEE;
/// What the return code holds before.
const NO_ANSWER: u32 = 0;
/// `STOR_DEVICE_CAPABILITIES_EX` in bytes.
const CAPABILITIES_BYTES: u64 = 24;

/// Sends each of them once and checks the answers. `PASSIVE_LEVEL`.
///
/// # Errors
/// If a request cannot be made or is never completed.
pub fn send_rare_requests(unit: &Unit) -> Result<(), PortError> {
    foreign_io_control(unit)?;
    query_capabilities(unit)?;
    power::demand_success(
        "SRB_FUNCTION_FLUSH",
        &Request::function(unit.address, SRB_FUNCTION_FLUSH),
    )
}

/// An I/O control with a foreign signature is refused: by its SRB status, or by the return code in its header.
fn foreign_io_control(unit: &Unit) -> Result<(), PortError> {
    use SrbIoControl as C;
    let block = start::zeroed(C::BYTES + 16, Owner::Request(ROLE), "I/O control buffer")?;
    let view = View::<C>::at(block.va);
    let header = u32::try_from(C::BYTES).unwrap_or(0);
    let _ = view.set(C::HEADER_LENGTH, header);
    let _ = view.set(C::SIGNATURE, SIGNATURE);
    let _ = view.set(C::TIMEOUT, 10_u32);
    let _ = view.set(C::CONTROL_CODE, CONTROL_CODE);
    let _ = view.set(C::RETURN_CODE, NO_ANSWER);
    let _ = view.set(C::LENGTH, 16_u32);
    let completion = dispatch::execute(Request {
        buffer: Buffer::of(&block),
        direction: Direction::In,
        ..Request::function(unit.address, SRB_FUNCTION_IO_CONTROL)
    });
    let return_code = view.get(C::RETURN_CODE).unwrap_or(NO_ANSWER);
    let _ = mem::free(block.va);
    let completion = completion?;
    rules::demand(
        Rule::RequestRefused,
        completion.status != SRB_STATUS_SUCCESS || return_code != NO_ANSWER,
        "an SRB_IO_CONTROL with a foreign signature succeeds",
    );
    Ok(())
}

/// `SRB_FUNCTION_PNP` with `StorQueryCapabilities` for the unit: answered, or refused as a whole.
fn query_capabilities(unit: &Unit) -> Result<(), PortError> {
    let block = start::zeroed(
        CAPABILITIES_BYTES,
        Owner::Request(ROLE),
        "capabilities buffer",
    )?;
    let completion = dispatch::execute(Request {
        buffer: Buffer::of(&block),
        direction: Direction::In,
        parameters: Parameters::Pnp {
            flags: 0,
            action: pnp_action::QUERY_CAPABILITIES,
        },
        ..Request::function(unit.address, SRB_FUNCTION_PNP).direct()
    });
    let _ = mem::free(block.va);
    let status = completion?.status;
    rules::demand(
        Rule::RequestRefused,
        matches!(
            status,
            SRB_STATUS_SUCCESS | SRB_STATUS_INVALID_REQUEST | SRB_STATUS_BAD_FUNCTION
        ),
        format_args!("SRB_FUNCTION_PNP, StorQueryCapabilities, ends with status {status:#x}"),
    );
    Ok(())
}
