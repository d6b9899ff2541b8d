//! How many cores this process may use.

/// The cores of the affinity mask of the calling thread, at least 1.
pub fn cores() -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: a set of zeros is the empty one.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: it writes one set, which is there.
        if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } == 0 {
            // SAFETY: it only reads the set.
            return usize::try_from(unsafe { libc::CPU_COUNT(&set) }).unwrap_or(1).max(1);
        }
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_a_core_to_run_on() {
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        assert!(super::cores() >= 1 && super::cores() >= all, "{} of {all}", super::cores());
    }
}
