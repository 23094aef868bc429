//! Names the sources that this build is made of, so that results of different programs are never mixed.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files)?;
    files.sort();
    // Versions of the libraries, where the crate is built within its workspace.
    let lock = root.join("../../Cargo.lock");
    files.extend(lock.exists().then_some(lock));
    let mut hash = blake3::Hasher::new();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        hash.update(&fs::read(file)?);
    }
    println!("cargo::rerun-if-changed={}", root.join("src").display());
    let hash = hash.finalize().to_hex();
    println!("cargo::rustc-env=GIANTSTEP_SOURCES={}", &hash[..16]);
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
