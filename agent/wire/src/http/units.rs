//! What a body is made of, where its head says so: counted as it passes, whatever of it is kept.

use crate::event::Content;
use crate::http::grpc::Messages;
use crate::http::sse::Events;

/// What a head says of its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// Nothing that is counted.
    #[default]
    None,
    /// Server-sent events.
    Events,
    /// gRPC.
    Grpc,
    /// gRPC-Web, in its binary form.
    GrpcWeb,
    /// gRPC-Web in base64.
    GrpcWebText,
}

impl UnitKind {
    /// By a `Content-Type`; parameters do not matter.
    pub(crate) fn of(content_type: &[u8]) -> Self {
        let name = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        // `application/grpc` alone, or with the format of its messages behind a plus.
        let is = |wanted: &[u8]| {
            name.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted))
                && matches!(name.get(wanted.len()), None | Some(b'+'))
        };
        match name.first() {
            Some(b't' | b'T') if name.eq_ignore_ascii_case(b"text/event-stream") => Self::Events,
            Some(b'a' | b'A') if is(b"application/grpc") => Self::Grpc,
            Some(b'a' | b'A') if is(b"application/grpc-web") => Self::GrpcWeb,
            Some(b'a' | b'A') if is(b"application/grpc-web-text") => Self::GrpcWebText,
            _ => Self::None,
        }
    }
}

/// The count of one body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Units {
    #[default]
    None,
    Events(Events),
    Grpc(Messages),
}

impl Units {
    /// `is_coded`: the body is in a content coding, so that its bytes are not what the type says.
    pub(crate) fn new(kind: UnitKind, is_coded: bool) -> Self {
        let mut units = match kind {
            UnitKind::None => Self::None,
            UnitKind::Events => Self::Events(Events::default()),
            UnitKind::Grpc => Self::Grpc(Messages::new()),
            UnitKind::GrpcWeb => Self::Grpc(Messages::web()),
            UnitKind::GrpcWebText => Self::Grpc(Messages::web_text()),
        };
        if is_coded {
            units.lose();
        }
        units
    }

    /// The next bytes of the body.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Events(events) => events.bytes(bytes),
            Self::Grpc(messages) => messages.bytes(bytes),
        }
    }

    /// So many bytes of the body are missing.
    pub(crate) fn hole(&mut self, n: u64) {
        match self {
            Self::Grpc(messages) => messages.hole(n),
            Self::Events(events) if n > 0 => events.lose(),
            Self::None | Self::Events(_) => {}
        }
    }

    /// How much of the body is missing is not known, or how it goes on.
    pub(crate) fn lose(&mut self) {
        match self {
            Self::None => {}
            Self::Events(events) => events.lose(),
            Self::Grpc(messages) => messages.lose(),
        }
    }

    /// What is known so far.
    pub(crate) fn content(&self) -> Content {
        match self {
            Self::None => Content::Plain,
            Self::Events(events) => Content::Events(events.count()),
            Self::Grpc(messages) => Content::Grpc(messages.so_far()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_content_type() {
        for (value, kind) in [
            (&b"text/event-stream"[..], UnitKind::Events),
            (b"Text/Event-Stream; charset=utf-8", UnitKind::Events),
            (b"application/grpc", UnitKind::Grpc),
            (b"application/grpc+proto", UnitKind::Grpc),
            (b"application/grpc-web+proto", UnitKind::GrpcWeb),
            (b"application/grpc-web-text", UnitKind::GrpcWebText),
            (b"application/grpcx", UnitKind::None),
            (b"application/json", UnitKind::None),
            (b"", UnitKind::None),
        ] {
            assert_eq!(UnitKind::of(value), kind, "{}", value.escape_ascii());
        }
    }
}
