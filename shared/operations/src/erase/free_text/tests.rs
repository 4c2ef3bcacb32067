//! What is found in texts and records, and what is not.

use std::collections::BTreeSet;

use pole::FoldedText;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::record_texts::TextWalk;
use super::*;

/// 5 March 1980.
const BORN: i32 = 3_716;

fn search_of(given: &str, surname: &str) -> FreeTextSearch {
    let mut terms = FreeTextTerms::default();
    terms.add_given(given);
    terms.add_surname(surname);
    terms.add_birth_date(BORN);
    FreeTextSearch {
        terms,
        with_excerpts: true,
    }
}

fn reasons_in(search: &FreeTextSearch, text: &str) -> String {
    let found = search.terms.find_in(&FoldedText::of(text));
    let reasons = found.map(|found| found.reasons).unwrap_or_default();
    let names: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    names.join(" ")
}

#[track_caller]
fn check(given: &str, surname: &str, reason: &str, texts: &[&str]) {
    let search = search_of(given, surname);
    for text in texts {
        assert_eq!(
            reasons_in(&search, text),
            reason,
            "{given} {surname} in {text:?}"
        );
    }
}

/// Path and reasons of everything that is found in a value.
fn found_in(search: &FreeTextSearch, value: &[u8]) -> Vec<(String, String)> {
    let mut walk = TextWalk::new(search);
    walk.search_value(value);
    let found = walk.into_found().map(|found| {
        let reasons: Vec<String> = found.reasons.iter().map(ToString::to_string).collect();
        (found.path, reasons.join(" "))
    });
    found.collect()
}

fn paths_in(search: &FreeTextSearch, value: &Value) -> Vec<String> {
    let found = found_in(search, value.to_string().as_bytes());
    found.into_iter().map(|(path, _)| path).collect()
}

#[test]
fn a_name_is_found_however_it_was_written() {
    let full = "full-name";
    check(
        "Robin",
        "Sample",
        full,
        &[
            "spoke to Robin Sample",
            "ROBIN SAMPLE",
            "Sample, Robin",
            "Robin\n  Sample",
            "robin.sample@example.org",
            "Robin (née Jones) Sample",
            "Robin J. Sample's mother",
            "Robin\u{a0}Sample",
            "Ｒｏｂｉｎ Ｓａｍｐｌｅ",
            "Ro\u{ad}bin Sam\u{200b}ple",
            "Sample/Robin",
            "Robin_Sample_2024.pdf",
        ],
    );
    check(
        "Jürgen",
        "Müller",
        full,
        &[
            "Jürgen Müller",
            "JUERGEN MUELLER",
            "Jurgen Muller",
            "Mu\u{308}ller, Ju\u{308}rgen",
        ],
    );
    check("Juergen", "Mueller", full, &["Jürgen Müller"]);
    check(
        "Seán",
        "O'Brien",
        full,
        &[
            "Sean O'Brien",
            "SEÁN O’BRIEN",
            "Sean OBrien",
            "O Brien, Sean",
            "Sean O\u{2bc}Brien",
            "Sean O`Brien",
        ],
    );
    check(
        "Anna-Maria",
        "Smith-Jones",
        full,
        &[
            "Anna-Maria Smith-Jones",
            "Anna Smith Jones",
            "SMITHJONES Annamaria",
            "Maria Smith–Jones",
        ],
    );
    check("芳", "王", full, &["见到王芳了"]);
    check("Анна", "Йорданова", full, &["ЙОРДАНОВА Анна"]);
}

#[test]
fn another_name_is_not_found() {
    check(
        "Robin",
        "Sample",
        "",
        &[
            "Robin",
            "Sample",
            "Robinson Sample",
            "Robin Sampleton",
            "Kim Sample",
            "Robin Jones",
            "Robins Sample",
            "Robin met Kim and later on Mr Sample came",
            "a sample of robins",
            "",
            "RobinSample",
        ],
    );
    check("James", "James", "", &["James", "James went"]);
    check("James", "James", "full-name", &["James James"]);
    check("A", "Sample", "", &["a sample"]);
    check("Mr Robin", "Sample", "", &["Mr Sample"]);
}

