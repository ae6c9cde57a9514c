//! `StorPortInitialize`.

use super::super::{
    abi::{Structure, View, init::HwInitializationData},
    adapter::Miniport,
    start,
};
use crate::{
    exports::ExportCall,
    irql,
    mem::Va,
    rules::{self, Rule},
};

const STATUS_SUCCESS: u64 = 0;
const STATUS_INVALID_PARAMETER: u64 = 0xC000_000D;
const STATUS_REVISION_MISMATCH: u64 = 0xC000_0059;
/// Sizes of the structure before Windows 8 (physical and virtual miniports).
const OLDER_SIZES: [u32; 2] = [136, 176];

/// `StorPortInitialize(Argument1, Argument2, HwInitializationData, HwContext)`.
pub(super) fn initialize(call: &ExportCall) -> u64 {
    let (driver, path, data) = (call.va(0), call.va(1), call.va(2));
    super::args::irql_at_most("StorPortInitialize", irql::PASSIVE_LEVEL);
    let expected = start::driver_arguments();
    if !bad(
        expected == Some((driver, path)),
        "DriverObject and RegistryPath are not those of DriverEntry",
    ) {
        return STATUS_INVALID_PARAMETER;
    }
    let size = View::<HwInitializationData>::at(data)
        .get(HwInitializationData::HW_INITIALIZATION_DATA_SIZE);
    let Ok(size) = size else {
        bad(false, "HwInitializationData cannot be read");
        return STATUS_INVALID_PARAMETER;
    };
    if u64::from(size) != HwInitializationData::BYTES {
        let text = if OLDER_SIZES.contains(&size) {
            "HwInitializationDataSize is that of an older Windows"
        } else {
            "HwInitializationDataSize is unknown"
        };
        bad(false, text);
        return STATUS_REVISION_MISMATCH;
    }
    let Ok(miniport) = Miniport::read(data, call.arg(3)) else {
        bad(false, "HwInitializationData cannot be read");
        return STATUS_INVALID_PARAMETER;
    };
    if !is_complete(&miniport) {
        return STATUS_INVALID_PARAMETER;
    }
    start::register(miniport);
    STATUS_SUCCESS
}

/// What a physical miniport must provide.
fn is_complete(miniport: &Miniport) -> bool {
    let routines: [(&str, Va); 6] = [
        ("HwInitialize", miniport.initialize),
        ("HwStartIo", miniport.start_io),
        ("HwInterrupt", miniport.interrupt),
        ("HwFindAdapter", miniport.find_adapter),
        ("HwResetBus", miniport.reset_bus),
        ("HwAdapterControl", miniport.adapter_control),
    ];
    let routines_present = routines
        .into_iter()
        .fold(true, |all, (name, routine)| all & present(name, routine));
    let booleans = bad(
        miniport.booleans.iter().all(|value| *value != 0),
        "NeedPhysicalAddresses, TaggedQueuing, AutoRequestSense and MultipleRequestPerLu must be TRUE",
    );
    let ranges = bad(
        miniport.access_ranges <= 64,
        "NumberOfAccessRanges is out of bounds",
    );
    let map_buffers = bad(miniport.map_buffers <= 3, "MapBuffers has no such value");
    routines_present && booleans && ranges && map_buffers
}

fn present(name: &str, routine: Va) -> bool {
    rules::demand(
        Rule::F1_1000_InitializeBadArguments,
        !routine.is_null(),
        format_args!("{name} is NULL"),
    )
}

fn bad(holds: bool, text: &str) -> bool {
    rules::demand(Rule::F1_1000_InitializeBadArguments, holds, text)
}
