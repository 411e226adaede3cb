//! What each write does to the tables.

use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::read;
use super::unkept::Change;
use super::writer::{Database, Written};
use crate::execution::{Event, Record, RecordKey, TokenChanges};
use crate::id::{ExecutionId, TaskId};
use crate::store::{
    Claim, Claimed, Claims, Commit, Created, Handled, InboxId, NewExecution, OwnerId, Posted, Revision,
    StoreErrorKind, TaskAddress, events,
};
use crate::time::Timestamp;

/// A commit, encoded: that is done before the writer's turn.
pub(super) struct Encoded {
    /// What the execution was started from, in the first commit.
    start: Option<Vec<u8>>,
    head: Vec<u8>,
    records: Vec<(i64, Option<Vec<u8>>)>,
    /// The number of the last event, and all of them.
    history: Option<(i64, Vec<u8>)>,
    tokens: TokenChanges,
    outcome: Option<Outcome>,
    /// How often it was redriven, where that has changed.
    redrives: Option<String>,
    /// Whether there is state to keep.
    kept: bool,
    wake: Option<i64>,
    attended: bool,
    handled: Option<Handled>,
}

/// How an execution ended, and when.
struct Outcome {
    status: &'static str,
    outcome: String,
    at: i64,
}

impl Encoded {
    pub(super) fn of(commit: Commit) -> Self {
        let closed = commit.status.is_closed();
        let wake = commit.wake().map(Timestamp::as_millis);
        let kept = commit.keeps_state();
        let (mut start, mut head, mut records) = (None, Vec::new(), Vec::new());
        for Record { key, bytes, .. } in commit.changes.records() {
            match key {
                RecordKey::Head => head = bytes.unwrap_or_default(),
                RecordKey::Start => start = bytes,
                // The row of the execution has it.
                RecordKey::Input => {}
                // The state of what has ended for good is not needed any longer.
                _ if !kept => {}
                key => records.push((sql_number(key.number()), bytes)),
            }
        }
        let outcome = || serde_json::to_string(&commit.status).expect("a status has string keys only");
        let outcome = closed.then(|| Outcome {
            status: commit.status.as_str(),
            outcome: outcome(),
            at: commit.at.as_millis(),
        });
        let history = commit.history.last().map(|last| {
            let events = events::encode(&commit.history, commit.changes.input(), &commit.status);
            (sql_number(last.id), events)
        });
        Self {
            start,
            head,
            records,
            history,
            outcome,
            redrives: if closed { redrives(&commit) } else { None },
            kept,
            tokens: commit.tokens,
            wake,
            attended: commit.attended,
            handled: commit.handled,
        }
    }

    /// The commit of a redrive.
    pub(super) fn of_redrive(commit: Commit) -> Self {
        let redrives = redrives(&commit);
        Self { redrives, ..Self::of(commit) }
    }
}

fn redrives(commit: &Commit) -> Option<String> {
    let redrives = commit.changes.redrives()?;
    Some(serde_json::to_string(&**redrives).expect("redrives have string keys only"))
}

/// An execution that is to be kept, encoded.
pub(super) struct EncodedNew {
    new: NewExecution,
    input: String,
    digest: [u8; 32],
}

impl EncodedNew {
    pub(super) fn of(new: NewExecution) -> Self {
        let input = new.input.to_string();
        let digest = Sha256::new()
            .chain_update((new.machine_arn.len() as u64).to_be_bytes())
            .chain_update(new.machine_arn.as_bytes())
            .chain_update(new.definition.as_bytes());
        Self { input, digest: digest.finalize().into(), new }
    }
}

