//! Virtqueues in both formats: split (virtio 2.7) and packed (virtio 2.8).
//!
//! Of each there is the window onto the shared ring, whose accesses cannot leave it, and the driver's private side. [`Ring`] is
//! either of them, chosen when the device is brought up; the queues of the device ([`crate::queues`]) work with it.

mod any;
mod descriptor;
mod ledger;
mod packed;
mod packed_window;
mod slots;
mod split;
mod window;

pub(crate) use descriptor::{FLAG_NEXT, FLAG_WRITE, length_and_flags, packed_length_and_flags};
pub(crate) use window::RingAddresses;

pub use any::Ring;
pub use descriptor::{DESCRIPTOR_BYTES, Descriptor, Direction};
pub use ledger::{Published, Rearmed, SubmitError, Used};
pub use packed::PackedRing;
pub use packed_window::PackedWindow;
pub use slots::{Slot, Tag};
pub use split::SplitRing;
pub use window::{RingWindow, WindowError};

/// The format of a ring, negotiated for the device as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingFormat {
    /// Descriptor table, available ring, used ring (virtio 2.7).
    Split,
    /// One ring of descriptors that both sides write, and two event suppression structures (virtio 2.8).
    Packed,
}

/// How a device broke the rules of a queue. The queue stops for good; only a device reset leads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueFault {
    /// The device has used more than it was given: the used index of a split ring moved further than there are outstanding
    /// requests, or in a packed ring a request came back before it was published.
    UsedIndex,
    /// A used element names a descriptor or a buffer id outside of the ring.
    IdOutOfRange,
    /// A used element names a descriptor or a buffer id of no outstanding request: stale, duplicate, or made up.
    IdNotOutstanding,
    /// A used element reports more bytes than the whole request has.
    Length,
}
