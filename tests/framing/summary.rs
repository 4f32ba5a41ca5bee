//! What the servers' readings say together.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::judge::Match;

/// One case at one peer.
pub(crate) struct Verdict {
    pub(crate) matches: Match,
    /// The ambiguities that wire told.
    pub(crate) kinds: BTreeSet<String>,
    /// What is shown of a silent disagreement.
    pub(crate) shown: String,
}

/// A case as far as the summary knows it.
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) plain: bool,
}

impl Verdict {
    /// wire reads it otherwise than the server, and does not know.
    pub(crate) fn is_silent(&self) -> bool {
        self.kinds.is_empty() && self.differs()
    }

    fn differs(&self) -> bool {
        matches!(self.matches, Match::Differs(_))
    }
}

/// All peers and cases.
pub(crate) struct Summary<'a> {
    cases: Vec<Named<'a>>,
    servers: Vec<(&'static str, Vec<Verdict>)>,
    /// So many cases may be called ambiguous although every peer reads them as wire does: whoever tells of these cries wolf.
    /// May only fall.
    needless_max: usize,
}

/// So many disagreements are shown in full.
const SHOWN: usize = 40;

impl<'a> Summary<'a> {
    pub(crate) fn new(cases: Vec<Named<'a>>, needless_max: usize) -> Self {
        Self { cases, servers: Vec::new(), needless_max }
    }

    pub(crate) fn add(&mut self, server: &'static str, verdicts: Vec<Verdict>) {
        self.servers.push((server, verdicts));
    }

    fn of_case(&self, case: usize) -> impl Iterator<Item = &Verdict> {
        self.servers.iter().map(move |(_, verdicts)| &verdicts[case])
    }

    /// Cases that wire calls ambiguous and that every server reads as wire does.
    fn needless(&self) -> Vec<usize> {
        (0..self.cases.len())
            .filter(|case| self.of_case(*case).all(|one| !one.kinds.is_empty() && !one.differs()))
            .collect()
    }

    fn ambiguous(&self) -> Vec<usize> {
        (0..self.cases.len()).filter(|case| self.of_case(*case).any(|one| !one.kinds.is_empty())).collect()
    }

    /// Of the ambiguous cases those that the servers read in different ways, as far as wire's reading tells them apart; and
    /// those that no server reads as wire does.
    fn split(&self) -> (usize, usize) {
        let ambiguous = self.ambiguous();
        let alike = |case: &&usize| self.of_case(**case).filter(|one| one.differs()).count();
        let none = ambiguous.iter().filter(|case| alike(case) == self.servers.len()).count();
        let some = ambiguous.iter().filter(|case| (1..self.servers.len()).contains(&alike(case))).count();
        (some, none)
    }

    fn silent(&self) -> impl Iterator<Item = (&'static str, usize, &Verdict)> {
        self.servers.iter().flat_map(|(server, verdicts)| {
            verdicts.iter().enumerate().filter(|(_, one)| one.is_silent()).map(|(case, one)| (*server, case, one))
        })
    }

    /// Prints it; `FRAMING_DUMP=file` gets each case's readings.
    pub(crate) fn tell(&self) {
        for (server, case, one) in self.silent().take(SHOWN) {
            let Match::Differs(why) = &one.matches else { continue };
            eprintln!("{server}: {}\n  {why}\n{}", self.cases[case].name, one.shown);
        }
        let mut table = format!(
            "{:<12}{:>7}{:>8}{:>8}{:>6}{:>10}{:>11}{:>8}\n",
            "server", "cases", "agree", "own", "cut", "not http", "ambiguous", "silent"
        );
        for (server, verdicts) in &self.servers {
            let count = |wanted: &dyn Fn(&Match) -> bool| {
                verdicts.iter().filter(|one| one.kinds.is_empty() && wanted(&one.matches)).count()
            };
            let ambiguous = verdicts.iter().filter(|one| !one.kinds.is_empty()).count();
            writeln!(
                table,
                "{server:<12}{:>7}{:>8}{:>8}{:>6}{:>10}{ambiguous:>11}{:>8}",
                verdicts.len(),
                count(&|one| *one == Match::Same),
                count(&|one| *one == Match::Own),
                count(&|one| *one == Match::Cut),
                count(&|one| *one == Match::NotHttp),
                count(&|one| matches!(one, Match::Differs(_))),
            )
            .expect("a string");
        }
        let needless = self.needless();
        let (ambiguous, all) = (self.ambiguous().len(), self.cases.len());
        let (some, none) = self.split();
        eprintln!(
            "\n{table}ambiguous {ambiguous} of {all}: {some} read as wire does by some servers only, {none} by none (most are \
             refused), {} by all, needlessly\n",
            needless.len()
        );
        if let Ok(path) = std::env::var("FRAMING_DUMP") {
            std::fs::write(path, self.dump()).expect("the file can be written");
        }
    }

    /// Of each case the kinds, and whether each server reads it as wire does.
    fn dump(&self) -> String {
        let mut text = String::new();
        for (n, case) in self.cases.iter().enumerate() {
            let kinds: BTreeSet<_> = self.of_case(n).flat_map(|one| &one.kinds).collect();
            write!(text, "{kinds:?}\t{}", case.name).expect("a string");
            for (server, verdicts) in &self.servers {
                write!(text, "\t{server}: {:?}", verdicts[n].matches).expect("a string");
            }
            text.push('\n');
        }
        text
    }

    /// Fails on any silent disagreement, and where more is called ambiguous than before.
    pub(crate) fn check(&self) {
        assert_eq!(self.silent().count(), 0, "silent disagreements");
        let needless = self.needless().len();
        assert!(
            needless <= self.needless_max,
            "{needless} cases are called ambiguous needlessly, {} before",
            self.needless_max
        );
        let plain =
            self.ambiguous().into_iter().filter(|case| self.cases[*case].plain).map(|case| self.cases[case].name);
        assert_eq!(plain.collect::<Vec<_>>(), Vec::<&str>::new(), "what is plain is called ambiguous");
    }
}
