//! The digests of a sorted file's column chunks: made while the file is written, and kept in its
//! footer.

use std::collections::VecDeque;
use std::io::{self, Write};

use parquet::file::metadata::KeyValue;
use sha2::{Digest, Sha256};

use crate::LakeError;
use crate::digest::{FileDigest, Sha256Digest};

/// The key of the footer's metadata under which the digests are: base64 of 32 bytes for each chunk,
/// row group by row group, in the order of the columns.
pub(crate) const CHUNK_DIGESTS_KEY: &str = "polelake.chunk_sha256";

/// `PAR1`, with which a Parquet file begins.
pub(crate) const FILE_MARK_BYTES: u64 = 4;

/// A part of the file that is to come: its bytes, and its digest where it is known already.
struct ExpectedPart {
    missing: u64,
    kind: PartKind,
}

enum PartKind {
    /// The mark at the file's beginning, which has no digest.
    Mark,
    /// A chunk that is encoded here.
    Encoded(Sha256),
    /// A chunk that is copied. Its reader has checked it.
    Copied(Sha256Digest),
}

/// Passes a file on as it is written, and makes the digests of its chunks and of its tail.
///
/// Parquet's writer gathers bytes before it passes them on. So the chunks are announced before they
/// are written, and found again by their lengths.
pub(crate) struct ChunkDigester<W> {
    sink: W,
    bytes: u64,
    expected: VecDeque<ExpectedPart>,
    chunks: Vec<Sha256Digest>,
    tail: Sha256,
    tail_bytes: u64,
}

impl<W: Write> ChunkDigester<W> {
    pub(crate) fn new(sink: W) -> Self {
        let mark = ExpectedPart {
            missing: FILE_MARK_BYTES,
            kind: PartKind::Mark,
        };
        Self {
            sink,
            bytes: 0,
            expected: VecDeque::from([mark]),
            chunks: Vec::new(),
            tail: Sha256::new(),
            tail_bytes: 0,
        }
    }

    /// Announces a chunk of so many bytes that is encoded here.
    pub(crate) fn expect_encoded(&mut self, bytes: u64) {
        self.expect(bytes, PartKind::Encoded(Sha256::new()));
    }

    /// Announces a chunk that is copied, with its digest.
    pub(crate) fn expect_copied(&mut self, bytes: u64, digest: Sha256Digest) {
        self.expect(bytes, PartKind::Copied(digest));
    }

    fn expect(&mut self, missing: u64, kind: PartKind) {
        self.expected.push_back(ExpectedPart { missing, kind });
    }

    /// The footer's metadata with the digests of all chunks, which have been written.
    pub(crate) fn chunk_metadata(&self) -> KeyValue {
        let digests: Vec<u8> = self
            .chunks
            .iter()
            .flat_map(|digest| *digest.as_bytes())
            .collect();
        let text = base64_simd::STANDARD.encode_to_string(digests);
        KeyValue::new(CHUNK_DIGESTS_KEY.to_owned(), text)
    }

    /// The sink, and the digest of the file, which is complete.
    pub(crate) fn finish(self) -> (W, FileDigest) {
        let digest = FileDigest {
            bytes: self.bytes,
            tail_bytes: self.tail_bytes,
            tail_sha256: Sha256Digest::finish(self.tail),
        };
        (self.sink, digest)
    }

    fn add_bytes(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        while let Some(mut part) = self.expected.pop_front() {
            let missing = usize::try_from(part.missing).unwrap_or(usize::MAX);
            let (of_part, rest) = bytes.split_at(missing.min(bytes.len()));
            if let PartKind::Encoded(hasher) = &mut part.kind {
                hasher.update(of_part);
            }
            part.missing -= of_part.len() as u64;
            bytes = rest;
            if part.missing > 0 {
                self.expected.push_front(part);
                return;
            }
            self.end_part(part.kind);
        }

        self.tail.update(bytes);
        self.tail_bytes += bytes.len() as u64;
    }

    fn end_part(&mut self, kind: PartKind) {
        match kind {
            PartKind::Mark => {}
            PartKind::Encoded(hasher) => self.chunks.push(Sha256Digest::finish(hasher)),
            PartKind::Copied(digest) => self.chunks.push(digest),
        }
    }
}

