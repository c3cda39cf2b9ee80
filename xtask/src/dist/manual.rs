//! The manual page: what the program tells of itself.

use std::path::Path;

use crate::run;

/// `platen(1)`, of the commands' own help.
pub(super) fn page(binary: &Path, version: &str) -> Result<String, String> {
    let help = run::output(run::command(binary).arg("--help"))?;
    let mut page = format!(
        ".TH PLATEN 1 \"\" \"platen {version}\" \"Operators' commands\"\n\
         .SH NAME\nplaten \\- prepaid\\-card issuing platform\n.SH DESCRIPTION\n.nf\n"
    );
    for line in help.lines() {
        page.push_str(&escaped(line));
        page.push('\n');
    }
    page.push_str(
        ".fi\n.PP\nEach command tells more of itself: \\fBplaten COMMAND \\-\\-help\\fP.\n\
         .SH FILES\n.TP\n/etc/platen/platen.toml\nthe configuration of the service\n\
         .TP\n/var/lib/platen\nthe folder of the service\n\
         .SH SEE ALSO\n/usr/share/doc/platen/operations/install.md\n",
    );
    Ok(page)
}

/// A line as it is, whatever the formatter would take it for.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_as_it_is() {
        assert_eq!(escaped("  --json  a\\b"), "  \\-\\-json  a\\eb");
        assert_eq!(escaped(".TH"), "\\&.TH");
    }
}
