//! The conversions that drivers use, against what Windows prints.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::{String, ToString},
};

use super::{Source, Width, format};

#[derive(Default)]
struct Fake {
    arguments: VecDeque<u64>,
    texts: BTreeMap<u64, &'static str>,
}

impl Source for Fake {
    fn next(&mut self) -> u64 {
        self.arguments.pop_front().unwrap_or(0)
    }

    fn ansi(&self, address: u64, limit: usize) -> Option<String> {
        self.texts
            .get(&address)
            .map(|text| text.chars().take(limit).collect())
    }

    fn wide(&self, address: u64, limit: usize) -> Option<String> {
        self.ansi(address, limit).map(|text| text.to_uppercase())
    }

    fn counted(&self, address: u64, width: Width) -> Option<String> {
        match width {
            Width::Ansi => self.ansi(address, 4),
            Width::Wide => self.wide(address, 4),
        }
    }
}

fn printed(template: &str, arguments: &[u64]) -> String {
    let mut source = Fake {
        arguments: arguments.iter().copied().collect(),
        texts: [(0x10, "hello"), (0x20, "")].into(),
    };
    format(template, &mut source)
}

#[test]
fn integers_have_the_widths_of_windows() {
    assert_eq!(printed("%d %i", &[0xFFFF_FFFF, 5]), "-1 5");
    assert_eq!(printed("%ld", &[0xFFFF_FFFF_8000_0000]), "-2147483648");
    assert_eq!(printed("%lld", &[u64::MAX]), "-1");
    assert_eq!(printed("%I64u", &[u64::MAX]), "18446744073709551615");
    assert_eq!(printed("%u", &[u64::MAX]), "4294967295");
    assert_eq!(printed("%hhx %hx", &[0x1234_5678, 0x1234_5678]), "78 5678");
    assert_eq!(printed("%o", &[8]), "10");
}

#[test]
fn flags_and_widths() {
    assert_eq!(
        printed("%08x|%#x|%#X", &[0xBEEF, 0xBEEF, 0xBEEF]),
        "0000beef|0xbeef|0XBEEF"
    );
    assert_eq!(
        printed("[%5d|%-5d|%05d]", &[42, 42, 42]),
        "[   42|42   |00042]"
    );
    assert_eq!(printed("[%+d|% d|%.4d]", &[7, 7, 7]), "[+7| 7|0007]");
    assert_eq!(printed("[%*d]", &[6, 3]), "[     3]");
    assert_eq!(printed("%05d", &[0xFFFF_FFFB]), "-0005");
}

#[test]
fn texts() {
    assert_eq!(
        printed("<%s> <%.2s> <%7s>", &[0x10, 0x10, 0x10]),
        "<hello> <he> <  hello>"
    );
    assert_eq!(
        printed("%ws %S %ls %hs", &[0x10; 4]),
        "HELLO HELLO HELLO hello"
    );
    assert_eq!(printed("%Z %wZ", &[0x10, 0x10]), "hell HELL");
    assert_eq!(printed("%s|%s", &[0, 0x999]), "(null)|(bad pointer 0x999)");
    assert_eq!(printed("%c%c", &[u64::from(b'o'), u64::from(b'k')]), "ok");
}

#[test]
fn pointers_have_sixteen_digits() {
    assert_eq!(printed("%p", &[0xFFFF_F800_0000_1234]), "FFFFF80000001234");
}

#[test]
fn oddities_do_no_harm() {
    assert_eq!(printed("100%", &[]), "100%");
    assert_eq!(printed("%%|%q", &[]), "%|%q");
    assert_eq!(printed("%f.", &[1]), "?.");
    assert!(printed("%9999999999999999999d", &[1]).len() < 10_000);
    assert_eq!(printed("%-", &[]), "%".to_string());
}
