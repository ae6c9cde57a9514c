//! A plan as bytes: fixed layout, little endian, versioned, checksummed; the form in which it crosses to the dump instance.
//!
//! Bytes 0-3 magic, 4-5 version, 6-7 length, 8-11 checksum of all that follows, 12- the fields in the order of
//! `Plan::encode`. Only the inputs of the layout are stored; offsets are computed again, so they cannot contradict each other.

use crate::device::{Features, FieldSizes};
use crate::pci::{BAR_COUNT, Bar, Msix, MsixEnablement, Region, VirtioCaps};
use crate::request::Recipe;
use crate::ring::RingFormat;

use super::layout::Shape;
use super::{Layout, Limits, Plan, PlanError, Role};

/// Bytes of a stored plan.
pub const PLAN_BYTES: usize = 192;
/// Version of the stored form; a plan of another version is refused.
///
/// 2: the ring format, the sizes of CDB and sense field.
pub const PLAN_VERSION: u16 = 2;

const MAGIC: u32 = u32::from_le_bytes(*b"HBPL");
const BODY: usize = 12;

/// Why bytes are not a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordError {
    /// Fewer than [`PLAN_BYTES`] bytes.
    TooShort,
    /// The magic is missing.
    Magic,
    /// Another version than [`PLAN_VERSION`].
    Version,
    /// The length field is not [`PLAN_BYTES`].
    Length,
    /// The checksum does not match: the bytes were damaged.
    Checksum,
    /// An enumeration has an unknown value.
    Value,
    /// The plan breaks a rule of its own.
    Plan(PlanError),
}

impl From<PlanError> for RecordError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<&Plan> for [u8; PLAN_BYTES] {
    fn from(plan: &Plan) -> Self {
        plan.encode()
    }
}

impl TryFrom<&[u8]> for Plan {
    type Error = RecordError;

    /// Reads a plan from the first [`PLAN_BYTES`] bytes; more may follow.
    fn try_from(bytes: &[u8]) -> Result<Self, RecordError> {
        let bytes: &[u8; PLAN_BYTES] = bytes.first_chunk().ok_or(RecordError::TooShort)?;
        let mut reader = Reader { rest: bytes };
        if reader.u32() != MAGIC {
            return Err(RecordError::Magic);
        }
        if reader.u16() != PLAN_VERSION {
            return Err(RecordError::Version);
        }
        if usize::from(reader.u16()) != PLAN_BYTES {
            return Err(RecordError::Length);
        }
        if reader.u32() != checksum(bytes) {
            return Err(RecordError::Checksum);
        }
        Plan::decode(&mut reader)
    }
}

impl Plan {
    fn encode(&self) -> [u8; PLAN_BYTES] {
        let Self {
            role,
            features,
            caps,
            limits,
            sizes,
            transfer_bytes,
            shape,
            layout: _,
            recipe: _,
        } = self;
        let mut writer = Writer {
            bytes: [0; PLAN_BYTES],
            at: BODY,
        };
        writer.put(match role {
            Role::Normal => [0],
            Role::Dump => [1],
        });
        writer.put(features.bits().to_le_bytes());
        writer.caps(caps);
        let Limits {
            max_target,
            max_lun,
            commands_per_lun,
        } = *limits;
        writer.put([max_target]);
        writer.put(max_lun.to_le_bytes());
        writer.put(commands_per_lun.to_le_bytes());
        writer.put(transfer_bytes.to_le_bytes());
        let Shape {
            control_ring,
            event_ring,
            request_ring,
            request_queues,
            segments,
            event_bytes,
            frames,
            format,
        } = *shape;
        for field in [
            control_ring,
            event_ring,
            request_ring,
            request_queues,
            segments,
            event_bytes,
            frames,
        ] {
            writer.put(field.to_le_bytes());
        }
        writer.put(match format {
            RingFormat::Split => [0],
            RingFormat::Packed => [1],
        });
        let FieldSizes {
            cdb_bytes,
            sense_bytes,
        } = *sizes;
        writer.put([cdb_bytes, sense_bytes]);
        writer.finish()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let role = match reader.u8() {
            0 => Role::Normal,
            1 => Role::Dump,
            _ => return Err(RecordError::Value),
        };
        let features = Features::from_bits_retain(reader.u64());
        let caps = reader.caps()?;
        let limits = Limits {
            max_target: reader.u8(),
            max_lun: reader.u16(),
            commands_per_lun: reader.u16(),
        };
        let transfer_bytes = reader.u32();
        let shape = Shape {
            control_ring: reader.u16(),
            event_ring: reader.u16(),
            request_ring: reader.u16(),
            request_queues: reader.u16(),
            segments: reader.u16(),
            event_bytes: reader.u16(),
            frames: reader.u16(),
            format: match reader.u8() {
                0 => RingFormat::Split,
                1 => RingFormat::Packed,
                _ => return Err(RecordError::Value),
            },
        };
        let sizes = FieldSizes {
            cdb_bytes: reader.u8(),
            sense_bytes: reader.u8(),
        };
        let layout = Layout::new(&shape)?;
        let plan = Self {
            role,
            features,
            caps,
            limits,
            sizes,
            transfer_bytes,
            shape,
            layout,
            recipe: Recipe::new(shape.format, sizes),
        };
        plan.check()?;
        Ok(plan)
    }
}

