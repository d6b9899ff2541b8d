//! How much one turn moves, how long it waits for that, and where it ends whatever the peer does.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::sync::Mutex;
use crate::transport::{Attempt, Connect, Moved, Plain, connected};

/// What a transport is asked for, and what it does.
pub(super) struct Asks {
    /// The time that each write and each read were given.
    pub(super) writes: Vec<i64>,
    pub(super) reads: Vec<i64>,
    /// What a write takes.
    pub(super) takes: Result<usize>,
    /// What the next reads find; None: nothing.
    gives: Option<Give>,
    pending: bool,
    /// How many bytes more than it gave it says that it gave.
    lies: usize,
}

type Give = Box<dyn FnMut() -> Result<Vec<u8>> + Send>;

#[derive(Clone)]
struct Counted {
    asks: Arc<Mutex<Asks>>,
    socket: Option<Arc<UnixStream>>,
}

impl Transport for Counted {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        let mut asks = self.asks.lock();
        asks.reads.push(timeout_ms);
        let Some(give) = &mut asks.gives else { return Ok(Moved::None) };
        let bytes = give()?;
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok(Moved::Some(len + asks.lies))
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        let mut asks = self.asks.lock();
        asks.writes.push(timeout_ms);
        match asks.takes.clone()?.min(bytes.len()) {
            0 => Ok(Moved::None),
            len => Ok(Moved::Some(len)),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        self.socket.as_ref().map(|socket| socket.as_raw_fd())
    }

    fn pending(&self) -> bool {
        self.asks.lock().pending
    }
}

impl Connect for Counted {
    fn begin(&self, _: &crate::options::Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(Box::new(self.clone())))
    }

    fn name(&self) -> &str {
        "counted"
    }
}

pub(super) fn counted(socket: Option<UnixStream>) -> (Connection, Arc<Mutex<Asks>>) {
    let gives: Option<Give> = Some(Box::new(|| Ok(GREETED.as_bytes().to_vec())));
    let (writes, reads, takes) = (Vec::new(), Vec::new(), Ok(usize::MAX));
    let asks = Asks { writes, reads, takes, gives, pending: false, lies: 0 };
    let asks = Arc::new(Mutex::new(asks));
    let transport = Counted { asks: Arc::clone(&asks), socket: socket.map(Arc::new) };
    let dial = Dial::new(Options::new(), Some(Arc::new(transport)), None).unwrap();
    let connection = dial.open(Deadline::after_ms(10_000)).unwrap();
    let mut seen = asks.lock();
    (seen.gives, seen.writes, seen.reads) = (None, Vec::new(), Vec::new());
    drop(seen);
    (connection, asks)
}

const PIECE: usize = TURN_BYTES_MAX / 4;

#[test]
fn a_turn_of_writing_moves_so_much_and_never_waits_where_there_is_a_descriptor() {
    let write = |takes: usize, deadline: Deadline| {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let (mut connection, asks) = counted(Some(ours));
        connection.hand_over(deadline).unwrap();
        assert!(asks.lock().writes.is_empty(), "nothing is to be written");
        queued(&mut connection, 2 * TURN_BYTES_MAX);
        asks.lock().takes = Ok(takes);
        connection.hand_over(deadline).unwrap();
        let writes = asks.lock().writes.clone();
        assert!(writes.iter().all(|timeout_ms| *timeout_ms == 0), "{writes:?}");
        (writes.len(), connection.handed)
    };
    assert_eq!(write(PIECE, Deadline::never()), (4, TURN_BYTES_MAX));
    assert_eq!(write(PIECE, Deadline::after_ms(60_000)), (4, TURN_BYTES_MAX));
    assert_eq!(write(PIECE, Deadline::after_ms(0)), (1, PIECE), "one write, and then a look at the clock");
    assert_eq!(write(0, Deadline::never()), (1, 0));
}

#[test]
fn without_a_descriptor_a_turn_is_one_call_that_waits_no_longer_than_a_slice() {
    for (deadline, least, most) in [
        (Deadline::never(), SLICE_MS, SLICE_MS),
        (Deadline::after_ms(60_000), SLICE_MS, SLICE_MS),
        (Deadline::after_ms(5), 0, 5),
        (Deadline::after_ms(0), 0, 0),
    ] {
        let (mut connection, asks) = counted(None);
        queued(&mut connection, TURN_BYTES_MAX);
        asks.lock().takes = Ok(PIECE);
        connection.hand_over(deadline).unwrap();
        assert_eq!(connection.handed, PIECE);
        connection.read_in_slices(deadline).unwrap();
        asks.lock().takes = Ok(usize::MAX);
        connection.hand_over(deadline).unwrap();
        connection.read_in_slices(deadline).unwrap();
        let asks = asks.lock();
        assert!(asks.writes.len() == 2 && asks.reads.len() == 2 && asks.reads[0] == 0, "what blocks is not waited for");
        for timeout_ms in [asks.writes[0], asks.writes[1], asks.reads[1]] {
            assert!((least..=most).contains(&timeout_ms), "{timeout_ms}");
        }
    }
}