impl Database {
    pub(super) fn create(&mut self, execution: &EncodedNew, first: &Encoded) -> Written<Created> {
        let machine = self.machine(execution)?;
        let new = &execution.new;
        let sql = "INSERT INTO execution (id, name, machine, input, started_at, start)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";
        let started_at = new.started_at.as_millis();
        let row = params![new.id.as_str(), &*new.name, machine, execution.input, started_at, first.start];
        if self.connection.prepare_cached(sql)?.execute(row)? == 0 {
            let known = read::describe(&self.connection, &new.id)?;
            return Ok(known.map_or(Err(StoreErrorKind::Corrupt), |known| known.map(Created::Existing)));
        }
        let number = self.connection.last_insert_rowid();
        if first.outcome.is_none() {
            let owner = new.owner.map(|owner| self.owners.number(owner));
            let sql = "INSERT INTO live (execution, revision, owner, wake, head) VALUES (?1, 1, ?2, ?3, ?4)";
            self.connection.prepare_cached(sql)?.execute(params![number, owner, first.wake, first.head])?;
            self.known.live(&new.id, number);
            self.count.began += usize::from(first.attended);
        }
        let revision = Revision::new(1);
        self.write(number, revision, first)?;
        Ok(Ok(Created::New(revision)))
    }

    fn machine(&mut self, execution: &EncodedNew) -> rusqlite::Result<i64> {
        if let Some(number) = self.known.machines.get(&execution.digest) {
            return Ok(*number);
        }
        let mut find = self.connection.prepare_cached("SELECT number FROM machine WHERE digest = ?1")?;
        let found = find.query_row((execution.digest,), |row| row.get(0)).optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                let sql = "INSERT INTO machine (digest, arn, definition) VALUES (?1, ?2, ?3)";
                let NewExecution { machine_arn, definition, .. } = &execution.new;
                let row = params![execution.digest, &**machine_arn, &**definition];
                self.connection.prepare_cached(sql)?.execute(row)?;
                self.connection.last_insert_rowid()
            }
        };
        self.known.machines.insert(execution.digest, number);
        Ok(number)
    }

    pub(super) fn commit(
        &mut self,
        id: &ExecutionId,
        expected: Revision,
        commit: &Encoded,
    ) -> Written<Revision> {
        let number = match self.known.number(id) {
            Some(number) => number,
            None => match read::number(&self.connection, id)? {
                Some(number) => number,
                None => return Ok(Err(StoreErrorKind::NotFound)),
            },
        };
        let (revision, expected) = (expected.next(), sql_number(expected.as_u64()));
        let changed = match &commit.outcome {
            Some(_) => {
                let sql = "DELETE FROM live WHERE execution = ?1 AND revision = ?2";
                self.connection.prepare_cached(sql)?.execute(params![number, expected])?
            }
            None => {
                let sql = "UPDATE live SET revision = ?1, wake = ?2, head = ?3
                    WHERE execution = ?4 AND revision = ?5";
                // Mail that waits is something to do.
                let wake = if self.known.mailed.contains(&number) { Some(0) } else { commit.wake };
                let row = params![sql_number(revision.as_u64()), wake, commit.head, number, expected];
                self.connection.prepare_cached(sql)?.execute(row)?
            }
        };
        if changed == 0 {
            return Ok(Err(StoreErrorKind::Conflict));
        }
        match commit.outcome {
            Some(_) => self.known.ended(id),
            None => self.known.live(id, number),
        }
        self.count.came_back += usize::from(expected == 1);
        self.catch_up(number, commit)?;
        self.write(number, revision, commit)?;
        Ok(Ok(revision))
    }

    pub(super) fn reopen(
        &mut self,
        id: &ExecutionId,
        expected: Revision,
        commit: &Encoded,
    ) -> Written<Revision> {
        let Some(number) = read::number(&self.connection, id)? else {
            return Ok(Err(StoreErrorKind::NotFound));
        };
        let sql = "DELETE FROM kept WHERE execution = ?1 AND revision = ?2";
        let row = params![number, sql_number(expected.as_u64())];
        if self.connection.prepare_cached(sql)?.execute(row)? == 0 {
            return Ok(Err(StoreErrorKind::Conflict));
        }
        let revision = expected.next();
        let sql = "INSERT INTO live (execution, revision, wake, head) VALUES (?1, ?2, ?3, ?4)";
        let row = params![number, sql_number(revision.as_u64()), commit.wake, commit.head];
        self.connection.prepare_cached(sql)?.execute(row)?;
        self.known.live(id, number);
        for sql in [
            "DELETE FROM closed WHERE execution = ?1",
            // Nothing was done to them at the end.
            "UPDATE token SET open = 0 WHERE execution = ?1 AND open",
        ] {
            self.connection.prepare_cached(sql)?.execute((number,))?;
        }
        self.catch_up(number, commit)?;
        self.write(number, revision, commit)?;
        self.owners.tell(None);
        Ok(Ok(revision))
    }

    /// Writes what the execution was started from, where an earlier version had it in the head.
    fn catch_up(&self, number: i64, commit: &Encoded) -> rusqlite::Result<()> {
        if let Some(start) = &commit.start {
            let sql = "UPDATE execution SET start = ?1 WHERE number = ?2";
            self.connection.prepare_cached(sql)?.execute(params![start, number])?;
        }
        Ok(())
    }

    fn write(&mut self, number: i64, revision: Revision, commit: &Encoded) -> rusqlite::Result<()> {
        let connection = &self.connection;
        for (part, bytes) in &commit.records {
            match bytes {
                Some(bytes) => {
                    let sql = "INSERT INTO record (execution, part, bytes) VALUES (?1, ?2, ?3)
                        ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
                    connection.prepare_cached(sql)?.execute(params![number, part, bytes])?
                }
                None => {
                    let sql = "DELETE FROM record WHERE execution = ?1 AND part = ?2";
                    connection.prepare_cached(sql)?.execute(params![number, part])?
                }
            };
        }
        if let Some((last, events)) = &commit.history {
            let sql = "INSERT INTO history (execution, last, events) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(sql)?.execute(params![number, last, events])?;
        }
        for token in &commit.tokens.issued {
            let sql = "INSERT INTO token (hash, execution, task, activity, open) VALUES (?1, ?2, ?3, ?4, 1)";
            let task = sql_number(token.task.as_u64());
            let row = params![token.hash.as_bytes(), number, task, token.activity.is_some()];
            connection.prepare_cached(sql)?.execute(row)?;
        }
        for task in &commit.tokens.taken {
            let sql = "DELETE FROM offer WHERE execution = ?1 AND task = ?2";
            connection.prepare_cached(sql)?.execute(params![number, sql_number(task.as_u64())])?;
        }
        for (activity, task) in commit.tokens.offered() {
            let sql = "INSERT INTO offer (activity, execution, task) VALUES (?1, ?2, ?3)";
            let row = params![activity.as_str(), number, sql_number(task.as_u64())];
            connection.prepare_cached(sql)?.execute(row)?;
            self.changed = true;
        }
        // Those of an execution that ends are not open any longer, whatever their rows say.
        for hash in commit.tokens.retired.iter().filter(|_| commit.outcome.is_none()) {
            let sql = "UPDATE token SET open = 0 WHERE hash = ?1";
            connection.prepare_cached(sql)?.execute((hash.as_bytes(),))?;
        }
        if let Some(handled) = commit.handled {
            self.handle(number, handled, commit.wake)?;
        }
        if let Some(redrives) = &commit.redrives {
            let sql = "INSERT INTO redriven (execution, redrives) VALUES (?1, ?2)
                ON CONFLICT DO UPDATE SET redrives = excluded.redrives";
            self.connection.prepare_cached(sql)?.execute(params![number, redrives])?;
        }
        match &commit.outcome {
            Some(outcome) => self.end(number, revision, commit, outcome),
            None => Ok(()),
        }
    }

    fn handle(&mut self, number: i64, handled: Handled, wake: Option<i64>) -> rusqlite::Result<()> {
        let Handled { posted, accepted } = handled;
        let sql = "UPDATE inbox SET event = NULL, accepted = ?1
            WHERE number = ?2 AND execution = ?3 AND accepted IS NULL";
        let row = params![accepted, sql_number(posted.as_u64()), number];
        self.connection.prepare_cached(sql)?.execute(row)?;
        self.settled = true;
        let sql = "SELECT 1 FROM inbox WHERE execution = ?1 AND accepted IS NULL";
        let more = self.connection.prepare_cached(sql)?.exists((number,))?;
        if !more && self.known.mailed.remove(&number) {
            let sql = "UPDATE live SET wake = ?1 WHERE execution = ?2";
            self.connection.prepare_cached(sql)?.execute(params![wake, number])?;
        }
        Ok(())
    }

    fn end(
        &mut self,
        number: i64,
        revision: Revision,
        commit: &Encoded,
        outcome: &Outcome,
    ) -> rusqlite::Result<()> {
        self.count.ended += 1;
        let connection = &self.connection;
        let Outcome { status, outcome, at } = outcome;
        let sql = "INSERT INTO closed (execution, status, stopped_at, outcome) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(sql)?.execute(params![number, status, at, outcome])?;
        if commit.kept {
            let sql = "INSERT INTO kept (execution, revision, stopped_at, head) VALUES (?1, ?2, ?3, ?4)";
            let row = params![number, sql_number(revision.as_u64()), at, commit.head];
            connection.prepare_cached(sql)?.execute(row)?;
        } else {
            connection.prepare_cached("DELETE FROM record WHERE execution = ?1")?.execute((number,))?;
        }
        if self.known.mailed.remove(&number) {
            let sql = "UPDATE inbox SET event = NULL, accepted = 0 WHERE execution = ?1 AND accepted IS NULL";
            connection.prepare_cached(sql)?.execute((number,))?;
            self.settled = true;
        }
        Ok(())
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Written<Claims> {
        let (owner, over, fresh) = self.owners.renew(claim.owner, claim.lease);
        self.orphan(&over)?;
        let due = claim.due.as_millis();
        let most = i64::try_from(claim.most).unwrap_or(i64::MAX);
        let except: Vec<&str> = claim.except.iter().map(ExecutionId::as_str).collect();
        let except = serde_json::to_string(&except).expect("texts are JSON");
        let mut found: Vec<(i64, String)> = Vec::new();
        let mut find = |sql: &str, row: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(sql)?;
            for row in statement.query_map(row, |row| Ok((row.get(0)?, row.get(1)?)))? {
                found.push(row?);
            }
            Ok(())
        };
        match &claim.only {
            Some(id) => {
                let sql = "SELECT number, id FROM execution JOIN live ON execution = number
                    WHERE id = ?1 AND (owner IS NULL OR owner = ?2)";
                find(sql, &[&id.as_str(), &owner])?;
            }
            None => {
                // INVARIANT: only executions of owners that share the store, and few of them, have mail.
                let sql = "SELECT DISTINCT e.number, e.id FROM inbox i
                    JOIN live l ON l.execution = i.execution JOIN execution e ON e.number = i.execution
                    WHERE i.accepted IS NULL AND l.owner = ?1 ORDER BY e.number LIMIT ?2";
                find(sql, &[&owner, &most])?;
                let sql = "SELECT number, id FROM live JOIN execution ON number = execution
                    WHERE owner IS NULL AND wake <= ?1 AND id NOT IN (SELECT value FROM json_each(?3))
                    ORDER BY wake, execution LIMIT ?2";
                find(sql, &[&due, &most, &except])?;
            }
        }
        found.truncate(claim.most);
        let mut claimed = Vec::new();
        for (number, id) in found {
            self.unkept.make(&self.connection, Change::Claimed { execution: number, owner })?;
            match self.inbox(number)? {
                Ok(inbox) => claimed.push(Claimed::new(id.into(), inbox)),
                Err(kind) => return Ok(Err(kind)),
            }
        }
        let sql = "SELECT wake FROM live WHERE owner IS NULL AND wake IS NOT NULL AND (?1 = '[]' OR execution NOT IN
            (SELECT number FROM execution WHERE id IN (SELECT value FROM json_each(?1)))) ORDER BY wake LIMIT 1";
        let mut first = self.connection.prepare_cached(sql)?;
        let next: Option<i64> = first.query_row((&except,), |row| row.get(0)).optional()?;
        drop(first);
        Ok(Ok(Claims::new(claimed, next.map(Timestamp::from_millis)).fresh(fresh)))
    }

    fn inbox(&self, number: i64) -> Written<Vec<Posted>> {
        let sql = "SELECT number, event FROM inbox WHERE execution = ?1 AND accepted IS NULL ORDER BY number";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows =
            statement.query_map((number,), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let mut inbox = Vec::new();
        for row in rows {
            let (posted, event) = row?;
            let Ok(event) = serde_json::from_str(&event) else { return Ok(Err(StoreErrorKind::Corrupt)) };
            inbox.push(Posted::new(InboxId::from(posted.cast_unsigned()), event));
        }
        Ok(Ok(inbox))
    }

    /// Takes from owners that are gone what they had.
    fn orphan(&mut self, owners: &[i64]) -> rusqlite::Result<()> {
        for &owner in owners {
            self.unkept.make(&self.connection, Change::Gone { owner })?;
        }
        if !owners.is_empty() {
            self.owners.tell(None);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, owner: OwnerId, executions: Option<&[ExecutionId]>) -> Written<()> {
        let Some(executions) = executions else {
            let ended = self.owners.end(owner);
            return self.orphan(&ended).map(Ok);
        };
        let owner = self.owners.number(owner);
        for id in executions {
            if let Some(execution) = read::number(&self.connection, id)? {
                self.unkept.make(&self.connection, Change::Released { execution, owner })?;
            }
        }
        self.owners.tell(None);
        Ok(Ok(()))
    }

    pub(super) fn owned(&mut self, owner: OwnerId) -> Written<Vec<ExecutionId>> {
        let sql = "SELECT id FROM live JOIN execution ON number = execution WHERE owner = ?1";
        let mut find = self.connection.prepare_cached(sql)?;
        let owned = find.query_map((self.owners.number(owner),), |row| row.get::<_, String>(0))?;
        owned.map(|id| id.map(ExecutionId::from)).collect::<Result<_, _>>().map(Ok)
    }

    pub(super) fn post(&mut self, id: &ExecutionId, event: &str) -> Written<InboxId> {
        let Some(number) = read::number(&self.connection, id)? else {
            return Ok(Err(StoreErrorKind::NotFound));
        };
        let sql = "SELECT owner FROM live WHERE execution = ?1";
        let mut find = self.connection.prepare_cached(sql)?;
        let live: Option<Option<i64>> = find.query_row((number,), |row| row.get(0)).optional()?;
        let (event, accepted) = if live.is_some() { (Some(event), None) } else { (None, Some(false)) };
        if live.is_some() {
            self.known.mailed.insert(number);
        }
        let sql = "INSERT INTO inbox (execution, event, accepted) VALUES (?1, ?2, ?3)";
        self.connection.prepare_cached(sql)?.execute(params![number, event, accepted])?;
        let posted = self.connection.last_insert_rowid();
        let sql = "UPDATE live SET wake = 0 WHERE execution = ?1";
        self.connection.prepare_cached(sql)?.execute((number,))?;
        self.owners.tell(live.flatten());
        Ok(Ok(InboxId::from(posted.cast_unsigned())))
    }

    /// Tasks that wait for a worker, and are held for whoever asks.
    pub(super) fn offers(
        &mut self,
        activity: &str,
        most: usize,
        held: Duration,
    ) -> Written<Vec<TaskAddress>> {
        let now = Instant::now();
        self.held.retain(|_, until| *until > now);
        let sql = "SELECT execution.number, task, id FROM offer JOIN execution ON execution.number = offer.execution
            WHERE activity = ?1 ORDER BY offer.number";
        let mut find = self.connection.prepare_cached(sql)?;
        let mut rows = find.query((activity,))?;
        let mut offers = Vec::new();
        while offers.len() < most
            && let Some(row) = rows.next()?
        {
            let place: (i64, i64) = (row.get(0)?, row.get(1)?);
            if let Entry::Vacant(free) = self.held.entry(place) {
                free.insert(now + held);
                let (id, task): (String, _) = (row.get(2)?, TaskId::from(place.1.cast_unsigned()));
                offers.push(TaskAddress::new(id.into(), task, true, true));
            }
        }
        Ok(Ok(offers))
    }

    pub(super) fn set_activity(&mut self, activity: &str, exists: bool) -> Written<()> {
        let sql = match exists {
            true => "DELETE FROM missing_activity WHERE arn = ?1",
            false => "INSERT INTO missing_activity (arn) VALUES (?1) ON CONFLICT DO NOTHING",
        };
        self.connection.prepare_cached(sql)?.execute((activity,))?;
        self.changed = true;
        Ok(Ok(()))
    }

    pub(super) fn forget(&mut self, closed_before: Timestamp, most: usize) -> Written<usize> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let sql = "SELECT execution FROM closed WHERE stopped_at < ?1 ORDER BY stopped_at LIMIT ?2";
        let mut find = self.connection.prepare_cached(sql)?;
        let old = find.query_map(params![closed_before.as_millis(), most], |row| row.get(0))?;
        let old: Vec<i64> = old.collect::<Result<_, _>>()?;
        for number in &old {
            for sql in [
                "DELETE FROM history WHERE execution = ?1",
                "DELETE FROM token WHERE execution = ?1",
                "DELETE FROM inbox WHERE execution = ?1",
                "DELETE FROM record WHERE execution = ?1",
                "DELETE FROM kept WHERE execution = ?1",
                "DELETE FROM redriven WHERE execution = ?1",
                "DELETE FROM closed WHERE execution = ?1",
                "DELETE FROM execution WHERE number = ?1",
            ] {
                self.connection.prepare_cached(sql)?.execute((number,))?;
            }
        }
        if !old.is_empty() {
            let sql = "DELETE FROM machine WHERE NOT EXISTS (SELECT 1 FROM execution WHERE machine = machine.number)";
            self.connection.prepare_cached(sql)?.execute(())?;
            self.known.machines.clear();
            self.vacuum()?;
        }
        Ok(Ok(old.len()))
    }

    pub(super) fn expire(&mut self, closed_before: Timestamp, most: usize) -> Written<usize> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let sql = "DELETE FROM kept WHERE execution IN
            (SELECT execution FROM kept WHERE stopped_at < ?1 ORDER BY stopped_at LIMIT ?2) RETURNING execution";
        let mut expire = self.connection.prepare_cached(sql)?;
        let old = expire.query_map(params![closed_before.as_millis(), most], |row| row.get(0))?;
        let old: Vec<i64> = old.collect::<Result<_, _>>()?;
        for number in &old {
            self.connection.prepare_cached("DELETE FROM record WHERE execution = ?1")?.execute((number,))?;
        }
        if !old.is_empty() {
            self.vacuum()?;
        }
        Ok(Ok(old.len()))
    }

    /// The file grows no larger than what is kept, and a little.
    fn vacuum(&self) -> rusqlite::Result<()> {
        let mut vacuum = self.connection.prepare_cached("PRAGMA incremental_vacuum(1000)")?;
        let mut rows = vacuum.query(())?;
        while rows.next()?.is_some() {}
        Ok(())
    }
}

/// An event for the inbox.
pub(super) fn encode_event(event: &Event) -> String {
    serde_json::to_string(event).expect("events have string keys only")
}

/// A number as SQLite has them: it comes back as it was.
pub(super) fn sql_number(number: u64) -> i64 {
    number.cast_signed()
}
