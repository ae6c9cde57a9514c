//! A QEMU process without a running guest, and the qtest protocol: one command a line, one answer a line.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hba::access::{CheckedEntries, CheckedRow, DmaMemory, Mmio, SharedMemory};
use hba::device::{Quiesced, Registers, Reset};
use hba::pci::{Bar, Region, VirtioCaps};

/// Size of the disk.
pub(crate) const DISK_BYTES: u64 = 64 << 20;
/// Longest wait for anything that QEMU does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const SLOT: u32 = 4;
const RAM_MIB: u32 = 64;

/// A QEMU with a virtio-scsi device in slot 4. Dropping it ends the process and removes its files.
pub(crate) struct Qemu {
    process: Child,
    directory: PathBuf,
    link: RefCell<(BufReader<UnixStream>, UnixStream)>,
    monitor: RefCell<Option<UnixStream>>,
}

impl Qemu {
    /// Starts QEMU with more `options` for the device, a disk at target 3, unit 300, and another at target 0, unit 0.
    pub(crate) fn start(options: &str, block_bytes: u32) -> Self {
        Self::start_with_drive(options, block_bytes, "")
    }

    /// The same with a disk that answers two requests a second, so that some stay in flight.
    pub(crate) fn start_slow(options: &str) -> Self {
        Self::start_with_drive(options, 512, ",throttling.iops-total=2")
    }

    fn start_with_drive(options: &str, block_bytes: u32, drive: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("hba-qemu-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a temporary directory");
        let path = |name: &str| directory.join(name).display().to_string();
        File::create(path("disk"))
            .and_then(|file| file.set_len(DISK_BYTES))
            .expect("a disk image");
        let listener = UnixListener::bind(path("qtest")).expect("a socket");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let disk = "scsi-hd,drive=disk,bus=hba.0,scsi-id=3,lun=300";
        let mut process = Command::new("qemu-system-x86_64")
            .args([
                "-machine",
                "q35",
                "-accel",
                "tcg",
                "-S",
                "-display",
                "none",
                "-nodefaults",
            ])
            .args(["-m", &RAM_MIB.to_string()])
            .args([
                "-qtest",
                &format!("unix:{}", path("qtest")),
                "-qtest-log",
                "none",
            ])
            .args([
                "-monitor",
                &format!("unix:{},server,nowait", path("monitor")),
            ])
            .args([
                "-device",
                &format!("virtio-scsi-pci,id=hba,addr={SLOT}{options}"),
            ])
            .args([
                "-drive",
                &format!("if=none,id=disk,format=raw,file={}{drive}", path("disk")),
            ])
            .args([
                "-device",
                &format!(
                    "{disk},logical_block_size={block_bytes},physical_block_size={block_bytes}"
                ),
            ])
            .args(["-drive", "if=none,id=null,driver=null-co,size=1M"])
            .args([
                "-device",
                "scsi-hd,id=other,drive=null,bus=hba.0,scsi-id=0,lun=0",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("qemu-system-x86_64; is it installed?");
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            if let Ok((stream, _)) = listener.accept() {
                break stream;
            }
            let ended = process.try_wait().expect("the state of QEMU");
            assert!(ended.is_none(), "QEMU did not start: {ended:?}");
            assert!(Instant::now() < deadline, "QEMU did not connect");
            sleep(Duration::from_millis(5));
        };
        stream.set_nonblocking(false).expect("a socket that blocks");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let link = RefCell::new((reader, stream));
        let qemu = Self {
            process,
            directory,
            link,
            monitor: RefCell::new(None),
        };
        qemu.assign_bars();
        qemu
    }

    /// What firmware would do: addresses for the BARs, decoding and bus mastering on.
    fn assign_bars(&self) {
        for (offset, value) in [
            (0x10, 0xC001_u32),
            (0x14, 0xFEBF_0000),
            (0x20, 0xFE00_0000),
            (0x24, 0),
            (0x04, 0x7),
        ] {
            self.select_config(offset);
            self.command(&format!("outl 0xcfc {value:#x}"));
        }
    }

    fn select_config(&self, offset: u32) {
        self.command(&format!(
            "outl 0xcf8 {:#x}",
            0x8000_0000 | (SLOT << 11) | offset
        ));
    }

    /// The configuration space of the device.
    pub(crate) fn config_space(&self) -> Vec<u8> {
        let word = |index: u32| {
            self.select_config(index * 4);
            u32::try_from(self.number("inl 0xcfc"))
                .expect("32 bits")
                .to_le_bytes()
        };
        (0..64).flat_map(word).collect()
    }

    /// The registers of the device.
    pub(crate) fn registers(&self, caps: &VirtioCaps) -> Registers<Window<'_>> {
        let window = |region| self.window(caps, region);
        let [common, notify, isr, device] = caps.regions().map(window);
        Registers::new(common, notify, isr, device, caps.notify_multiplier)
            .expect("ranges of full length")
    }

