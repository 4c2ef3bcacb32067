//! Settings from the environment, read once, with all faults in one error.

use std::collections::BTreeMap;

use crate::{Failure, FailureKind};

/// The environment's variables, as a function's `context.rs` has read them.
#[derive(Clone, Debug)]
pub struct Settings {
    variables: BTreeMap<String, String>,
    faults: Vec<String>,
}

impl Settings {
    /// Settings from variables.
    pub fn new(variables: impl Iterator<Item = (String, String)>) -> Self {
        Self {
            variables: variables.collect(),
            faults: Vec::new(),
        }
    }

    /// A required setting.
    pub fn required_text(&mut self, name: &str) -> String {
        match self.variables.get(name).filter(|value| !value.is_empty()) {
            Some(value) => value.clone(),
            None => {
                self.faults.push(format!("{name} is not set"));
                String::new()
            }
        }
    }

    /// An optional setting.
    #[must_use]
    pub fn optional_text(&self, name: &str) -> Option<String> {
        self.variables
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    /// A number, or `default` where there is none.
    pub fn number_or(&mut self, name: &str, default: u32) -> u32 {
        let Some(text) = self.optional_text(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.faults.push(format!("{name} is not a whole number"));
            default
        })
    }

    /// A number of at least `least`, or `default` where there is none.
    pub fn number_from(&mut self, name: &str, least: u32, default: u32) -> u32 {
        let number = self.number_or(name, default);
        if number < least {
            self.faults.push(format!("{name} is less than {least}"));
        }
        number.max(least)
    }

    /// One of `choices`, or the first where there is none.
    pub fn choice<'c>(&mut self, name: &str, choices: &[&'c str]) -> &'c str {
        let first = choices.first().copied().unwrap_or_default();
        let Some(text) = self.optional_text(name) else {
            return first;
        };
        let known = choices.iter().copied().find(|choice| *choice == text);
        known.unwrap_or_else(|| {
            let choices = choices.join(", ");
            self.faults.push(format!("{name} is none of {choices}"));
            first
        })
    }

    /// `value`, unless a setting was missing or wrong.
    ///
    /// # Errors
    /// A configuration failure that names every fault.
    pub fn finish_with<T>(self, value: T) -> Result<T, Failure> {
        if self.faults.is_empty() {
            return Ok(value);
        }
        Err(Failure::new(
            FailureKind::Configuration,
            self.faults.join("; "),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_in_one_error() {
        let variables = [("C", "x"), ("D", "6")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut settings = Settings::new(variables.into_iter());
        settings.required_text("A");
        settings.required_text("B");
        settings.number_or("C", 1);
        settings.number_from("D", 7, 9);
        assert_eq!(settings.choice("C", &["full", "small"]), "full");
        assert_eq!(settings.choice("D", &["5", "6"]), "6");
        assert_eq!(settings.choice("E", &["full", "small"]), "full");
        assert_eq!(settings.number_from("E", 7, 9), 9);
        let failure = settings.finish_with(()).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "Configuration: A is not set; B is not set; C is not a whole number; D is less than 7; \
             C is none of full, small"
        );
    }
}
