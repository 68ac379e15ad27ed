//! The `crosstrust` binary. The library contains everything else.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    crosstrust::cli::run()
}
