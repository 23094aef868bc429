//! Which process left something behind, and whether it is still there.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process, as others on the same files recognise it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The name of the machine, for people.
    pub host: String,
    /// The running system on it, and the space in which process numbers count.
    pub(crate) system: Option<String>,
    /// The process.
    pub process: u32,
    /// When the process began, in ticks of its system: numbers of processes are used again.
    pub(crate) began: Option<u64>,
}

impl Owner {
    /// This process.
    pub(crate) fn this() -> Self {
        let process = std::process::id();
        let read = |path: &str| {
            fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .ok()
        };
        let space = fs::read_link("/proc/self/ns/pid").ok();
        let system = read("/proc/sys/kernel/random/boot_id")
            .zip(space)
            .map(|(boot, space)| format!("{boot} {}", space.display()));
        Self {
            host: read("/proc/sys/kernel/hostname").unwrap_or_default(),
            system,
            process,
            began: began(process),
        }
    }

    /// Whether the process is known to be gone: on the same system, and its number is free or was given away again.
    pub(crate) fn is_gone(&self, here: &Self) -> bool {
        self.system.is_some()
            && self.system == here.system
            && self.began.is_some()
            && began(self.process) != self.began
    }

    /// The process in the name of a file: `SYSTEM-PROCESS-BEGAN`.
    pub(crate) fn tag(&self) -> String {
        let system = self.system.as_deref().map_or_else(String::new, short);
        format!("{system}-{}-{}", self.process, self.began.unwrap_or(0))
    }

    /// Whether the process of a [`Owner::tag`] is known to be gone; never for one of another system.
    pub(crate) fn tagged_is_gone(tag: &str, here: &Self) -> bool {
        let mut parts = tag.split('-');
        let system = parts.next();
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (process, began) = (number(), number());
        let same = system
            .is_some_and(|system| here.system.as_deref().map(short).as_deref() == Some(system));
        let (Some(process), Some(since), true) = (process, began, same) else {
            return false;
        };
        u32::try_from(process).is_ok_and(|process| self::began(process) != Some(since))
    }
}

/// Enough digits to tell systems apart.
fn short(system: &str) -> String {
    blake3::hash(system.as_bytes()).to_hex()[..12].to_owned()
}

/// When a process of this system began; none if there is no such process, or if the system does not tell.
fn began(process: u32) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything; the start is field 22.
    let (_, rest) = line.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_the_living_from_the_dead() {
        let this = Owner::this();
        let gone = |owner: &Owner| Owner::tagged_is_gone(&owner.tag(), &this);
        assert!(!gone(&this));
        let earlier = Owner {
            began: Some(1),
            ..this.clone()
        };
        assert!(gone(&earlier), "its number was given away again");
        let elsewhere = Owner {
            system: Some("another machine".to_owned()),
            ..earlier
        };
        assert!(!gone(&elsewhere), "nobody knows");
        assert!(!Owner::tagged_is_gone("Ab3dXy", &this));
    }
}
