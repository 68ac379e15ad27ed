//! gungraun's own runner, which every bench of it starts: as a program of this package it has the version of the lock
//! file, and nobody has to install it. gungraun looks for it under this name.

fn main() {
    if let Err(error) = gungraun_runner::runner::run::run() {
        eprintln!("gungraun-runner: {error:#}");
        std::process::exit(1);
    }
}
