//! Registry values of the driver under test: [`Parameter`], as in `--parameter RingSize=64`.

use std::{fmt, str::FromStr};

use proto::scenario::{RegistryData, RegistryValue};
use serde::Serialize;

/// A `REG_DWORD` below the driver's `Parameters\Device` key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u32,
}

impl Parameter {
    /// As the bench kernel's registry holds it.
    #[must_use]
    pub fn as_registry_value(&self) -> RegistryValue {
        RegistryValue {
            name: self.name.clone(),
            data: RegistryData::Dword(self.value),
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "NAME=NUMBER, as in RingSize=64".to_owned();
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        let value = match value.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => value.parse(),
        };
        match value {
            Ok(value) if is_name => Ok(Self {
                name: name.to_owned(),
                value,
            }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parameter;

    #[test]
    fn it_reads_back_as_it_is_written() {
        let parameter: Parameter = "RingSize=0x40".parse().expect("valid");
        assert_eq!(parameter.to_string(), "RingSize=64");
        assert_eq!(parameter.to_string().parse(), Ok(parameter));
        for bad in [
            "",
            "RingSize",
            "=1",
            "Ring Size=1",
            "RingSize=x",
            "RingSize=-1",
        ] {
            assert!(bad.parse::<Parameter>().is_err(), "{bad}");
        }
    }
}
