//! Who wrote what and what it was told of it, held against what the server has in the end.

use std::fmt;
use std::ops::{AddAssign, Range};

use super::c::{CErr, Outcome, Reply};
use super::raw::kind;
use super::server::Server;

/// What one thread pushed to a list that is its own: its numbers, from 0, in order.
pub struct Ledger {
    key: String,
    told: Vec<Outcome>,
    /// Writes of which all were to run or none.
    together: Vec<Range<usize>>,
}

/// What became of many writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub acknowledged: usize,
    pub not_sent: usize,
    pub refused: usize,
    pub unknown: usize,
    /// Of the unknown, those that ran.
    pub unknown_ran: usize,
    /// Acknowledged, and not there.
    pub lost: usize,
    /// The same, where the server that acknowledged it died before it had told its replica.
    pub lost_by_server: usize,
    /// There more than once, whatever was said of it.
    pub twice: usize,
    /// Said not to have been sent, or refused, and there.
    pub ran_all_the_same: usize,
    /// Acknowledged before another, and there behind it.
    pub out_of_order: usize,
    /// There, and never written.
    pub strange: usize,
    /// Transactions, and those of which a part ran.
    pub transactions: usize,
    pub torn: usize,
}

impl Ledger {
    pub fn new(key: String) -> Ledger {
        Ledger { key, told: Vec::new(), together: Vec::new() }
    }

    /// The next number: its key and its text. Until something is told, its fate is unknown.
    pub fn next(&mut self) -> (usize, [String; 3]) {
        self.told.push(Outcome::UNKNOWN);
        let number = self.told.len() - 1;
        (number, ["RPUSH".to_owned(), self.key.clone(), number.to_string()])
    }

    /// What the run of a pipeline said of this one: NONE is that it was acknowledged.
    pub fn settle(&mut self, number: usize, outcome: Outcome) {
        self.told[number] = outcome;
    }

    /// All of these run, or none.
    pub fn together(&mut self, numbers: Range<usize>) {
        self.together.push(numbers);
    }

    /// What a command or a send said of it: acknowledged, or an outcome.
    pub fn told(&mut self, number: usize, result: &Result<Reply, CErr>) {
        self.told[number] = match result {
            // On a connection of one's own an error is a reply: this server refuses what it cannot take yet.
            Ok(reply) if reply.kind == kind::ERROR => Outcome::REFUSED,
            Ok(_) => Outcome::NONE,
            Err(err) => err.outcome,
        };
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn is_acknowledged(&self, number: usize) -> bool {
        self.told[number] == Outcome::NONE
    }

    /// How many were written, whatever became of them.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Compare with what the server has.
    pub fn judge(&self, server: &Server) -> Figures {
        let mut stored = server.ask(&["LRANGE", &self.key, "0", "-1"]);
        // A server that was started a moment ago answers before it has read what it stored.
        for _ in 0..1000 {
            if !stored.contains("LOADING") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            stored = server.ask(&["LRANGE", &self.key, "0", "-1"]);
        }
        let stored = stored.lines().map(|entry| entry.parse::<usize>().expect("numbers are stored"));
        let mut times = vec![0; self.told.len()];
        let (mut figures, mut last) = (Figures::default(), None);
        for number in stored {
            let Some(count) = times.get_mut(number) else {
                figures.strange += 1;
                continue;
            };
            *count += 1;
            // What is unknown may have been on its way when the next was sent elsewhere.
            if self.told[number] == Outcome::NONE {
                figures.out_of_order += usize::from(last > Some(number));
                last = Some(number);
            }
        }
        for numbers in &self.together {
            let ran = times[numbers.clone()].iter().filter(|times| **times > 0).count();
            figures.transactions += 1;
            figures.torn += usize::from(ran != 0 && ran != numbers.len());
        }
        for (outcome, times) in self.told.iter().zip(times) {
            figures.count(*outcome, times);
        }
        figures
    }
}

impl Figures {
    /// One more, of this fate, which is there so often.
    pub fn count(&mut self, outcome: Outcome, times: usize) {
        self.twice += usize::from(times > 1);
        match outcome {
            Outcome::NONE => {
                self.acknowledged += 1;
                self.lost += usize::from(times == 0);
            }
            Outcome::NOT_SENT => {
                self.not_sent += 1;
                self.ran_all_the_same += usize::from(times > 0);
            }
            Outcome::REFUSED => {
                self.refused += 1;
                self.ran_all_the_same += usize::from(times > 0);
            }
            _ => {
                self.unknown += 1;
                self.unknown_ran += usize::from(times > 0);
            }
        }
    }

    /// Nothing that was promised did not hold.
    pub fn check(&self) {
        let wrong = [self.lost, self.twice, self.ran_all_the_same, self.out_of_order, self.strange, self.torn];
        assert_eq!(wrong, [0; 6], "{self}");
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Figures) {
        self.acknowledged += other.acknowledged;
        self.not_sent += other.not_sent;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.unknown_ran += other.unknown_ran;
        self.lost += other.lost;
        self.lost_by_server += other.lost_by_server;
        self.twice += other.twice;
        self.ran_all_the_same += other.ran_all_the_same;
        self.out_of_order += other.out_of_order;
        self.strange += other.strange;
        self.transactions += other.transactions;
        self.torn += other.torn;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  acknowledged  {:>9}   of these lost {}", self.acknowledged, self.lost)?;
        match self.lost_by_server {
            0 => writeln!(f)?,
            count => writeln!(f, ", and {count} with a server that was replaced before it had told its replica")?,
        }
        writeln!(f, "  not sent      {:>9}", self.not_sent)?;
        writeln!(f, "  refused       {:>9}   of these and of the unsent ran {}", self.refused, self.ran_all_the_same)?;
        writeln!(f, "  unknown       {:>9}   of these ran {}", self.unknown, self.unknown_ran)?;
        writeln!(f, "  transactions  {:>9}   of these torn {}", self.transactions, self.torn)?;
        write!(f, "  twice {}, out of order {}, never written {}", self.twice, self.out_of_order, self.strange)
    }
}
