//! What a request asks for beyond its method and path: the operations of GraphQL, JSON-RPC and MCP, SOAP, and the requests of a batch.
//!
//! Found in the one pass over a message ([`crate::facts`]), from its head and its decoded body, as small owned values; the response says
//! of each whether it proves that there is such an operation. A message that is none of these is known for it by its method, its media
//! type and the first names of its JSON. All readers are total, bounded, linear and do not recurse. A name is shown only as [`name`]
//! allows it.

pub(crate) mod name;

mod batch;
mod graphql;
mod json;
mod json_rpc;
mod soap;

use std::hash::Hasher;

use apiscope_wire::Headers;
use rustc_hash::FxHasher;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::exchange::{Method, Protocol, RedactedPath};
use crate::facts::redact::Known;
use crate::facts::target::Target;

use self::json::Value;

/// Operations of one exchange that are kept; the others are counted.
pub(crate) const OPERATIONS_MAX: usize = 32;
/// Elements of a batch, or of its answer, that are looked at.
const ANSWERS_MAX: usize = 1024;
/// Parameters of a query that are looked at.
const PARAMETERS_MAX: usize = 64;
/// Members of an object with names that say nothing, after which it is taken for none of these.
const UNKNOWN_MEMBERS_MAX: usize = 16;

/// One operation of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What protocol it is of.
    pub protocol: Protocol,
    /// What is asked for.
    pub ask: Ask,
    /// What the response says of it.
    pub answer: Answer,
    /// GraphQL: it asks for the schema (`__schema`, `__type`).
    pub introspects: bool,
    tie: Tie,
}

/// What an operation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// An operation by its kind and name, such as `query GetUser`, `tools/call search`, `GetPrice`. A name that must not be shown is
    /// `(other)`.
    Named(SmolStr),
    /// A request inside a batch.
    Request {
        /// Its method.
        method: Method,
        /// Its path, as that of an exchange is.
        path: RedactedPath,
    },
}

/// Whether there is such an operation, as far as the response tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// What it says was not seen: the status alone has to tell.
    #[default]
    Unknown,
    /// It is of the kind that says nothing about it.
    Silent,
    /// There is: it was carried out, or failed as only such can.
    Proves,
    /// It was refused as one that there is not.
    Denies,
    /// The status of a request inside a batch.
    Status(u16),
}

/// By what an operation and its answer find each other. Only within one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tie {
    /// Hash of its id; 0 none.
    name: u32,
    /// Place in a multipart body.
    place: u32,
}

/// The operations of an exchange, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// At most 32.
    pub list: SmallVec<[Operation; 1]>,
    /// Those past the bound, and those that could not be read.
    pub dropped: u64,
}

impl Operations {
    /// Whether there are several, so that sizes and times are those of no single one.
    pub fn is_batch(&self) -> bool {
        self.list.len() as u64 + self.dropped > 1 || self.list.iter().any(|one| one.protocol == Protocol::Batch)
    }

    /// What protocol they are of.
    pub fn protocol(&self) -> Protocol {
        self.list.iter().map(|operation| operation.protocol).max().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `None` is one that could not be read.
    fn add(&mut self, operation: Option<Operation>) {
        match operation {
            Some(operation) if self.list.len() < OPERATIONS_MAX => self.list.push(operation),
            Some(_) | None => self.dropped += 1,
        }
    }
}

impl Operation {
    fn new(protocol: Protocol, ask: Ask) -> Self {
        Self { protocol, ask, answer: Answer::default(), introspects: false, tie: Tie::default() }
    }

    fn named(protocol: Protocol, name: SmolStr) -> Self {
        Self::new(protocol, Ask::Named(name))
    }

    /// What an endpoint speaks that is called in this way: a request inside a batch is one as any other.
    pub(crate) fn endpoint_protocol(&self) -> Protocol {
        match self.ask {
            Ask::Named(_) => self.protocol,
            Ask::Request { .. } => Protocol::Http,
        }
    }

