//! One direction of a handshake: records to the messages that are read, in one buffer.

use crate::http::Cx;
use crate::input::Side;
use crate::tls::Chain;
use crate::tls::certificate::Certificates;
use crate::tls::cursor::Cursor;
use crate::tls::hello::{self, MESSAGE_HEADER, TLS13};
use crate::tls::record::{self, Item, Records};

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// Largest hello that is read, its header included; the largest in use have post-quantum key shares of some kilobytes.
const HELLO_BYTES_MAX: usize = 32 * 1024;

/// Largest message of certificates that is read, its header included.
const CHAIN_BYTES_MAX: usize = 64 * 1024;

/// Records over which a client's hello may lie; more is a trick.
const CLIENT_RECORDS_MAX: u32 = 16;

/// Records over which a server's hello and certificates may lie.
const SERVER_RECORDS_MAX: u32 = 64;

/// How far a direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is more to be read.
    Reading,
    /// All is read, or nothing more can be.
    Done,
    /// Its first bytes are not TLS.
    Garbage,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Way {
    side: Side,
    pub(super) state: State,
    records: Records,
    /// The content of its handshake records.
    buf: Vec<u8>,
    /// Bytes seen in all.
    pub(super) seen: u64,
    /// Bytes up to the end of the last message that was read.
    pub(super) read: u64,
    /// Bytes up to where the reading ended.
    done_at: u64,
    /// Where its hello, and the message after it, end in the buffer; 0 not yet.
    hello_end: usize,
    chain_end: usize,
    proven: bool,
    /// The server has gone on without certificates.
    skipped_chain: bool,
    /// The server's alert in place of a hello.
    pub(super) alert: Option<u8>,
}

