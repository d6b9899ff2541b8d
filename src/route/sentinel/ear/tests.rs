//! How often is listened and asked, on both sides of each time, and what is news.

use super::*;
use crate::options::Options;

fn after(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn somebody_listens_once_in_so_long() {
    for (are_deaf, every_ms) in [(false, 20), (true, 1000)] {
        let ears = Ears::new(are_deaf);
        let (here, start) = (ears.here(), ears.made);
        assert!(ears.is_due(here, start), "nobody has listened yet");
        here.listened_ms.store(ears.ms(start), Ordering::Relaxed);
        assert!(ears.are_quiet(after(start, every_ms - 1)), "deaf: {are_deaf}");
        assert!(!ears.are_quiet(after(start, every_ms)), "deaf: {are_deaf}");
        // Whoever asks with an earlier moment than the last one does not listen.
        here.listened_ms.store(ears.ms(after(start, 50)), Ordering::Relaxed);
        assert!(!ears.is_due(here, start));
    }
}

#[test]
fn nobody_is_quiet_in_doubt() {
    let ears = Ears::new(false);
    let (here, start) = (ears.here(), ears.made);
    here.listened_ms.store(ears.ms(start), Ordering::Relaxed);
    assert!(ears.are_quiet(start));
    here.doubts.fetch_add(2, Ordering::Relaxed);
    assert!(!ears.are_quiet(start) && ears.is_in_doubt());
    ears.settle(1, true);
    assert!(ears.is_in_doubt(), "there was another doubt meanwhile");
    ears.settle(2, true);
    assert!(ears.are_quiet(start));
}

#[test]
fn a_sentinel_is_asked_as_often_as_it_may_know_more() {
    let dial = Dial::new(Options::new(), None, None).unwrap();
    let mut ear = Ear::new(&dial, &Endpoint::Tcp { host: "h".to_owned(), port: 1 });
    let start = Instant::now();
    assert!(ear.is_to_be_asked(start, false), "it was never asked");
    ear.asked = Some(start);
    for (telling, is_sick, every_ms) in [
        (Telling::Yes, false, 1000),
        (Telling::No, false, 100),
        (Telling::Asked, false, 100),
        (Telling::Yes, true, 20),
        (Telling::No, true, 20),
    ] {
        ear.telling = telling;
        assert!(!ear.is_to_be_asked(after(start, every_ms - 1), is_sick), "{every_ms}");
        assert!(ear.is_to_be_asked(after(start, every_ms), is_sick), "{every_ms}");
    }
    ear.is_owed = true;
    assert!(!ear.is_to_be_asked(after(start, 60_000), true), "it has not answered yet");
}

/// What a Sentinel says is news once: until it says something else, or the map has it.
#[test]
fn a_claim_is_news_once() {
    let place = |port| Endpoint::Tcp { host: "h".to_owned(), port };
    let dial = Dial::new(Options::new(), None, None).unwrap();
    let mut ear = Ear::new(&dial, &place(1));
    let (one, two) = (place(1), place(2));
    let believed = |primary, epoch| BelievedPrimary { service: b"s", primary: Some(primary), epoch, is_sick: false };
    assert!(!ear.claims(place(1), 5, &believed(&one, 5)), "the map has it");
    assert!(!ear.claims(place(2), 4, &believed(&one, 5)), "it is older");
    assert!(ear.claims(place(2), 5, &believed(&one, 5)));
    assert!(!ear.claims(place(2), 5, &believed(&one, 5)), "it has said so");
    assert!(ear.claims(place(2), 6, &believed(&one, 5)), "of another epoch");
    assert!(!ear.claims(place(2), 6, &believed(&two, 6)), "the map has it by now");
    assert!(ear.claims(place(1), 7, &believed(&two, 6)));
    assert_eq!(ear.latest, Some((place(1), 7)));
}