impl<W: Write> Write for ChunkDigester<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.add_bytes(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// The digests of a file's chunks, as its footer holds them.
#[derive(Clone, Debug)]
pub(crate) struct ChunkDigests {
    columns: usize,
    digests: Vec<Sha256Digest>,
}

impl ChunkDigests {
    /// Reads the digests of a file of so many row groups and columns.
    ///
    /// # Errors
    /// When the footer has none, or another number of them.
    pub(crate) fn from_metadata(
        metadata: Option<&Vec<KeyValue>>,
        groups: usize,
        columns: usize,
    ) -> Result<Self, LakeError> {
        let mut entries = metadata.into_iter().flatten();
        let text = entries
            .find(|entry| entry.key == CHUNK_DIGESTS_KEY)
            .and_then(|entry| entry.value.as_deref())
            .ok_or_else(|| digests_error("has no digests of its column chunks"))?;
        let bytes = base64_simd::STANDARD
            .decode_to_vec(text.as_bytes())
            .map_err(|_| digests_error("has digests that are not base64"))?;
        let (digests, rest) = bytes.as_chunks::<{ Sha256Digest::BYTES }>();
        if !rest.is_empty() || digests.len() != groups * columns {
            return Err(digests_error("has not one digest for each column chunk"));
        }

        Ok(Self {
            columns,
            digests: digests
                .iter()
                .copied()
                .map(Sha256Digest::from_bytes)
                .collect(),
        })
    }

    /// The digests of a row group's chunks, in the order of the columns.
    pub(crate) fn of_group(&self, group: usize) -> &[Sha256Digest] {
        let from = group * self.columns;
        self.digests
            .get(from..from + self.columns)
            .unwrap_or_default()
    }
}

fn digests_error(what: &str) -> LakeError {
    LakeError::Unexpected(format!(
        "the file's footer {what}: no merge of this polelake wrote it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the parts in pieces of so many bytes.
    fn digest_in_pieces(
        file: &[u8],
        chunks: &[u64],
        piece: usize,
    ) -> (Vec<Sha256Digest>, FileDigest) {
        let mut digester = ChunkDigester::new(Vec::new());
        for chunk in chunks {
            digester.expect_encoded(*chunk);
        }
        for piece in file.chunks(piece) {
            digester.write_all(piece).unwrap();
        }
        let digests = digester.chunks.clone();
        let (written, digest) = digester.finish();
        assert_eq!(written, file);
        (digests, digest)
    }

    #[test]
    fn chunks_are_found_however_the_file_is_cut_as_it_is_written() {
        let file = b"PAR1aaabbbbbtail";
        for piece in 1..=file.len() {
            let (chunks, digest) = digest_in_pieces(file, &[3, 5], piece);
            let expected = [b"aaa".as_slice(), b"bbbbb"].map(Sha256Digest::of_bytes);
            assert_eq!(chunks, expected, "pieces of {piece}");
            assert_eq!((digest.bytes, digest.tail_bytes), (16, 4));
            assert!(digest.check_tail(b"tail").is_ok());
            assert!(digest.check_tail(b"tall").is_err());
        }
    }

    #[test]
    fn a_file_without_chunks_is_a_tail() {
        let (chunks, digest) = digest_in_pieces(b"PAR1tail", &[], 3);
        assert_eq!(chunks, []);
        assert_eq!(digest.tail_start(), 4);
    }

    #[test]
    fn digests_are_read_as_they_were_written_and_for_every_chunk() {
        let mut digester = ChunkDigester::new(Vec::new());
        let copied = Sha256Digest::of_bytes(b"copied");
        digester.expect_encoded(1);
        digester.expect_copied(2, copied);
        digester.write_all(b"PAR1xyy").unwrap();
        let metadata = vec![digester.chunk_metadata()];

        let read = ChunkDigests::from_metadata(Some(&metadata), 1, 2).unwrap();
        assert_eq!(read.of_group(0), [Sha256Digest::of_bytes(b"x"), copied]);
        assert!(read.of_group(1).is_empty());
        for (groups, columns) in [(1, 1), (2, 2), (0, 0)] {
            assert!(ChunkDigests::from_metadata(Some(&metadata), groups, columns).is_err());
        }
        assert!(ChunkDigests::from_metadata(None, 1, 2).is_err());
    }
}
