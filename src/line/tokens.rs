//! A slab: values that are found by a number. The number of a value that was taken out is used again for a later one, once it is
//! free.

use std::collections::TryReserveError;

use crate::session::Token;

/// The slab.
pub(super) struct Tokens<T> {
    places: Vec<TokenSlot<T>>,
    /// The first free place, or the number of places if none is free.
    free: usize,
    len: usize,
}

enum TokenSlot<T> {
    Full(T),
    /// The value was taken out, and its number is not free yet.
    Taken,
    /// With the index of the next free place.
    Free(usize),
}

impl<T> Default for Tokens<T> {
    fn default() -> Tokens<T> {
        Tokens { places: Vec::new(), free: 0, len: 0 }
    }
}

impl<T> Tokens<T> {
    /// The number of values.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether one more value may need more memory.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.places.len() == self.places.capacity()
    }

    /// Reserve memory for one more value.
    pub(super) fn reserve(&mut self) -> Result<(), TryReserveError> {
        self.places.try_reserve(1)
    }

    /// Insert a value, and give its number.
    #[inline(always)]
    pub(super) fn insert(&mut self, thing: T) -> Token {
        let at = self.free;
        if let Some(place) = self.places.get_mut(at)
            && let TokenSlot::Free(next) = *place
        {
            self.free = next;
            put(place, TokenSlot::Full(thing));
        } else {
            self.places.push(TokenSlot::Full(thing));
            self.free = self.places.len();
        }
        self.len = self.len.wrapping_add(1);
        at as Token
    }

    /// The value with this number.
    pub(super) fn get(&self, token: Token) -> Option<&T> {
        match self.places.get(usize::try_from(token).ok()?)? {
            TokenSlot::Full(thing) => Some(thing),
            TokenSlot::Taken | TokenSlot::Free(_) => None,
        }
    }

    /// Whether this is true of any value.
    pub(super) fn any(&self, is_so: impl Fn(&T) -> bool) -> bool {
        self.places.iter().any(|place| matches!(place, TokenSlot::Full(thing) if is_so(thing)))
    }

    /// Take out the value with this number, which stays its own until it is freed.
    #[inline(always)]
    pub(super) fn take(&mut self, token: Token) -> Option<T> {
        let place = self.places.get_mut(usize::try_from(token).ok()?)?;
        let TokenSlot::Full(_) = place else { return None };
        let TokenSlot::Full(thing) = std::mem::replace(place, TokenSlot::Taken) else { return None };
        self.len = self.len.wrapping_sub(1);
        Some(thing)
    }

    /// Let the number of a value that was taken out be another's.
    #[inline(always)]
    pub(super) fn free(&mut self, token: Token) {
        let at = token as usize;
        if let Some(place @ TokenSlot::Taken) = self.places.get_mut(at) {
            put(place, TokenSlot::Free(self.free));
            self.free = at;
        }
    }
}

/// Put something where nothing is that would have to be dropped, which the compiler does not know.
#[inline(always)]
pub(super) fn put<P>(place: &mut P, thing: P) {
    std::mem::forget(std::mem::replace(place, thing));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::NOBODY;

    #[test]
    fn a_free_place_is_used_again_and_no_two_values_share_a_number() {
        let mut slots = Tokens::default();
        let numbers: Vec<Token> = ["a", "b", "c"].into_iter().map(|thing| slots.insert(thing)).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!((slots.take(1), slots.take(1), slots.take(NOBODY), slots.take(3)), (Some("b"), None, None, None));
        assert_eq!((slots.take(0), slots.len()), (Some("a"), 1));
        assert_eq!(slots.insert("x"), 3, "a number is not used again before it is freed");
        slots.free(3);
        assert_eq!((slots.take(3), slots.take(3)), (Some("x"), None));
        assert_eq!(slots.get(3), None);
        for number in [3, 1, 0, 0] {
            slots.free(number);
        }
        let numbers: Vec<Token> = ["d", "e", "f"].into_iter().map(|thing| slots.insert(thing)).collect();
        assert_eq!(numbers, [0, 1, 3]);
        assert_eq!((slots.get(0), slots.get(1), slots.get(2)), (Some(&"d"), Some(&"e"), Some(&"c")));
        assert_eq!((slots.take(3), slots.len()), (Some("f"), 3));
        assert!(slots.any(|thing| *thing == "e") && !slots.any(|thing| *thing == "f"));
    }
}
