//! Numbers that look random, and are the same in every run.

pub struct Dice(u64);

impl Dice {
    /// Dice of one's own: `number` of those that a seed gives.
    pub fn new(seed: u64, number: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(number.wrapping_add(1)) | 1);
        // The first throws of neighbours are alike.
        for _ in 0..8 {
            dice.throw(2);
        }
        dice
    }

    /// 0 to `below`, which is left out.
    pub fn throw(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}
