//! Compiles `proto/` to Rust code and to the descriptors for gRPC reflection and JSON, and embeds the sample policies
//! for `crosstrust init`.
//!
//! The compiler is protox, which is written in Rust: `protoc` is not needed.

use std::error::Error;
use std::path::{Path, PathBuf};

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
    embed_samples(Path::new(&out))
}

/// Generates `SAMPLES`: path and text of each file in `policies/`.
fn embed_samples(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=policies");
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("policies");
    let mut paths = Vec::new();
    collect_files(&root, &mut paths)?;
    paths.sort();
    let mut source = String::from("const SAMPLES: &[(&str, &str)] = &[\n");
    for path in &paths {
        let name = path
            .strip_prefix(&root)?
            .to_str()
            .ok_or("a file name in policies/ is not UTF-8")?;
        let path = path.to_str().ok_or("the path of policies/ is not UTF-8")?;
        source.push_str(&format!("    ({name:?}, include_str!({path:?})),\n"));
    }
    source.push_str("];\n");
    std::fs::write(out.join("sample_policies.rs"), source)?;
    Ok(())
}

fn collect_files(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => collect_files(&entry.path(), paths)?,
            false => paths.push(entry.path()),
        }
    }
    Ok(())
}
