//! The `crosstrust` program: parses the command line, calls one function.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    crosstrust::cli::run()
}
