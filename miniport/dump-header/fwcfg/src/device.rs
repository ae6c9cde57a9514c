//! The device: its signature, its directory, and writing to one of its files.
//!
//! Key type: [`FwCfg`]. Selector and data registers read; the DMA register, which takes the address of a descriptor in memory, writes.

use crate::note::TRANSFER_OFFSET;

/// Ports that the device occupies, DMA register included.
pub const PORTS: u16 = 12;
/// Offsets from its first port.
const SELECTOR: u16 = 0;
const DATA: u16 = 1;
const DMA_HIGH: u16 = 4;
const DMA_LOW: u16 = 8;

/// `FW_CFG_SIGNATURE`, `FW_CFG_ID`, `FW_CFG_FILE_DIR`.
const KEY_SIGNATURE: u16 = 0;
const KEY_FEATURES: u16 = 1;
const KEY_DIRECTORY: u16 = 0x19;
/// First key of a file, and the first beyond the last one.
const FILE_KEYS: core::ops::Range<u16> = 0x20..0x4000;
/// The feature bit of the DMA interface.
const FEATURE_DMA: u32 = 2;
/// Bytes of a file's name in the directory.
const NAME_BYTES: usize = 56;
/// Control bits of a transfer.
const CONTROL_ERROR: u32 = 1;
const CONTROL_SELECT: u32 = 8;
const CONTROL_WRITE: u32 = 16;
/// Times that a transfer is looked at; QEMU is done before the instruction that started it ends.
const POLLS: u32 = 10_000;

/// The device's ports, by offset from the first one.
pub trait Ports {
    /// Reads a byte.
    fn read_u8(&mut self, offset: u16) -> u8;
    /// Reads 32 bits.
    fn read_u32(&mut self, offset: u16) -> u32;
    /// Writes 16 bits.
    fn write_u16(&mut self, offset: u16, value: u16);
    /// Writes 32 bits. Everything written to shared memory before is there for the device.
    fn write_u32(&mut self, offset: u16, value: u32);
}

/// A block of memory that the device can reach, laid out as in [`crate::note`].
pub trait Shared {
    /// Physical address of its first byte.
    fn address(&self) -> u64;
    /// Writes bytes.
    fn write(&mut self, offset: usize, bytes: &[u8]);
    /// Reads 32 bits, little endian, anew each time.
    fn read_u32(&self, offset: usize) -> u32;
}

/// Why the device does not serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No fw_cfg device answers.
    NoDevice,
    /// It has no DMA interface.
    NoDma,
    /// It has no such file.
    NotFound,
    /// The directory contradicts itself.
    Directory,
    /// The file has another size: that many bytes.
    FileSize(u32),
    /// The device refused the transfer.
    Refused,
    /// It did not finish.
    TimedOut,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoDevice => f.write_str("no fw_cfg device answers at the ports"),
            Self::NoDma => f.write_str("the fw_cfg device has no DMA interface"),
            Self::NotFound => f.write_str("QEMU has no etc/vmcoreinfo: start it with -device vmcoreinfo"),
            Self::Directory => f.write_str("the fw_cfg directory contradicts itself"),
            Self::FileSize(bytes) => write!(f, "etc/vmcoreinfo has {bytes} bytes"),
            Self::Refused => f.write_str("the fw_cfg device refused the transfer"),
            Self::TimedOut => f.write_str("the fw_cfg device did not finish the transfer"),
        }
    }
}

/// A file of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    key: u16,
    bytes: u32,
}

/// A device that has been recognised.
#[derive(Debug)]
pub struct FwCfg<P> {
    ports: P,
}

impl<P: Ports> FwCfg<P> {
    /// Recognises the device.
    ///
    /// # Errors
    /// Another device or none, or one without DMA.
    pub fn open(ports: P) -> Result<Self, Error> {
        let mut device = Self { ports };
        if !device.answers() {
            return Err(Error::NoDevice);
        }
        let features = u32::from_le_bytes(device.read(KEY_FEATURES));
        let signature = [DMA_HIGH, DMA_LOW].map(|offset| device.ports.read_u32(offset).to_le_bytes());
        if features & FEATURE_DMA == 0 || signature != [*b"QEMU", *b" CFG"] {
            return Err(Error::NoDma);
        }
        Ok(device)
    }

    /// Whether the device is still there.
    pub fn answers(&mut self) -> bool {
        self.read(KEY_SIGNATURE) == *b"QEMU"
    }

    /// Finds a file of `bytes` bytes.
    ///
    /// # Errors
    /// It is not there or of another size, or the directory makes no sense.
    pub fn find(&mut self, name: &[u8], bytes: u32) -> Result<File, Error> {
        let count = u32::from_be_bytes(self.read(KEY_DIRECTORY));
        if count > FILE_KEYS.len() as u32 {
            return Err(Error::Directory);
        }
        for _ in 0..count {
            let (file, found) = self.next_entry();
            if !names(&found, name) {
                continue;
            }
            if !FILE_KEYS.contains(&file.key) {
                return Err(Error::Directory);
            }
            return if file.bytes == bytes {
                Ok(file)
            } else {
                Err(Error::FileSize(file.bytes))
            };
        }
        Err(Error::NotFound)
    }

    /// Writes the whole file with what lies at `offset` of the shared block.
    ///
    /// # Errors
    /// The device refuses, or does not finish.
    pub fn write(&mut self, file: File, memory: &mut impl Shared, offset: usize) -> Result<(), Error> {
        let control = u32::from(file.key) << 16 | CONTROL_SELECT | CONTROL_WRITE;
        let data = memory.address() + offset as u64;
        memory.write(TRANSFER_OFFSET, &control.to_be_bytes());
        memory.write(TRANSFER_OFFSET + 4, &file.bytes.to_be_bytes());
        memory.write(TRANSFER_OFFSET + 8, &data.to_be_bytes());
        let [h0, h1, h2, h3, l0, l1, l2, l3] =
            (memory.address() + TRANSFER_OFFSET as u64).to_be_bytes();
        self.ports.write_u32(DMA_HIGH, u32::from_le_bytes([h0, h1, h2, h3]));
        // The lower half starts the transfer.
        self.ports.write_u32(DMA_LOW, u32::from_le_bytes([l0, l1, l2, l3]));
        for _ in 0..POLLS {
            let control = memory.read_u32(TRANSFER_OFFSET).swap_bytes();
            if control & CONTROL_ERROR != 0 {
                return Err(Error::Refused);
            }
            if control == 0 {
                return Ok(());
            }
            core::hint::spin_loop();
        }
        Err(Error::TimedOut)
    }

    /// The first bytes of an item.
    fn read<const N: usize>(&mut self, key: u16) -> [u8; N] {
        self.ports.write_u16(SELECTOR, key);
        self.go_on()
    }

    /// The next bytes of the selected item.
    fn go_on<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.ports.read_u8(DATA))
    }

    fn next_entry(&mut self) -> (File, [u8; NAME_BYTES]) {
        let bytes = u32::from_be_bytes(self.go_on());
        let key = u16::from_be_bytes(self.go_on());
        let _reserved: [u8; 2] = self.go_on();
        (File { key, bytes }, self.go_on())
    }
}

/// Whether a name of the directory, which ends with a zero byte, is `name`.
fn names(found: &[u8; NAME_BYTES], name: &[u8]) -> bool {
    found.split(|&byte| byte == 0).next() == Some(name) && name.len() < NAME_BYTES
}

#[cfg(test)]
mod tests;
