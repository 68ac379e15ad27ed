//! Turns the contract in `proto/` into Rust, and into the descriptors that reflection and JSON need.
//!
//! The compiler is protox, which is Rust: no `protoc` has to be installed.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 2] = [
    "crosstrust/v1/authorization.proto",
    "crosstrust/v1/policy.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    let compiler = compiler
        .include_imports(true)
        .include_source_info(true)
        .open_files(FILES)?;
    let out = std::env::var("OUT_DIR")?;
    let descriptors = Path::new(&out).join("crosstrust.descriptors");
    std::fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .codec_path("crate::rpc::codec::Codec")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
