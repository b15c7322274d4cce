//! Gzip files: members one after the other, and the zeros that may follow the last one where a
//! file was padded to whole blocks.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks a gzip file.
pub(super) struct Gunzip<R> {
    /// Nothing after the last one.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gunzip<R> {
    /// Unpacks what `source` holds.
    pub(super) fn new(source: R) -> Self {
        Gunzip {
            member: Some(GzDecoder::new(source)),
        }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let more = skip_zeros(member.get_mut())?;
            let source = self.member.take().map(GzDecoder::into_inner);
            self.member = source.filter(|_| more).map(GzDecoder::new);
        }
        Ok(0)
    }
}

/// Takes zeros from `source` and says whether anything else follows.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let available = match source.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let zeros = available.iter().take_while(|byte| **byte == 0).count();
        let is_end = available.is_empty();
        let is_other = zeros < available.len();
        source.consume(zeros);
        if is_end || is_other {
            return Ok(is_other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// Through a buffer of `size` bytes, so that every boundary is met.
    fn unpacked(bytes: &[u8], size: usize) -> io::Result<String> {
        let mut text = String::new();
        let source = io::BufReader::with_capacity(size, bytes);
        Gunzip::new(source).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn members_and_the_zeros_between_and_behind_them() {
        let zeros = vec![0; 700];
        for size in [1, 2, 7, 512, 4096] {
            for (bytes, text) in [
                (packed("one"), "one"),
                ([packed("one"), packed("two")].concat(), "onetwo"),
                ([packed("one"), vec![0]].concat(), "one"),
                ([packed("one"), zeros.clone()].concat(), "one"),
                (
                    [packed(""), zeros.clone(), packed("two"), zeros.clone()].concat(),
                    "two",
                ),
            ] {
                assert_eq!(unpacked(&bytes, size).unwrap(), text);
            }
        }
    }

    #[test]
    fn anything_else_behind_them_is_damage() {
        let behind: [&[u8]; 3] = [b"text", b"\0\0text", b"\x1f\x8b"];
        for behind in behind {
            let bytes = [packed("one"), behind.to_vec()].concat();
            assert!(unpacked(&bytes, 512).is_err(), "{behind:?}");
        }
    }
}
