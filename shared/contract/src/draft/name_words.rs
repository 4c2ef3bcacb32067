//! Words before the names of fields: `tenant_surname`.

/// A name without one of these words before it, and whether it had one.
pub(super) fn strip_word<'n>(name: &'n str, words: &[&str]) -> (&'n str, bool) {
    let mut found = words.iter().filter_map(|word| strip_one_word(name, word));
    found.next().map_or((name, false), |rest| (rest, true))
}

/// The name without the word before it, which may have the sign of possession: `driver_s_name`.
pub(super) fn strip_one_word<'n>(name: &'n str, word: &str) -> Option<&'n str> {
    let rest = name.strip_prefix(word)?;
    if !rest.is_empty() && !rest.starts_with('_') {
        return None;
    }
    let rest = rest.trim_start_matches('_');
    Some(rest.strip_prefix("s_").unwrap_or(rest))
}
