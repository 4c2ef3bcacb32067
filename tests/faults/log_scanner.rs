//! Everything that the functions log, looked through for personal values.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_subscriber::fmt::MakeWriter;

/// Counts log lines, and those that hold the marker.
#[derive(Clone)]
pub(crate) struct LogScanner {
    marker: &'static str,
    counts: Arc<[AtomicU64; 2]>,
}

impl LogScanner {
    /// Lines, and lines with the marker.
    pub(crate) fn line_counts(&self) -> (u64, u64) {
        (
            self.counts[0].load(Ordering::SeqCst),
            self.counts[1].load(Ordering::SeqCst),
        )
    }
}

impl Write for LogScanner {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.counts[0].fetch_add(1, Ordering::SeqCst);
        if String::from_utf8_lossy(line).contains(self.marker) {
            self.counts[1].fetch_add(1, Ordering::SeqCst);
            eprintln!(
                "a personal value in the log: {}",
                String::from_utf8_lossy(line)
            );
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogScanner {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Listens to every line from `debug` up of our own code and from `info` up of all else.
pub(crate) fn install_scanner(marker: &'static str) -> LogScanner {
    let scanner = LogScanner {
        marker,
        counts: Arc::default(),
    };
    let filter = "info,event_relay=debug,raw_landing=debug,pole_transform=debug,\
        snapshot_merge=debug,polelake=debug";
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(scanner.clone())
        .init();
    scanner
}
