//! What a kind of finding is, for people: its class, why it matters, what to do, and the smallest thing that stops it now.

/// What a kind is, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Name in every output, such as `cleartext-credential`.
    pub name: &'static str,
    /// One sentence without values.
    pub summary: &'static str,
    /// OWASP API Security Top 10 (2023), such as `API2:2023`: one of [`OWASP`].
    pub owasp: &'static str,
    /// CWE number. A test reads MITRE's list: the number must be one that findings may be mapped to.
    pub cwe: u32,
    /// The CWE's title, word for word as in MITRE's list.
    pub cwe_title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do now, steps in order.
    pub what_to_do: &'static [&'static str],
    /// What stops the harm now, until it is mended.
    pub containment: Containment,
}

impl Kind {
    /// The title of its OWASP class.
    pub fn owasp_title(&self) -> &'static str {
        OWASP.iter().find(|(id, _)| *id == self.owasp).map_or("", |(_, title)| title)
    }
}

/// The smallest thing that can be shut to stop the harm now: a caller, an endpoint or a field, never a whole API. One sentence or two
/// without values, for the finding says which caller, endpoint or field it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Containment {
    /// Concerns the callers that the finding lists; everybody else goes on.
    Consumer(&'static str),
    /// Concerns the endpoint, or the server port, that the finding is on; the API's others go on.
    Endpoint(&'static str),
    /// Concerns one field of a head, URL or body; the endpoint goes on without it.
    Field(&'static str),
}

impl Containment {
    /// What is shut: `consumer`, `endpoint` or `field`.
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Consumer(_) => "consumer",
            Self::Endpoint(_) => "endpoint",
            Self::Field(_) => "field",
        }
    }

    /// What to do.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Consumer(text) | Self::Endpoint(text) | Self::Field(text) => text,
        }
    }
}

/// OWASP API Security Top 10 (2023): each id and its title.
pub const OWASP: [(&str, &str); 10] = [
    ("API1:2023", "Broken Object Level Authorization"),
    ("API2:2023", "Broken Authentication"),
    ("API3:2023", "Broken Object Property Level Authorization"),
    ("API4:2023", "Unrestricted Resource Consumption"),
    ("API5:2023", "Broken Function Level Authorization"),
    ("API6:2023", "Unrestricted Access to Sensitive Business Flows"),
    ("API7:2023", "Server Side Request Forgery"),
    ("API8:2023", "Security Misconfiguration"),
    ("API9:2023", "Improper Inventory Management"),
    ("API10:2023", "Unsafe Consumption of APIs"),
];