#[test]
fn a_part_of_a_double_surname_is_a_reason_of_its_own() {
    check(
        "Anna",
        "Smith-Jones",
        "partial-name",
        &["Anna Jones", "Smith, Anna"],
    );
    check("Anna", "van der Berg", "partial-name", &["Anna Berg"]);
    check("Anna", "van der Berg", "", &["Anna von der van"]);
}

#[test]
fn a_surname_near_the_date_of_birth_is_found() {
    check(
        "Robin",
        "Sample",
        "surname-and-birth-date",
        &[
            "Sample (1980-03-05)",
            "DOB 05/03/1980 SAMPLE",
            "Mr Sample, born 5.3.80",
            "Sample b. 5th March 1980",
            "Sample, March 5th, 1980",
            "the Sample child: 5 Mar 1980",
            "Sample 19800305",
            "sample 1980-03-05T00:00:00Z",
            "5th of March 1980: Sample",
        ],
    );
    check(
        "Robin",
        "Sample",
        "",
        &[
            "Sample 1980-03-06",
            "Sample 15/03/1980",
            "1980-03-05",
            "Sample 5 May 1980",
            "Sample a b c d e f g h i j k l m n 1980-03-05",
        ],
    );
}

#[test]
fn texts_of_the_operator_are_found_as_words() {
    let mut search = search_of("Robin", "Sample");
    search.terms.add_text("07700 900123");
    search.terms.add_text("Böbby");
    for text in [
        "ring 07700-900123",
        "07700900123",
        "Boebby",
        "BOBBY",
        "(07700) 900 123",
    ] {
        assert_eq!(reasons_in(&search, text), "text", "{text}");
    }
    for text in ["107700900123", "077009001234", "Bobbysox"] {
        assert_eq!(reasons_in(&search, text), "", "{text}");
    }
    assert_eq!(found_in(&search, br#"{"phone": 7700900123}"#), []);
    search.terms.add_text("447700900123");
    let path = ("$.phone".to_owned(), "text".to_owned());
    assert_eq!(found_in(&search, br#"{"phone": 447700900123}"#), [path]);
}

#[test]
fn a_text_of_three_characters_is_refused() {
    for text in ["abc", "", "a-b c", "  "] {
        assert!(
            FreeTextRequest::new(vec![text.to_owned()], false).is_err(),
            "{text}"
        );
    }
    assert!(FreeTextRequest::new(vec!["Bo 12".to_owned()], false).is_ok());
}

#[test]
fn without_a_pair_nothing_can_be_found() {
    let mut terms = FreeTextTerms::default();
    terms.add_given("Robin");
    terms.add_birth_date(BORN);
    assert_eq!(terms.count(), 0);
    terms.add_surname("Sample");
    assert_eq!(terms.count(), 3);
    let mut terms = FreeTextTerms::default();
    terms.add_full_name("Mr Robin Sample");
    assert_eq!(terms.count(), 3, "the name, and its two parts");
    assert!(terms.find_in(&FoldedText::of("Sample, Robin")).is_some());
}

#[test]
fn every_text_of_a_document_is_searched() {
    let search = search_of("Robin", "Sample");
    let value = json!({
        "notes": ["tap", "Robin Sample was there"],
        "visit": {"by": {"free": "Sample,\r\nRobin"}},
        "raw": "{\"a\": [\"R\\u006fbin S\\u00e4mple\"]}",
        "Robin Sample": {"x": "Robin Sample"},
        "escaped": "Robin\\nSample",
        "other": "Kim Sample",
    });
    let wanted = [
        "$.(unprintable)",
        "$.(unprintable).x",
        "$.escaped",
        "$.notes[1]",
        "$.raw",
        "$.visit.by.free",
    ];
    assert_eq!(paths_in(&search, &value), wanted);
}

#[test]
fn fields_beside_each_other_are_read_together() {
    let search = search_of("Robin", "Sample");
    let kin =
        json!({"kin": [{"first": "ROBIN", "last": "Sample"}, {"first": "Kim", "last": "Sample"}]});
    assert_eq!(paths_in(&search, &kin), ["$.kin[0].first", "$.kin[0].last"]);
    let born = json!({"last": "Sample", "born": "1980-03-05T00:00:00"});
    assert_eq!(paths_in(&search, &born), ["$.born", "$.last"]);
    let apart = json!({"a": {"first": "Robin"}, "b": {"last": "Sample"}});
    assert_eq!(paths_in(&search, &apart), [] as [String; 0]);
    let notes = json!({"first": "Robin fell", "last": "Sample Ltd"});
    assert_eq!(paths_in(&search, &notes), [] as [String; 0]);
}

#[test]
fn bytes_that_are_no_json_are_searched_in_their_encoding() {
    let search = search_of("Jürgen", "Müller");
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let framed = [
        &[0, 1, 2, 0xff, 14][..],
        "Jürgen Müller".as_bytes(),
        &[0xfe, 0],
    ]
    .concat();
    for value in [
        b"{\"name\": \"J\\u00fcrgen M\\u00fcller".to_vec(),
        b"J\xfcrgen M\xfcller".to_vec(),
        utf16("Jürgen Müller"),
        framed,
        b"M\xc3\xbcller;J\xc3\xbcrgen\n".to_vec(),
    ] {
        let path = ("value".to_owned(), "full-name".to_owned());
        assert_eq!(found_in(&search, &value), [path], "{value:?}");
    }
    assert_eq!(found_in(&search, b"\xff\xfe\x00"), []);
}

#[test]
fn keys_and_headers_are_searched_and_their_names_hidden() {
    let search = search_of("Robin", "Sample");
    let mut walk = TextWalk::new(&search);
    walk.search_key(b"robin-sample");
    walk.search_headers(r#"[["by","Um9iaW4gU2FtcGxl"],["x",null],["robin_sample",null]]"#);
    let paths: BTreeSet<String> = walk.into_found().map(|found| found.path).collect();
    let wanted = ["headers.(unprintable)", "headers.by", "key"].map(str::to_owned);
    assert_eq!(paths, wanted.into());
}

#[test]
fn an_excerpt_is_short_and_holds_the_finding() {
    let search = search_of("Robin", "Sample");
    let text = format!("{}Robin Sample{}", "ü ".repeat(200), " x".repeat(200));
    let mut walk = TextWalk::new(&search);
    walk.search_value(json!({"note": text}).to_string().as_bytes());
    let excerpt = walk.into_found().next().unwrap().excerpt.unwrap();
    assert_eq!(excerpt.chars().count(), 80);
    assert!(excerpt.contains("Robin Sample"), "{excerpt}");
}

#[test]
fn a_hostile_document_is_searched_in_linear_time() {
    let search = search_of("al", "al");
    let begun = std::time::Instant::now();
    let text = "al ".repeat(100_000);
    let members: serde_json::Map<String, Value> = (0..50_000)
        .map(|number| (format!("n{number}"), json!("al")))
        .collect();
    assert_eq!(paths_in(&search, &json!({"a": text})), ["$.a"]);
    // Names of four digits may be data: all of them share one path.
    assert_eq!(paths_in(&search, &Value::Object(members)).len(), 1_001);
    let deep = format!("{}\"x\"", "\"[".repeat(10_000));
    found_in(&search, deep.as_bytes());
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn a_name_within_any_text_is_found_and_its_place_holds_it(
        before in "\\PC{0,30}", after in "\\PC{0,30}", reversed: bool,
    ) {
        let search = search_of("Robin", "Sample");
        let name = if reversed { "Sample, Robin" } else { "Robin Sample" };
        let text = format!("{before} {name} {after}");
        let folded = FoldedText::of(&text);
        let found = search.terms.find_in(&folded);
        prop_assert!(found.is_some());
        let place = folded.place_of(found.unwrap().words);
        prop_assert!(text.get(place).is_some_and(|found| found.contains("Robin")));
    }

    #[test]
    fn places_of_words_are_characters_of_the_text(text in "\\PC{0,60}") {
        let folded = FoldedText::of(&text);
        let mut last = 0;
        for index in 0..folded.word_count() {
            let place = folded.place_of(index..index + 1);
            prop_assert!(last <= place.start && place.start < place.end);
            prop_assert!(text.get(place.clone()).is_some());
            prop_assert!(folded.spellings().all(|spelling| spelling.word(index).is_some()));
            last = place.start;
        }
    }

    #[test]
    fn no_value_makes_the_walk_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        found_in(&search_of("Robin", "Sample"), &bytes);
    }
}
