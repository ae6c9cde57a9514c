//! The images that are loaded: whose code is it, and where in the file.

use alloc::{format, string::String, vec::Vec};

use proto::owner::Role;

use crate::{mem::Va, sync::Lock};

/// A loaded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// Name under which it was loaded.
    pub name: String,
    /// Whose it is.
    pub role: Role,
    /// First byte.
    pub base: Va,
    /// Length in bytes.
    pub bytes: u64,
    /// Executable sections: start and length in bytes.
    pub code: Vec<(Va, u64)>,
}

/// A place in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose image.
    pub role: Role,
    /// Offset from its base.
    pub rva: u64,
    /// Inside of an executable section.
    pub executable: bool,
}

static IMAGES: Lock<Vec<ImageInfo>> = Lock::new(Vec::new());

/// Enters an image.
pub(crate) fn add(image: ImageInfo) {
    IMAGES.lock().push(image);
}

/// Forgets the image at `base`.
pub(crate) fn remove(base: Va) {
    IMAGES.lock().retain(|image| image.base != base);
}

/// The place of an address, if it lies in an image.
#[must_use]
pub fn find(va: Va) -> Option<Place> {
    let images = IMAGES.lock();
    let image = images
        .iter()
        .find(|image| holds(image.base, image.bytes, va))?;
    Some(Place {
        role: image.role,
        rva: va.0 - image.base.0,
        executable: image
            .code
            .iter()
            .any(|&(base, bytes)| holds(base, bytes, va)),
    })
}

/// Name and offset of an address, `hiber_hiberport.sys+0x1234`; the plain address outside of images.
#[must_use]
pub fn symbolise(va: Va) -> String {
    let images = IMAGES.lock();
    match images
        .iter()
        .find(|image| holds(image.base, image.bytes, va))
    {
        Some(image) => format!("{}+{:#x}", image.name, va.0 - image.base.0),
        None => format!("{va}"),
    }
}

/// All loaded images.
#[must_use]
pub fn loaded() -> Vec<ImageInfo> {
    IMAGES.lock().clone()
}

fn holds(base: Va, bytes: u64, va: Va) -> bool {
    va.0.checked_sub(base.0)
        .is_some_and(|offset| offset < bytes)
}
