//! `StorPortExtendedFunction`: most of Storport's newer routines go through this one variadic export.
//!
//! Codes without a service here answer `STOR_STATUS_NOT_IMPLEMENTED` and are counted for the report.
//! Arguments: 0 the code, 1 the device extension, 2 and on those of the routine (storport-inlines facts).

use super::{
    super::{
        abi::{
            codes::{STOR_STATUS_NOT_IMPLEMENTED, STOR_STATUS_SUCCESS},
            extended::code,
        },
        adapter,
    },
    args, lists, locking, options, pool, processors, ulong,
};
use crate::exports::ExportCall;

mod power;
mod requests;
mod system;
mod timing;

/// `StorPortExtendedFunction(FunctionCode, ext, ...)`.
pub(super) fn extended_function(call: &ExportCall) -> u64 {
    let number = ulong(call, 0);
    if !args::is_adapter(call, 1) {
        return u64::from(super::super::abi::codes::STOR_STATUS_INVALID_PARAMETER);
    }
    let status = memory(call, number)
        .or_else(|| processor(call, number))
        .or_else(|| list(call, number))
        .or_else(|| time(call, number))
        .or_else(|| power_framework(call, number))
        .or_else(|| request(call, number))
        .or_else(|| of_system(call, number))
        .unwrap_or_else(|| not_implemented(number));
    u64::from(status)
}

fn not_implemented(number: u32) -> u32 {
    adapter::with(|adapter| {
        *adapter.services.not_implemented.entry(number).or_default() += 1;
    });
    STOR_STATUS_NOT_IMPLEMENTED
}

fn memory(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::ALLOCATE_POOL => pool::allocate_pool(call),
        code::FREE_POOL => pool::free_pool(call),
        code::ALLOCATE_MDL => pool::allocate_mdl(call),
        code::FREE_MDL => pool::free_mdl(call),
        code::BUILD_MDL_FOR_NON_PAGED_POOL => pool::build_mdl(call),
        code::ALLOCATE_CONTIGUOUS_MEMORY_SPECIFY_CACHE_NODE => pool::allocate_contiguous(call),
        code::FREE_CONTIGUOUS_MEMORY_SPECIFY_CACHE => pool::free_contiguous(call),
        code::ALLOCATE_DMA_MEMORY => pool::allocate_dma(call),
        code::FREE_DMA_MEMORY => pool::free_dma(call),
        _ => return None,
    })
}

fn processor(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::GET_CURRENT_PROCESSOR_NUMBER => processors::current_number(call),
        code::GET_CURRENT_PROCESSOR_INDEX => processors::current_index(call),
        code::GET_PROCESSOR_COUNT => processors::count(call),
        code::GET_PROCESSOR_INDEX_FROM_NUMBER => processors::index_from_number(call),
        code::GET_ACTIVE_GROUP_COUNT => processors::group_count(call),
        code::GET_GROUP_AFFINITY => processors::group_affinity(call),
        code::GET_ACTIVE_NODE_COUNT => processors::node_count(call),
        code::GET_HIGHEST_NODE_NUMBER => processors::highest_node(call),
        code::GET_NODE_AFFINITY => processors::node_affinity(call),
        code::GET_NODE_AFFINITY2 => processors::node_affinity_2(call),
        code::GET_MESSAGE_INTERRUPT_ID_FROM_PROCESSOR_INDEX => {
            processors::message_of_processor(call)
        }
        _ => return None,
    })
}

fn list(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::INITIALIZE_S_LIST_HEAD => lists::slist_initialize(call),
        code::INTERLOCKED_PUSH_ENTRY_S_LIST => lists::slist_push(call),
        code::INTERLOCKED_POP_ENTRY_S_LIST => lists::slist_pop(call),
        code::INTERLOCKED_FLUSH_S_LIST => lists::slist_flush(call),
        code::QUERY_DEPTH_S_LIST => lists::slist_depth(call),
        code::INTERLOCKED_INSERT_HEAD_LIST => lists::insert_head(call),
        code::INTERLOCKED_INSERT_TAIL_LIST => lists::insert_tail(call),
        code::INTERLOCKED_REMOVE_HEAD_LIST => lists::remove_head(call),
        code::ACQUIRE_MSI_SPIN_LOCK => locking::acquire_message(call),
        code::RELEASE_MSI_SPIN_LOCK => locking::release_message(call),
        code::ACQUIRE_SPIN_LOCK => locking::acquire_ex(call),
        code::INITIALIZE_SPINLOCK => locking::initialize_own(call),
        _ => return None,
    })
}

