//! A queue like SQS: a message is a file until it is done, and is delivered again when it fails.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::clock::Clock;
use super::file_error::name_path;
use super::private_files::{create_private_folder, write_private_file};

/// How often a message is received before it becomes a dead letter.
const RECEIVES_MAX: u32 = 5;

/// How long a failed message is hidden: shorter than on AWS, so that a user sees it delivered
/// again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A message that is not done.
#[derive(Clone, Debug)]
struct QueueMessage {
    body: String,
    sent_at: i64,
    receives: u32,
    visible_at: Instant,
    in_flight: bool,
}

/// A message as it is delivered.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedMessage {
    /// The message's id, which is its receipt handle too.
    pub(crate) id: String,
    pub(crate) body: String,
    /// When it was sent, in milliseconds since 1970.
    sent_at: i64,
    receives: u32,
}

impl ReceivedMessage {
    /// The system attributes that SQS gives with a message.
    pub(crate) fn attributes(&self) -> Value {
        json!({
            "SentTimestamp": self.sent_at.to_string(),
            "ApproximateReceiveCount": self.receives.to_string(),
        })
    }
}

/// What a queue holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalQueueCounts {
    /// Messages that a receive delivers.
    pub(crate) waiting: usize,
    /// Messages that are being processed, or wait for their next try.
    pub(crate) in_flight: usize,
    /// Messages that were sent with a delay that is not over.
    pub(crate) delayed: usize,
    /// How long the oldest of those that wait or are in flight is there, in seconds.
    pub(crate) oldest_age: Option<i64>,
}

/// How much is received at once, at most: so many messages, and so many bytes of their bodies and
/// of what stands around each. A single message is received whatever its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
    pub(crate) bytes_around: usize,
}

/// A queue with its dead letters.
pub struct LocalQueue {
    name: String,
    folder: PathBuf,
    clock: Arc<Clock>,
    messages: Mutex<BTreeMap<String, QueueMessage>>,
    counter: AtomicU64,
    arrived: Notify,
}

impl LocalQueue {
    /// Opens the queue whose messages are stored in `folder/name`; `clock` stamps them.
    ///
    /// # Errors
    /// When the folder cannot be read or created.
    pub fn open(folder: &Path, name: &str, clock: Arc<Clock>) -> io::Result<Self> {
        let folder = folder.join(name);
        create_private_folder(&folder.join("dead"))?;
        let messages = read_messages(&folder)?;

        // Dead letters count too: a new message must not get the id of one.
        let dead = std::fs::read_dir(folder.join("dead"))?.flatten();
        let dead_ids = dead.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ids = messages.keys().cloned().chain(dead_ids);
        let last = ids.filter_map(|id| number_of_id(&id)).max();
        let last = last.unwrap_or_default();

        Ok(Self {
            name: name.to_owned(),
            folder,
            clock,
            messages: Mutex::new(messages),
            counter: AtomicU64::new(last + 1),
            arrived: Notify::new(),
        })
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts a message into the queue: it is on disk when this returns. Gives its id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn send_message(&self, body: String) -> io::Result<String> {
        self.send_delayed(body, Duration::ZERO)
    }

    /// The same for a message that is held back for a time; a start of the platform ends the delay.
    ///
    /// # Errors
    /// As [`Self::send_message`].
    pub(crate) fn send_delayed(&self, body: String, delay: Duration) -> io::Result<String> {
        let number = self.counter.fetch_add(1, Ordering::SeqCst);
        let sent_at = self.clock.now_millis();
        let id = format!("{number:020}.{sent_at}");
        write_private_file(&self.folder.join(&id), body.as_bytes())?;
        let message = QueueMessage {
            visible_at: Instant::now() + delay,
            ..new_message(body, sent_at)
        };
        self.lock_messages().insert(id.clone(), message);
        self.arrived.notify_one();
        Ok(id)
    }

    /// Messages that are not done, apart from those that are held back.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        let now = Instant::now();
        let messages = self.lock_messages();
        messages
            .values()
            .filter(|message| !message.is_held_back(now))
            .count()
    }

    /// Counts the messages by what a receive would make of them.
    pub(crate) fn count_messages(&self) -> LocalQueueCounts {
        let now = Instant::now();
        let mut counts = LocalQueueCounts::default();
        let mut oldest: Option<i64> = None;
        for message in self.lock_messages().values() {
            if message.is_held_back(now) {
                counts.delayed += 1;
                continue;
            }
            match message.is_visible(now) {
                true => counts.waiting += 1,
                false => counts.in_flight += 1,
            }
            oldest = Some(oldest.map_or(message.sent_at, |oldest| oldest.min(message.sent_at)));
        }

        let now_millis = self.clock.now_millis();
        counts.oldest_age = oldest.map(|sent_at| (now_millis - sent_at).max(0) / 1_000);
        counts
    }

