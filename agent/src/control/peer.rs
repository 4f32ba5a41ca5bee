//! Who is at the other end of a connection.

use std::fs;

/// The user's name, from the local list of users; a user whom it does not know by number.
pub(super) fn user(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&users, uid).map_or_else(|| format!("uid {uid}"), ToOwned::to_owned)
}

fn name_in(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\n# a comment\n:x:7:7::/:\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!([0, 1000, 7, 5].map(|uid| name_in(users, uid)), [Some("root"), Some("ann"), None, None]);
        assert_eq!(user(u32::MAX - 3), format!("uid {}", u32::MAX - 3));
    }
}