/// The error of a write, and what the peer says meanwhile.
fn last_words(deadline: Deadline, gives: impl FnMut() -> Result<Vec<u8>> + Send + 'static) -> (Error, usize, u64) {
    let (mut connection, asks) = counted(None);
    std::mem::take(&mut connection.moved);
    asks.lock().gives = Some(Box::new(gives));
    let error = connection.last_words(Error::new(Status::Io, "write"), deadline);
    let reads = asks.lock().reads.clone();
    assert!(reads.iter().all(|timeout_ms| *timeout_ms == 0), "{reads:?}");
    (error, reads.len(), std::mem::take(&mut connection.moved).bytes_in)
}

#[test]
fn what_a_peer_says_that_takes_nothing_any_more_is_heard_and_bounded() {
    // Where the time is up, so many reads.
    let (error, reads, _) = last_words(Deadline::after_ms(0), || Ok(b"+p\r\n".to_vec()));
    assert_eq!((error.to_string().as_str(), reads), ("write", LATE_READS_MAX as usize));
    // Where it is not, all that it said.
    let mut left = 5 * LATE_READS_MAX;
    let (error, reads, _) = last_words(Deadline::after_ms(60_000), move || {
        left -= 1;
        if left > 0 { Ok(b"+p\r\n".to_vec()) } else { Err(Error::new(Status::Io, "read")) }
    });
    assert_eq!((error.to_string().as_str(), reads), ("write", 5 * LATE_READS_MAX as usize));
    // And what does not end, up to so many bytes.
    let mut given = 0;
    let (_, _, bytes) = last_words(Deadline::never(), move || {
        given += 1;
        assert!(given < 100, "it does not end");
        Ok(vec![b'v'; 1 << 20])
    });
    assert!((UNASKED_BYTES_MAX..UNASKED_BYTES_MAX + (2 << 20)).contains(&bytes), "{bytes}");
    // TLS says why it takes nothing.
    let (error, reads, _) = last_words(Deadline::never(), || Err(Error::new(Status::Tls, "an alert")));
    assert_eq!((error.to_string().as_str(), reads), ("an alert", 1));
}

#[test]
fn what_comes_unasked_and_does_not_end_is_a_limit() {
    let take = |deadline: Deadline, pieces: usize| {
        let (mut connection, asks) = counted(None);
        std::mem::take(&mut connection.moved);
        let push = format!(">1\r\n${}\r\n{}\r\n", 32 << 10, "v".repeat(32 << 10)).into_bytes();
        let (mut at, all) = (0, push.len() * pieces);
        asks.lock().gives = Some(Box::new(move || {
            assert!(at < 4 * UNASKED_BYTES_MAX as usize, "it does not end");
            let bytes: Vec<u8> =
                push.iter().copied().cycle().skip(at % push.len()).take(READ_BYTES.min(all - at)).collect();
            at += bytes.len();
            if bytes.is_empty() { Err(Error::new(Status::Io, "it is over")) } else { Ok(bytes) }
        }));
        let error = connection.take_in(deadline, &mut Kept::new(false, 0)).unwrap_err();
        assert!(asks.lock().reads.iter().all(|timeout_ms| *timeout_ms == 0), "nothing is waited for");
        (error.status, std::mem::take(&mut connection.moved).bytes_in)
    };
    assert_eq!(take(Deadline::after_ms(0), 300), (Status::Limit, READ_BYTES as u64));
    assert_eq!(take(Deadline::never(), 3).0, Status::Io, "it has ended");
    let (status, bytes) = take(Deadline::after_ms(60_000), 300);
    assert_eq!((status, bytes), (Status::Limit, UNASKED_BYTES_MAX));
}