    /// Messages that failed too often.
    #[must_use]
    pub fn dead_letter_count(&self) -> usize {
        std::fs::read_dir(self.folder.join("dead"))
            .map(Iterator::count)
            .unwrap_or_default()
    }

    /// Waits until a message is sent, or the time is over.
    pub(crate) async fn wait_for_message(&self, within: Duration) {
        drop(tokio::time::timeout(within, self.arrived.notified()).await);
    }

    pub(crate) fn has_visible_message(&self) -> bool {
        let now = Instant::now();
        let messages = self.lock_messages();
        messages.values().any(|message| message.is_visible(now))
    }

    /// Receives visible messages, the oldest first; they are hidden until they are settled.
    pub(crate) fn receive_batch(&self, limits: BatchLimits) -> Vec<ReceivedMessage> {
        let now = Instant::now();
        let mut messages = self.lock_messages();
        let visible = messages
            .iter_mut()
            .filter(|(_, message)| message.is_visible(now));

        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (id, message) in visible.take(limits.messages) {
            bytes += message.body.len() + limits.bytes_around;
            if bytes > limits.bytes && !batch.is_empty() {
                break;
            }
            message.in_flight = true;
            batch.push(message.receive(id));
        }
        batch
    }

    /// Receives visible messages, which are hidden for a time: what a client of SQS asks for. As with
    /// SQS, one that was received too often becomes a dead letter instead.
    pub(crate) fn receive_hidden(&self, count: usize, hidden: Duration) -> Vec<ReceivedMessage> {
        self.move_dead_letters();
        let now = Instant::now();
        let mut messages = self.lock_messages();
        let visible = messages
            .iter_mut()
            .filter(|(_, message)| message.is_visible(now));

        let mut received = Vec::new();
        for (id, message) in visible.take(count) {
            message.visible_at = now + hidden;
            received.push(message.receive(id));
        }
        received
    }

    /// Hides a message for a time from now on; false when there is no such message.
    pub(crate) fn hide_message(&self, id: &str, hidden: Duration) -> bool {
        let mut messages = self.lock_messages();
        let Some(message) = messages.get_mut(id) else {
            return false;
        };
        message.visible_at = Instant::now() + hidden;
        self.arrived.notify_one();
        true
    }

    /// Deletes a message; one that is gone is deleted.
    ///
    /// # Errors
    /// When its file cannot be deleted.
    pub(crate) fn delete_message(&self, id: &str) -> io::Result<()> {
        if self.lock_messages().remove(id).is_none() {
            return Ok(());
        }
        std::fs::remove_file(self.folder.join(id))
    }

    /// Delivers a message again, later; after too many times it is a dead letter.
    ///
    /// # Errors
    /// When its file cannot be moved.
    pub(crate) fn retry_or_dead_letter(&self, id: &str) -> io::Result<()> {
        let mut messages = self.lock_messages();
        let Some(message) = messages.get_mut(id) else {
            return Ok(());
        };

        if message.receives < RECEIVES_MAX {
            message.in_flight = false;
            message.visible_at = Instant::now() + RETRY_DELAY * 2u32.pow(message.receives.min(6));
            return Ok(());
        }

        messages.remove(id);
        std::fs::rename(self.folder.join(id), self.folder.join("dead").join(id))
    }

    /// Makes dead letters of the visible messages that were received too often.
    fn move_dead_letters(&self) {
        let now = Instant::now();
        let messages = self.lock_messages();
        let dead = messages
            .iter()
            .filter(|(_, message)| message.is_visible(now) && message.receives >= RECEIVES_MAX);
        let dead: Vec<String> = dead.map(|(id, _)| id.clone()).collect();
        drop(messages);
        for id in dead {
            if let Err(error) = self.retry_or_dead_letter(&id) {
                tracing::error!(%error, queue = self.name, id, "a dead letter was not moved");
            }
        }
    }

    fn lock_messages(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, QueueMessage>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueueMessage {
    fn is_visible(&self, now: Instant) -> bool {
        !self.in_flight && self.visible_at <= now
    }

    /// Whether the message was sent with a delay that is not over.
    fn is_held_back(&self, now: Instant) -> bool {
        self.receives == 0 && self.visible_at > now
    }

    fn receive(&mut self, id: &str) -> ReceivedMessage {
        self.receives += 1;
        ReceivedMessage {
            id: id.to_owned(),
            body: self.body.clone(),
            sent_at: self.sent_at,
            receives: self.receives,
        }
    }
}

/// The number in an id, `<number>.<when it was sent>`.
fn number_of_id(id: &str) -> Option<u64> {
    id.split('.').next()?.parse().ok()
}

/// When the message of an id was sent, in milliseconds since 1970; 0 where the id does not say it.
fn time_of_id(id: &str) -> i64 {
    let time = id.split_once('.').and_then(|(_, time)| time.parse().ok());
    time.unwrap_or_default()
}

fn read_messages(folder: &Path) -> io::Result<BTreeMap<String, QueueMessage>> {
    let mut messages = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let id = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            let body = std::fs::read_to_string(&path).map_err(|error| name_path(&path, &error))?;
            let message = new_message(body, time_of_id(&id));
            messages.insert(id, message);
        }
    }
    Ok(messages)
}

