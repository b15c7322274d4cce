//! The second reader of the format, `format-spec/read.py`.
#![allow(dead_code)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use zerogr::ErrorKind;

use super::repository::repository;

/// What the second reader says of a file: its JSON, or its exit status and message.
pub fn read_py(bytes: &[u8]) -> std::result::Result<Value, (i32, String)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let output = Command::new("python3")
        .arg(repository("format-spec/read.py"))
        .arg(file.path())
        .args(["--json", "--vectors"])
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        status => Err((status.unwrap(), message)),
    }
}

/// Every payload block of a file, unpacked by the second reader, one after the other.
pub fn unpacked_blocks(path: &Path) -> Vec<u8> {
    const SCRIPT: &str = "
import struct, sys, zlib
sys.path.insert(0, sys.argv[1])
import read
file = read.File(sys.argv[2])
superblock, manifest = read.select(file)
for entry in manifest.segments:
    segment = read.Extent(file, superblock, read.SEGMENT, entry['references'][0])
    for off, length, *_ in struct.iter_unpack('<QIIII', segment.section(0x0304)):
        stored = segment.section(0x0305)[off:off + length]
        sys.stdout.buffer.write(zlib.decompress(stored))
";
    let output = Command::new("python3")
        .args(["-B", "-c", SCRIPT])
        .arg(repository("format-spec"))
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The exit status by which the second reader says what an error kind says.
pub fn exit_status(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::Corrupt => 1,
        ErrorKind::NotAnIndex => 3,
        ErrorKind::UnsupportedVersion => 4,
        other => panic!("{other:?} says nothing about a file"),
    }
}
