//! Whether a disk is full.

use std::path::Path;

/// Bytes without which no work goes on: Kafka's batches and raw objects have up to 6 MB each.
const ROOM_BYTES_MIN: u64 = 16 << 20;

/// Whether the disk that holds a folder, or will hold it, has no room for more work. Where the
/// system does not tell it, it has.
#[must_use]
pub fn is_disk_full(folder: &Path) -> bool {
    let existing = folder.ancestors().find(|folder| folder.is_dir());
    let Ok(disk) = rustix::fs::statvfs(existing.unwrap_or(Path::new("."))) else {
        return false;
    };

    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let lacks_bytes = disk.f_blocks > 0 && free_bytes < ROOM_BYTES_MIN;
    let lacks_files = disk.f_files > 0 && disk.f_favail == 0;
    lacks_bytes || lacks_files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_room_is_not_full_whether_the_folder_is_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_disk_full(folder.path()));
        assert!(!is_disk_full(&folder.path().join("absent/below")));
        assert!(!is_disk_full(Path::new("absent")));
    }
}
