//! What the host does where the guest stops for it: copies of memory, an interrupt, disks that come and go, pauses.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result};
use proto::{
    owner::OwnerRun,
    record::{Checkpoint, HostAction, Record},
};
use serde_json::json;

use super::Guest;
use crate::{
    disk::others::UnitAddress,
    fault::Fault,
    gdb::{Debugger, Registers},
    qemu::other_disks::{limit, node_name, other_disk_properties},
    session::{memory, tamper::HostFault},
};

/// Attempts to plug a disk in whose last requests QEMU has not let go yet, and the time between two.
const PLUG_ATTEMPTS: u32 = 100;
const PLUG_PAUSE: Duration = Duration::from_millis(20);

/// Requests a second of a disk that is about to go, and of one that is not.
const HELD_UP: u32 = 1;
const NO_LIMIT: u32 = 0;
/// Time in which the guest sends requests to a disk that is about to go.
const BEFORE_UNPLUG: Duration = Duration::from_millis(100);

/// What happens once the machine runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is stopped for so long.
    Pause(Duration),
    /// A disk is pulled out.
    Unplug(UnitAddress),
}

impl Guest<'_> {
    /// Does what a checkpoint is there for.
    pub(super) fn at_checkpoint(
        &mut self,
        checkpoint: Checkpoint,
        debugger: &mut Debugger,
        registers: &Registers,
        owners: &[OwnerRun],
    ) -> Result<()> {
        match checkpoint {
            Checkpoint::Freeze | Checkpoint::Resumed => {
                if checkpoint == Checkpoint::Freeze {
                    self.cycle += 1;
                }
                self.progress.step("saving the guest's memory");
                let save = memory::save(
                    &mut self.qemu.qmp,
                    owners,
                    checkpoint,
                    self.cycle,
                    self.directory,
                )?;
                self.boot.saves.push(save);
                Ok(())
            }
            Checkpoint::Workload if self.options.host_fault == Some(HostFault::KillQemu) => {
                kill(self.qemu.id());
                Ok(())
            }
            Checkpoint::Crash => {
                self.progress.step("saving all of the guest's memory");
                let ram = memory::ram(&self.boot.records);
                let save =
                    memory::save_ranges(&mut self.qemu.qmp, &ram, checkpoint, 0, self.directory)?;
                self.boot.saves.push(save);
                Ok(())
            }
            Checkpoint::NmiWanted => self.qemu.qmp.inject_nmi(),
            Checkpoint::StressRound => self.answer(debugger, registers.rsi),
            Checkpoint::HostWanted => self.act(),
            Checkpoint::ImageLoaded
            | Checkpoint::ImageComplete
            | Checkpoint::Workload
            | Checkpoint::HeaderPublished
            | Checkpoint::HeaderWithdrawn => Ok(()),
        }
    }

    /// Tells a stress run whether it was enough; the guest reads the byte at `address`.
    fn answer(&self, debugger: &mut Debugger, address: u64) -> Result<()> {
        let due = self
            .boot
            .records
            .iter()
            .rev()
            .find_map(|record| match record {
                Record::StressRound { round, .. } => Some(*round),
                _ => None,
            });
        if self
            .options
            .stress
            .zip(due)
            .is_none_or(|(end, round)| end.is_reached(round))
        {
            debugger.write(address, &[1])?;
        }
        Ok(())
    }

    /// Does what the guest asked for last.
    fn act(&mut self) -> Result<()> {
        let action = self
            .boot
            .records
            .iter()
            .rev()
            .find_map(|record| match record {
                Record::HostWanted { action } => Some(*action),
                _ => None,
            });
        match action {
            Some(HostAction::Unplug { target, lun }) => {
                // QEMU lets all requests end whenever it stops the machine: the disk must go while it runs.
                let address = unit(target, lun);
                self.set_limit(address, HELD_UP)?;
                self.then = Some(Then::Unplug(address));
                Ok(())
            }
            Some(HostAction::Plug { target, lun }) => self.plug(unit(target, lun)),
            Some(HostAction::Pause { milliseconds }) => {
                self.then = Some(Then::Pause(Duration::from_millis(milliseconds.into())));
                Ok(())
            }
            None => Err(Fault::check(
                "the guest wants the host to do something and did not say what",
                "",
            )
            .into()),
        }
    }

    fn plug(&mut self, address: UnitAddress) -> Result<()> {
        let properties = other_disk_properties(address, self.options.sector_bytes);
        let mut attempt = 1;
        loop {
            match self.qemu.qmp.execute("device_add", properties.clone()) {
                Ok(_) => return Ok(()),
                Err(error) if attempt >= PLUG_ATTEMPTS => {
                    return Err(error).with_context(|| format!("plugging {address} in"));
                }
                Err(_) => {
                    attempt += 1;
                    thread::sleep(PLUG_PAUSE);
                }
            }
        }
    }

    /// Does to the machine that was just let go what the guest asked for.
    pub(super) fn do_meanwhile(&mut self) -> Result<()> {
        match self.then.take() {
            None => Ok(()),
            // QEMU tells the debugger, who lets it run again.
            Some(Then::Pause(time)) => {
                self.qemu.qmp.stop()?;
                thread::sleep(time);
                Ok(())
            }
            Some(Then::Unplug(address)) => {
                thread::sleep(BEFORE_UNPLUG);
                let id = node_name(address);
                self.qemu.qmp.execute("device_del", json!({ "id": id }))?;
                self.set_limit(address, NO_LIMIT)
            }
        }
    }

    fn set_limit(&mut self, address: UnitAddress, requests_a_second: u32) -> Result<()> {
        self.qemu
            .qmp
            .execute("qom-set", limit(address, requests_a_second))
            .map(|_| ())
    }
}

const fn unit(target: u8, lun: u8) -> UnitAddress {
    UnitAddress {
        target,
        lun: u16::from_le_bytes([lun, 0]),
    }
}

fn kill(process: u32) {
    if let Some(process) = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        // Gone already is just as well.
        let _gone = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}
