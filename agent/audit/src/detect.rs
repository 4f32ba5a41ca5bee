//! The kinds of finding, one file each, and the list of them.

/// What a kind is, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Name in every output, such as `cleartext-credential`.
    pub name: &'static str,
    /// One sentence without values.
    pub summary: &'static str,
    /// OWASP API Security Top 10 (2023), such as `API2:2023`.
    pub owasp: &'static str,
    /// CWE number.
    pub cwe: u32,
    /// Why it matters.
    pub why: &'static str,
    /// What to do now, steps in order.
    pub what_to_do: &'static [&'static str],
}

/// All detectors' settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DetectSettings {}

/// The kind of that name.
pub fn kind_named(_name: &str) -> Option<&'static Kind> {
    None
}

/// Every kind, in the order of their names.
pub fn kinds() -> &'static [&'static Kind] {
    &[]
}
