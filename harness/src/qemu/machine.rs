//! The command line of QEMU: [`MachineSpec::arguments`]. Pure.

use std::{
    ffi::{OsStr, OsString},
    ops::Range,
    path::PathBuf,
};

use proto::hiber::PACKAGE_BASE;

use super::other_disks::{node_name, other_disk, throttle_group};
use crate::{
    disk::others::OtherDisk,
    options::{GuestClock, Machine, hba::HbaOptions},
};

/// The HBA under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hba {
    /// `virtio-scsi-pci`.
    VirtioScsi(HbaOptions),
}

/// What lies between the guest's disk and its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskDriver {
    /// Nothing.
    #[default]
    Plain,
    /// Every write is logged, in order ([`crate::write_log`]): `blklogwrites`.
    LogWrites {
        /// The log's file, which must exist.
        log: PathBuf,
    },
    /// Writes fail: `blkdebug`.
    FailWrites(WriteFault),
    /// There is no file: reads yield zeros, writes are forgotten, and no thread of the host takes part. For measurements.
    Null {
        /// Size of the disk.
        bytes: u64,
    },
}

/// A fault of the disk. The guest sees it as the device's answer to a write, never as a stopped machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteFault {
    /// What the host's file system says.
    pub error: DiskError,
    /// The writes that cover this byte of the disk fail.
    pub offset: u64,
    /// Only the first of them does.
    pub once: bool,
}

/// Errors that a disk may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// The medium is bad.
    Io,
    /// The medium is full, as a thin disk can be.
    NoSpace,
}

impl DiskError {
    /// The number that QEMU is given (`errno` of Linux).
    const fn errno(self) -> u32 {
        match self {
            Self::Io => 5,
            Self::NoSpace => 28,
        }
    }
}

/// What the machine starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootFrom {
    /// The first start: the bench kernel and its boot module.
    Kernel {
        /// ELF with a PVH entry.
        kernel: PathBuf,
        /// The encoded [`proto::scenario::Bundle`].
        bundle: PathBuf,
    },
    /// A resume: the loader, and the package that the host made of the disk's image.
    Loader {
        /// ELF with a PVH entry.
        loader: PathBuf,
        /// Placed at [`PACKAGE_BASE`].
        package: PathBuf,
    },
}

/// Where the debugger's port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebuggerPort {
    /// A socket of the run's directory, used by the harness alone.
    Socket,
    /// A TCP port on the loopback interface, handed to the user in the end.
    Tcp(u16),
}

/// Everything that decides the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineSpec {
    /// Chipset.
    pub machine: Machine,
    /// RAM in MiB.
    pub memory_mib: u32,
    /// RAM below the 4 GiB line in MiB, at most.
    pub below_4g_mib: u32,
    /// The HBA.
    pub hba: Hba,
    /// Raw disk image.
    pub disk: PathBuf,
    /// Bytes per sector of the disk.
    pub sector_bytes: u32,
    /// The disks beside that one.
    pub other_disks: Vec<OtherDisk>,
    /// What lies between disk and file.
    pub disk_driver: DiskDriver,
    /// Processors; more than one run in threads of their own.
    pub processors: u32,
    /// How the guest's clock runs.
    pub clock: GuestClock,
    /// What is started.
    pub boot: BootFrom,
    /// Directory of the sockets (`qmp`, `gdb`), which the host listens on before QEMU starts, and of the file `console`.
    pub sockets: PathBuf,
    /// Where the debugger's port is.
    pub debugger: DebuggerPort,
    /// Whether the guest can publish a note for dumps (`-device vmcoreinfo`).
    pub vmcoreinfo: bool,
    /// Addresses of the guest to which QEMU's log of instructions is limited, once it is switched on.
    pub logged_code: Option<Range<u64>>,
}

/// Name of the file that the debug console is written to.
pub const CONSOLE_FILE: &str = "console";
/// Name of the monitor's socket.
pub const QMP_SOCKET: &str = "qmp";
/// Name of the debugger's socket.
pub const GDB_SOCKET: &str = "gdb";

/// Sectors of `blkdebug` have this size, whatever those of the disk are.
const BLKDEBUG_SECTOR_BYTES: u64 = 512;