    /// Its kind and name; `None` of a request inside a batch.
    pub fn name(&self) -> Option<&str> {
        match &self.ask {
            Ask::Named(name) => Some(name),
            Ask::Request { .. } => None,
        }
    }
}

/// A request, as far as operations are found in it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub method: &'a str,
    pub target: &'a Target<'a>,
    pub headers: Headers<'a>,
    /// The first Content-Type, whole.
    pub content_type: &'a [u8],
    /// With the content coding undone; empty where that was not possible.
    pub body: &'a [u8],
    /// Nothing of the body is missing.
    pub whole: bool,
    /// Its credentials, which no name may show.
    pub known: Known<'a>,
}

/// A response, as far as it tells of operations.
#[derive(Clone, Copy)]
pub(crate) struct Response<'a> {
    pub content_type: &'a [u8],
    pub body: &'a [u8],
    pub whole: bool,
}

/// What the readers need besides the bytes.
struct Look<'a> {
    headers: Headers<'a>,
    path: &'a [u8],
    is_graphql_path: bool,
    known: Known<'a>,
}

/// The operations of a request. `None`: it is one by its method and path.
pub(crate) fn find(request: &Request<'_>) -> Option<Box<Operations>> {
    let is_read = match request.method {
        "GET" => !request.target.query.is_empty() && may_be_graphql(request.target.query),
        "POST" => true,
        _ => false,
    };
    if !is_read {
        return None;
    }
    let path = request.target.path;
    let look = Look { headers: request.headers, path, is_graphql_path: is_graphql_path(path), known: request.known };
    let essence = essence(request.content_type);
    let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
    let one = |operation: Operation| Operations { list: std::iter::once(operation).collect(), dropped: 0 };
    let found = if request.method == "GET" {
        graphql::of_parameters(request, &look).map(one)
    } else if is(b"application/graphql") {
        graphql::of_text(request.body, None, request.whole, &look).map(one)
    } else if is(b"multipart/form-data") {
        if look.is_graphql_path { graphql::of_multipart(request).and_then(|json| of_json(json, &look)) } else { None }
    } else if is(b"multipart/mixed") {
        batch::of_multipart(request, &look)
    } else if is_xml(essence) || is(b"multipart/related") {
        soap::of_xml(request, essence, &look).map(one)
    } else {
        of_json(request.body, &look)
    };
    found.map(Box::new)
}

/// Takes what the response says of the request's operations. They go where it shows that they were none.
pub(crate) fn answer(operations: &mut Option<Box<Operations>>, response: &Response<'_>) {
    let Some(asked) = operations else { return };
    if response.body.is_empty() {
        return;
    }
    let essence = essence(response.content_type);
    let is_stream = essence.eq_ignore_ascii_case(b"text/event-stream");
    let body = Value::of(response.body);
    let is_json = body.is_object() || body.is_array();
    match asked.protocol() {
        Protocol::GraphQl if is_json => match graphql::answers(body, response.whole) {
            Some(answers) => asked.list.iter_mut().zip(answers).for_each(|(asked, answer)| asked.answer = answer),
            None => *operations = None,
        },
        // Events, or parts that come one by one, are GraphQL's too; a page is not.
        Protocol::GraphQl if !is_stream && !batch::is_mixed(essence) => *operations = None,
        Protocol::JsonRpc | Protocol::Mcp if is_json || is_stream => json_rpc::answer(asked, response.body, is_stream),
        Protocol::Soap if is_xml(essence) => {
            let answer = soap::answer(response.body, response.whole);
            asked.list.iter_mut().for_each(|asked| asked.answer = answer);
        }
        Protocol::Batch if batch::is_mixed(essence) => {
            batch::answer_multipart(asked, response.content_type, response.body);
        }
        Protocol::Batch if is_json => batch::answer_json(asked, body),
        _ => {}
    }
}

