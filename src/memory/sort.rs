//! A list is brought into order by one sort for all types: a sort of the standard library's is made anew for each type and each
//! comparison, and takes 5 to 40 KiB of the library each time. Where the order is of few things, its time does not matter.
#![forbid(unsafe_code)]

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// Bring a list into order. What is alike keeps its order. An error: there is no memory, and all is as it was.
pub fn sort<T>(list: &mut [T], what: &str, compare: impl Fn(&T, &T) -> Ordering) -> Result<()> {
    if list.is_sorted_by(|one, other| compare(one, other) != Ordering::Greater) {
        return Ok(());
    }
    let mut places =
        sorted(list.len(), &|one, other| compare(&list[one], &list[other])).ok_or_else(|| Error::memory(what))?;
    for at in 0..list.len() {
        let mut from = places[at];
        // What stood there has been moved since.
        while from < at {
            from = places[from];
        }
        places[at] = from;
        list.swap(at, from);
    }
    Ok(())
}

/// The places of so many things in their order.
#[inline(never)]
fn sorted(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    places.try_reserve_exact(count).ok()?;
    places.extend(0..count);
    places.sort_unstable_by(|one, other| compare(*one, *other).then(one.cmp(other)));
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_few_things_is_brought_into_the_one() {
        for seed in 0..5000u32 {
            let mut list: Vec<(u32, usize)> =
                (0..7).map(|at| (seed.wrapping_mul(at + 3) / 7 % 5, at as usize)).collect();
            let mut wanted = list.clone();
            wanted.sort_by_key(|one| one.0);
            sort(&mut list, "a test", |one, other| one.0.cmp(&other.0)).unwrap();
            assert_eq!(list, wanted);
        }
    }

    #[test]
    fn long_lists_too() {
        let mut list: Vec<u64> = (0..1000u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50).collect();
        let mut wanted = list.clone();
        wanted.sort();
        sort(&mut list, "a test", Ord::cmp).unwrap();
        assert_eq!(list, wanted);
        sort(&mut list[..0], "a test", Ord::cmp).unwrap();
    }
}
