//! What a binary needs of a Debian system, read from the binary itself.

use std::path::Path;

use crate::run;

/// Shared libraries and the packages that have them; those of glibc are told by its version.
const PACKAGES: &[(&str, &str)] = &[
    ("libc.so.", GLIBC),
    ("libm.so.", GLIBC),
    ("ld-linux", GLIBC),
    ("libgcc_s.so.1", "libgcc-s1"),
];

const GLIBC: &str = "libc6";

/// The value of `Depends`, without `adduser`.
pub(super) fn of_binary(binary: &Path) -> Result<Vec<String>, String> {
    let readelf = |option: &str| {
        let mut command = run::command(Path::new("readelf"));
        run::output(command.args([option, "--wide"]).arg(binary))
    };
    packages(&readelf("--dynamic")?, &readelf("--version-info")?)
}

fn packages(dynamic: &str, versions: &str) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    for library in libraries(dynamic) {
        let known = PACKAGES.iter().find(|(start, _)| library.starts_with(start));
        let Some((_, package)) = known else {
            return Err(format!("the binary needs {library}, whose package xtask does not know"));
        };
        let told = match (*package, newest_glibc(versions)) {
            (GLIBC, Some((major, minor))) => format!("{GLIBC} (>= {major}.{minor})"),
            (package, _) => package.to_owned(),
        };
        if !all.contains(&told) {
            all.push(told);
        }
    }
    all.sort();
    Ok(all)
}

fn libraries(dynamic: &str) -> impl Iterator<Item = &str> {
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    needed.filter_map(|line| line.split('[').nth(1)?.split(']').next())
}

/// The newest version of glibc whose symbols are asked for.
pub(super) fn newest_glibc(versions: &str) -> Option<(u32, u32)> {
    let words = versions.split(|letter: char| letter.is_whitespace());
    let numbers = words.filter_map(|word| word.strip_prefix("GLIBC_"));
    let pairs = numbers.filter_map(|text| {
        let mut parts = text.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    pairs.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_by_libraries_and_symbols() {
        let dynamic = " 0x01 (NEEDED)  Shared library: [libgcc_s.so.1]\n \
                       0x01 (NEEDED)  Shared library: [libm.so.6]\n \
                       0x01 (NEEDED)  Shared library: [libc.so.6]\n 0x0c (INIT) 0x1000\n";
        let versions = "  0x10:   Name: GLIBC_2.9  Flags: none  Version: 3\n  0x20:   Name: \
                        GLIBC_2.34  Flags: none\n  0x30: Name: GLIBC_2.2.5  Flags: none\n";
        let told = packages(dynamic, versions).unwrap();
        assert_eq!(told, ["libc6 (>= 2.34)", "libgcc-s1"]);
        assert!(packages("", "").unwrap().is_empty());
        let strange = packages("(NEEDED) Shared library: [libpq.so.5]\n", "").unwrap_err();
        assert!(strange.contains("libpq.so.5"), "{strange}");
    }
}