/// The members of a JSON object that decide what it is.
#[derive(Default)]
struct Seen<'a> {
    query: Option<Value<'a>>,
    operation_name: Option<Value<'a>>,
    extensions: Option<Value<'a>>,
    /// Of a persisted document that is named by its id alone.
    document: Option<Value<'a>>,
    jsonrpc: Option<Value<'a>>,
    method: Option<Value<'a>>,
    params: Option<Value<'a>>,
    id: Option<Value<'a>>,
    requests: Option<Value<'a>>,
}

impl<'a> Seen<'a> {
    /// `None` with the first name that belongs to none of the protocols, unless something else tells that it is one of them.
    fn of(object: Value<'a>, look: &Look<'_>) -> Option<Self> {
        let (mut seen, mut unknown) = (Self::default(), 0);
        for (key, value) in object.members().take(json::MEMBERS_MAX) {
            let place = match key {
                b"query" => &mut seen.query,
                b"operationName" => &mut seen.operation_name,
                b"extensions" => &mut seen.extensions,
                b"documentId" | b"doc_id" | b"queryId" => &mut seen.document,
                b"jsonrpc" => &mut seen.jsonrpc,
                b"method" => &mut seen.method,
                b"params" => &mut seen.params,
                b"id" => &mut seen.id,
                b"requests" => &mut seen.requests,
                b"variables" | b"auth" => continue,
                _ => {
                    unknown += 1;
                    let is_one = seen.jsonrpc.is_some() || look.is_graphql_path;
                    if !is_one || unknown > UNKNOWN_MEMBERS_MAX {
                        return None;
                    }
                    continue;
                }
            };
            *place = Some(value);
        }
        if look.is_graphql_path && seen.method.is_none() {
            seen.document = seen.document.or(seen.id);
        }
        Some(seen)
    }
}

/// The operations of a body in JSON.
fn of_json(body: &[u8], look: &Look<'_>) -> Option<Operations> {
    let body = Value::of(body);
    let mut operations = Operations::default();
    if body.is_object() {
        let seen = Seen::of(body, look)?;
        if let Some(requests) = seen.requests.filter(|requests| requests.is_array()) {
            return batch::of_json(requests, look);
        }
        operations.add(Some(of_object(&seen, look)?));
    } else if body.is_array() {
        for element in body.elements().take(ANSWERS_MAX) {
            let operation = Seen::of(element, look).and_then(|seen| of_object(&seen, look));
            // The first decides: a list of anything else is not looked at any further.
            if operations.is_empty() && operation.is_none() {
                return None;
            }
            operations.add(operation);
        }
    }
    (!operations.is_empty()).then_some(operations)
}

fn of_object(seen: &Seen<'_>, look: &Look<'_>) -> Option<Operation> {
    if seen.method.is_some() { json_rpc::of_json(seen, look) } else { graphql::of_json(seen, look) }
}

/// Whether a query may hold a document: decides of nearly all.
fn may_be_graphql(query: &[u8]) -> bool {
    ["query=", "extensions="].iter().any(|name| memchr::memmem::find(query, name.as_bytes()).is_some())
}

/// Whether the path names GraphQL, as most servers' do.
fn is_graphql_path(path: &[u8]) -> bool {
    let last = path.strip_suffix(b"/").unwrap_or(path).rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    last == b"gql" || memchr::memmem::find(last, b"graphql").is_some()
}

fn is_xml(essence: &[u8]) -> bool {
    [&b"text/xml"[..], b"application/xml", b"application/soap+xml"]
        .iter()
        .any(|name| essence.eq_ignore_ascii_case(name))
}

/// A media type without its parameters.
fn essence(content_type: &[u8]) -> &[u8] {
    content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// The hash of an id within its exchange; never 0.
fn id_of(id: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(id);
    u32::try_from(hasher.finish() >> 32).unwrap_or_default() | 1
}

#[cfg(test)]
mod tests;
