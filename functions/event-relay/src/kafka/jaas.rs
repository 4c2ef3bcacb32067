//! The login in `sasl.jaas.config`:
//! `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";`

/// Name and password of a login module's options.
///
/// # Errors
/// When the module is another, or an option is missing or not a name and a password. No message
/// holds a value.
pub(crate) fn read_jaas_login(text: &str, module: &str) -> Result<(String, String), String> {
    let mut words = split_words(text)?.into_iter();
    let class = words.next().unwrap_or_default();
    if class.rsplit('.').next() != Some(module) {
        return Err(format!("names another login module than `{module}`"));
    }
    if words.next().as_deref() != Some("required") {
        return Err("has no `required` after its login module".to_owned());
    }

    let (mut name, mut password) = (None, None);
    for option in words {
        match option.split_once('=') {
            Some(("username", value)) => name = Some(value.to_owned()),
            Some(("password", value)) => password = Some(value.to_owned()),
            Some((other, _)) => return Err(format!("has the option `{other}`, which is not used")),
            None => return Err("has a word that is no option".to_owned()),
        }
    }
    match (name, password) {
        (Some(name), Some(password)) => Ok((name, password)),
        (None, _) => Err("has no `username`".to_owned()),
        (_, None) => Err("has no `password`".to_owned()),
    }
}

/// The words of a login, which ends with a semicolon. Quotes hold a value together.
fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut signs = text.trim().chars();
    while let Some(sign) = signs.next() {
        let word = words.last_mut();
        match (quote, sign) {
            (None, ';') => return finish_words(words, signs.as_str()),
            (None, '"' | '\'') => quote = Some(sign),
            (Some(open), _) if open == sign => quote = None,
            (Some(_), '\\') => word.into_iter().for_each(|word| word.extend(signs.next())),
            (None, _) if sign.is_whitespace() => words.push(String::new()),
            _ => word.into_iter().for_each(|word| word.push(sign)),
        }
    }
    Err(match quote {
        Some(_) => "has a quote that is not closed".to_owned(),
        None => "does not end with a semicolon".to_owned(),
    })
}

fn finish_words(mut words: Vec<String>, rest: &str) -> Result<Vec<String>, String> {
    if !rest.trim().is_empty() {
        return Err("has more than one login module".to_owned());
    }
    words.retain(|word| !word.is_empty());
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

    #[test]
    fn name_and_password_are_read_with_their_quotes_and_escapes() {
        let login = |options: &str| {
            read_jaas_login(&format!("{PLAIN} required {options}"), "PlainLoginModule").unwrap()
        };
        let pair = |name: &str, password: &str| (name.to_owned(), password.to_owned());
        assert_eq!(
            login(r#"username="ada" password="a b;=\"c\\";"#),
            pair("ada", r#"a b;="c\"#)
        );
        assert_eq!(
            login("  password='p'\n   username=ada ;  "),
            pair("ada", "p")
        );
    }

    #[test]
    fn what_is_not_a_name_and_a_password_is_refused_without_them() {
        for (text, telling) in [
            (
                r#"x.ScramLoginModule required username="u" password="s3cret";"#,
                "another login",
            ),
            (
                r#"x.PlainLoginModule username="u" password="s3cret";"#,
                "`required`",
            ),
            (r#"x.PlainLoginModule required username="u";"#, "`password`"),
            (
                r#"x.PlainLoginModule required password="s3cret";"#,
                "`username`",
            ),
            (
                r#"x.PlainLoginModule required username="u" password="s3cret""#,
                "semicolon",
            ),
            (
                r#"x.PlainLoginModule required username="u" password="s3cret;"#,
                "not closed",
            ),
            (
                r#"x.PlainLoginModule required username="u" serviceName="s3cret";"#,
                "serviceName",
            ),
            (r#"x.PlainLoginModule required s3cret;"#, "no option"),
            (
                r#"x.PlainLoginModule required username="u" password="s3cret"; y;"#,
                "more than one",
            ),
            ("", "semicolon"),
        ] {
            let error = read_jaas_login(text, "PlainLoginModule").unwrap_err();
            assert!(error.contains(telling), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