fn time(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::INITIALIZE_TIMER => timing::initialize(call),
        code::REQUEST_TIMER => timing::request(call),
        code::FREE_TIMER => timing::free(call),
        code::INITIALIZE_HIGH_RESOLUTION_TIMER => timing::initialize_high_resolution(call),
        code::REQUEST_HIGH_RESOLUTION_TIMER => timing::request_high_resolution(call),
        code::CANCEL_HIGH_RESOLUTION_TIMER => timing::cancel_high_resolution(call),
        code::FREE_HIGH_RESOLUTION_TIMER => timing::free_high_resolution(call),
        code::QUERY_TIMER_MIN_INTERVAL => timing::minimum_interval(call),
        code::QUERY_PERFORMANCE_COUNTER => timing::performance_counter(call),
        code::DELAY_EXECUTION => timing::delay(call),
        code::INITIALIZE_WORKER => timing::initialize_worker(call),
        code::QUEUE_WORK_ITEM => timing::queue_work_item(call),
        code::FREE_WORKER => timing::free_worker(call),
        code::CANCEL_DPC => timing::cancel_dpc(call),
        code::INITIALIZE_EVENT => timing::initialize_event(call),
        code::SET_EVENT => timing::set_event(call),
        code::WAIT_FOR_EVENT => timing::wait_for_event(call),
        _ => return None,
    })
}

fn power_framework(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::INITIALIZE_POFX_POWER => power::initialize(call),
        code::GET_D3_COLD_SUPPORT => power::d3_cold_support(call),
        code::POFX_ACTIVATE_COMPONENT
        | code::POFX_IDLE_COMPONENT
        | code::POFX_SET_COMPONENT_LATENCY
        | code::POFX_SET_COMPONENT_RESIDENCY
        | code::POFX_SET_IDLE_TIMEOUT
        | code::SET_POWER_SETTING_NOTIFICATION_GUIDS => STOR_STATUS_SUCCESS,
        _ => return None,
    })
}

fn request(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::GET_SYSTEM_ADDRESS => requests::system_address(call),
        code::GET_START_IO_PERFORMANCE_PARAMETERS => options::get_start_io_params(call),
        code::INITIALIZE_PERFORMANCE_OPTIMIZATIONS => options::initialize_perf_opts(call),
        code::GET_MESSAGE_INTERRUPT_INFORMATION => options::get_msi_info(call),
        code::GET_ACTIVITY_ID => requests::activity_id(call),
        code::GET_SYSTEM_PORT_NUMBER => requests::system_port_number(call),
        code::UPDATE_ADAPTER_MAX_IO => requests::update_adapter_max_io(call),
        code::UPDATE_ADAPTER_MAX_IO_INFO => requests::update_adapter_max_io_info(call),
        code::FLUSH_DATA_BUFFER_MDL | code::SET_UNIT_ATTRIBUTES | code::SET_ADAPTER_BUS_TYPE => {
            STOR_STATUS_SUCCESS
        }
        _ => return None,
    })
}

fn of_system(call: &ExportCall, number: u32) -> Option<u32> {
    Some(match number {
        code::GET_DEVICE_OBJECTS => system::device_objects(call),
        code::LOG_SYSTEM_EVENT => system::log_system_event(call),
        code::LOG_HARDWARE_ERROR => system::log_hardware_error(call),
        code::MINIPORT_ETW_EVENT2 | code::MINIPORT_ETW_EVENT4 | code::MINIPORT_ETW_EVENT8 => {
            system::etw_event(call, 3)
        }
        code::MINIPORT_CHANNEL_ETW_EVENT2
        | code::MINIPORT_CHANNEL_ETW_EVENT4
        | code::MINIPORT_CHANNEL_ETW_EVENT8
        | code::MINIPORT_LOG_BYTE_STREAM => system::etw_event(call, 4),
        code::MINIPORT_TELEMETRY | code::MINIPORT_TELEMETRY_EX => STOR_STATUS_SUCCESS,
        code::REGISTRY_READ_ADAPTER_KEY => system::registry_read(call),
        code::GET_CURRENT_IRQL => system::current_irql(call),
        code::QUERY_CONFIGURATION | code::CURRENT_OS_INSTALLATION_UPGRADE => system::no(call),
        code::DEVICE_OPERATION_ALLOWED => system::operation_allowed(call),
        code::INVOKE_ACPI_METHOD => system::no_acpi_method(),
        _ => return None,
    })
}
