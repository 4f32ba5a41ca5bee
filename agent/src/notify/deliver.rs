//! The one deliverer: a task for each target, which reads the outbox from its cursor, sends, waits, and moves the cursor when (and only
//! when) the target accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use apiscope_audit::finding::{FindingId, FindingRow, Transition};
use apiscope_wire::Timestamp;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::http::{NoAnswer, Post, addresses};
use super::plan::{Group, Known, plan};
use super::stats::Stats;
use super::{ConfigError, Context, Delivery, Manner, Notice, Parcel, Receiver, Receivers, Reminders, Target};
use crate::metrics::ReceiverSnapshot;
use crate::store::{ADDRESS_MARK, Accepted, Entry, Store};

/// Looks at the outbox at least so often.
const IDLE: Duration = Duration::from_secs(5);
/// Time between two look-ups of a name.
const LOOK_UP_EVERY: Duration = Duration::from_mins(1);
/// An address that a name no longer has keeps its cursor so long.
const ADDRESS_KEPT: Duration = Duration::from_hours(1);
/// First wait after a failure.
const BACK_OFF_MIN: Duration = Duration::from_millis(500);
/// Rows of the outbox read at a time.
const ROWS_MAX: usize = 256;
/// Open findings looked at for a reminder.
const MISSING_MAX: usize = 1_000;
/// Time that a stop gives to what is under way.
const STOP: Duration = Duration::from_secs(5);

/// The running deliveries. They end with [`Notifier::stop`]; a drop ends them too, at once. What was not accepted stays in the outbox.
#[derive(Debug)]
pub struct Notifier {
    stats: Vec<Arc<Stats>>,
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    store: Store,
}

impl Notifier {
    /// Registers the targets in the store (a short wait for its writer) and begins to deliver. To be called before the store is given the
    /// first change, so that none is missed.
    pub fn start(handle: &Handle, receivers: Receivers, context: &Context, store: &Store) -> Result<Self, ConfigError> {
        let receivers = receivers.build(context)?;
        let mut targets: Vec<String> = Vec::new();
        for receiver in &receivers {
            for target in receiver.targets() {
                if targets.contains(&target.id) {
                    return Err(ConfigError::Twice { receiver: receiver.name().to_owned() });
                }
                targets.push(target.id);
            }
        }
        store.register_targets(targets)?;
        let (stop, stopped) = watch::channel(false);
        let mut notifier = Self { stats: Vec::new(), tasks: Vec::new(), stop, store: store.clone() };
        for receiver in receivers {
            let receiver: Arc<dyn Receiver> = Arc::from(receiver);
            let stats = Arc::new(Stats::new(receiver.name()));
            for target in receiver.targets() {
                let route = Route {
                    receiver: Arc::clone(&receiver),
                    stats: Arc::clone(&stats),
                    store: store.clone(),
                    stopped: stopped.clone(),
                };
                let by_address = receiver.manner().reminders.is_some_and(|reminders| reminders.every_address);
                notifier.tasks.push(if by_address {
                    handle.spawn(route.every_address(target))
                } else {
                    handle.spawn(route.deliver(target, None))
                });
            }
            notifier.stats.push(stats);
        }
        Ok(notifier)
    }

    /// How each receiver is doing, for the metrics.
    pub fn snapshot(&self) -> Vec<ReceiverSnapshot> {
        let dropped = self.store.status().outbox_dropped;
        let of = |receiver: &str| {
            let mine = dropped.iter().filter(|(target, _)| {
                target.strip_prefix(receiver).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            });
            mine.map(|(_, rows)| *rows).max().unwrap_or(0)
        };
        self.stats.iter().map(|stats| stats.snapshot(of(stats.receiver()))).collect()
    }

    /// The last failure of each receiver that is failing, for people.
    pub fn errors(&self) -> Vec<(String, String)> {
        self.stats.iter().filter_map(|stats| Some((stats.receiver().to_owned(), stats.error()?))).collect()
    }

