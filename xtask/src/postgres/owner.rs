//! Whom the server runs as: PostgreSQL refuses root.

use std::fs;
use std::path::Path;

use crate::run;

/// A user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Owner {
    /// The user that stands in for root; none where xtask does not run as root.
    pub(super) fn find() -> Result<Option<Self>, String> {
        let user_id = run::output(run::command(Path::new("id")).arg("-u"))?;
        if user_id.trim() != "0" {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"].iter().find_map(|name| in_passwd(&users, name));
        let missing = "it does not run as root, and there is no user postgres or nobody";
        found.map(Some).ok_or_else(|| missing.to_owned())
    }
}

fn in_passwd(users: &str, name: &str) -> Option<Owner> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        Some(Owner { user, group: fields.next()?.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:n:/:/bin/false\nbad:x\n";
        let nobody = Owner { user: 65_534, group: 65_533 };
        assert_eq!(in_passwd(users, "nobody"), Some(nobody));
        assert_eq!(in_passwd(users, "body"), None);
        assert_eq!(in_passwd(users, "bad"), None);
    }
}
