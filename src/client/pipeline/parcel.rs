//! What goes to one of many servers in one burst: its commands, each behind ASKING where it is asked for so.
#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::resp;
use crate::route::Errand;

use super::queue::{MULTI, Queue};
use super::scripted::WholeScripts;
use super::wire;

/// The bytes of a burst.
pub(super) struct Parcel {
    pub(super) bytes: Vec<u8>,
    /// Where in them those begin that are sent.
    pub(super) from: usize,
    /// The replies that they are due, in order.
    pub(super) dues: Vec<DueReply>,
    /// The bytes are the queue's own: they go back there.
    is_whole: bool,
}

/// A reply that is due.
#[derive(Clone, Copy)]
pub(super) struct DueReply {
    /// Where the bytes of its command end, counted from the first that is sent.
    pub(super) end: usize,
    /// Which of the errands it is. None: it is ASKING's, or one to what stands in front.
    pub(super) errand: Option<usize>,
}

impl Parcel {
    /// Of these commands of a queue, behind what stands in front of them. Where they are all of it, its own bytes are sent.
    pub(super) fn of(queue: &mut Queue, errands: &[Errand], front: &Queue, whole: &WholeScripts) -> Result<Parcel> {
        let no_memory = |_| Error::memory("the commands");
        let askings = errands.iter().filter(|errand| errand.is_asking()).count();
        let is_whole = |errand: &Errand| whole.number(queue, errand.index).is_some();
        let is_as_queued = queue.scripts.is_empty() || !errands.iter().any(is_whole);
        let mut dues = Vec::new();
        dues.try_reserve_exact(front.len() + askings + errands.len()).map_err(no_memory)?;
        if errands.len() == queue.len() && askings == 0 && front.is_empty() && is_as_queued {
            let ends = queue.commands.iter().map(|command| command.end - MULTI.len());
            dues.extend(ends.enumerate().map(|(errand, end)| DueReply { end, errand: Some(errand) }));
            let bytes = std::mem::take(&mut queue.bytes);
            return Ok(Parcel { bytes, from: MULTI.len(), dues, is_whole: true });
        }
        let bytes_of = |errand: &Errand| queue.start_of(errand.index)..queue.commands[errand.index].end;
        let room: usize = errands.iter().map(|errand| bytes_of(errand).len()).sum();
        let in_front = front.bytes.get(MULTI.len()..).unwrap_or_default();
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(in_front.len() + room + askings * ASKING.len()).map_err(no_memory)?;
        bytes.extend_from_slice(in_front);
        dues.extend(front.commands.iter().map(|command| DueReply { end: command.end - MULTI.len(), errand: None }));
        let mut args = Vec::new();
        for (place, errand) in errands.iter().enumerate() {
            if errand.is_asking() {
                bytes.try_reserve(ASKING.len()).map_err(no_memory)?;
                bytes.extend_from_slice(ASKING);
                dues.push(DueReply { end: bytes.len(), errand: None });
            }
            match whole.number(queue, errand.index) {
                Some(script) => {
                    wire::whole_args(queue, &queue.scripts[script], &mut args)?;
                    resp::encode(&args, &mut bytes)?;
                }
                None => {
                    let own = &queue.bytes[bytes_of(errand)];
                    bytes.try_reserve(own.len()).map_err(no_memory)?;
                    bytes.extend_from_slice(own);
                }
            }
            dues.push(DueReply { end: bytes.len(), errand: Some(place) });
        }
        Ok(Parcel { bytes, from: 0, dues, is_whole: false })
    }

    /// The burst is over: the queue has its own bytes back.
    pub(super) fn unpack(&mut self, queue: &mut Queue) {
        if self.is_whole {
            queue.bytes = std::mem::take(&mut self.bytes);
        }
    }

    /// Which errand is the first without an answer, where so many replies have come; and how many of those without one had left,
    /// in part at least, with so many bytes.
    pub(super) fn left(&self, come: usize, handed: usize) -> (usize, usize) {
        let left = self.dues.get(come..).unwrap_or_default();
        let first = left.iter().find_map(|due| due.errand).unwrap_or(usize::MAX);
        let mut start = come.checked_sub(1).map_or(0, |before| self.dues[before].end);
        let mut sent = 0;
        for due in left {
            sent += usize::from(due.errand.is_some() && start < handed);
            start = due.end;
        }
        (first, sent)
    }
}

/// Stands directly before each command that a server takes only so: it serves one.
const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Flags;
    use crate::commands::Shape;

    fn queue(count: usize) -> Queue {
        let mut queue = Queue::default();
        for _ in 0..count {
            queue.add(&[b"GET", b"a"], Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        }
        queue
    }

    fn of(queue: &mut Queue, errands: &[Errand]) -> Parcel {
        Parcel::of(queue, errands, &Queue::default(), &WholeScripts::default()).unwrap()
    }

    const GET: usize = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n".len();

    #[test]
    fn all_of_a_queue_goes_over_as_it_is_and_its_bytes_come_back() {
        let mut queue = queue(3);
        let before = queue.bytes.clone();
        let errands: Vec<Errand> = (0..3).map(Errand::new).collect();
        let mut parcel = of(&mut queue, &errands);
        assert_eq!((&parcel.bytes[parcel.from..], queue.bytes.len()), (&before[MULTI.len()..], 0));
        parcel.unpack(&mut queue);
        assert_eq!(queue.bytes, before);
        let mut parcel = of(&mut queue, &errands[1..]);
        assert_eq!((parcel.from, parcel.bytes.len(), parcel.dues.len()), (0, 2 * GET, 2));
        parcel.unpack(&mut queue);
        assert_eq!(queue.bytes, before);
    }

    #[test]
    fn what_was_not_answered_had_left_where_a_byte_of_it_had() {
        let mut queue = queue(3);
        let errands: Vec<Errand> = (0..3).map(Errand::new).collect();
        let parcel = of(&mut queue, &errands);
        for (come, handed, left) in [
            (0, 0, (0, 0)),
            (0, 1, (0, 1)),
            (0, GET, (0, 1)),
            (0, GET + 1, (0, 2)),
            (1, GET, (1, 0)),
            (1, 3 * GET, (1, 2)),
            (3, 3 * GET, (usize::MAX, 0)),
        ] {
            assert_eq!(parcel.left(come, handed), left, "{come} {handed}");
        }
    }
}