    /// Lets what is under way end, a few seconds at most. Nothing is resolved: an agent that stops is no finding that is over.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let deadline = Instant::now() + STOP;
        for task in &mut self.tasks {
            if tokio::time::timeout_at(deadline, &mut *task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What a target's task works with.
#[derive(Clone, Debug)]
struct Route {
    receiver: Arc<dyn Receiver>,
    stats: Arc<Stats>,
    store: Store,
    stopped: watch::Receiver<bool>,
}

/// How sending ended.
enum Sent {
    Accepted { incomplete: u64 },
    Refused,
    Later(Option<Duration>),
}

impl Route {
    /// Keeps one task for each address that the target's name has.
    async fn every_address(mut self, target: Target) {
        let mut running: BTreeMap<IpAddr, JoinGuard> = BTreeMap::new();
        let mut direct: Option<JoinGuard> = None;
        loop {
            match addresses(&target.url).await {
                Ok(found) if found.is_empty() => {
                    direct.get_or_insert_with(|| JoinGuard(tokio::spawn(self.clone().deliver(target.clone(), None))));
                }
                Ok(found) => self.follow(&target, &found, &mut running).await,
                Err(NoAnswer { reason, error }) => self.failed(&target.id, reason, &error),
            }
            let waiting = self.store.backlog(&target.id).await;
            if let Ok((rows, oldest)) = waiting {
                self.stats.waiting(&target.id, rows, oldest);
            }
            let pause = if running.is_empty() && direct.is_none() { IDLE } else { LOOK_UP_EVERY };
            if self.pause(pause).await {
                break;
            }
        }
        for task in running.into_values().chain(direct) {
            task.finish().await;
        }
    }

    async fn follow(&self, target: &Target, found: &[IpAddr], running: &mut BTreeMap<IpAddr, JoinGuard>) {
        let names = found.iter().map(ToString::to_string).collect();
        if let Err(error) = self.store.adopt_addresses(&target.id, names, ADDRESS_KEPT).await {
            log::warn!("alerts for {}: {error}", target.id);
            return;
        }
        running.retain(|address, _| {
            let kept = found.contains(address);
            if !kept {
                self.stats.forget(&format!("{}{ADDRESS_MARK}{address}", target.id));
            }
            kept
        });
        for address in found {
            running.entry(*address).or_insert_with(|| {
                let one = Target { id: format!("{}{ADDRESS_MARK}{address}", target.id), url: target.url.clone() };
                JoinGuard(tokio::spawn(self.clone().deliver(one, Some(*address))))
            });
        }
    }

    /// Delivers to one address until the stop.
    async fn deliver(mut self, target: Target, address: Option<IpAddr>) {
        let post = loop {
            match Post::new(&target.url, address) {
                Ok(post) => break post,
                Err(NoAnswer { reason, error }) => self.failed(&target.id, reason, &error),
            }
            if self.pause(LOOK_UP_EVERY).await {
                return;
            }
        };
        let manner = self.receiver.manner();
        let mut worker = Worker {
            due: Instant::now(),
            refused: BTreeSet::new(),
            back_off: back_off(manner.back_off_max),
            manner,
            target,
            post,
            route: self.clone(),
        };
        let mut outbox = self.store.outbox_changes();
        loop {
            outbox.mark_unchanged();
            let round = worker.round().await;
            worker.note_backlog().await;
            let wait = match round {
                Ok(()) => {
                    worker.back_off = back_off(manner.back_off_max);
                    IDLE.min(worker.due.saturating_duration_since(Instant::now())).max(Duration::from_millis(10))
                }
                Err(after) => {
                    let wait = worker.back_off.next().unwrap_or(manner.back_off_max);
                    if self.pause(wait.max(after.unwrap_or_default())).await {
                        return;
                    }
                    continue;
                }
            };
            tokio::select! {
                _ = outbox.changed() => {}
                stopped = self.pause(wait) => if stopped { return },
            }
        }
    }

    /// Waits; gives whether it is time to stop.
    async fn pause(&mut self, time: Duration) -> bool {
        let stopped = self.stopped.wait_for(|stopped| *stopped);
        !matches!(tokio::time::timeout(time, stopped).await, Err(_elapsed))
    }

    fn failed(&self, target: &str, reason: &'static str, error: &str) {
        if self.stats.failed(reason, error) {
            log::warn!("alerts for {target} are not delivered: {error}. They wait in the outbox and are sent again");
        }
    }
}

/// One target at work.
struct Worker {
    route: Route,
    target: Target,
    post: Post,
    manner: Manner,
    back_off: ExponentialBackoff,
    /// When the next reminder is due.
    due: Instant,
    /// Refused for good; not to be tried at each reminder.
    refused: BTreeSet<(FindingId, u32)>,
}

impl Worker {
    /// Everything that is to be told now. An error says how long the target wants to be left alone.
    async fn round(&mut self) -> Result<(), Option<Duration>> {
        match self.manner.reminders {
            Some(reminders) => self.remind(reminders).await,
            None => self.changes().await,
        }
    }

    /// Each row once, in order.
    async fn changes(&mut self) -> Result<(), Option<Duration>> {
        loop {
            let (entries, last) = self.pending(1).await?;
            let Some(entry) = entries.into_iter().next() else {
                // Only rows below its severity, if any.
                return self.write(Accepted { position: last, ..Accepted::default() }).await;
            };
            let mut accepted = Accepted { position: Some(entry.id), ..Accepted::default() };
            let notices = [notice(&entry)];
            match self.send(&notices, 0).await {
                Sent::Accepted { incomplete } => self.route.stats.sent([self.waited(entry.enqueued)], incomplete),
                Sent::Refused => {
                    self.route.stats.refused(1);
                    accepted.parked.push((entry.finding, "refused by the receiver".to_owned()));
                }
                Sent::Later(after) => return Err(after),
            }
            self.write(accepted).await?;
        }
    }

    /// What changed, and when it is due all that stands.
    async fn remind(&mut self, reminders: Reminders) -> Result<(), Option<Duration>> {
        let due = Instant::now() >= self.due;
        let (entries, last) = self.pending(ROWS_MAX).await?;
        let (standing, missing) = self
            .route
            .store
            .standing(&self.target.id, self.manner.min_severity, MISSING_MAX)
            .await
            .map_err(|error| self.store_failed(&error))?;
        let known = Known {
            entries: &entries,
            standing: &standing,
            missing: &missing,
            due,
            refused: &self.refused,
            now: self.route.store.now(),
        };
        let plan = plan(&known, &self.manner, &reminders);
        for parcel in parcels(plan.groups, self.manner.batch_max) {
            self.tell(parcel, plan.not_told).await?;
        }
        if due {
            self.due = Instant::now() + about(reminders.every);
        }
        match last {
            Some(last) => {
                self.write(Accepted { position: Some(last), ..Accepted::default() }).await?;
                // There may be more than one reading gave.
                if entries.len() >= ROWS_MAX { Box::pin(self.remind(reminders)).await } else { Ok(()) }
            }
            None => Ok(()),
        }
    }

    /// Sends a parcel; one that is refused is halved until the bad one is alone, and that one is parked.
    async fn tell(&mut self, parcel: Vec<Group>, not_told: u64) -> Result<(), Option<Duration>> {
        let mut stack = vec![parcel];
        while let Some(mut groups) = stack.pop() {
            let notices: Vec<Notice> = groups.iter().flat_map(|group| group.notices.iter().cloned()).collect();
            let sent =
                if notices.is_empty() { Sent::Accepted { incomplete: 0 } } else { self.send(&notices, not_told).await };
            let mut accepted = Accepted::default();
            match sent {
                Sent::Accepted { incomplete } => {
                    let waited = groups.iter().flat_map(|group| &group.changes).map(|at| self.waited(*at));
                    let incomplete = if groups.iter().any(|group| !group.changes.is_empty()) { incomplete } else { 0 };
                    self.route.stats.sent(waited, incomplete);
                    for group in &groups {
                        accepted.merge(&group.accepted);
                    }
                }
                Sent::Refused if groups.len() > 1 => {
                    let rest = groups.split_off(groups.len() / 2);
                    stack.extend([rest, groups]);
                    continue;
                }
                Sent::Refused => {
                    self.route.stats.refused(1);
                    if let Some(notice) = notices.into_iter().next_back() {
                        self.refused.insert((notice.finding.id, notice.finding.revision));
                        accepted.parked.push((notice.finding, "refused by the receiver".to_owned()));
                    }
                }
                Sent::Later(after) => return Err(after),
            }
            self.write(accepted).await?;
        }
        Ok(())
    }

    async fn pending(&self, limit: usize) -> Result<(Vec<Entry>, Option<i64>), Option<Duration>> {
        let pending = self.route.store.pending(&self.target.id, self.manner.min_severity, limit).await;
        pending.map_err(|error| self.store_failed(&error))
    }

    async fn send(&self, notices: &[Notice], not_told: u64) -> Sent {
        let parcel = Parcel { notices, not_told, now: self.route.store.now() };
        let shipment = self.route.receiver.encode(parcel);
        match self.post.send(&shipment).await {
            Ok(reply) => match self.route.receiver.accepted(reply) {
                Delivery::Accepted => Sent::Accepted { incomplete: shipment.incomplete },
                Delivery::Refused => {
                    self.route.failed(&self.target.id, "status_4xx", &format!("answered {}", reply.status));
                    Sent::Refused
                }
                Delivery::Later(after) => {
                    self.route.failed(&self.target.id, reason(reply.status), &format!("answered {}", reply.status));
                    Sent::Later(after)
                }
            },
            Err(NoAnswer { reason, error }) => {
                self.route.failed(&self.target.id, reason, &error);
                Sent::Later(None)
            }
        }
    }

    /// Writes down what was accepted. As long as that fails nothing more is sent, so that nothing is sent twice.
    async fn write(&mut self, accepted: Accepted) -> Result<(), Option<Duration>> {
        if accepted.is_empty() {
            return Ok(());
        }
        loop {
            match self.route.store.accept(&self.target.id, accepted.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    log::warn!("alerts for {}: what was delivered can't be written down: {error}", self.target.id);
                    if self.route.pause(BACK_OFF_MIN).await {
                        return Err(None);
                    }
                }
            }
        }
    }

    fn store_failed(&self, error: &crate::store::StoreError) -> Option<Duration> {
        log::warn!("alerts for {}: {error}", self.target.id);
        None
    }

    fn waited(&self, since: Timestamp) -> f64 {
        self.route.store.now().since(since).as_secs_f64()
    }

    async fn note_backlog(&self) {
        if let Ok((rows, oldest)) = self.route.store.backlog(&self.target.id).await {
            self.route.stats.waiting(&self.target.id, rows, oldest);
        }
    }
}

fn notice(entry: &Entry) -> Notice {
    Notice {
        severity: entry.finding.severity,
        finding: entry.finding.clone(),
        team: entry.team.clone(),
        coverage: entry.coverage,
        ended: ended(&entry.finding),
    }
}

/// When it ended for those who hear of it: it resolved, or nothing is told any more.
fn ended(finding: &FindingRow) -> Option<Timestamp> {
    let quieted = finding.quiet.as_ref().filter(|_| finding.transition == Transition::Quieted);
    quieted.map(|quiet| quiet.since).or(finding.resolved)
}

/// Groups in parcels of at most `max` notices; a group is never parted.
fn parcels(groups: Vec<Group>, max: usize) -> Vec<Vec<Group>> {
    let mut parcels: Vec<Vec<Group>> = Vec::new();
    let mut filled = max;
    for group in groups {
        let size = group.notices.len();
        match parcels.last_mut() {
            Some(parcel) if filled + size <= max => parcel.push(group),
            _ => {
                parcels.push(vec![group]);
                filled = 0;
            }
        }
        filled += size;
    }
    parcels
}

fn reason(status: u16) -> &'static str {
    match status {
        400..=499 => "status_4xx",
        500..=599 => "status_5xx",
        _ => "status_other",
    }
}

fn back_off(max: Duration) -> ExponentialBackoff {
    ExponentialBuilder::new().with_min_delay(BACK_OFF_MIN).with_max_delay(max).with_jitter().without_max_times().build()
}

/// Within a tenth of `time`, so that many agents do not come at once.
fn about(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    time.mul_f64(0.9 + 0.2 * f64::from(random) / f64::from(u32::MAX))
}

/// A task that ends with its owner.
#[derive(Debug)]
struct JoinGuard(JoinHandle<()>);

impl JoinGuard {
    async fn finish(mut self) {
        // A task that was aborted has nothing more to say.
        let _ = (&mut self.0).await;
    }
}

impl Drop for JoinGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
