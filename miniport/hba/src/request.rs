//! Requests on the wire: the frame in device-visible memory, command requests, responses, task management, events.
//!
//! A request is prepared before any lock is taken ([`prepare`] writes header, poisoned response and descriptor table into its
//! [`Frame`]) and put into a ring later by [`RequestQueue::submit`](crate::queues::RequestQueue::submit).

mod cdb_field;
mod event;
mod frame;
mod prepare;
mod recipe;
mod response;
mod table;
mod task_management;

pub use cdb_field::CdbField;
pub use event::{Event, EventKind, Missed, ResetReason};
pub use frame::{
    Area, Fragment, Frame, FrameError, HEADER_AREA_BYTES, RESPONSE_AREA_BYTES, frame_bytes,
};
pub use prepare::{DataDirection, PrepareError, Prepared, Request, TaskAttribute, prepare};
pub use recipe::Recipe;
pub use response::{Completion, Outcome, Response, ResponseFault};
pub use table::{NO_DATA, Piece, Segment};
pub use task_management::{TaskFunction, TaskManagement, TmfOutcome};

pub(crate) use event::read as read_event;
pub(crate) use prepare::{stage_descriptor, write_tag};
pub(crate) use task_management::{
    REQUEST_BYTES as TMF_REQUEST_BYTES, RESPONSE_OFFSET as TMF_RESPONSE_OFFSET,
};