    /// One range of registers.
    pub(crate) fn window(&self, caps: &VirtioCaps, region: Region) -> Window<'_> {
        let Some(Bar::Memory { base }) = caps.bars.get(usize::from(region.bar)).copied() else {
            panic!("BAR {} is no memory BAR", region.bar)
        };
        Window {
            qemu: self,
            base: base + u64::from(region.offset),
            length: region.length,
        }
    }

    /// Guest memory.
    pub(crate) fn memory(&self, base: u64, length: u32) -> Window<'_> {
        Window {
            qemu: self,
            base,
            length,
        }
    }

    /// The contents of the disk image.
    pub(crate) fn image(&self) -> Vec<u8> {
        fs::read(self.directory.join("disk")).expect("the disk image")
    }

    /// Types a line at the monitor.
    pub(crate) fn monitor(&self, line: &str) {
        let mut monitor = self.monitor.borrow_mut();
        let stream = monitor.get_or_insert_with(|| {
            UnixStream::connect(self.directory.join("monitor")).expect("the monitor")
        });
        stream
            .write_all(format!("{line}\n").as_bytes())
            .expect("a line for the monitor");
    }

    /// Reads guest memory.
    pub(crate) fn read(&self, address: u64, bytes: usize) -> Vec<u8> {
        if bytes == 0 {
            return Vec::new();
        }
        let answer = self.command(&format!("read {address:#x} {bytes:#x}"));
        let digits = answer.trim_start_matches("0x").as_bytes();
        let pair = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(text, 16).expect("hexadecimal digits")
        };
        digits.chunks(2).map(pair).collect()
    }

    /// Writes guest memory.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) {
        for (index, chunk) in (0u64..).zip(bytes.chunks(0x8000)) {
            let mut line = format!(
                "write {:#x} {:#x} 0x",
                address + index * 0x8000,
                chunk.len()
            );
            for byte in chunk {
                write!(line, "{byte:02x}").expect("a string grows");
            }
            self.command(&line);
        }
    }

    fn number(&self, line: &str) -> u64 {
        let answer = self.command(line);
        u64::from_str_radix(answer.trim_start_matches("0x"), 16).expect("a number")
    }

    fn command(&self, line: &str) -> String {
        let mut streams = self.link.borrow_mut();
        let (reader, writer) = &mut *streams;
        writer
            .write_all(format!("{line}\n").as_bytes())
            .expect("QEMU listens");
        loop {
            let mut answer = String::new();
            reader.read_line(&mut answer).expect("QEMU answers");
            match answer.split_once(' ') {
                Some(("IRQ", _)) => {}
                Some(("OK", value)) => return value.trim().to_owned(),
                _ if answer.trim() == "OK" => return String::new(),
                _ => panic!("{line}: {answer}"),
            }
        }
    }
}

/// Resets the device.
pub(crate) fn reset(registers: &Registers<Window<'_>>) -> Quiesced {
    let stall = |microseconds| sleep(Duration::from_micros(u64::from(microseconds)));
    Reset::run(registers, stall).expect("a reset")
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A range of the guest's address space: registers or memory. Accesses must lie inside and be aligned, which the engine promises.
#[derive(Clone, Copy)]
pub(crate) struct Window<'q> {
    qemu: &'q Qemu,
    base: u64,
    length: u32,
}

