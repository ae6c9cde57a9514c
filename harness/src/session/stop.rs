//! Places at which a person can have the machine stopped (`cargo harness debug --at`).

use clap::ValueEnum;
use proto::{owner::Role, record::Checkpoint};

use super::life::{Hit, Point};

/// Where a person can have the machine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StopAt {
    /// First instruction of the driver
    DriverEntry,
    /// `HwStorFindAdapter`
    FindAdapter,
    /// `HwStorInitialize`
    Initialize,
    /// The workload begins
    Workload,
    /// The first call of `StorPortMarkDumpMemory`
    Mark,
    /// The system is frozen, the image not yet written
    Freeze,
    /// The image is complete, the power still on
    ImageComplete,
    /// `HwStorFindAdapter` of the instance that resumes, in the second QEMU
    Resume,
    /// All memory is restored
    Resumed,
    /// A crash dump header was published or withdrawn (`cargo harness header`)
    #[value(skip)]
    Header,
}

/// A stop, as asked for: the place and the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// The place.
    pub at: StopAt,
    /// The instance; `None` = whichever comes first.
    pub role: Option<Role>,
}

impl StopRequest {
    /// The kernel's checkpoint is the place.
    pub(super) fn is_checkpoint(self, checkpoint: Checkpoint) -> bool {
        match self.at {
            StopAt::Workload => checkpoint == Checkpoint::Workload,
            StopAt::Freeze => checkpoint == Checkpoint::Freeze,
            StopAt::ImageComplete => checkpoint == Checkpoint::ImageComplete,
            StopAt::Resumed => checkpoint == Checkpoint::Resumed,
            StopAt::Header => {
                matches!(
                    checkpoint,
                    Checkpoint::HeaderPublished | Checkpoint::HeaderWithdrawn
                )
            }
            StopAt::DriverEntry
            | StopAt::FindAdapter
            | StopAt::Initialize
            | StopAt::Mark
            | StopAt::Resume => false,
        }
    }

    /// The breakpoint hit is the place.
    pub(super) fn is_hit(self, hit: &Hit) -> bool {
        if self.role.is_some_and(|role| role != hit.role) {
            return false;
        }
        match self.at {
            StopAt::DriverEntry => hit.point == Point::DriverEntry,
            StopAt::FindAdapter => hit.point == Point::FindAdapter,
            StopAt::Initialize => hit.point == Point::Initialize,
            StopAt::Mark => hit.point == Point::MarkDumpMemory,
            StopAt::Resume => hit.point == Point::FindAdapter && hit.boot > 0,
            StopAt::Workload
            | StopAt::Freeze
            | StopAt::ImageComplete
            | StopAt::Resumed
            | StopAt::Header => false,
        }
    }
}
