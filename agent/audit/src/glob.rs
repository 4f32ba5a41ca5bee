//! Patterns with `*`, as people write them in rules.

/// `*` stands for any run of characters other than `stop`. Without regard to ASCII case. Time at most length times length.
pub(crate) fn matches_glob(glob: &str, text: &str, stop: Option<u8>) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g + 1, t));
                g += 1;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(byte) => {
                g += 1;
                t += 1;
            }
            _ => match star {
                // A run that would have to swallow `stop` cannot; an earlier star could not either, for it stops there too.
                Some((after, from)) if text.get(from).copied() != stop => {
                    star = Some((after, from + 1));
                    (g, t) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
    glob.get(g..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}
