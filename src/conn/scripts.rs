//! The digests of the scripts that a connection's server is known to have.

use crate::limits::SCRIPTS_KNOWN_MAX;

/// The SHA-1 digest of a script.
pub type Digest = [u8; 20];

/// The digests that were seen to exist on a connection, the latest of them.
#[derive(Default)]
pub struct Known {
    digests: Vec<Digest>,
    /// Where the oldest stands, once there are as many as may be.
    oldest: usize,
}

impl Known {
    /// Whether this one was seen to exist.
    #[inline]
    pub fn has(&self, digest: &Digest) -> bool {
        self.digests.contains(digest)
    }

    /// It was seen to exist. Where there is no memory for that, it will be asked for again.
    pub fn add(&mut self, digest: &Digest) {
        if self.has(digest) {
            return;
        }
        if self.digests.len() < SCRIPTS_KNOWN_MAX {
            if self.digests.try_reserve(1).is_ok() {
                self.digests.push(*digest);
            }
            return;
        }
        self.digests[self.oldest] = *digest;
        self.oldest = (self.oldest + 1) % SCRIPTS_KNOWN_MAX;
    }

    /// It is gone.
    pub fn remove(&mut self, digest: &Digest) {
        if let Some(place) = self.digests.iter().position(|known| known == digest) {
            self.digests.remove(place);
            // In their order again, the oldest first.
            let before = self.oldest - usize::from(place < self.oldest);
            self.digests.rotate_left(before);
            self.oldest = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let digest = |number: usize| [number as u8; 20];
        let mut known = Known::default();
        let holds = |known: &Known, from: usize, to: usize| {
            (0..250).all(|number| known.has(&digest(number)) == (from..to).contains(&number))
        };
        (0..SCRIPTS_KNOWN_MAX).for_each(|number| known.add(&digest(number)));
        known.add(&digest(3));
        assert!(holds(&known, 0, SCRIPTS_KNOWN_MAX));
        (0..100).for_each(|number| known.add(&digest(SCRIPTS_KNOWN_MAX + number)));
        assert!(holds(&known, 100, SCRIPTS_KNOWN_MAX + 100));
        // Whichever goes, the others go on in their order.
        for gone in [100, 130, SCRIPTS_KNOWN_MAX + 99] {
            known.remove(&digest(gone));
            known.remove(&digest(gone));
            assert!(!known.has(&digest(gone)) && known.digests.len() == SCRIPTS_KNOWN_MAX - 1);
            known.add(&digest(gone));
            assert_eq!(known.digests.len(), SCRIPTS_KNOWN_MAX);
        }
        (0..SCRIPTS_KNOWN_MAX - 3).for_each(|number| known.add(&digest(180 + number)));
        assert!([100, 130, SCRIPTS_KNOWN_MAX + 99].iter().all(|number| known.has(&digest(*number))));
        assert!(!known.has(&digest(101)) && known.digests.len() == SCRIPTS_KNOWN_MAX);
    }

    /// Whatever comes and goes, it is the oldest that makes room.
    #[test]
    fn what_is_known_is_the_latest_of_what_was_seen() {
        let mut known = Known::default();
        let mut latest: Vec<u8> = Vec::new();
        let mut dice = 1u32;
        for _ in 0..2000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = (dice >> 8) as u8 % 100;
            if dice >> 30 == 0 {
                known.remove(&[number; 20]);
                latest.retain(|other| *other != number);
            } else {
                known.add(&[number; 20]);
                if !latest.contains(&number) {
                    latest.push(number);
                }
            }
            if latest.len() > SCRIPTS_KNOWN_MAX {
                latest.remove(0);
            }
            assert!((0..100).all(|number| known.has(&[number; 20]) == latest.contains(&number)));
        }
    }
}
