// scsi.h, ntddscsi.h: SCSI data and SRB_IO_CONTROL.

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _SRB_IO_CONTROL {
    pub HeaderLength: ULONG,
    pub Signature: [UCHAR; 8usize],
    pub Timeout: ULONG,
    pub ControlCode: ULONG,
    pub ReturnCode: ULONG,
    pub Length: ULONG,
}

pub type SRB_IO_CONTROL = _SRB_IO_CONTROL;
pub type PSRB_IO_CONTROL = *mut _SRB_IO_CONTROL;

#[repr(C)]
#[derive(Debug, Default)]
pub struct _LUN_LIST {
    pub LunListLength: [UCHAR; 4usize],
    pub Reserved: [UCHAR; 4usize],
    pub Lun: __IncompleteArrayField<[UCHAR; 8usize]>,
}

pub type LUN_LIST = _LUN_LIST;
pub type PLUN_LIST = *mut _LUN_LIST;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _VERSION_DESCRIPTOR {
    pub MSB: UCHAR,
    pub LSB: UCHAR,
}

pub type VERSION_DESCRIPTOR = _VERSION_DESCRIPTOR;
pub type PVERSION_DESCRIPTOR = *mut _VERSION_DESCRIPTOR;

#[repr(C)]
#[derive(Copy, Clone)]
pub struct _INQUIRYDATA {
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 2usize]>,
    pub __bindgen_anon_1: _INQUIRYDATA__bindgen_ty_1,
    pub _bitfield_2: __BindgenBitfieldUnit<[u8; 1usize]>,
    pub AdditionalLength: UCHAR,
    pub __bindgen_anon_2: _INQUIRYDATA__bindgen_ty_2,
    pub _bitfield_3: __BindgenBitfieldUnit<[u8; 2usize]>,
    pub VendorId: [UCHAR; 8usize],
    pub ProductId: [UCHAR; 16usize],
    pub ProductRevisionLevel: [UCHAR; 4usize],
    pub VendorSpecific: [UCHAR; 20usize],
    pub Reserved3: [UCHAR; 2usize],
    pub VersionDescriptors: [VERSION_DESCRIPTOR; 8usize],
    pub Reserved4: [UCHAR; 30usize],
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _INQUIRYDATA__bindgen_ty_1 {
    pub Versions: UCHAR,
    pub __bindgen_anon_1: _INQUIRYDATA__bindgen_ty_1__bindgen_ty_1,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _INQUIRYDATA__bindgen_ty_1__bindgen_ty_1 {
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 1usize]>,
}

#[repr(C)]
#[derive(Copy, Clone)]
pub union _INQUIRYDATA__bindgen_ty_2 {
    pub Reserved: UCHAR,
    pub __bindgen_anon_1: _INQUIRYDATA__bindgen_ty_2__bindgen_ty_1,
}

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _INQUIRYDATA__bindgen_ty_2__bindgen_ty_1 {
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 1usize]>,
}

pub type INQUIRYDATA = _INQUIRYDATA;
pub type PINQUIRYDATA = *mut _INQUIRYDATA;

#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct _SENSE_DATA {
    pub _bitfield_1: __BindgenBitfieldUnit<[u8; 1usize]>,
    pub SegmentNumber: UCHAR,
    pub _bitfield_2: __BindgenBitfieldUnit<[u8; 1usize]>,
    pub Information: [UCHAR; 4usize],
    pub AdditionalSenseLength: UCHAR,
    pub CommandSpecificInformation: [UCHAR; 4usize],
    pub AdditionalSenseCode: UCHAR,
    pub AdditionalSenseCodeQualifier: UCHAR,
    pub FieldReplaceableUnitCode: UCHAR,
    pub SenseKeySpecific: [UCHAR; 3usize],
}

pub type SENSE_DATA = _SENSE_DATA;
pub type PSENSE_DATA = *mut _SENSE_DATA;

zeroed_default! {
    _INQUIRYDATA__bindgen_ty_1,
    _INQUIRYDATA__bindgen_ty_2,
    _INQUIRYDATA,
}

bitfields! { _INQUIRYDATA__bindgen_ty_1__bindgen_ty_1._bitfield_1;
    ANSIVersion, set_ANSIVersion: UCHAR = 0, 3;
    ECMAVersion, set_ECMAVersion: UCHAR = 3, 3;
    ISOVersion, set_ISOVersion: UCHAR = 6, 2;
}

bitfields! { _INQUIRYDATA__bindgen_ty_2__bindgen_ty_1._bitfield_1;
    PROTECT, set_PROTECT: UCHAR = 0, 1;
    Reserved_1, set_Reserved_1: UCHAR = 1, 2;
    ThirdPartyCoppy, set_ThirdPartyCoppy: UCHAR = 3, 1;
    TPGS, set_TPGS: UCHAR = 4, 2;
    ACC, set_ACC: UCHAR = 6, 1;
    SCCS, set_SCCS: UCHAR = 7, 1;
}

bitfields! { _INQUIRYDATA._bitfield_1;
    DeviceType, set_DeviceType: UCHAR = 0, 5;
    DeviceTypeQualifier, set_DeviceTypeQualifier: UCHAR = 5, 3;
    DeviceTypeModifier, set_DeviceTypeModifier: UCHAR = 8, 7;
    RemovableMedia, set_RemovableMedia: UCHAR = 15, 1;
}

bitfields! { _INQUIRYDATA._bitfield_2;
    ResponseDataFormat, set_ResponseDataFormat: UCHAR = 0, 4;
    HiSupport, set_HiSupport: UCHAR = 4, 1;
    NormACA, set_NormACA: UCHAR = 5, 1;
    TerminateTask, set_TerminateTask: UCHAR = 6, 1;
    AERC, set_AERC: UCHAR = 7, 1;
}

bitfields! { _INQUIRYDATA._bitfield_3;
    Addr16, set_Addr16: UCHAR = 0, 1;
    Addr32, set_Addr32: UCHAR = 1, 1;
    AckReqQ, set_AckReqQ: UCHAR = 2, 1;
    MediumChanger, set_MediumChanger: UCHAR = 3, 1;
    MultiPort, set_MultiPort: UCHAR = 4, 1;
    ReservedBit2, set_ReservedBit2: UCHAR = 5, 1;
    EnclosureServices, set_EnclosureServices: UCHAR = 6, 1;
    ReservedBit3, set_ReservedBit3: UCHAR = 7, 1;
    SoftReset, set_SoftReset: UCHAR = 8, 1;
    CommandQueue, set_CommandQueue: UCHAR = 9, 1;
    TransferDisable, set_TransferDisable: UCHAR = 10, 1;
    LinkedCommands, set_LinkedCommands: UCHAR = 11, 1;
    Synchronous, set_Synchronous: UCHAR = 12, 1;
    Wide16Bit, set_Wide16Bit: UCHAR = 13, 1;
    Wide32Bit, set_Wide32Bit: UCHAR = 14, 1;
    RelativeAddressing, set_RelativeAddressing: UCHAR = 15, 1;
}

bitfields! { _SENSE_DATA._bitfield_1;
    ErrorCode, set_ErrorCode: UCHAR = 0, 7;
    Valid, set_Valid: UCHAR = 7, 1;
}

bitfields! { _SENSE_DATA._bitfield_2;
    SenseKey, set_SenseKey: UCHAR = 0, 4;
    Reserved, set_Reserved: UCHAR = 4, 1;
    IncorrectLength, set_IncorrectLength: UCHAR = 5, 1;
    EndOfMedia, set_EndOfMedia: UCHAR = 6, 1;
    FileMark, set_FileMark: UCHAR = 7, 1;
}
