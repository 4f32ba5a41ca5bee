//! A model of a target that is reminded, against the real store and the real plan: whatever happens in whatever order (findings live,
//! sending fails, the answer is lost, the agent is started again), in the end there stands exactly what is open, and nothing that ever
//! opened was kept quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apiscope_audit::finding::{FindingRow, Severity, Status, Transition};
use apiscope_audit::ledger::{Quiet, Why};
use apiscope_audit::{Alert, Change};
use apiscope_wire::Timestamp;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::plan::{Known, plan};
use super::tests::{OPENED, finding};
use super::{Manner, Notice, Reminders};
use crate::store::{Accepted, Options, Store};

const FINDINGS: usize = 4;
const REMINDERS: Reminders = Reminders {
    every: Duration::from_mins(1),
    life_min: Duration::from_mins(10),
    end_repeated: Duration::from_mins(15),
    standing_max: 100,
    every_address: false,
};
const MANNER: Manner = Manner {
    min_severity: Severity::Low,
    batch_max: 8,
    back_off_max: Duration::from_mins(1),
    reminders: Some(REMINDERS),
};

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A finding is seen: it opens, opens again, or gets worse.
    Seen { finding: usize, severity: Severity },
    /// A finding has not recurred.
    Over { finding: usize },
    /// Somebody accepts it, or no longer does.
    Quiet { finding: usize, quiet: bool },
    /// The target is told what there is to tell.
    Tell { due: bool, outcome: Outcome },
    /// Time passes.
    Pass { seconds: u64 },
    /// The agent is started again.
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Accepted,
    /// It never got there.
    Failed,
    /// It got there, and the agent did not learn of it.
    AnswerLost,
}

