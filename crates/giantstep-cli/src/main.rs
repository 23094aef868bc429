//! The command line of the giant-step laboratory.

fn main() {}
