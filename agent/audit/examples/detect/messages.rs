//! Messages around bodies, through the same entry as live traffic.

use std::sync::Arc;

use apiscope_audit::exchange::Record;
use apiscope_audit::secret::FingerprintKey;
use apiscope_audit::{Facts, Gather, Settings};
use apiscope_wire::{
    Body, Event, ExchangeId, FlowId, Header, Headers, Hop, Message, Origin, Role, Start, Timestamp, Version,
};

/// Gives bodies to [`Gather`].
pub(crate) struct Messages {
    gather: Gather,
    origin: Origin,
    index: u32,
}

impl Default for Messages {
    fn default() -> Self {
        Self::new(Arc::new(Settings::default()))
    }
}

impl Messages {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let origin = Origin {
            client: ([10, 0, 0, 1], 50_000).into(),
            server: ([10, 0, 0, 2], 8080).into(),
            role: Role::Served,
            hop: Hop::Private,
            interface: None,
            workload: None,
            encrypted: false,
        };
        let gather = Gather::new(Arc::new(FingerprintKey::new([7; 32])), settings);
        Self { gather, origin, index: 0 }
    }

    /// A call with the body on one side: that side's facts.
    pub(crate) fn facts(&mut self, media: &str, body: &str, in_request: bool) -> Facts {
        let typed = [Header { name: "Content-Type", value: media.as_bytes() }];
        let host = [Header { name: "Host", value: b"api.example" }, typed[0]];
        let (asked, answered) = if in_request { (body, "") } else { ("", body) };
        let mut given = None;
        self.exchange(b"/items", &host, asked.as_bytes(), &typed, answered.as_bytes(), &mut |record| {
            if let Record::Exchange(exchange) = record {
                given = if in_request { exchange.request } else { exchange.response };
            }
        });
        given.expect("each exchange has both sides")
    }

    /// One exchange.
    pub(crate) fn exchange(
        &mut self,
        target: &[u8],
        request: &[Header<'_>],
        asked: &[u8],
        response: &[Header<'_>],
        answered: &[u8],
        emit: &mut dyn FnMut(Record),
    ) {
        let id = ExchangeId { flow: FlowId::new(1), index: self.index };
        self.index += 1;
        let sides = [
            (Start::Request { method: "GET", target }, request, asked),
            (Start::Response { status: 200 }, response, answered),
        ];
        for (start, headers, data) in sides {
            let message = Message {
                exchange: id,
                origin: &self.origin,
                version: Version::Http11,
                start,
                headers: Headers(headers),
                body: Body { data, total: Some(data.len() as u64) },
                trailers: Headers(&[]),
                content: apiscope_wire::Content::Plain,
                began: Timestamp::from_nanos(1),
                ended: Timestamp::from_nanos(2),
                complete: true,
            };
            self.gather.handle(Event::Message(message), emit);
        }
    }
}