fn step() -> impl Strategy<Value = Step> {
    let severity = prop_oneof![Just(Severity::Low), Just(Severity::High), Just(Severity::Critical)];
    let outcome = prop_oneof![3 => Just(Outcome::Accepted), 1 => Just(Outcome::Failed), 1 => Just(Outcome::AnswerLost)];
    prop_oneof![
        4 => (0..FINDINGS, severity).prop_map(|(finding, severity)| Step::Seen { finding, severity }),
        3 => (0..FINDINGS).prop_map(|finding| Step::Over { finding }),
        2 => (0..FINDINGS, any::<bool>()).prop_map(|(finding, quiet)| Step::Quiet { finding, quiet }),
        5 => (any::<bool>(), outcome).prop_map(|(due, outcome)| Step::Tell { due, outcome }),
        3 => (1..900_u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => Just(Step::Restart),
    ]
}

/// Alertmanager: label sets with their ends.
#[derive(Default)]
struct Target {
    ends: BTreeMap<(String, Severity), Timestamp>,
    /// Told as firing, ever.
    heard: BTreeSet<String>,
}

impl Target {
    fn take(&mut self, notice: &Notice, now: Timestamp) {
        let key = (notice.finding.id.to_string(), notice.severity);
        if notice.ended.is_none() {
            self.heard.insert(key.0.clone());
        }
        self.ends.insert(key, notice.ended.unwrap_or_else(|| now.plus(4 * REMINDERS.every)));
    }

    fn active(&self, now: Timestamp) -> BTreeSet<(String, Severity)> {
        self.ends.iter().filter(|(_, ends)| **ends > now).map(|(key, _)| key.clone()).collect()
    }
}

struct World {
    dir: tempfile::TempDir,
    clock: Arc<AtomicU64>,
    store: Store,
    runtime: Runtime,
    findings: Vec<Option<FindingRow>>,
    /// Those that were ever accepted: nobody need have heard of them.
    accepted: BTreeSet<String>,
    target: Target,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(AtomicU64::new(OPENED.as_nanos()));
        let store = open(&dir, &clock);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        Self {
            dir,
            clock,
            store,
            runtime,
            findings: vec![None; FINDINGS],
            accepted: BTreeSet::new(),
            target: Target::default(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Seen { finding, severity } => self.seen(finding, severity),
            Step::Over { finding } => self.over(finding),
            Step::Quiet { finding, quiet } => self.quiet(finding, quiet),
            Step::Tell { due, outcome } => self.tell(due, outcome),
            Step::Pass { seconds } => self.pass(seconds),
            Step::Restart => {
                self.store.close();
                self.store = open(&self.dir, &self.clock);
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.clock.load(Ordering::Relaxed))
    }

    fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
    }

    /// The ledger in short.
    fn seen(&mut self, number: usize, severity: Severity) {
        let now = self.now();
        let row = match self.findings[number].clone() {
            None => FindingRow { severity, opened: now, last: now, ..finding(&format!("/{number}")) },
            Some(row) if row.status == Status::Resolved => FindingRow {
                severity,
                status: Status::Open,
                resolved: None,
                opened: now,
                last: now,
                revision: row.revision + 1,
                transition: Transition::Reopened,
                ..row
            },
            Some(row) if row.severity < severity => {
                FindingRow { severity, last: now, revision: row.revision + 1, transition: Transition::Escalated, ..row }
            }
            Some(row) => FindingRow { last: now, ..row },
        };
        self.change(number, row);
    }

    fn over(&mut self, number: usize) {
        let now = self.now();
        if let Some(row) = self.findings[number].clone().filter(|row| row.status == Status::Open) {
            let row = FindingRow {
                status: Status::Resolved,
                resolved: Some(now),
                revision: row.revision + 1,
                transition: Transition::Resolved,
                ..row
            };
            self.change(number, row);
        }
    }

    fn quiet(&mut self, number: usize, quiet: bool) {
        let now = self.now();
        let changes = |row: &FindingRow| row.status == Status::Open && row.quiet.is_some() != quiet;
        if let Some(row) = self.findings[number].clone().filter(changes) {
            let (why, until) = (Why::Accepted, now.plus(Duration::from_hours(1)));
            let transition = if quiet { Transition::Quieted } else { Transition::Resumed };
            self.accepted.insert(row.id.to_string());
            let quiet = quiet.then_some(Quiet { why, since: now, until, by: None, reason: None });
            self.change(number, FindingRow { quiet, revision: row.revision + 1, transition, ..row });
        }
    }

    fn change(&mut self, number: usize, row: FindingRow) {
        self.store.apply(&Change::Finding(Box::new(row.clone())));
        let alert = Alert { transition: row.transition, finding: row.clone() };
        self.store.apply(&Change::Alert(Box::new(alert)));
        self.findings[number] = Some(row);
    }

    /// As the deliverer does it, without the network.
    fn tell(&mut self, due: bool, outcome: Outcome) {
        let now = self.now();
        let (entries, last) = self.runtime.block_on(self.store.pending("t", MANNER.min_severity, 100)).expect("rows");
        let (standing, missing) =
            self.runtime.block_on(self.store.standing("t", MANNER.min_severity, 100)).expect("what stands");
        let refused = BTreeSet::new();
        let known = Known { entries: &entries, standing: &standing, missing: &missing, due, refused: &refused, now };
        let plan = plan(&known, &MANNER, &REMINDERS);
        let mut accepted = Accepted { position: last, ..Accepted::default() };
        for group in &plan.groups {
            let firing: Vec<_> = group.notices.iter().filter(|notice| notice.ended.is_none()).collect();
            assert!(firing.len() <= 1, "one finding under two severities at once: {firing:?}");
            accepted.merge(&group.accepted);
            if !matches!(outcome, Outcome::Failed) {
                group.notices.iter().for_each(|notice| self.target.take(notice, now));
            }
        }
        if matches!(outcome, Outcome::Accepted) {
            self.runtime.block_on(self.store.accept("t", accepted)).expect("it is written");
        }
    }
}

fn open(dir: &tempfile::TempDir, clock: &Arc<AtomicU64>) -> Store {
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || Timestamp::from_nanos(clock.load(Ordering::Relaxed)));
    let (store, _) = Store::open(Options { clock, ..Options::new(dir.path()) }).expect("it opens");
    store.register_targets(vec!["t".into()]).expect("a target");
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn in_the_end_there_stands_what_is_open(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        // Three quarters of an hour in which all goes well: the youngest end is held and repeated within it.
        for _ in 0..45 {
            world.tell(true, Outcome::Accepted);
            world.pass(60);
        }
        let rows = || world.findings.iter().flatten();
        let open: BTreeSet<(String, Severity)> =
            rows().filter(|row| row.is_told()).map(|row| (row.id.to_string(), row.severity)).collect();
        prop_assert_eq!(&world.target.active(world.now()), &open);
        let ids: BTreeSet<String> = rows().map(|row| row.id.to_string()).collect();
        let unheard: Vec<&String> = ids.difference(&world.target.heard).filter(|id| !world.accepted.contains(*id)).collect();
        prop_assert!(unheard.is_empty() && world.target.heard.is_subset(&ids), "{unheard:?}");
        let (standing, missing) = world.runtime.block_on(world.store.standing("t", Severity::Info, 100)).expect("what stands");
        let known: BTreeSet<(String, Severity)> =
            standing.iter().map(|standing| (standing.finding.id.to_string(), standing.severity)).collect();
        prop_assert_eq!(&known, &open, "nothing is kept of what is over");
        prop_assert!(missing.is_empty());
        let (waiting, _) = world.runtime.block_on(world.store.backlog("t")).expect("a backlog");
        prop_assert_eq!(waiting, 0);
    }
}
