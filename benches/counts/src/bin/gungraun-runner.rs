//! gungraun's runner, which its benches start. As a program of this package it has the version of the lock file and needs
//! no installation. gungraun looks for it by this name.

fn main() {
    if let Err(error) = gungraun_runner::runner::run::run() {
        eprintln!("gungraun-runner: {error:#}");
        std::process::exit(1);
    }
}
