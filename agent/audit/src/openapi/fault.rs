//! What is wrong with a document, and where.

use std::fmt;
use std::sync::Arc;

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
    /// Neither OpenAPI 3 nor Swagger 2.0.
    #[error("version `{version}` is not supported; OpenAPI 3.0, 3.1 and 3.2 and Swagger 2.0 are")]
    Version {
        /// The version that it names.
        version: Box<str>,
    },
}

/// Something in a document that was left out or taken in another way than it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFault {
    /// Which of the API's documents.
    pub source: u16,
    /// In which file: the document's name as it was given, or that of a file it refers to, relative to the document's folder.
    pub file: Arc<str>,
    /// It is another file than the document itself.
    pub is_elsewhere: bool,
    /// Where in it, as a JSON pointer (RFC 6901).
    pub pointer: Box<str>,
    /// Line from 1; `None` where the file could not be read.
    pub line: Option<u32>,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_elsewhere {
            write!(f, "{}, ", self.file)?;
        }
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
    #[error("version {0} is read as 3.2")]
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
    /// A reference to a URL: nothing is ever loaded from elsewhere.
    #[error("reference to a URL (`{0}`): not followed")]
    RemoteReference(Box<str>),
    /// A reference to a file outside of the document's folder.
    #[error("reference `{0}` leads out of the document's folder: not followed")]
    OutsideFolder(Box<str>),
    /// A file that can't be read, or is neither YAML nor JSON.
    #[error("file `{file}` is not used: {why}")]
    File {
        /// Its name, relative to the document's folder.
        file: Box<str>,
        /// Why.
        why: Box<str>,
    },
    /// More files than are read.
    #[error("more than {0} files; `{1}` is left out")]
    TooManyFiles(usize, Box<str>),
    /// More bytes than are read.
    #[error("more than {0} bytes in all files; `{1}` is left out")]
    TooManyBytes(usize, Box<str>),
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
    /// A host with a scheme or a path (Swagger 2.0).
    #[error("host `{0}` holds more than a host and a port; the rest is left out")]
    Host(Box<str>),
    /// A variable of a server's URL without a default, though with an enumeration.
    #[error("server variable `{0}` has no default; its enumeration is taken")]
    OnlyEnum(Box<str>),
    /// A method that may not stand in `additionalOperations`.
    #[error("`{0}` has a member of its own in a path item; read as if it stood there")]
    NotAdditional(Box<str>),
    /// A parameter that takes the rest of the path, and something behind it.
    #[error("`{0}` takes the rest of the path, so that nothing may follow it; read as one segment")]
    RestInside(Box<str>),
    /// A tag whose parent is no tag.
    #[error("parent `{0}` is no tag")]
    NoSuchTag(Box<str>),
    /// A tag that is its own ancestor.
    #[error("the parents of tag `{0}` lead in a circle")]
    TagCircle(Box<str>),
    /// An operation that another document of the same API has too.
    #[error("also in `{0}`, whose servers are the same; that one counts")]
    OtherDocument(Arc<str>),
    /// Two operations that only the schemas of their parameters tell apart.
    #[error(
        "same template and method as `{0}`; the schemas of the parameters tell them apart, and where both fit, the call is marked ambiguous"
    )]
    ToldApart(Box<str>),
    /// Templates of which neither is more literal.
    #[error("a path may fit this and `{0}`, and neither is more literal; such a call is marked ambiguous")]
    Tie(Box<str>),
    /// A method that falls through to a less literal template.
    #[error("{0} of this path is taken for `{1}`, which has that method; such a call is marked ambiguous")]
    FallsThrough(Box<str>, Box<str>),
    /// A variable of a server's URL without a value.
    #[error("server variable `{0}` has no default; server left out")]
    NoDefault(Box<str>),
    /// Past a bound.
    #[error("more than {0}; the rest is left out")]
    TooMany(usize),
}

impl Fault {
    /// Whether nothing is wrong or left out, and only a choice is told that a reader should know of.
    pub const fn is_note(&self) -> bool {
        matches!(self, Self::ToldApart(_) | Self::Tie(_) | Self::FallsThrough(..))
    }

    /// What to do.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Expected(_) | Self::Missing(_) => "write it as the OpenAPI specification says, or leave it out",
            Self::VersionIsNumber => "write `openapi: \"3.1.0\"`",
            Self::NewerVersion(_) => "nothing, if what is new in that version is not used",
            Self::Twice(_) | Self::ParameterTwice(_) => "rename or remove one of the two",
            Self::NoSlash => "begin the path with `/`",
            Self::PathHasQuery => "describe the query with parameters `in: query`",
            Self::Braces => "write each parameter as `{name}` within one segment",
            Self::Nameless => "give the parameter a name",
            Self::TooDeep | Self::TooMany(_) | Self::TooManyFiles(..) | Self::TooManyBytes(..) => {
                "split the document into several of one API"
            }
            Self::SameTemplate(_) => "make one path of the two, or give their parameters schemas that tell them apart",
            Self::NotInPath(_) => "correct the name, or the parameter's `in`",
            Self::Undeclared(_) => "declare it under `parameters` with `in: path`",
            Self::RemoteReference(_) => "put the file into the document's folder and refer to it there",
            Self::OutsideFolder(_) => "put the file into the document's folder, or the document higher up",
            Self::File { .. } => "check the name, and that the agent may read it",
            Self::NoSuchReference(_) | Self::ReferenceCircle => "correct the reference",
            Self::UnknownMember(_) => "correct the name, or begin it with `x-`",
            Self::ServerUrl(_) => "write `https://host/path` or `/path`",
            Self::Host(_) => "write only `host` or `host:port`; the rest belongs into `schemes` and `basePath`",
            Self::OnlyEnum(_) | Self::NoDefault(_) => "give the variable a `default`",
            Self::NotAdditional(_) => "write it as a member of the path item, in small letters",
            Self::RestInside(_) => "put the parameter at the path's end",
            Self::NoSuchTag(_) | Self::TagCircle(_) => "correct the `parent`",
            Self::OtherDocument(_) => "give the two documents servers of their own, or remove one of the two",
            Self::ToldApart(_) | Self::Tie(_) | Self::FallsThrough(..) => {
                "nothing, if the server chooses in the same way"
            }
        }
    }
}
