//! Topics that are two for Kafka, and one in the catalogue.

use crate::compile::CompiledMapping;

/// Two sources whose topics have one name in the catalogue: the second one's name, and why.
pub(crate) fn find_catalogue_clash(mappings: &[CompiledMapping]) -> Option<(String, String)> {
    let mut names: Vec<(String, &CompiledMapping)> = mappings
        .iter()
        .map(|mapping| (catalogue_name(mapping), mapping))
        .collect();
    names.sort_by(|(a, _), (b, _)| a.cmp(b));

    let pair = names.windows(2).find(|pair| pair[0].0 == pair[1].0)?;
    let (first, second) = (&pair[0].1.contract, &pair[1].1.contract);
    let message = format!(
        "the topics `{}` and `{}` of `{}` have one name in the catalogue, where every character but \
         letters and digits is `_`: rename one of them",
        first.topic, second.topic, second.domain
    );
    Some((second.name.clone(), message))
}

/// The raw table of a source's topic: its department's database, and the topic as Glue writes it.
fn catalogue_name(mapping: &CompiledMapping) -> String {
    let contract = &mapping.contract;
    format!(
        "{}.{}",
        glue_name(&contract.domain),
        glue_name(&contract.topic)
    )
}

/// A text as Glue has it: letters in lower case, digits, and `_` for all others.
fn glue_name(text: &str) -> String {
    let plain = text.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
        _ => '_',
    });
    plain.collect()
}