fn new_message(body: String, sent_at: i64) -> QueueMessage {
    QueueMessage {
        body,
        sent_at,
        receives: 0,
        visible_at: Instant::now(),
        in_flight: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> LocalQueue {
        LocalQueue::open(folder, "q", Arc::default()).unwrap()
    }

    const LIMITS: BatchLimits = BatchLimits {
        messages: 10,
        bytes: 10,
        bytes_around: 1,
    };

    #[test]
    fn a_batch_ends_at_its_bytes_and_takes_one_large_message() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path());
        for body in ["1234", "1234", "5", "123456789012345"] {
            queue.send_message(body.to_owned()).unwrap();
        }
        let sizes = || queue.receive_batch(LIMITS).len();
        assert_eq!([sizes(), sizes(), sizes(), sizes()], [2, 1, 1, 0]);
    }

    #[test]
    fn a_message_outlives_the_platform_with_the_time_at_which_it_was_sent() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::default());
        clock.set_millis(1_772_438_400_000);
        let queue = LocalQueue::open(folder.path(), "q", clock).unwrap();
        let id = queue.send_message("a".to_owned()).unwrap();
        drop(queue);

        let queue = open(folder.path());
        let received = queue.receive_batch(LIMITS);
        assert_eq!(received[0].id, id);
        let sent_at = received[0].sent_at;
        assert!((1_772_438_400_000..1_772_438_460_000).contains(&sent_at));
        assert_ne!(queue.send_message("b".to_owned()).unwrap(), id);
    }

    #[test]
    fn a_message_that_is_held_back_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path());
        queue
            .send_delayed("later".to_owned(), Duration::from_secs(60))
            .unwrap();
        assert_eq!(queue.pending_count(), 0);
        assert!(!queue.has_visible_message());
        drop(queue);
        assert_eq!(open(folder.path()).pending_count(), 1);
    }

    #[test]
    fn messages_are_counted_by_what_a_receive_would_make_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::default());
        let queue = LocalQueue::open(folder.path(), "q", Arc::clone(&clock)).unwrap();
        assert_eq!(queue.count_messages(), LocalQueueCounts::default());

        clock.set_millis(1_000_000);
        for body in ["first", "second", "third"] {
            queue.send_message(body.to_owned()).unwrap();
        }
        let delay = Duration::from_secs(60);
        queue.send_delayed("later".to_owned(), delay).unwrap();
        queue.receive_hidden(1, Duration::from_secs(60));
        clock.set_millis(1_000_000 + 90_000);

        let counts = queue.count_messages();
        assert_eq!(
            (counts.waiting, counts.in_flight, counts.delayed),
            (2, 1, 1)
        );
        assert!(matches!(counts.oldest_age, Some(90..100)), "{counts:?}");
    }

    #[test]
    fn what_a_client_receives_comes_back_unless_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path());
        let id = queue.send_message("a".to_owned()).unwrap();
        assert_eq!(queue.receive_hidden(9, Duration::ZERO).len(), 1);
        assert_eq!(queue.receive_hidden(9, Duration::from_secs(60)).len(), 1);
        assert!(queue.receive_hidden(9, Duration::ZERO).is_empty());
        assert!(queue.hide_message(&id, Duration::ZERO));
        assert_eq!(queue.receive_hidden(9, Duration::ZERO).len(), 1);

        queue.delete_message(&id).unwrap();
        queue.delete_message(&id).unwrap();
        assert_eq!(queue.pending_count(), 0);
        assert!(!queue.hide_message(&id, Duration::ZERO));
    }

    #[test]
    fn what_a_client_receives_too_often_is_a_dead_letter() {
        let folder = tempfile::tempdir().unwrap();
        let queue = open(folder.path());
        queue.send_message("a".to_owned()).unwrap();
        for _ in 0..RECEIVES_MAX {
            assert_eq!(queue.receive_hidden(9, Duration::ZERO).len(), 1);
        }
        assert!(queue.receive_hidden(9, Duration::ZERO).is_empty());
        assert_eq!((queue.pending_count(), queue.dead_letter_count()), (0, 1));
    }
}
