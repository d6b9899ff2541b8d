//! Connections of several pools: those that have to be opened are opened at once.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use crate::conn::{Dial, Kept, open_each};
use crate::error::{Error, Result, Status};
use crate::transport::Deadline;

use super::lease::{AtOnce, Lease, OpeningPermit};
use super::state::PoolState;

/// A connection that is wanted.
pub struct Wanted<'p> {
    /// Of this pool.
    pub(super) pool: &'p Arc<PoolState>,
    /// When there must be one.
    pub(super) deadline: Deadline,
}

/// Connections that are to be opened: the place of each among those that are wanted, and its permit.
type ToOpen<'p> = Vec<(usize, OpeningPermit<'p>)>;

/// Lease a connection of each of these pools, in their order: whoever holds one and waits for another takes them in an order that
/// all keep. `wait_ms` is the longest wait for one that others use. Those that have to be opened are opened at once, each until
/// its own deadline; nobody waits for others while one is being opened. An error: the call was woken, or there is no memory.
pub fn lease_each(wanted: &[Wanted<'_>], wait_ms: i64, kept: &mut Kept) -> Result<Vec<Result<Lease>>> {
    let no_memory = |_| Error::memory("the connections");
    let mut leases: Vec<Option<Result<Lease>>> = Vec::new();
    let mut opening: ToOpen<'_> = Vec::new();
    leases.try_reserve_exact(wanted.len()).map_err(no_memory)?;
    for (place, Wanted { pool, deadline }) in wanted.iter().enumerate() {
        leases.push(None);
        let leased = match pool.at_once(*deadline, kept) {
            Ok(AtOnce::Permit(permit)) => {
                // Mostly there are connections, and this takes no memory.
                opening.try_reserve(1).map_err(no_memory)?;
                opening.push((place, permit));
                continue;
            }
            Ok(AtOnce::Lease(lease)) => Ok(lease),
            Ok(AtOnce::Nothing) => {
                open_all(&mut opening, wanted, &mut leases, kept)?;
                pool.lease(&mut Instant::now(), *deadline, wait_ms, kept)
            }
            Err(error) => Err(error),
        };
        leases[place] = Some(unless_woken(leased)?);
    }
    open_all(&mut opening, wanted, &mut leases, kept)?;
    let mut all = Vec::new();
    all.try_reserve_exact(leases.len()).map_err(no_memory)?;
    all.extend(leases.into_iter().flatten());
    Ok(all)
}

fn open_all(
    opening: &mut ToOpen<'_>,
    wanted: &[Wanted<'_>],
    leases: &mut [Option<Result<Lease>>],
    kept: &mut Kept,
) -> Result<()> {
    if opening.len() < 2 {
        for (place, permit) in opening.drain(..) {
            leases[place] = Some(unless_woken(permit.open(wanted[place].deadline, kept))?);
        }
        return Ok(());
    }
    let mut dials: Vec<(&Dial, Deadline)> = Vec::new();
    dials.try_reserve_exact(opening.len()).map_err(|_| Error::memory("the connections"))?;
    dials.extend(opening.iter().map(|(place, _)| (&wanted[*place].pool.dial, wanted[*place].deadline)));
    let opened = open_each(&dials, -1)?;
    for ((place, permit), opened) in opening.drain(..).zip(opened) {
        leases[place] = Some(permit.opened(opened, wanted[place].deadline, kept));
    }
    Ok(())
}

/// A call that was woken waits for nothing more.
fn unless_woken(leased: Result<Lease>) -> Result<Result<Lease>> {
    match leased {
        Err(error) if error.status == Status::Woken => Err(error),
        leased => Ok(leased),
    }
}