#[test]
fn a_descriptor_that_promises_what_does_not_come_is_noticed() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut theirs, b"x").unwrap();
    let (mut connection, asks) = counted(Some(ours));
    let fd = connection.fd().unwrap();
    let turn = |connection: &mut Connection| {
        assert!(matches!(connection.wait_and_read(fd, Deadline::after_ms(10_000)).unwrap(), Progress::Moved));
        connection.vain_turns
    };
    connection.vain_turns = 0;
    assert_eq!([turn(&mut connection), turn(&mut connection)], [1, 2]);
    // It took something, and what it promises to read does not come all the same.
    queued(&mut connection, 10);
    connection.handed = 1;
    assert_eq!(turn(&mut connection), 3);
    connection.vain_turns = VAIN_TURNS_MAX;
    let before = Instant::now();
    assert_eq!(turn(&mut connection), VAIN_TURNS_MAX + 1);
    assert!(before.elapsed() >= PAUSE, "it has to wait each time");
    // What has come is no promise any more.
    connection.dial = Dial::new(Options::new(), None, None).unwrap();
    asks.lock().gives = Some(Box::new(|| Ok(b">1\r\n+p\r\n".to_vec())));
    assert_eq!(turn(&mut connection), 0);
    assert!(asks.lock().reads.iter().all(|timeout_ms| *timeout_ms == 0));
}

#[test]
fn a_descriptor_that_takes_what_it_says_it_takes_does_not_lie() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (mut connection, _asks) = counted(Some(ours));
    let fd = connection.fd().unwrap();
    queued(&mut connection, 10);
    for (handed, vain_turns) in [(0, 1), (0, 2), (1, 0), (1, 0), (0, 1)] {
        connection.handed = handed;
        connection.vain_turns = if handed == 0 { vain_turns - 1 } else { 7 };
        connection.wait_and_read(fd, Deadline::after_ms(10_000)).unwrap();
        assert_eq!(connection.vain_turns, vain_turns);
    }
}

#[test]
fn a_turn_of_reading_waits_for_the_descriptor_unless_something_lies_where_it_does_not_show() {
    let read = |foreign: bool, pending: bool, gives: bool, queues: bool| {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let (mut connection, asks) = counted(Some(ours));
        if !foreign {
            connection.dial = Dial::new(Options::new(), None, None).unwrap();
        }
        if queues {
            queued(&mut connection, 10);
        }
        asks.lock().pending = pending;
        if gives {
            asks.lock().gives = Some(Box::new(|| Ok(b">1\r\n+p\r\n".to_vec())));
        }
        let fd = connection.fd().unwrap();
        let progress = connection.wait_and_read(fd, Deadline::after_ms(1)).unwrap();
        let reads = asks.lock().reads.clone();
        assert!(reads.iter().all(|timeout_ms| *timeout_ms == 0), "{reads:?}");
        (matches!(progress, Progress::Moved), reads.len())
    };
    assert_eq!(read(false, false, true, false), (false, 0), "the descriptor of a socket shows what there is");
    assert_eq!(read(false, true, true, false), (true, 1));
    assert_eq!(read(true, false, true, false), (true, 1));
    assert_eq!(read(true, true, false, false), (false, 1), "it waits all the same");
    assert_eq!(read(false, false, true, true), (true, 0), "it may be written again");
}

#[test]
fn a_transport_that_comes_back_at_once_with_nothing_is_not_asked_without_a_pause() {
    let took = |handed: usize, gives: bool, turns: u32| {
        let (mut connection, asks) = counted(None);
        connection.handed = handed;
        if gives {
            asks.lock().gives = Some(Box::new(|| Ok(b">1\r\n+p\r\n".to_vec())));
        }
        let before = Instant::now();
        for _ in 0..turns {
            connection.read_in_slices(Deadline::never()).unwrap();
        }
        before.elapsed()
    };
    assert!(took(0, false, 5) >= 5 * PAUSE);
    // Where something moves, there is none.
    assert!(took(0, true, 1000) < 1000 * PAUSE);
    assert!(took(1, false, 1000) < 1000 * PAUSE);
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (mut connection, _asks) = counted(Some(ours));
    queued(&mut connection, 10);
    let fd = connection.fd().unwrap();
    let before = Instant::now();
    for _ in 0..1000 {
        connection.handed = 1;
        connection.wait_and_read(fd, Deadline::after_ms(10_000)).unwrap();
    }
    assert!(before.elapsed() < 1000 * PAUSE);
}

#[test]
fn a_driver_is_told_what_the_descriptor_does_not_show() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (mut connection, asks) = counted(Some(ours));
    assert!(connection.fd().is_some() && counted(None).0.fd().is_none());
    for pending in [true, false] {
        asks.lock().pending = pending;
        assert_eq!(connection.is_pending(), pending);
    }
    assert!(connection.is_foreign(), "the bytes move through functions of the caller's");
    connection.dial = Dial::new(Options::new(), None, None).unwrap();
    assert!(!connection.is_foreign() && !connection.dial.is_resp2());
    connection.remember_resp2();
    assert!(connection.dial.is_resp2());
}

