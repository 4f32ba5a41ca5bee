//! Many agents' inventories as one, whatever the order in which their reports come, how often, and how late.
//!
//! An agent's counts only grow, from the moment its store was made ([`Life`]); a [`Report`] is all that it knew at one moment. So of each life
//! the newest report counts and no other: [`Fleet::join`] is a join in a semilattice (commutative, associative, idempotent). What the fleet saw
//! is the sum over lives ([`Fleet::endpoints`]), and since all that a row counts adds up, it is what one agent that saw all traffic would have
//! counted; but the most frequent consumers, which are exact only up to their bound. Schemas are joined ([`Fleet::api`]): they are those of
//! one agent that took the same samples, within their own bounds. Which words are the API's each agent proves by itself; a field's words are
//! listed where all that any agent met were proven by one that shares its key.
//!
//! Who saw less traffic may have kept a template narrower (`/users/anna` where others have `/users/{name}`). Such an endpoint counts at the
//! wider template, unless some agent tells the two apart.

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use apiscope_wire::Timestamp;

use super::profile::PackedProfile;
use super::{DocumentState, EndpointId, EndpointRow, Security, TemplateState};
use crate::exchange::{ApiId, Method, Protocol};
use crate::schema::EndpointSchemas;
use crate::secret::KeyMark;
use crate::sketch::Packer;

/// What an agent's counts belong to: its store, from the moment it was made. A restart goes on with the same; a new store begins another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life(pub u64);

/// All endpoints that an agent knew at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// By id.
    rows: Vec<EndpointRow>,
    schemas: BTreeMap<EndpointId, EndpointSchemas>,
    /// Of the key that made the hashes in the schemas; `None`: no other agent is known to have it.
    key: Option<KeyMark>,
}

impl Report {
    /// Of an agent's rows.
    pub fn new(mut rows: Vec<EndpointRow>) -> Self {
        rows.sort_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        for row in &mut rows {
            // What the agent's own document asks for is no count.
            row.security = Security::Unsaid;
        }
        Self { rows, schemas: BTreeMap::new(), key: None }
    }

    /// With what its endpoints take and give.
    #[must_use]
    pub fn with_schemas(self, schemas: Vec<(EndpointId, EndpointSchemas)>, key: Option<KeyMark>) -> Self {
        Self { schemas: schemas.into_iter().collect(), key, ..self }
    }

    /// Whether it is newer than another of the same life: its last call is later, or it has more calls. The bytes decide between what no
    /// agent would tell, so that the order in which reports come never does.
    fn is_newer(&self, than: &Self) -> bool {
        self.age().cmp(&than.age()).then_with(|| self.pack().cmp(&than.pack())).is_gt()
    }

    fn age(&self) -> (Option<Timestamp>, u64) {
        let calls = self.rows.iter().fold(0, |sum: u64, row| sum.saturating_add(row.calls));
        (self.rows.iter().filter_map(|row| row.last).max(), calls)
    }

    fn pack(&self) -> Vec<u8> {
        let mut packer = Packer::default();
        for row in &self.rows {
            pack_row(row, &mut packer);
        }
        for (EndpointId(id), schemas) in &self.schemas {
            packer.number(*id);
            packer.bytes(&schemas.pack());
        }
        packer.number(self.key.map_or(0, KeyMark::get));
        packer.done()
    }
}

/// The newest report of each life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    reports: BTreeMap<Life, Report>,
}

impl Fleet {
    /// Lives that are known at most: the first ones by number.
    pub const LIVES_MAX: usize = 1_024;

    /// Takes a report in. `false`: a life found no room.
    pub fn report(&mut self, life: Life, report: Report) -> bool {
        match self.reports.entry(life) {
            Entry::Vacant(place) => drop(place.insert(report)),
            Entry::Occupied(mut known) => {
                if report.is_newer(known.get()) {
                    known.insert(report);
                }
            }
        }
        self.reports.len() <= Self::LIVES_MAX || self.reports.pop_last().is_none()
    }

    /// Takes in all that another knows. Gives how many lives found no room.
    pub fn join(&mut self, other: Self) -> usize {
        other.reports.into_iter().map(|(life, report)| usize::from(!self.report(life, report))).sum()
    }

    /// Lives known.
    pub fn lives(&self) -> usize {
        self.reports.len()
    }

    /// What all saw together: by API, template and method.
    pub fn endpoints(&self) -> Vec<EndpointRow> {
        self.wholes(None).into_iter().map(|whole| whole.row).collect()
    }

    /// What all saw of one API, in all environments together, with what its endpoints take and give.
    pub fn api(&self, api: &ApiId) -> Vec<(EndpointRow, Option<EndpointSchemas>)> {
        self.wholes(Some(api)).into_iter().map(|whole| (whole.row, self.schemas(&whole.parts))).collect()
    }