impl MachineSpec {
    /// The arguments, without the program.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut line = Line::default();
        // Stopped at first (-S): breakpoints are set before the first instruction.
        line.words(&[
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-S",
        ]);
        line.option("-machine", self.machine_option());
        line.option("-m", format!("{}M", self.memory_mib));
        if self.processors > 1 {
            line.option("-smp", self.processors.to_string());
            line.words(&["-accel", "tcg,thread=multi"]);
        } else {
            line.words(&["-accel", "tcg"]);
        }
        if self.clock == GuestClock::Instructions {
            line.words(&["-icount", "shift=0"]);
        }
        self.channels(&mut line);
        self.storage(&mut line);
        if self.vmcoreinfo {
            line.words(&["-device", "vmcoreinfo"]);
        }
        if let Some(code) = &self.logged_code {
            let bytes = code.end - code.start;
            line.option("-dfilter", format!("{:#x}+{bytes:#x}", code.start));
        }
        match &self.boot {
            BootFrom::Kernel { kernel, bundle } => {
                line.option("-kernel", kernel);
                line.option("-initrd", bundle);
            }
            BootFrom::Loader { loader, package } => {
                line.option("-kernel", loader);
                let package = escaped(package.as_os_str());
                let mut text = OsString::from("loader,file=");
                text.push(package);
                text.push(format!(",addr={PACKAGE_BASE:#x},force-raw=on"));
                line.option("-device", text);
            }
        }
        line.0
    }

    fn machine_option(&self) -> String {
        // Left to themselves, q35 keeps up to 2.75 GiB below, pc up to 3.5 GiB.
        let split = if self.memory_mib > self.below_4g_mib {
            format!(",max-ram-below-4g={}M", self.below_4g_mib)
        } else {
            String::new()
        };
        // Looking for disks on q35's own ports costs the firmware a second of every boot.
        let no_sata = if self.machine == Machine::Q35 {
            ",sata=off"
        } else {
            ""
        };
        format!("{}{split}{no_sata}", self.machine)
    }

    fn channels(&self, line: &mut Line) {
        self.channel(line, "file", CONSOLE_FILE);
        line.words(&["-device", "isa-debugcon,iobase=0xe9,chardev=console"]);
        self.channel(line, "socket", QMP_SOCKET);
        line.words(&["-mon", "chardev=qmp,mode=control"]);
        match self.debugger {
            DebuggerPort::Socket => {
                self.channel(line, "socket", GDB_SOCKET);
                line.words(&["-gdb", "chardev:gdb"]);
            }
            DebuggerPort::Tcp(port) => line.option("-gdb", format!("tcp:127.0.0.1:{port}")),
        }
    }

    fn channel(&self, line: &mut Line, kind: &str, name: &str) {
        let mut text = OsString::from(format!("{kind},id={name},path="));
        text.push(escaped(self.sockets.join(name).as_os_str()));
        line.option("-chardev", text);
    }

    fn storage(&self, line: &mut Line) {
        self.disk_nodes(line);
        match self.hba {
            Hba::VirtioScsi(options) => line.option(
                "-device",
                format!("virtio-scsi-pci,id=hba{}", options.properties()),
            ),
        }
        for disk in &self.other_disks {
            let node = node_name(disk.address);
            let group = throttle_group(disk.address);
            line.option("-object", format!("throttle-group,id={group}"));
            let mut text = OsString::from(format!(
                "driver=throttle,node-name={node},throttle-group={group},file.driver=raw,file.discard=unmap,discard=unmap,file.file.driver=file,file.file.filename="
            ));
            text.push(escaped(disk.file.as_os_str()));
            line.option("-blockdev", text);
            line.option("-device", other_disk(disk.address, self.sector_bytes));
        }
        line.option(
            "-device",
            format!(
                "scsi-hd,bus=hba.0,scsi-id=0,lun=0,drive=disk,serial=hiberport,logical_block_size={0},physical_block_size={0}{1}",
                self.sector_bytes, self.on_errors()
            ),
        );
    }

    /// The node `disk`, which the guest uses, and what is below it.
    fn disk_nodes(&self, line: &mut Line) {
        let name = match self.disk_driver {
            DiskDriver::Null { bytes } => {
                line.option(
                    "-blockdev",
                    format!("driver=null-co,node-name=disk,read-zeroes=on,size={bytes}"),
                );
                return;
            }
            DiskDriver::Plain => "disk",
            DiskDriver::LogWrites { .. } | DiskDriver::FailWrites(_) => "base",
        };
        let mut base = OsString::from(format!(
            "driver=raw,node-name={name},discard=unmap,file.driver=file,file.filename="
        ));
        base.push(escaped(self.disk.as_os_str()));
        line.option("-blockdev", base);
        match &self.disk_driver {
            DiskDriver::Plain | DiskDriver::Null { .. } => {}
            DiskDriver::LogWrites { log } => {
                let mut file = OsString::from("driver=file,node-name=log,filename=");
                file.push(escaped(log.as_os_str()));
                line.option("-blockdev", file);
                let sector_bytes = self.sector_bytes;
                line.option(
                    "-blockdev",
                    format!("driver=blklogwrites,node-name=disk,log-sector-size={sector_bytes},file=base,log=log"),
                );
            }
            DiskDriver::FailWrites(fault) => line.option(
                "-blockdev",
                format!(
                    "driver=blkdebug,node-name=disk,image=base,inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.errno={},inject-error.0.sector={},inject-error.0.once={}",
                    fault.error.errno(),
                    fault.offset / BLKDEBUG_SECTOR_BYTES,
                    if fault.once { "on" } else { "off" }
                ),
            ),
        }
    }

    /// QEMU stops a machine whose disk is full; here the guest is to see the error.
    const fn on_errors(&self) -> &'static str {
        match self.disk_driver {
            DiskDriver::FailWrites(_) => ",werror=report,rerror=report",
            DiskDriver::Plain | DiskDriver::LogWrites { .. } | DiskDriver::Null { .. } => "",
        }
    }
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn words(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }
}

/// A comma in a value of QEMU's option syntax is written twice.
fn escaped(text: &OsStr) -> OsString {
    text.to_string_lossy().replace(',', ",,").into()
}

#[cfg(test)]
mod tests;