impl Way {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            state: State::Reading,
            records: Records::default(),
            buf: Vec::new(),
            seen: 0,
            read: 0,
            done_at: 0,
            hello_end: 0,
            chain_end: 0,
            proven: false,
            skipped_chain: false,
            alert: None,
        }
    }

    /// Whether its first bytes can be nothing but TLS.
    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// Bytes of memory held.
    pub(super) fn allocated(&self) -> usize {
        self.buf.capacity()
    }

    /// Bytes since the reading ended.
    pub(super) fn idle(&self) -> u64 {
        self.seen.saturating_sub(self.done_at)
    }

    /// The hello, if it was read.
    pub(super) fn message(&self) -> Option<&[u8]> {
        self.buf.get(..self.hello_end).filter(|hello| !hello.is_empty())
    }

    /// What is known of the certificates.
    pub(super) fn chain(&self) -> Chain<'_> {
        let Some(choice) = self.message().and_then(hello::choice) else { return Chain::Unknown };
        if choice.version >= TLS13 {
            return Chain::Encrypted;
        }
        if self.skipped_chain {
            return Chain::NotSent;
        }
        let list = || {
            let mut message = Cursor(self.buf.get(self.hello_end..self.chain_end)?);
            message.skip(MESSAGE_HEADER)?;
            let len = message.three()?;
            message.take(len)
        };
        list().map_or(Chain::Unknown, |list| Chain::Sent(Certificates(list)))
    }

    /// Nothing more can be read.
    pub(super) fn give_up(&mut self) {
        if self.state == State::Reading {
            self.done(self.seen);
        }
    }

    /// Nothing more is read, from the stream's byte `at` on.
    fn done(&mut self, at: u64) {
        self.state = State::Done;
        self.done_at = at;
    }

    /// The next bytes.
    pub(super) fn bytes(&mut self, data: &[u8], late: bool, cx: &mut Cx<'_>) {
        let mut rest = data;
        while self.state == State::Reading {
            let item = self.records.next(&mut rest);
            let at = self.seen + (data.len() - rest.len()) as u64;
            match item {
                Item::More => break,
                Item::NotRecord(_) if self.proven => self.done(at),
                Item::NotRecord(header) => self.refute(header, late, at, cx),
                Item::Content(kind, content) => self.content(kind, content, late, at, cx),
            }
        }
        self.seen += data.len() as u64;
    }

    /// The first bytes are no record.
    fn refute(&mut self, header: [u8; 5], late: bool, at: u64, cx: &mut Cx<'_>) {
        if self.side == Side::Client && is_ssl2(header) {
            cov_mark::hit!(ssl2_hello);
            cx.counters.ssl2_hellos += 1;
        }
        self.fail(late, at);
    }

    /// What should begin a handshake does not. A direction joined late may be in the middle of anything.
    fn fail(&mut self, late: bool, at: u64) {
        self.done(at);
        if late {
            self.proven |= self.records.count > 0;
        } else if !self.proven {
            self.state = State::Garbage;
        }
    }

    /// A piece of a record's content, which ends at the stream's byte `at`.
    fn content(&mut self, kind: u8, content: &[u8], late: bool, at: u64, cx: &mut Cx<'_>) {
        let records_max = match self.side {
            Side::Client => CLIENT_RECORDS_MAX,
            Side::Server => SERVER_RECORDS_MAX,
        };
        if self.records.count > records_max {
            cov_mark::hit!(tls_records_max);
            cx.counters.handshakes_too_long += 1;
            return self.done(at);
        }
        match kind {
            record::HANDSHAKE => self.handshake(content, late, at, cx),
            record::ALERT if self.side == Side::Server && self.buf.is_empty() && !late => self.alert(content, at),
            // New keys: what follows is encrypted, and there were no certificates.
            record::CHANGE if self.hello_end > 0 && self.buf.len() == self.hello_end => {
                self.skipped_chain = true;
                self.done(at);
            }
            _ => self.fail(late, at),
        }
    }

    /// Level and description.
    fn alert(&mut self, content: &[u8], at: u64) {
        for byte in content {
            if self.proven {
                self.alert = Some(*byte);
                self.read = at;
                return self.done(at);
            }
            if !matches!(byte, 1 | 2) {
                return self.fail(false, at);
            }
            self.proven = true;
        }
    }

    fn handshake(&mut self, content: &[u8], late: bool, at: u64, cx: &mut Cx<'_>) {
        let wanted = match self.side {
            Side::Client => CLIENT_HELLO,
            Side::Server => SERVER_HELLO,
        };
        if self.buf.is_empty() && content.first() != Some(&wanted) {
            return self.fail(late, at);
        }
        self.proven = true;
        if !cx.pool.append(&mut self.buf, content, cx.limits) {
            cx.counters.cut_by_memory += 1;
            return self.done(at);
        }
        while self.state == State::Reading && self.message_ends(at, cx) {}
    }

    /// Reads the next message if it is whole. Whether there was one.
    fn message_ends(&mut self, at: u64, cx: &mut Cx<'_>) -> bool {
        let first = self.hello_end == 0;
        let mut message = Cursor(self.buf.get(self.hello_end..).unwrap_or_default());
        let Some(kind) = message.byte() else { return false };
        if !first && kind != CERTIFICATE {
            self.skipped_chain = true;
            self.done(at);
            return false;
        }
        let Some(len) = message.three() else { return false };
        let max = if first { HELLO_BYTES_MAX } else { CHAIN_BYTES_MAX };
        if MESSAGE_HEADER + len > max {
            cov_mark::hit!(tls_message_max);
            cx.counters.handshakes_too_long += 1;
            self.done(at);
            return false;
        }
        let end = self.hello_end + MESSAGE_HEADER + len;
        if self.buf.len() < end {
            return false;
        }
        let over = (self.buf.len() - end) as u64;
        let whole = self.buf.get(self.hello_end..end).unwrap_or_default();
        let readable = match (first, self.side) {
            (false, _) => true,
            (true, Side::Client) => hello::offer(whole).is_some(),
            (true, Side::Server) => hello::choice(whole).is_some(),
        };
        if !readable {
            self.done(at);
            return false;
        }
        self.read = at.saturating_sub(over);
        if first {
            self.hello_end = end;
            let is_tls13 = self.message().and_then(hello::choice).is_some_and(|choice| choice.version >= TLS13);
            if self.side == Side::Client || is_tls13 {
                self.done(at);
            }
        } else {
            self.chain_end = end;
            self.done(at);
        }
        true
    }
}

/// A `ClientHello` in the manner of SSL 2 (RFC 5246 appendix E.2): a length with its highest bit set, the type, the version.
fn is_ssl2(header: [u8; 5]) -> bool {
    matches!(header, [0x80..=0xff, _, CLIENT_HELLO, 0, 2] | [0x80..=0xff, _, CLIENT_HELLO, 3, 0..=4])
}