    /// `only`: of this API, the same endpoint of several environments as one.
    fn wholes(&self, only: Option<&ApiId>) -> Vec<Whole> {
        let mut whole: BTreeMap<Place<'_>, Whole> = BTreeMap::new();
        for (life, report) in &self.reports {
            for row in report.rows.iter().filter(|row| only.is_none_or(|api| *api == row.api)) {
                let id = if only.is_some() { EndpointId(0) } else { row.id };
                let place = Place { api: &row.api, method: &row.method, route: &row.route, id };
                match whole.get_mut(&place) {
                    Some(known) => known.add(*life, row),
                    None => drop(whole.insert(place, Whole::of(*life, row))),
                }
            }
        }
        let mut groups = Groups::new();
        for (place, one) in &whole {
            groups.entry((place.api, place.method)).or_default().push((*place, one));
        }
        let moves = whole.iter().filter_map(|(place, one)| Some((*place, wider(*place, one, &groups)?)));
        let moves: BTreeMap<_, _> = moves.collect();
        let mut narrows: Vec<(Place<'_>, Whole)> = Vec::new();
        for narrow in moves.keys() {
            // Each step goes to a template that is wider, or first by name among equals: it ends.
            let mut into = *narrow;
            while let Some(next) = moves.get(&into) {
                into = *next;
            }
            narrows.extend(whole.remove(narrow).map(|gone| (into, gone)));
        }
        for (into, gone) in narrows {
            if let Some(wide) = whole.get_mut(&into) {
                add(&mut wide.row, &gone.row);
                wide.parts.extend(gone.parts);
            }
        }
        let mut wholes: Vec<_> = whole.into_values().collect();
        wholes
            .sort_by(|a, b| (&a.row.api, &a.row.route, &a.row.method).cmp(&(&b.row.api, &b.row.route, &b.row.method)));
        wholes
    }

    /// The join over agents. Hashes under different keys cannot be compared: between agents that do not share one, words are compared
    /// as such where they are known, and what is not known counts as another value.
    fn schemas(&self, parts: &BTreeSet<(Life, EndpointId)>) -> Option<EndpointSchemas> {
        let mut by_key: BTreeMap<(Option<KeyMark>, Option<Life>), EndpointSchemas> = BTreeMap::new();
        for (life, id) in parts {
            let Some(report) = self.reports.get(life) else { continue };
            let Some(schemas) = report.schemas.get(id) else { continue };
            let key = (report.key, report.key.is_none().then_some(*life));
            by_key.entry(key).or_default().join(schemas.clone());
        }
        let is_one = by_key.len() == 1;
        let unkeyed = |schemas: EndpointSchemas| if is_one { schemas } else { schemas.unkeyed() };
        by_key.into_values().map(unkeyed).reduce(|mut all, schemas| {
            all.join(schemas);
            all
        })
    }

    /// The whole as bytes: the same for the same knowledge.
    pub fn pack(&self) -> Vec<u8> {
        let mut packer = Packer::default();
        for (life, report) in &self.reports {
            packer.number(life.0);
            packer.bytes(&report.pack());
        }
        packer.done()
    }
}

/// An endpoint's identity, within an environment. The order puts together what could be joined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    api: &'a ApiId,
    method: &'a Method,
    route: &'a str,
    id: EndpointId,
}

/// An endpoint as all that know it saw it.
struct Whole {
    row: EndpointRow,
    /// The rows that it was made of.
    parts: BTreeSet<(Life, EndpointId)>,
}

impl Whole {
    fn of(life: Life, row: &EndpointRow) -> Self {
        Self { row: EndpointRow { reason: None, ..row.clone() }, parts: [(life, row.id)].into() }
    }

    fn add(&mut self, life: Life, row: &EndpointRow) {
        self.parts.insert((life, row.id));
        add(&mut self.row, row);
    }

    /// Whether one agent knows both.
    fn is_beside(&self, other: &Self) -> bool {
        let has = |life| other.parts.range((life, EndpointId(0))..=(life, EndpointId(u64::MAX))).next().is_some();
        self.parts.iter().any(|(life, _)| has(*life))
    }
}

/// Endpoints by API and method.
type Groups<'r, 'w> = BTreeMap<(&'r ApiId, &'r Method), Vec<(Place<'r>, &'w Whole)>>;

/// The endpoint at which another counts: the widest whose template holds it, if no agent has both.
fn wider<'r>(narrow: Place<'r>, one: &Whole, groups: &Groups<'r, '_>) -> Option<Place<'r>> {
    if one.row.template == TemplateState::Documented {
        return None;
    }
    let known = groups.get(&(narrow.api, narrow.method))?.as_slice();
    let is_head = narrow.method.as_str() == "HEAD";
    let of_get = |((api, method), _): &(&(&ApiId, &Method), &Vec<_>)| *api == narrow.api && method.as_str() == "GET";
    let gets = groups.iter().find(of_get).filter(|_| is_head).map_or(&[][..], |(_, gets)| gets);
    // A HEAD is a call of its path's GET, where there is one.
    if let Some((place, _)) = gets.iter().find(|(place, _)| place.route == narrow.route) {
        return Some(*place);
    }
    // Whoever calls the variables otherwise tells them apart all the same.
    let told_apart =
        |wide: &str| known.iter().any(|(place, other)| is_alike(place.route, wide) && other.is_beside(one));
    let candidates = gets.iter().chain(known).map(|(wide, _)| *wide).filter(|wide| holds(wide.route, narrow.route));
    candidates
        .filter(|wide| is_alike(wide.route, narrow.route) || !told_apart(wide.route))
        .max_by_key(|wide| (variables(wide.route), std::cmp::Reverse(wide.route), wide.method))
}

