//! `/llms.txt`: what a language model is to read first, as links to pages of plain text.

use std::fmt::Write as _;

use contract::Registry;

use super::guides::Guide;

/// What stands above the links.
const ABOUT: &str = include_str!("llms/about.md");

/// The file.
pub fn text(registry: &Registry, guides: &[Guide]) -> String {
    let mut out = format!("{}\n", ABOUT.trim_end());
    // Writing to a string does not fail.
    let _ = write_links(&mut out, registry, guides);
    out
}

fn write_links(out: &mut String, registry: &Registry, guides: &[Guide]) -> std::fmt::Result {
    writeln!(out, "\n## Guides\n")?;
    for guide in guides {
        writeln!(out, "- [{}](/guides/{}): {}", guide.title, guide.name, guide.summary)?;
    }
    let mut group = "";
    for entry in registry.entries() {
        let spec = entry.spec;
        if spec.group != group {
            group = spec.group;
            writeln!(out, "\n## {group}\n")?;
        }
        let about = spec.about.split_inclusive(". ").next().unwrap_or_default().trim_end();
        writeln!(out, "- [{}](/api/{}.md): `POST {}`. {about}", spec.title, spec.id, spec.path)?;
    }
    writeln!(out, "\n## For machines\n")?;
    writeln!(out, "- [OpenAPI](/openapi.json): every operation with its fields and codes")?;
    writeln!(out, "- [Postman collection](/postman.json): with a script that signs")?;
    writeln!(out, "\n## Optional\n")?;
    writeln!(out, "- [Errors](/errors): every code")?;
    writeln!(out, "- [Coverage](/coverage): every title of the reference, and what works here")?;
    writeln!(out, "- [Changelog](/changelog): changes of the API")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Operations;
    use crate::portal::guides;
    use crate::portal::lang::Lang;

    fn text_of(registry: &Registry) -> String {
        text(registry, &guides::all(Lang::En, registry))
    }

    #[test]
    fn it_has_the_form_of_the_convention() {
        let operations = Operations::load().unwrap();
        let text = text_of(operations.registry());
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines[0], "# platen");
        assert!(lines[1].starts_with("> "));
        assert_eq!(text.lines().filter(|line| line.starts_with("# ")).count(), 1);
        let sections = lines.iter().skip_while(|line| !line.starts_with("## "));
        for line in sections.filter(|line| !line.starts_with("## ")) {
            let is_link = line.starts_with("- [") && line.contains("](/") && line.contains("): ");
            assert!(is_link, "{line}");
        }
    }

    #[test]
    fn every_operation_is_linked_and_every_group_stands_once() {
        let operations = Operations::load().unwrap();
        let registry = operations.registry();
        let text = text_of(registry);
        for entry in registry.entries() {
            assert!(text.contains(&format!("(/api/{}.md)", entry.spec.id)));
            let head = format!("\n## {}\n", entry.spec.group);
            assert_eq!(text.matches(&head).count(), 1, "{head}");
        }
    }
}
