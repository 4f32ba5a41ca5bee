//! The rules of known peers, written anew from their description: see the comment at each. Whole traffic in, endpoints out.

use std::collections::{BTreeMap, BTreeSet};

use crate::traffic::score::Endpoint;
use crate::traffic::{Request, blank};

/// A peer's name and its rule.
pub(crate) type Peer = (&'static str, fn(&[Request]) -> BTreeMap<Endpoint, Endpoint>);

/// All of them. Each gives for a method and path its method and template.
pub(crate) const PEERS: [Peer; 4] =
    [("APIClarity", apiclarity), ("Akto", akto), ("Optic", optic), ("mitmproxy2swagger", mitmproxy2swagger)];

fn by_segment(requests: &[Request], is_variable: fn(&str) -> bool) -> BTreeMap<Endpoint, Endpoint> {
    let template = |request: &Request| {
        let segments = blank(&request.path);
        let pieces = segments.split('/').map(|segment| if is_variable(segment) { "{}" } else { segment });
        pieces.collect::<Vec<_>>().join("/")
    };
    requests.iter().map(|r| (key(r), (r.method.clone(), template(r)))).collect()
}

fn key(request: &Request) -> Endpoint {
    (request.method.clone(), request.path.clone())
}

fn is_number(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(segment: &str) -> bool {
    segment.len() == 36 && segment.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

/// Digits only, a UUID, or at least 8 characters with more than 2 digits.
fn apiclarity(requests: &[Request]) -> BTreeMap<Endpoint, Endpoint> {
    by_segment(requests, |segment| {
        let digits = segment.bytes().filter(u8::is_ascii_digit).count();
        is_number(segment) || is_uuid(segment) || (segment.len() >= 8 && digits > 2)
    })
}

/// Digits only.
fn mitmproxy2swagger(requests: &[Request]) -> BTreeMap<Endpoint, Endpoint> {
    by_segment(requests, is_number)
}

/// Number, `ObjectId`, UUID, or at least 6 characters with 3 digits and a letter; then at least 10 paths that differ in one segment are
/// one. Only 2xx and 302 count. (English words are never variables there: without its dictionary this is kinder than the original.)
fn akto(requests: &[Request]) -> BTreeMap<Endpoint, Endpoint> {
    let seen: Vec<Request> =
        requests.iter().filter(|r| (200..300).contains(&r.status) || r.status == 302).cloned().collect();
    let mut templates = by_segment(&seen, |segment| {
        let digits = segment.bytes().filter(u8::is_ascii_digit).count();
        let has_letter = segment.bytes().any(|byte| byte.is_ascii_alphabetic());
        is_number(segment) || is_uuid(segment) || (segment.len() >= 6 && digits >= 3 && has_letter)
    });
    let mut alike: BTreeMap<Endpoint, BTreeSet<String>> = BTreeMap::new();
    for (method, template) in templates.values().cloned().collect::<BTreeSet<_>>() {
        for wide in one_free(&template) {
            alike.entry((method.clone(), wide)).or_default().insert(template.clone());
        }
    }
    for (method, template) in templates.values_mut() {
        let wide = one_free(template)
            .into_iter()
            .find(|wide| alike.get(&(method.clone(), wide.clone())).is_some_and(|templates| templates.len() >= 10));
        if let Some(wide) = wide {
            *template = wide;
        }
    }
    templates
}

fn one_free(template: &str) -> Vec<String> {
    let pieces: Vec<&str> = template.split('/').collect();
    let free = (1..pieces.len()).filter(|at| pieces[*at] != "{}").map(|at| {
        let mut wide = pieces.clone();
        wide[at] = "{}";
        wide.join("/")
    });
    free.collect()
}

/// Number or UUID; or two different children of one parent, unless that is the root, `api`, a version or a variable.
fn optic(requests: &[Request]) -> BTreeMap<Endpoint, Endpoint> {
    let mut templates = by_segment(requests, |segment| is_number(segment) || is_uuid(segment));
    let longest = templates.values().map(|(_, template)| template.split('/').count()).max().unwrap_or_default();
    for depth in 2..longest {
        let mut children: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let parts = |template: &str| {
            let pieces: Vec<&str> = template.split('/').collect();
            let parent = pieces.get(..depth)?;
            let last = parent.last()?;
            let is_free = *last != "{}" && *last != "api" && !last.starts_with('v');
            is_free.then(|| Some((parent.join("/"), (*pieces.get(depth)?).to_owned())))?
        };
        for (_, template) in templates.values() {
            if let Some((parent, child)) = parts(template) {
                children.entry(parent).or_default().insert(child);
            }
        }
        for (_, template) in templates.values_mut() {
            let Some((parent, _)) = parts(template) else { continue };
            if children.get(&parent).is_some_and(|children| children.len() >= 2) {
                let mut pieces: Vec<&str> = template.split('/').collect();
                pieces[depth] = "{}";
                *template = pieces.join("/");
            }
        }
    }
    templates
}
