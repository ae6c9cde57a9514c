//! `printf` as the kernel's `DbgPrint` and `_snprintf` understand it, over arguments in 64-bit slots.
//!
//! Widths are those of Windows: `l` is 32 bits, `ll` and `I64` are 64. Floating point is not available to drivers at
//! most times and is printed as a question mark. Pure: the text behind pointers comes from a [`Source`].

use alloc::{format, string::String};

/// Longest result in characters: `DbgPrint` cuts at 512, `_snprintf` at its buffer; this bounds a runaway width.
const LIMIT: usize = 4096;

/// Where arguments and the text behind pointers come from.
pub trait Source {
    /// The next argument.
    fn next(&mut self) -> u64;
    /// Text of 8-bit characters, up to its zero or to `limit` characters; `None` if it cannot be read.
    fn ansi(&self, address: u64, limit: usize) -> Option<String>;
    /// The same in UTF-16.
    fn wide(&self, address: u64, limit: usize) -> Option<String>;
    /// Text of a counted string (`ANSI_STRING`, or `UNICODE_STRING` for [`Width::Wide`]).
    fn counted(&self, address: u64, width: Width) -> Option<String>;
}

/// Width of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Ansi,
    /// UTF-16.
    Wide,
}

/// One conversion, between `%` and its letter.
#[derive(Clone, Copy, Default)]
struct Spec {
    left: Option<()>,
    zero: Option<()>,
    alternate: Option<()>,
    sign: Option<char>,
    width: usize,
    precision: Option<usize>,
    size: Size,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Size {
    #[default]
    Default,
    Byte,
    Short,
    Long,
    Quad,
    Wide,
}

/// Formats `template`.
pub fn format(template: &str, source: &mut dyn Source) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        let (before, conversion) = rest.split_at(at);
        out.push_str(before);
        let (spec, letter, after) = parse(conversion.get(1..).unwrap_or(""), source);
        rest = after;
        match letter {
            Some(letter) => convert(&mut out, spec, letter, source),
            None => out.push('%'),
        }
        if out.len() > LIMIT {
            return out;
        }
    }
    out.push_str(rest);
    out
}

fn parse<'a>(text: &'a str, source: &mut dyn Source) -> (Spec, Option<char>, &'a str) {
    let mut spec = Spec::default();
    let mut rest = text;
    loop {
        match rest.chars().next() {
            Some('-') => spec.left = Some(()),
            Some('0') => spec.zero = Some(()),
            Some('#') => spec.alternate = Some(()),
            Some(sign @ ('+' | ' ')) => spec.sign = Some(sign),
            _ => break,
        }
        rest = rest.get(1..).unwrap_or("");
    }
    let (width, after) = number(rest, source);
    spec.width = width.unwrap_or(0);
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after, source);
        spec.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    for (prefix, size) in [
        ("I64", Size::Quad),
        ("I32", Size::Long),
        ("ll", Size::Quad),
        ("hh", Size::Byte),
        ("l", Size::Long),
        ("h", Size::Short),
        ("w", Size::Wide),
        ("I", Size::Quad),
        ("z", Size::Quad),
        ("j", Size::Quad),
        ("t", Size::Quad),
    ] {
        if let Some(after) = rest.strip_prefix(prefix) {
            spec.size = size;
            rest = after;
            break;
        }
    }
    let mut letters = rest.chars();
    let letter = letters.next();
    (spec, letter, letters.as_str())
}

/// Digits, or `*` for an argument.
fn number<'a>(text: &'a str, source: &mut dyn Source) -> (Option<usize>, &'a str) {
    if let Some(rest) = text.strip_prefix('*') {
        let value = usize::try_from(low(source.next())).unwrap_or(0);
        return (Some(value.min(LIMIT)), rest);
    }
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    (
        digits.parse().ok().map(|value: usize| value.min(LIMIT)),
        rest,
    )
}

