//! The lines of a file that others wrote: none is longer than an event may be, whatever the file
//! unpacks to.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use lake::limits::VALUE_BYTES_MAX;

/// The lines of a reader, one after the other. A line over the limit is read over without being
/// held, and is an error of its own: those behind it follow. Behind every other error, such as the
/// torn end of a packed file, there is no line.
pub(crate) struct BoundedLines<R> {
    reader: R,
    is_torn: bool,
}

impl<R: BufRead> BoundedLines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            is_torn: false,
        }
    }

    fn read_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        // The line and its end, or one byte too many.
        let mut start = self.reader.by_ref().take(VALUE_BYTES_MAX as u64 + 1);
        if start.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }

        line.pop_if(|last| *last == b'\n');
        if line.len() > VALUE_BYTES_MAX {
            self.reader.skip_until(b'\n')?;
            let what = format!("the line has more than {VALUE_BYTES_MAX} bytes, the limit");
            return Err(Error::new(ErrorKind::FileTooLarge, what));
        }
        Ok(Some(line))
    }
}

impl<R: BufRead> Iterator for BoundedLines<R> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_torn {
            return None;
        }
        let line = self.read_line();
        self.is_torn = matches!(&line, Err(error) if error.kind() != ErrorKind::FileTooLarge);
        line.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_the_limit_is_one_error_and_the_next_line_follows() {
        let mut text = b"one\n\n".to_vec();
        text.extend(vec![b'x'; VALUE_BYTES_MAX]);
        text.push(b'\n');
        text.extend(vec![b'y'; VALUE_BYTES_MAX + 1]);
        text.extend(b"\nlast");

        let lines: Vec<Result<Vec<u8>>> = BoundedLines::new(text.as_slice()).collect();
        let lengths: Vec<Option<usize>> = lines
            .iter()
            .map(|line| line.as_ref().ok().map(Vec::len))
            .collect();
        assert_eq!(
            lengths,
            [Some(3), Some(0), Some(VALUE_BYTES_MAX), None, Some(4)]
        );
        let error = lines[3].as_ref().unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
}
