//! What `polelake erase` prints of candidates in free text.

use operations::erase::{CandidateReason, FreeTextOutcome, TextCandidate};

use crate::terminal::escape_line;

/// Prints the candidates, or that free text was not searched.
pub(crate) fn print_candidates(found: &FreeTextOutcome, is_asked: bool) {
    if !found.searched {
        println!("{}", unsearched_text(is_asked));
        return;
    }

    for candidate in &found.candidates {
        println!("candidate: {}", candidate_line(candidate));
        if let Some(excerpt) = &candidate.excerpt {
            println!("  {}", escape_line(excerpt));
        }
    }
    if found.not_listed > 0 {
        println!("{} further candidates are not listed", found.not_listed);
    }
    let (count, terms) = (found.count(), found.terms);
    println!(
        "Free text was searched for {terms} names, dates and texts: {count} candidates. Nothing \
         is changed because of a candidate; a namesake is one too. Look at each, and decide."
    );
}

/// Why nothing is known of free text, and what to do about it.
fn unsearched_text(is_asked: bool) -> &'static str {
    if is_asked {
        "Free text was not searched: no row of the subject holds a name. Give the names with \
         --search-text."
    } else {
        "Free text was not searched: --search finds the subject's names in what stays."
    }
}

fn candidate_line(candidate: &TextCandidate) -> String {
    let reasons: Vec<String> = candidate
        .reasons
        .iter()
        .map(CandidateReason::to_string)
        .collect();
    let record = match (&candidate.topic, candidate.partition) {
        (Some(topic), Some(partition)) => format!(" topic {topic} partition {partition}"),
        _ => String::new(),
    };
    format!(
        "{}{record} offset {} {}: {}",
        candidate.object,
        candidate.offset,
        candidate.path,
        reasons.join(", ")
    )
}