#[test]
fn a_read_of_a_socket_that_gave_less_than_it_could_is_the_last_unless_more_lies_above_it() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let (mut connection, asks) = counted(Some(ours));
    connection.dial = Dial::new(Options::new(), None, None).unwrap();
    let piece = b">1\r\n+p\r\n";
    asks.lock().gives = Some(Box::new(|| Ok(piece.to_vec())));
    assert_eq!(connection.read_once().unwrap(), Read::Last(piece.len()));
    asks.lock().pending = true;
    assert_eq!(connection.read_once().unwrap(), Read::Some(piece.len()));
    assert_eq!(connection.read_bytes, READ_BYTES, "no more is asked for than comes");
    let (mut full, asks) = counted(None);
    full.dial = connection.dial.clone();
    asks.lock().gives = Some(Box::new(|| Ok(vec![b'+'; READ_BYTES])));
    assert_eq!(full.read_once().unwrap(), Read::Some(READ_BYTES), "one that gave all that was asked for may have more");
    assert_eq!(full.read_bytes, 8 * READ_BYTES);
    asks.lock().gives = Some(Box::new(|| Ok(vec![b'+'; 2 << 20])));
    (0..10).for_each(|_| assert!(full.read_now(0).unwrap()));
    assert_eq!(full.read_bytes, 1 << 20, "and never for more than so much");
}

/// A read waits where nothing else could end the wait sooner: no bytes to be written, no moment that is near, and no call that has
/// waited before or asks its program whether to go on.
#[test]
fn a_read_waits_only_where_nothing_else_is_to_end_the_wait() {
    struct Asking;
    impl crate::ongoing::Interrupt for Asking {
        fn may_go_on(&self) -> bool {
            true
        }
    }
    let asked = |change: &dyn Fn(&mut Connection, &mut Asks), left_ms: i64, ongoing: &Ongoing| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut theirs, b"x").unwrap();
        let (mut connection, asks) = counted(Some(ours));
        connection.plain = connection.fd().map(|fd| Plain { fd, waits: true });
        let lock = Arc::clone(&asks);
        change(&mut connection, &mut lock.lock());
        ongoing.during(std::ptr::null(), || {
            let deadline = if left_ms < 0 { Deadline::never() } else { Deadline::after_ms(left_ms) };
            let fd = connection.fd().unwrap();
            connection.wait_and_read(fd, deadline).map(drop).unwrap();
        });
        let reads = asks.lock().reads.clone();
        reads.iter().filter(|timeout_ms| **timeout_ms == READ_WAIT_MS).count()
    };
    let nothing = |_: &mut Connection, _: &mut Asks| {};
    let plain = Ongoing::default();
    for (left_ms, waits) in [(-1, 1), (60_000, 1), (2 * READ_WAIT_MS + SLACK_MS, 0), (1, 0), (0, 0)] {
        assert_eq!(asked(&nothing, left_ms, &plain), waits, "{left_ms} ms left");
    }
    let never = |connection: &mut Connection, _: &mut Asks| connection.plain.as_mut().unwrap().waits = false;
    assert_eq!(asked(&never, -1, &plain), 0, "a socket that does not");
    let foreign = |connection: &mut Connection, _: &mut Asks| connection.plain = None;
    assert_eq!(asked(&foreign, -1, &plain), 0, "what is no socket alone");
    let blocked = |connection: &mut Connection, _: &mut Asks| drop(queued(connection, 100));
    assert_eq!(asked(&blocked, -1, &plain), 0, "bytes are to be written");
    let asking = Ongoing::new(Some(Arc::new(Asking)));
    assert_eq!(asked(&nothing, -1, &asking), 0, "the program is asked");
}

#[test]
fn a_transport_that_gave_more_than_there_was_room_for_is_not_believed() {
    let (mut connection, asks) = counted(None);
    asks.lock().gives = Some(Box::new(|| Ok(b"+".to_vec())));
    asks.lock().lies = 1 << 20;
    assert!(connection.read_now(0).is_err());
}

#[test]
fn what_has_moved_is_told_once() {
    let (mut connection, asks) = counted(None);
    let greeting = std::mem::take(&mut connection.moved);
    assert_eq!((greeting.bytes_in, greeting.bytes_out), (GREETED.len() as u64, HELLO.len() as u64));
    let sent = queued(&mut connection, 10).len() as u64;
    connection.offer_now().unwrap();
    asks.lock().gives = Some(Box::new(|| Ok(b">1\r\n+p\r\n".to_vec())));
    assert!(connection.read_now(0).unwrap() && connection.read_now(0).unwrap());
    let moved = std::mem::take(&mut connection.moved);
    assert_eq!((moved.bytes_in, moved.bytes_out), (2 * 8, sent));
    let nothing = std::mem::take(&mut connection.moved);
    assert_eq!((nothing.bytes_in, nothing.bytes_out), (0, 0));
}
