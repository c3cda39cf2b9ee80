//! The dotenv form: one `NAME=value` a line.

use std::collections::BTreeMap;

use crypto::secret::Secret;

/// The variables of a text, the last one of a name; `#` begins a line of comment, `export` may
/// stand before a name. Gives the number of a line that is none of these.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<&str, Secret<String>>, usize> {
    let mut variables = BTreeMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1_usize..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(number)?;
        let value = unquote(value.trim()).ok_or(number)?;
        variables.insert(name.trim(), Secret::new(value));
    }
    Ok(variables)
}

fn unquote(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('"') {
        return unescape(rest.strip_suffix('"')?);
    }
    match value.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\'').map(str::to_owned),
        None => Some(value.to_owned()),
    }
}

/// `\n`, `\r`, `\t`, and a backslash before anything else for that itself.
fn unescape(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        text.push(match c {
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            },
            '"' => return None,
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&[(&str, &str)], usize>) {
        let parsed = parse(text).map(|variables| {
            let pairs = variables.into_iter().map(|(k, v)| (k, v.expose().clone()));
            pairs.collect::<Vec<_>>()
        });
        let expect = expect
            .map(|pairs| pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect::<Vec<_>>());
        assert_eq!(parsed, expect, "{text}");
    }

    #[test]
    fn lines_are_read() {
        check("", Ok(&[]));
        check("A=1\r\n\n# note\nexport B = 2 \n", Ok(&[("A", "1"), ("B", "2")]));
        check("A=x=y==", Ok(&[("A", "x=y==")]));
        check("A=1\nA=2", Ok(&[("A", "2")]));
        check("A=", Ok(&[("A", "")]));
    }

    #[test]
    fn quotes_are_taken_off() {
        check(r#"A="a\nb\\c\"d""#, Ok(&[("A", "a\nb\\c\"d")]));
        check(r"A='a\nb'", Ok(&[("A", r"a\nb")]));
        check(r#"A="""#, Ok(&[("A", "")]));
    }

    #[test]
    fn others_are_refused_with_their_line() {
        check("A=1\nB", Err(2));
        check("\nA=\"1", Err(2));
        check("A=\"", Err(1));
        check("A='1", Err(1));
        check(r#"A="1\""#, Err(1));
        check(r#"A="1"2""#, Err(1));
    }
}
