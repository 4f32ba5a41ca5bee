//! Static files: those of one folder and one type are one endpoint, `GET /assets/{file}.js`.
//!
//! A call is one of a static file only where all says so: the name ends as scripts, style sheets, fonts and pictures of pages do, the
//! answer's media type is of that kind, the query chooses nothing, and nobody had to say who he is. Whatever an API may give away under
//! such a name (a document, data, a picture of a user that needs a credential) is an endpoint as any other. What is not found, or was not
//! changed, counts where the folder has such files already.

use crate::exchange::Exchange;
use crate::facts::{AuthKind, MediaKind};
use crate::secret::Masked;
use crate::secret::mask::{MARK, VALUE_MARK};

use super::shape::segments;

/// Extensions, and the last segment of their endpoints ([`super::shape::FILE`]). What a program or a style sheet is made of: pages fetch it with whatever
/// cookies there are.
const PARTS: [(&str, &str); 9] = [
    ("js", "{file}.js"),
    ("mjs", "{file}.mjs"),
    ("css", "{file}.css"),
    ("woff", "{file}.woff"),
    ("woff2", "{file}.woff2"),
    ("ttf", "{file}.ttf"),
    ("otf", "{file}.otf"),
    ("eot", "{file}.eot"),
    ("ico", "{file}.ico"),
];
/// Pictures: some are data of an API, so a cookie is too much.
const PICTURES: [(&str, &str); 7] = [
    ("png", "{file}.png"),
    ("jpg", "{file}.jpg"),
    ("jpeg", "{file}.jpeg"),
    ("gif", "{file}.gif"),
    ("svg", "{file}.svg"),
    ("webp", "{file}.webp"),
    ("avif", "{file}.avif"),
];
/// Parameters that only keep an old copy from being used.
const VERSIONS: [&str; 12] = ["v", "ver", "version", "hash", "h", "t", "ts", "_", "rev", "r", "cb", "build"];

/// The last segment of the endpoint of static files that a call is one of, as far as the call tells.
pub(super) fn pattern(exchange: &Exchange) -> Option<&'static str> {
    let reads = exchange.method.as_ref().is_some_and(|method| matches!(method.as_str(), "GET" | "HEAD"));
    let name = segments(exchange.path.as_str()).last().filter(|_| reads && exchange.operations.is_none())?;
    let (_, extension) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
    let of = |types: &'static [(&str, &str)]| types.iter().find(|(known, _)| *known == extension).map(|(_, to)| *to);
    let (to, is_part) = of(&PARTS).map(|to| (to, true)).or_else(|| Some((of(&PICTURES)?, false)))?;
    let chooses_nothing = exchange.query_keys.iter().map(Masked::as_str).all(is_version);
    let is_open = exchange
        .request
        .as_ref()
        .is_some_and(|request| request.auth.iter().all(|auth| is_part && *auth == AuthKind::SessionCookie));
    let is_asset = match exchange.status {
        Some(200 | 203 | 206) => {
            let media = exchange.response.as_ref().map(|response| response.media);
            let is_head = exchange.method.as_ref().is_some_and(|method| method.as_str() == "HEAD");
            media == Some(MediaKind::Asset) || (is_head && media == Some(MediaKind::None))
        }
        // Nothing was sent: of what kind it is the file's other calls tell.
        Some(304 | 400..=599) | None => true,
        Some(_) => false,
    };
    (chooses_nothing && is_open && is_asset).then_some(to)
}

/// Whether a call alone shows that there are such files: its answer was one.
pub(super) fn is_shown(exchange: &Exchange) -> bool {
    exchange.response.as_ref().is_some_and(|response| response.media == MediaKind::Asset)
        && matches!(exchange.status, Some(200..=299))
}

fn is_version(key: &str) -> bool {
    VERSIONS.contains(&key) || key == VALUE_MARK || key == MARK
}

#[cfg(test)]
mod tests;
