//! Split virtqueues (virtio 2.7): the window onto the shared ring, and the driver's private side of it.

mod descriptor;
mod slots;
mod split;
mod window;

pub(crate) use descriptor::{FLAG_NEXT, FLAG_WRITE, length_and_flags, second_word};
pub(crate) use window::RingAddresses;

pub use descriptor::{DESCRIPTOR_BYTES, Descriptor, Direction};
pub use slots::{Slot, Tag};
pub use split::{Published, Rearmed, SplitRing, SubmitError, Used};
pub use window::{RingWindow, WindowError};

/// How a device broke the rules of a queue. The queue stops for good; only a device reset leads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueFault {
    /// The used index moved further than there are outstanding requests.
    UsedIndex,
    /// A used element names a descriptor outside of the ring.
    IdOutOfRange,
    /// A used element names a descriptor that heads no outstanding request: stale, duplicate, or made up.
    IdNotOutstanding,
    /// A used element reports more bytes than the whole request has.
    Length,
}
