//! Variables of the environment, which a program that runs with more rights than its caller does not take from the caller.

/// None where the process is set-user-id, set-group-id or has capabilities of its file (AT_SECURE, getauxval(3)).
pub fn variable(name: &str) -> Option<String> {
    if has_more_rights() { None } else { std::env::var(name).ok() }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_more_rights() -> bool {
    // SAFETY: reads one word that the kernel gave the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn has_more_rights() -> bool {
    // SAFETY: takes nothing and changes nothing.
    unsafe { libc::geteuid() != libc::getuid() || libc::getegid() != libc::getgid() }
}
