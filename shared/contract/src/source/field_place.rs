//! Where a contract describes a field, by the field's path.

use crate::odcs::Property;
use crate::place::DocumentPlace;

/// The place of the field at `path`, such as `.tenures[*].id`, within the object that has these
/// properties; the last part of it that is described.
pub(super) fn field_place(properties: &[Property], path: &str) -> DocumentPlace {
    let mut place = DocumentPlace::root();
    let mut properties = properties;
    let mut rest = path;
    while let Some(named) = rest.strip_prefix('.') {
        let numbered = properties.iter().enumerate();
        let found = numbered.filter(|(_, property)| begins_with_name(named, &property.name));
        let found = found.max_by_key(|(_, property)| property.name.len());
        let Some((index, mut described)) = found else {
            return place;
        };
        place = place.name("properties").item(index);
        rest = &named[described.name.len()..];

        while let (Some(below), Some(items)) = (rest.strip_prefix("[*]"), &described.items) {
            place = place.name("items");
            described = items;
            rest = below;
        }
        properties = &described.properties;
    }
    place
}

/// Whether a path begins with this name, and not with a longer one.
fn begins_with_name(path: &str, name: &str) -> bool {
    path.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(name: &str, properties: Vec<Property>) -> Property {
        Property {
            name: name.to_owned(),
            properties,
            ..Property::default()
        }
    }

    #[test]
    fn a_field_is_found_through_lists_and_objects() {
        let item = property(
            "",
            vec![property("id", Vec::new()), property("id.x", Vec::new())],
        );
        let list = Property {
            items: Some(Box::new(item)),
            ..property("tenures", Vec::new())
        };
        let properties = [property("name", Vec::new()), list];
        let items = DocumentPlace::root()
            .name("properties")
            .item(1)
            .name("items");
        assert_eq!(field_place(&properties, ".tenures[*]"), items);
        let field = items.clone().name("properties").item(1);
        assert_eq!(field_place(&properties, ".tenures[*].id.x"), field);
        assert_eq!(field_place(&properties, ".tenures[*].nothing"), items);
        assert_eq!(field_place(&properties, ""), DocumentPlace::root());
    }
}