impl Window<'_> {
    fn at(&self, offset: u32, bytes: u32) -> u64 {
        assert!(
            offset
                .checked_add(bytes)
                .is_some_and(|end| end <= self.length),
            "offset {offset} is outside"
        );
        assert!(
            offset.is_multiple_of(bytes),
            "offset {offset} is not aligned to {bytes}"
        );
        self.base + u64::from(offset)
    }

    fn load(&self, command: &str, offset: u32, bytes: u32) -> u64 {
        self.qemu
            .number(&format!("{command} {:#x}", self.at(offset, bytes)))
    }

    fn store(&self, command: &str, offset: u32, bytes: u32, value: u64) {
        self.qemu.command(&format!(
            "{command} {:#x} {value:#x}",
            self.at(offset, bytes)
        ));
    }

    fn read_8(&self, offset: u32) -> u8 {
        u8::try_from(self.load("readb", offset, 1)).expect("8 bits")
    }

    fn read_16(&self, offset: u32) -> u16 {
        u16::try_from(self.load("readw", offset, 2)).expect("16 bits")
    }

    fn read_32(&self, offset: u32) -> u32 {
        u32::try_from(self.load("readl", offset, 4)).expect("32 bits")
    }
}

impl Mmio for Window<'_> {
    fn length(&self) -> u32 {
        self.length
    }
    fn read_u8(&self, offset: u32) -> u8 {
        self.read_8(offset)
    }
    fn read_u16(&self, offset: u32) -> u16 {
        self.read_16(offset)
    }
    fn read_u32(&self, offset: u32) -> u32 {
        self.read_32(offset)
    }
    fn write_u8(&self, offset: u32, value: u8) {
        self.store("writeb", offset, 1, u64::from(value));
    }
    fn write_u16(&self, offset: u32, value: u16) {
        self.store("writew", offset, 2, u64::from(value));
    }
    fn write_u32(&self, offset: u32, value: u32) {
        self.store("writel", offset, 4, u64::from(value));
    }
}

impl SharedMemory for Window<'_> {
    fn length(&self) -> u32 {
        self.length
    }
    fn read_u8(&self, offset: u32) -> u8 {
        self.read_8(offset)
    }
    fn read_u16(&self, offset: u32) -> u16 {
        self.read_16(offset)
    }
    fn read_u32(&self, offset: u32) -> u32 {
        self.read_32(offset)
    }
    fn read_u64(&self, offset: u32) -> u64 {
        self.load("readq", offset, 8)
    }
    fn write_u8(&self, offset: u32, value: u8) {
        self.store("writeb", offset, 1, u64::from(value));
    }
    fn write_u16(&self, offset: u32, value: u16) {
        self.store("writew", offset, 2, u64::from(value));
    }
    fn write_u32(&self, offset: u32, value: u32) {
        self.store("writel", offset, 4, u64::from(value));
    }
    fn write_u64(&self, offset: u32, value: u64) {
        self.store("writeq", offset, 8, value);
    }
    fn read_bytes(&self, offset: u32, destination: &mut [u8]) {
        let bytes = self
            .qemu
            .read(self.base + u64::from(offset), destination.len());
        destination.copy_from_slice(&bytes);
    }
    fn zero(&self, offset: u32, length: u32) {
        let length = usize::try_from(length).expect("a length");
        self.qemu
            .write(self.base + u64::from(offset), &vec![0; length]);
    }
}

impl<'m> DmaMemory for Window<'m> {
    type Entries<const BYTES: u32> = CheckedEntries<Window<'m>, BYTES>;
    type Row = CheckedRow<Window<'m>>;

    fn entries<const BYTES: u32>(&self, offset: u32, mask: u16) -> Option<Self::Entries<BYTES>> {
        CheckedEntries::new(*self, offset, mask)
    }
    fn row(&self, offset: u32, count: u16) -> Option<Self::Row> {
        CheckedRow::new(*self, offset, count)
    }
    fn bus_address(&self) -> u64 {
        self.base
    }
}