fn convert(out: &mut String, spec: Spec, letter: char, source: &mut dyn Source) {
    match letter {
        '%' => out.push('%'),
        'd' | 'i' => {
            let value = signed(source.next(), spec.size);
            let sign = match (value < 0, spec.sign) {
                (true, _) => "-",
                (false, Some('+')) => "+",
                (false, Some(_)) => " ",
                (false, None) => "",
            };
            digits(out, spec, sign, &format!("{}", value.unsigned_abs()));
        }
        'u' => {
            let value = unsigned(source.next(), spec.size);
            digits(out, spec, "", &format!("{value}"));
        }
        'o' => {
            let value = unsigned(source.next(), spec.size);
            digits(out, spec, "", &format!("{value:o}"));
        }
        'x' | 'X' => {
            let value = unsigned(source.next(), spec.size);
            let prefix = match (spec.alternate, letter) {
                (Some(()), 'x') if value != 0 => "0x",
                (Some(()), _) if value != 0 => "0X",
                _ => "",
            };
            let text = if letter == 'x' {
                format!("{value:x}")
            } else {
                format!("{value:X}")
            };
            digits(out, spec, prefix, &text);
        }
        'p' => pad(out, spec, &format!("{:016X}", source.next())),
        'c' | 'C' => {
            let value = low(source.next());
            let letter = char::from_u32(value & 0xFFFF).unwrap_or(char::REPLACEMENT_CHARACTER);
            pad(out, spec, &String::from(letter));
        }
        's' | 'S' => {
            let address = source.next();
            let wide = match spec.size {
                Size::Long | Size::Wide => true,
                Size::Short => false,
                _ => letter == 'S',
            };
            let limit = spec.precision.unwrap_or(LIMIT);
            let text = match (address, wide) {
                (0, _) => Some(String::from("(null)")),
                (_, true) => source.wide(address, limit),
                (_, false) => source.ansi(address, limit),
            };
            pad(out, spec, &text.unwrap_or_else(|| unreadable(address)));
        }
        'Z' => {
            let address = source.next();
            let width = match spec.size {
                Size::Wide | Size::Long => Width::Wide,
                _ => Width::Ansi,
            };
            let text = match address {
                0 => Some(String::from("(null)")),
                _ => source.counted(address, width),
            };
            pad(out, spec, &text.unwrap_or_else(|| unreadable(address)));
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'a' | 'A' => {
            source.next();
            out.push('?');
        }
        other => {
            out.push('%');
            out.push(other);
        }
    }
}

/// A number: at least `precision` digits, padded to the width with blanks or zeros.
fn digits(out: &mut String, spec: Spec, prefix: &str, text: &str) {
    let mut number = String::new();
    let wanted = match spec.precision {
        Some(precision) => precision,
        None if spec.zero.is_some() && spec.left.is_none() => {
            spec.width.saturating_sub(prefix.len())
        }
        None => 0,
    };
    number.push_str(prefix);
    for _ in text.len()..wanted {
        number.push('0');
    }
    number.push_str(text);
    pad(out, Spec { zero: None, ..spec }, &number);
}

fn pad(out: &mut String, spec: Spec, text: &str) {
    let missing = spec.width.saturating_sub(text.chars().count());
    if spec.left.is_none() {
        out.extend(core::iter::repeat_n(' ', missing));
    }
    out.push_str(text);
    if spec.left.is_some() {
        out.extend(core::iter::repeat_n(' ', missing));
    }
}

fn unreadable(address: u64) -> String {
    format!("(bad pointer {address:#x})")
}

fn unsigned(value: u64, size: Size) -> u64 {
    match size {
        Size::Quad => value,
        Size::Byte => value & 0xFF,
        Size::Short => value & 0xFFFF,
        Size::Default | Size::Long | Size::Wide => value & 0xFFFF_FFFF,
    }
}

fn signed(value: u64, size: Size) -> i64 {
    let bits = match size {
        Size::Quad => 0,
        Size::Byte => 56,
        Size::Short => 48,
        Size::Default | Size::Long | Size::Wide => 32,
    };
    (value << bits).cast_signed() >> bits
}

fn low(value: u64) -> u32 {
    let [b0, b1, b2, b3, ..] = value.to_le_bytes();
    u32::from_le_bytes([b0, b1, b2, b3])
}

#[cfg(test)]
mod tests;
