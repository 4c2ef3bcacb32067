//! The names of the catalogue's databases.

/// The name of a department's database of a zone, `<prefix>_<zone>_<department>`, as Glue and
/// Athena accept names: letters in lower case, digits and underscores.
///
/// ```
/// let name = lake::database_name("pole", "curated", "Adult Care");
/// assert_eq!(name, "pole_curated_adult_care");
/// ```
#[must_use]
pub fn database_name(prefix: &str, zone: &str, department: &str) -> String {
    let department: String = department.chars().map(plain_character).collect();
    format!("{prefix}_{zone}_{department}")
}

fn plain_character(c: char) -> char {
    if c.is_ascii_alphanumeric() {
        c.to_ascii_lowercase()
    } else {
        '_'
    }
}