/// Puts a valid envelope around a body: for tests that want to get behind the checksum.
#[cfg(any(test, feature = "fake"))]
pub(crate) fn seal(bytes: &mut [u8; PLAN_BYTES]) {
    *bytes = Writer {
        bytes: *bytes,
        at: 0,
    }
    .finish();
}

/// FNV-1a, 32 bits, over everything after the checksum field. It catches damage, not malice.
fn checksum(bytes: &[u8; PLAN_BYTES]) -> u32 {
    let body = bytes.iter().skip(BODY);
    body.fold(0x811C_9DC5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

struct Writer {
    bytes: [u8; PLAN_BYTES],
    at: usize,
}

impl Writer {
    fn put<const N: usize>(&mut self, value: [u8; N]) {
        // PLAN_BYTES leaves room: the test `every_field_survives` would find a field that falls off the end.
        if let Some(target) = self
            .bytes
            .get_mut(self.at..)
            .and_then(<[u8]>::first_chunk_mut)
        {
            *target = value;
        }
        self.at = self.at.saturating_add(N);
    }

    fn put_at<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        self.at = at;
        self.put(value);
    }

    fn caps(&mut self, caps: &VirtioCaps) {
        let VirtioCaps {
            device_id,
            common,
            notify,
            notify_multiplier,
            isr,
            device,
            bars,
            msix,
        } = caps;
        self.put(device_id.to_le_bytes());
        for Region {
            bar,
            offset,
            length,
        } in [common, notify, isr, device]
        {
            self.put([*bar]);
            self.put(offset.to_le_bytes());
            self.put(length.to_le_bytes());
        }
        self.put(notify_multiplier.to_le_bytes());
        for bar in bars {
            let (kind, base) = match *bar {
                Bar::Unused => (0, 0),
                Bar::Io { base } => (1, u64::from(base)),
                Bar::Memory { base } => (2, base),
                Bar::UpperHalf => (3, 0),
                Bar::Reserved => (4, 0),
            };
            self.put([kind]);
            self.put(base.to_le_bytes());
        }
        let (kind, table_size) = match *msix {
            None => (0, 0),
            Some(Msix {
                table_size,
                enablement: MsixEnablement::Disabled,
            }) => (1, table_size),
            Some(Msix {
                table_size,
                enablement: MsixEnablement::Enabled,
            }) => (2, table_size),
        };
        self.put([kind]);
        self.put(table_size.to_le_bytes());
    }

    fn finish(mut self) -> [u8; PLAN_BYTES] {
        debug_assert!(self.at <= PLAN_BYTES, "a field does not fit");
        let length = u16::try_from(PLAN_BYTES).unwrap_or(0);
        self.put_at(0, MAGIC.to_le_bytes());
        self.put_at(4, PLAN_VERSION.to_le_bytes());
        self.put_at(6, length.to_le_bytes());
        self.put_at(8, checksum(&self.bytes).to_le_bytes());
        self.bytes
    }
}

/// Takes fields off the front; past the end they are zero, and the checks find that.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk() {
            Some((value, rest)) => {
                self.rest = rest;
                *value
            }
            None => [0; N],
        }
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn region(&mut self) -> Region {
        Region {
            bar: self.u8(),
            offset: self.u32(),
            length: self.u32(),
        }
    }

    fn caps(&mut self) -> Result<VirtioCaps, RecordError> {
        let device_id = self.u16();
        let common = self.region();
        let notify = self.region();
        let isr = self.region();
        let device = self.region();
        let notify_multiplier = self.u32();
        let mut bars = [Bar::Unused; BAR_COUNT];
        for bar in &mut bars {
            *bar = self.bar()?;
        }
        let msix = match (self.u8(), self.u16()) {
            (0, _) => None,
            (1, table_size) => Some(Msix {
                table_size,
                enablement: MsixEnablement::Disabled,
            }),
            (2, table_size) => Some(Msix {
                table_size,
                enablement: MsixEnablement::Enabled,
            }),
            _ => return Err(RecordError::Value),
        };
        Ok(VirtioCaps {
            device_id,
            common,
            notify,
            notify_multiplier,
            isr,
            device,
            bars,
            msix,
        })
    }

    fn bar(&mut self) -> Result<Bar, RecordError> {
        match (self.u8(), self.u64()) {
            (0, _) => Ok(Bar::Unused),
            (1, base) => Ok(Bar::Io {
                base: u32::try_from(base).map_err(|_| RecordError::Value)?,
            }),
            (2, base) => Ok(Bar::Memory { base }),
            (3, _) => Ok(Bar::UpperHalf),
            (4, _) => Ok(Bar::Reserved),
            _ => Err(RecordError::Value),
        }
    }
}
