//! What is wrong with a document, and where.

use std::fmt;

/// Why nothing of a text can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`super::Document::BYTES_MAX`].
    #[error("{bytes} bytes is more than the {} that are read", super::Document::BYTES_MAX)]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Neither YAML nor JSON, or nested, repeated or aliased past all reason.
    #[error("line {line}, column {column}: {what}")]
    Syntax {
        /// Line, from 1; 0 unknown.
        line: usize,
        /// Column, from 1; 0 unknown.
        column: usize,
        /// What the parser says.
        what: Box<str>,
    },
    /// A list, a string, or nothing.
    #[error("it is not a mapping; an OpenAPI document begins with `openapi: 3.1.0`")]
    NotAMapping,
    /// No `openapi` member.
    #[error("there is no `openapi` member; an OpenAPI document begins with `openapi: 3.1.0`")]
    NotOpenApi,
    /// Swagger 2.0.
    #[error(
        "Swagger {version} is not supported yet; convert the document to OpenAPI 3 (for example with swagger2openapi)"
    )]
    Swagger {
        /// The version that it names.
        version: Box<str>,
    },
    /// Not 3.0, 3.1 or 3.2.
    #[error("OpenAPI version `{version}` is not supported; 3.0 and 3.1 are")]
    Version {
        /// The version that it names.
        version: Box<str>,
    },
}

/// Something in a document that was left out or taken in another way than it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFault {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: Box<str>,
    /// Line from 1, where it is known (in YAML).
    pub line: Option<u32>,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        write!(f, "at `{}`: {}", self.pointer, self.fault)
    }
}

/// What is wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another type than the specification says.
    #[error("expected {0}; left out")]
    Expected(&'static str),
    /// The version is a number, so that 3.10 would be read as 3.1.
    #[error("the version is a number; write it in quotes")]
    VersionIsNumber,
    /// Newer than what is known.
    #[error("version {0} is read as 3.1")]
    NewerVersion(Box<str>),
    /// A required member is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A name twice in one mapping.
    #[error("`{0}` is there twice; the first one counts")]
    Twice(Box<str>),
    /// A path that does not begin with a slash.
    #[error("a path begins with `/`; read as if it did")]
    NoSlash,
    /// A path with a query or fragment.
    #[error("a path has no query and no fragment; cut off")]
    PathHasQuery,
    /// Braces that do not pair within a segment.
    #[error("braces do not pair; path left out")]
    Braces,
    /// `{}`.
    #[error("a parameter has no name")]
    Nameless,
    /// More than [`super::matcher::SEGMENTS_MAX`] segments.
    #[error("the path has too many segments; left out")]
    TooDeep,
    /// Another path has the same template but for the names of its parameters.
    #[error("same template as `{0}`; the methods of both are taken, the first one's where both have one")]
    SameTemplate(Box<str>),
    /// A name twice in one path.
    #[error("parameter `{0}` is twice in the path")]
    ParameterTwice(Box<str>),
    /// A path parameter that is not in the path.
    #[error("path parameter `{0}` is not in the path")]
    NotInPath(Box<str>),
    /// A parameter in the path that is not declared.
    #[error("parameter `{0}` of the path is not declared")]
    Undeclared(Box<str>),
    /// A reference to another file.
    #[error("reference to another file (`{0}`): not followed")]
    ExternalReference(Box<str>),
    /// A reference that leads nowhere.
    #[error("reference `{0}` leads nowhere")]
    NoSuchReference(Box<str>),
    /// References in a circle, or in too long a chain.
    #[error("references lead in a circle")]
    ReferenceCircle,
    /// No method of HTTP that the specification names, and no `x-` member.
    #[error("`{0}` is no method and no member of a path item; left out")]
    UnknownMember(Box<str>),
    /// A server's URL that is neither absolute nor begins with a slash.
    #[error("server URL `{0}` is neither absolute nor begins with `/`; read as a path")]
    ServerUrl(Box<str>),
    /// A variable of a server's URL without a value.
    #[error("server variable `{0}` has no default; server left out")]
    NoDefault(Box<str>),
    /// Past a bound.
    #[error("more than {0}; the rest is left out")]
    TooMany(usize),
}
