//! JSON-RPC 2.0 and 1.0, and the Model Context Protocol that speaks it: `eth_getBalance`, `tools/call search`.

use smol_str::SmolStr;

use super::json::Value;
use super::name;
use super::{Answer, Look, Operation, Operations, Seen, Tie, id_of};
use crate::exchange::Protocol;

/// Punctuation in the names of methods.
const METHOD: &[u8] = b"./:-$*~";
/// ... and in those of tools and prompts.
const TOOL: &[u8] = b"./:-";
/// Events of a stream that are looked at for answers.
const EVENTS_MAX: usize = 64;

/// There is no such method (JSON-RPC 2.0 §5.1).
const METHOD_NOT_FOUND: &[u8] = b"-32601";
/// It is no request.
const INVALID_REQUEST: &[u8] = b"-32600";
/// It is no JSON.
const PARSE_ERROR: &[u8] = b"-32700";
/// What MCP says of a tool that there is not (2025-06-18, Tools, Error Handling), and JSON-RPC of parameters that do not fit.
const INVALID_PARAMS: &[u8] = b"-32602";

/// The methods of MCP's clients (revisions 2024-11-05 to 2025-11-25).
const MCP_METHODS: &[&str] = &[
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tools/call",
    "tools/list",
];

/// The operation of a JSON object, if it is a call of JSON-RPC.
pub(super) fn of_json(seen: &Seen<'_>, look: &Look<'_>) -> Option<Operation> {
    let method = seen.method?.string()?;
    let version = seen.jsonrpc.map(|version| version.text);
    let is_rpc = match version {
        Some(version) => matches!(version, b"\"2.0\"" | b"\"1.0\"" | b"\"1.1\"" | b"2.0" | b"1.0"),
        // Version 1.0 has no name for itself; method, an array of parameters and an id are all there (§1.1).
        None => seen.id.is_some() && seen.params.is_some_and(Value::is_array),
    };
    if !is_rpc {
        return None;
    }
    let mcp = mcp_method(&method, seen, look);
    let (protocol, name) = match mcp {
        Some(method) => (Protocol::Mcp, mcp_name(method, seen, look)),
        None => (Protocol::JsonRpc, SmolStr::new(name::shown(&method, METHOD, look.known))),
    };
    let tie = Tie { name: seen.id.filter(|id| id.text != b"null").map_or(0, |id| id_of(id.text)), place: 0 };
    let is_known = mcp.is_some();
    // A notification is not answered: nothing proves that there is such a method, unless the protocol has it.
    let answer = if tie.name == 0 && !is_known { Answer::Silent } else { Answer::Unknown };
    Some(Operation { answer, tie, ..Operation::named(protocol, name) })
}

/// One of MCP's methods, where the head or the parameters say that it is MCP.
fn mcp_method(method: &[u8], seen: &Seen<'_>, look: &Look<'_>) -> Option<&'static str> {
    let method = MCP_METHODS.iter().copied().find(|known| known.as_bytes() == method)?;
    let is_mcp =
        || look.headers.first("mcp-protocol-version").is_some() || look.headers.first("mcp-session-id").is_some();
    let says_so = match method {
        "initialize" => seen.params.is_some_and(|params| params.member(b"protocolVersion").is_some()),
        "ping" => false,
        _ => method.contains('/'),
    };
    (says_so || is_mcp()).then_some(method)
}

fn mcp_name(method: &'static str, seen: &Seen<'_>, look: &Look<'_>) -> SmolStr {
    if !matches!(method, "tools/call" | "prompts/get") {
        return SmolStr::new_static(method);
    }
    let name = seen.params.and_then(|params| params.member(b"name")?.string());
    name::after(method, name.as_deref().unwrap_or_default(), TOOL, look.known)
}

/// Takes the answers from JSON, or from the events of a stream.
pub(super) fn answer(operations: &mut Operations, body: &[u8], is_stream: bool) {
    if !is_stream {
        return from_json(operations, Value::of(body));
    }
    let lines = body.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
    for event in lines.take(EVENTS_MAX) {
        from_json(operations, Value::of(event));
    }
}

fn from_json(operations: &mut Operations, body: Value<'_>) {
    if body.is_array() {
        for value in body.elements().take(super::ANSWERS_MAX) {
            one(operations, value);
        }
    } else {
        one(operations, body);
    }
}

fn one(operations: &mut Operations, value: Value<'_>) {
    let (mut id, mut result, mut error) = (None, None, None);
    for (key, value) in value.members().take(super::json::MEMBERS_MAX) {
        match key {
            b"id" => id = Some(value.text),
            // Version 1.0 has both, one of them `null`.
            b"result" if value.text != b"null" || result.is_none() => result = Some(value),
            b"error" if value.text != b"null" => error = Some(value),
            b"method" => return,
            _ => {}
        }
    }
    if result.is_none() && error.is_none() {
        return;
    }
    let id = id.filter(|id| *id != b"null").map_or(0, id_of);
    let alone = operations.list.len() == 1;
    // What could not be read has no id in its answer.
    let asked = |operation: &&mut Operation| {
        let tie = operation.tie.name;
        tie != 0 && (tie == id || (id == 0 && alone))
    };
    if let Some(operation) = operations.list.iter_mut().find(asked) {
        operation.answer = match error {
            Some(error) => of_error(operation, error),
            None => of_result(operation, result),
        };
    }
}

fn of_error(operation: &Operation, error: Value<'_>) -> Answer {
    match error.member(b"code").map(|code| code.text) {
        Some(METHOD_NOT_FOUND | INVALID_REQUEST | PARSE_ERROR) => Answer::Denies,
        Some(INVALID_PARAMS) if names_a_thing(operation) => Answer::Denies,
        _ => Answer::Proves,
    }
}

/// Of a tool that there is not some servers say so in a result (`isError`), as of one that failed.
fn of_result(operation: &Operation, result: Option<Value<'_>>) -> Answer {
    let is_error = || result.and_then(|result| result.member(b"isError")).is_some_and(|flag| flag.text == b"true");
    if names_a_thing(operation) && is_error() { Answer::Silent } else { Answer::Proves }
}

/// Whether part of the name is the client's choice, although the method is the protocol's.
fn names_a_thing(operation: &Operation) -> bool {
    operation.protocol == Protocol::Mcp && operation.name().is_some_and(|name| name.contains(' '))
}
