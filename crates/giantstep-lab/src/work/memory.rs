//! How much memory a run can still get, as far as the system tells.

use std::fs;
use std::path::Path;

/// Bytes that can still be had: the least of what the machine has free, what is left of the control group's
/// allowance, and of the limit on the address space. None where the system does not tell (outside Linux).
pub fn available() -> Option<u64> {
    [free(), group(), address_space()]
        .into_iter()
        .flatten()
        .min()
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn number(path: impl AsRef<Path>) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

/// The kB of a line such as `MemAvailable:  123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let value: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(value * 1024)
}

fn free() -> Option<u64> {
    kilobytes(&read("/proc/meminfo")?, "MemAvailable:")
}

fn group() -> Option<u64> {
    let groups = read("/proc/self/cgroup")?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder = Path::new("/sys/fs/cgroup").join(own.trim_start_matches('/'));
    // The page cache counts as used but can be had.
    let cache = read(folder.join("memory.stat"))
        .and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("inactive_file "))?;
            line.parse().ok()
        })
        .unwrap_or(0);
    let limit = number(folder.join("memory.max"))?;
    let used = number(folder.join("memory.current"))?;
    Some((limit + cache).saturating_sub(used))
}

fn address_space() -> Option<u64> {
    let limits = read("/proc/self/limits")?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let used = kilobytes(&read("/proc/self/status")?, "VmSize:")?;
    Some(limit.saturating_sub(used))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_told() {
        let free = available().expect("Linux tells");
        assert!(free > 1 << 20 && free < 1 << 50, "{free}");
        assert_eq!(
            kilobytes("MemAvailable:   12 kB\n", "MemAvailable:"),
            Some(12_288)
        );
    }
}
