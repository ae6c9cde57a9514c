//! The owner map against a plain array of owners.

use alloc::{vec, vec::Vec};

use proto::owner::{Owner, OwnerRun, Role};

use super::{Bounds, PageMap};

const OWNERS: [Owner; 4] = [
    Owner::Free,
    Owner::Workload,
    Owner::Pool(Role::Normal),
    Owner::Pool(Role::Hiber),
];

#[test]
fn random_sequences_agree_with_an_array() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut map = PageMap::new();
    map.set(0, 256, Owner::Free);
    let mut model = vec![Owner::Free; 256];
    for _ in 0..2000 {
        let first = next(256);
        let pages = next(256 - first) + 1;
        let owner = OWNERS[usize::try_from(next(4)).unwrap()];
        let end = (first + pages).min(256);
        map.set(first, end - first, owner);
        for page in first..end {
            model[usize::try_from(page).unwrap()] = owner;
        }
        for page in 0..256_u64 {
            assert_eq!(map.owner(page), Some(model[usize::try_from(page).unwrap()]));
        }
        let runs: Vec<OwnerRun> = map.runs().collect();
        assert_eq!(runs.iter().map(|run| run.pages).sum::<u64>(), 256);
        assert!(
            runs.windows(2).all(|two| two[0].owner != two[1].owner),
            "neighbours with one owner are one run"
        );
    }
    assert_eq!(map.owner(256), None);
}

#[test]
fn free_search_honours_its_bounds() {
    let mut map = PageMap::new();
    map.set(0, 16, Owner::Firmware);
    map.set(16, 100, Owner::Free);
    map.set(40, 4, Owner::KernelText);
    let all = Bounds {
        first_pfn: 0,
        end_pfn: u64::MAX,
    };
    assert_eq!(map.find_free(24, all), Some(16));
    assert_eq!(map.find_free(25, all), Some(44));
    assert_eq!(map.find_free(73, all), None);
    let inside = Bounds {
        first_pfn: 20,
        end_pfn: 50,
    };
    assert_eq!(map.find_free(20, inside), Some(20));
    assert_eq!(map.find_free(21, inside), None);
    let stretches: Vec<(u64, u64)> = map.free_stretches(inside).collect();
    assert_eq!(stretches, [(20, 20), (44, 6)]);
}

#[test]
fn memory_that_is_not_there_has_no_owner() {
    let mut map = PageMap::new();
    map.set(0, 10, Owner::Free);
    map.set(1000, 10, Owner::Free);
    assert_eq!(map.owner(10), None);
    assert_eq!(map.owner(999), None);
    assert_eq!(map.owner(1009), Some(Owner::Free));
    assert_eq!(map.count(Owner::Free), 20);
}
