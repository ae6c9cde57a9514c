//! The three kinds of queues of a SCSI host device (virtio 5.6.2), each a ring with its doorbell and its frames.

mod control;
mod event;
mod request;

pub use control::{ControlQueue, TmfCompletion};
pub use event::EventQueue;
pub use request::RequestQueue;
