//! Where samples stand in their files: what a draft asks of a value names its row.

/// Where a sample stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SamplePlace {
    /// The index of its file.
    file: u32,
    /// Its row in the file, or its number.
    row: u64,
}

/// The files of samples, as they are read one after the other.
#[derive(Debug, Default)]
pub(super) struct SampledFiles {
    names: Vec<String>,
}

impl SampledFiles {
    /// Notes that the samples of another file follow.
    pub(super) fn begin(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    /// The place of a row of the file that is read.
    pub(super) fn place_of(&self, row: u64) -> SamplePlace {
        let file = self.names.len().saturating_sub(1);
        SamplePlace {
            file: u32::try_from(file).unwrap_or(u32::MAX),
            row,
        }
    }

    /// Rows in words: `row 3`, `rows 15 and 16`; with their files, where there are several.
    pub(super) fn describe(&self, places: &[SamplePlace]) -> String {
        let is_one_file = self.names.len() < 2;
        let texts: Vec<String> = places
            .iter()
            .map(|place| match is_one_file {
                true => place.row.to_string(),
                false => format!("row {} of {}", place.row, self.name(place)),
            })
            .collect();
        let word = match (is_one_file, texts.len()) {
            (false, _) => "",
            (true, 1) => "row ",
            (true, _) => "rows ",
        };
        match texts.split_last() {
            Some((last, [])) => format!("{word}{last}"),
            Some((last, others)) => format!("{word}{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }

    fn name(&self, place: &SamplePlace) -> String {
        let name = usize::try_from(place.file).ok();
        let name = name.and_then(|index| self.names.get(index));
        let name = name.map(String::as_str).unwrap_or_default();
        name.replace(char::is_control, " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_with_their_files_where_there_are_several() {
        let mut files = SampledFiles::default();
        files.begin("a.csv");
        let first = files.place_of(15);
        let second = files.place_of(16);
        assert_eq!(files.describe(&[first]), "row 15");
        assert_eq!(files.describe(&[first, second]), "rows 15 and 16");
        files.begin("b.csv");
        let third = files.place_of(2);
        assert_eq!(
            files.describe(&[first, third]),
            "row 15 of a.csv and row 2 of b.csv"
        );
    }
}