/// Whether two templates differ in the names of their variables at most.
fn is_alike(a: &str, b: &str) -> bool {
    let is_alike = |(a, b)| a == b || (is_variable(a) && is_variable(b));
    a.split('/').count() == b.split('/').count() && a.split('/').zip(b.split('/')).all(is_alike)
}

/// Whether `wide` is another template that takes all that `narrow` takes. Of two that differ only in the names of their variables the first by
/// name does.
fn holds(wide: &str, narrow: &str) -> bool {
    let (mut wides, mut narrows) = (wide.split('/'), narrow.split('/'));
    let mut more = false;
    loop {
        match (wides.next(), narrows.next()) {
            (None, None) => return wide != narrow && (more || wide < narrow),
            (Some(a), Some(b)) if is_variable(a) => more |= !is_variable(b),
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

fn is_variable(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}') && segment.matches('{').count() == 1
}

fn variables(route: &str) -> usize {
    route.split('/').filter(|segment| is_variable(segment)).count()
}

/// Adds what another agent counted at the same endpoint, or what was counted at one that is now the same.
pub(crate) fn add(row: &mut EndpointRow, other: &EndpointRow) {
    row.template = std::cmp::max_by_key(row.template, other.template, |state| template_rank(*state));
    // Of two agents with documents the one that does not know the endpoint is heard.
    row.document = std::cmp::max_by_key(row.document, other.document, |state| document_rank(*state));
    row.idle = match (row.document, row.idle, other.idle) {
        (DocumentState::Unused, Some(ours), Some(theirs)) => Some(ours.join(theirs)),
        (DocumentState::Unused, ours, theirs) => ours.or(theirs),
        _ => None,
    };
    if other.rival > row.rival {
        row.rival.clone_from(&other.rival);
    }
    let mut profile = row.profile.read().unwrap_or_default();
    profile.join(&other.profile.read().unwrap_or_default());
    row.add(other);
    if row.calls > 0 {
        row.profile = PackedProfile::of(&profile);
        row.latency_ms = profile.latency_ms().or(row.latency_ms);
    }
}

const fn document_rank(state: DocumentState) -> u8 {
    match state {
        DocumentState::NoDocument => 0,
        DocumentState::Unused => 1,
        DocumentState::Documented => 2,
        DocumentState::Deprecated => 3,
        DocumentState::Undocumented => 4,
        DocumentState::Removed => 5,
    }
}

const fn template_rank(state: TemplateState) -> u8 {
    match state {
        TemplateState::Literal => 0,
        TemplateState::Shape => 1,
        TemplateState::Candidate => 2,
        TemplateState::Learnt => 3,
        TemplateState::Pinned => 4,
        TemplateState::Documented => 5,
    }
}

const fn protocol_rank(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Http => 0,
        Protocol::EventStream => 1,
        Protocol::Batch => 2,
        Protocol::Soap => 3,
        Protocol::JsonRpc => 4,
        Protocol::Mcp => 5,
        Protocol::GraphQl => 6,
        Protocol::GrpcWeb => 7,
        Protocol::Grpc => 8,
        Protocol::WebSocket => 9,
    }
}

/// All of a row, so that two rows with the same bytes are the same.
fn pack_row(row: &EndpointRow, packer: &mut Packer) {
    let EndpointId(id) = row.id;
    packer.number(id);
    for text in [row.api.as_str(), row.method.as_str(), &*row.route] {
        packer.bytes(text.as_bytes());
    }
    for rank in [template_rank(row.template), document_rank(row.document), protocol_rank(row.protocol)] {
        packer.number(rank.into());
    }
    for at in [row.first, row.last] {
        packer.number(at.map_or(0, |at| at.as_nanos().saturating_add(1)));
    }
    packer.number(row.calls);
    for calls in row.by_class {
        packer.number(calls);
    }
    packer.number(row.by_auth.len() as u64);
    for (way, calls) in &row.by_auth {
        packer.bytes(format!("{way:?}").as_bytes());
        packer.number(*calls);
    }
    for bytes in [row.request_bytes_max, row.response_bytes_max, row.response_bytes_sum] {
        packer.number(bytes);
    }
    for quantile in row.latency_ms.into_iter().flatten() {
        packer.number(quantile.to_bits());
    }
    packer.bytes(row.owner.as_deref().unwrap_or_default().as_bytes());
    packer.bytes(format!("{:?} {:?} {:?}", row.announced, row.since, row.idle).as_bytes());
    packer.bytes(row.profile.bytes());
}
