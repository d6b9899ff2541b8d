//! A slab: values that are found by a number. The number of a value that was taken out is used again for a later one.

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

    /// Reserve memory for one more value.
    #[inline]
    pub(super) fn reserve(&mut self) -> Result<(), TryReserveError> {
        match self.places.len() == self.places.capacity() {
            true => self.places.try_reserve(1),
            false => Ok(()),
        }
    }

    /// Insert a value, and give its number.
    #[inline(always)]
    pub(super) fn insert(&mut self, thing: T) -> Token {
        let at = self.free;
        if let Some(place) = self.places.get_mut(at)
            && let TokenSlot::Free(next) = *place
        {
            self.free = next;
            *place = TokenSlot::Full(thing);
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
            TokenSlot::Free(_) => None,
        }
    }

    /// Take out the value with this number.
    #[inline(always)]
    pub(super) fn take(&mut self, token: Token) -> Option<T> {
        let at = usize::try_from(token).ok()?;
        let place = self.places.get_mut(at)?;
        if let TokenSlot::Free(_) = place {
            return None;
        }
        let TokenSlot::Full(thing) = std::mem::replace(place, TokenSlot::Free(self.free)) else { return None };
        self.free = at;
        self.len = self.len.wrapping_sub(1);
        Some(thing)
    }
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
        let numbers: Vec<Token> = ["d", "e", "f"].into_iter().map(|thing| slots.insert(thing)).collect();
        assert_eq!(numbers, [0, 1, 3]);
        assert_eq!((slots.get(0), slots.get(1), slots.get(2)), (Some(&"d"), Some(&"e"), Some(&"c")));
        assert_eq!((slots.take(3), slots.len()), (Some("f"), 3));
    }
}
