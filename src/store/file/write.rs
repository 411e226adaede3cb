//! What each write does to the tables.

use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::read;
use super::writer::{Database, Written};
use crate::execution::{Event, TokenChanges};
use crate::id::ExecutionId;
use crate::store::{
    Claim, Claimed, Claims, Commit, Created, Handled, InboxId, NewExecution, OwnerId, Posted, Revision,
    StoreErrorKind, events,
};
use crate::time::Timestamp;

/// A commit, encoded: that is done before the writer's turn.
pub(super) struct Encoded {
    records: Vec<(u64, Option<Vec<u8>>)>,
    /// The number of the last event, and all of them.
    history: Option<(u64, Vec<u8>)>,
    tokens: TokenChanges,
    status: &'static str,
    /// How it ended and when, if it did.
    outcome: Option<(String, Timestamp)>,
    /// How often it was redriven, where that has changed.
    redrives: Option<String>,
    /// Whether there is state to keep.
    kept: bool,
    wake: Option<i64>,
    handled: Option<Handled>,
}

impl Encoded {
    pub(super) fn of(commit: Commit) -> Self {
        let closed = commit.status.is_closed();
        let wake = commit.wake().map(Timestamp::as_millis);
        let kept = commit.keeps_state();
        let records = if kept { commit.changes.records() } else { Vec::new() };
        let outcome = || serde_json::to_string(&commit.status).expect("a status has string keys only");
        Self {
            records: records.into_iter().map(|record| (record.key.number(), record.bytes)).collect(),
            history: commit.history.last().map(|last| (last.id, events::encode(&commit.history))),
            status: commit.status.as_str(),
            outcome: closed.then(|| (outcome(), commit.at)),
            redrives: if closed { redrives(&commit) } else { None },
            kept,
            tokens: commit.tokens,
            wake,
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
        if let Some(summary) = read::describe(&self.connection, &execution.new.id)? {
            return Ok(summary.map(Created::Existing));
        }
        let machine = self.machine(execution)?;
        let new = &execution.new;
        let sql = "INSERT INTO execution (id, name, machine, input, started_at, status)
            VALUES (?1, ?2, ?3, ?4, ?5, 'RUNNING')";
        let started_at = new.started_at.as_millis();
        let row = params![new.id.as_str(), &*new.name, machine, execution.input, started_at];
        self.connection.prepare_cached(sql)?.execute(row)?;
        let number = self.connection.last_insert_rowid();
        let owner = new.owner.map(|owner| self.owners.number(owner));
        let sql = "INSERT INTO live (execution, revision, owner, wake) VALUES (?1, 1, ?2, ?3)";
        self.connection.prepare_cached(sql)?.execute(params![number, owner, first.wake])?;
        self.write(number, first)?;
        Ok(Ok(Created::New(Revision::new(1))))
    }

    fn machine(&self, execution: &EncodedNew) -> rusqlite::Result<i64> {
        let mut find = self.connection.prepare_cached("SELECT number FROM machine WHERE digest = ?1")?;
        if let Some(number) = find.query_row((execution.digest,), |row| row.get(0)).optional()? {
            return Ok(number);
        }
        let sql = "INSERT INTO machine (digest, arn, definition) VALUES (?1, ?2, ?3)";
        let NewExecution { machine_arn, definition, .. } = &execution.new;
        let row = params![execution.digest, &**machine_arn, &**definition];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(self.connection.last_insert_rowid())
    }

    pub(super) fn commit(
        &mut self,
        id: &ExecutionId,
        expected: Revision,
        commit: &Encoded,
    ) -> Written<Revision> {
        let revision = expected.next();
        let sql = "UPDATE live SET revision = ?1, wake = ?2
            WHERE execution = (SELECT number FROM execution WHERE id = ?3) AND revision = ?4
            RETURNING execution";
        let row =
            params![sql_number(revision.as_u64()), commit.wake, id.as_str(), sql_number(expected.as_u64())];
        let number = self.connection.prepare_cached(sql)?.query_row(row, |row| row.get(0)).optional()?;
        let Some(number) = number else { return self.stale(id) };
        self.write(number, commit)?;
        Ok(Ok(revision))
    }

    /// What a commit hears that follows another revision than the newest.
    fn stale(&self, id: &ExecutionId) -> Written<Revision> {
        Ok(Err(match read::number(&self.connection, id)? {
            Some(_) => StoreErrorKind::Conflict,
            None => StoreErrorKind::NotFound,
        }))
    }

    pub(super) fn reopen(
        &mut self,
        id: &ExecutionId,
        expected: Revision,
        commit: &Encoded,
    ) -> Written<Revision> {
        let sql = "DELETE FROM kept WHERE execution = (SELECT number FROM execution WHERE id = ?1)
            AND revision = ?2 RETURNING execution";
        let row = params![id.as_str(), sql_number(expected.as_u64())];
        let number: Option<i64> =
            self.connection.prepare_cached(sql)?.query_row(row, |row| row.get(0)).optional()?;
        let Some(number) = number else { return self.stale(id) };
        let revision = expected.next();
        let sql = "INSERT INTO live (execution, revision, wake) VALUES (?1, ?2, ?3)";
        let row = params![number, sql_number(revision.as_u64()), commit.wake];
        self.connection.prepare_cached(sql)?.execute(row)?;
        let sql = "UPDATE execution SET status = 'RUNNING', outcome = NULL, stopped_at = NULL, redrives = ?1
            WHERE number = ?2";
        self.connection.prepare_cached(sql)?.execute(params![commit.redrives, number])?;
        self.write(number, commit)?;
        self.owners.tell(None);
        Ok(Ok(revision))
    }

    fn write(&mut self, number: i64, commit: &Encoded) -> rusqlite::Result<()> {
        let connection = &self.connection;
        for (part, bytes) in &commit.records {
            match bytes {
                Some(bytes) => {
                    let sql = "INSERT INTO record (execution, part, bytes) VALUES (?1, ?2, ?3)
                        ON CONFLICT DO UPDATE SET bytes = excluded.bytes";
                    connection.prepare_cached(sql)?.execute(params![number, sql_number(*part), bytes])?
                }
                None => {
                    let sql = "DELETE FROM record WHERE execution = ?1 AND part = ?2";
                    connection.prepare_cached(sql)?.execute(params![number, sql_number(*part)])?
                }
            };
        }
        if let Some((last, events)) = &commit.history {
            let sql = "INSERT INTO history (execution, last, events) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(sql)?.execute(params![number, sql_number(*last), events])?;
        }
        for token in &commit.tokens.issued {
            let sql = "INSERT INTO token (hash, execution, task, activity, open) VALUES (?1, ?2, ?3, ?4, 1)";
            let task = sql_number(token.task.as_u64());
            let row = params![token.hash.as_bytes(), number, task, token.activity];
            connection.prepare_cached(sql)?.execute(row)?;
        }
        for hash in &commit.tokens.retired {
            let sql = "UPDATE token SET open = 0 WHERE hash = ?1";
            connection.prepare_cached(sql)?.execute((hash.as_bytes(),))?;
        }
        if let Some(Handled { posted, accepted }) = commit.handled {
            let sql = "UPDATE inbox SET event = NULL, accepted = ?1
                WHERE number = ?2 AND execution = ?3 AND accepted IS NULL";
            let row = params![accepted, sql_number(posted.as_u64()), number];
            connection.prepare_cached(sql)?.execute(row)?;
            self.settled = true;
        }
        match &commit.outcome {
            Some((outcome, at)) => self.end(number, commit, outcome, *at),
            // Mail that waits is something to do.
            None => {
                let sql = "UPDATE live SET wake = 0 WHERE execution = ?1 AND wake IS NOT 0 AND EXISTS
                    (SELECT 1 FROM inbox WHERE execution = ?1 AND accepted IS NULL)";
                connection.prepare_cached(sql)?.execute((number,)).map(drop)
            }
        }
    }

    fn end(&mut self, number: i64, commit: &Encoded, outcome: &str, at: Timestamp) -> rusqlite::Result<()> {
        let connection = &self.connection;
        let sql = "UPDATE execution SET status = ?1, outcome = ?2, stopped_at = ?3,
            redrives = ifnull(?4, redrives) WHERE number = ?5";
        let row = params![commit.status, outcome, at.as_millis(), commit.redrives, number];
        connection.prepare_cached(sql)?.execute(row)?;
        if commit.kept {
            let sql = "INSERT INTO kept (execution, revision, stopped_at)
                SELECT execution, revision, ?1 FROM live WHERE execution = ?2";
            connection.prepare_cached(sql)?.execute(params![at.as_millis(), number])?;
        } else {
            connection.prepare_cached("DELETE FROM record WHERE execution = ?1")?.execute((number,))?;
        }
        connection.prepare_cached("DELETE FROM live WHERE execution = ?1")?.execute((number,))?;
        let sql = "UPDATE inbox SET event = NULL, accepted = 0 WHERE execution = ?1 AND accepted IS NULL";
        self.settled |= connection.prepare_cached(sql)?.execute((number,))? > 0;
        Ok(())
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Written<Claims> {
        let (owner, over) = self.owners.renew(claim.owner, claim.lease);
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
            let sql = "UPDATE live SET owner = ?1 WHERE execution = ?2 AND owner IS NOT ?1";
            self.connection.prepare_cached(sql)?.execute(params![owner, number])?;
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
        Ok(Ok(Claims::new(claimed, next.map(Timestamp::from_millis))))
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
    fn orphan(&self, owners: &[i64]) -> rusqlite::Result<()> {
        for owner in owners {
            self.connection.execute("UPDATE live SET owner = NULL WHERE owner = ?1", (owner,))?;
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
            let sql = "UPDATE live SET owner = NULL
                WHERE execution = (SELECT number FROM execution WHERE id = ?1) AND owner = ?2";
            self.connection.prepare_cached(sql)?.execute(params![id.as_str(), owner])?;
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
        let sql = "INSERT INTO inbox (execution, event, accepted) VALUES (?1, ?2, ?3)";
        self.connection.prepare_cached(sql)?.execute(params![number, event, accepted])?;
        let posted = self.connection.last_insert_rowid();
        let sql = "UPDATE live SET wake = 0 WHERE execution = ?1";
        self.connection.prepare_cached(sql)?.execute((number,))?;
        self.owners.tell(live.flatten());
        Ok(Ok(InboxId::from(posted.cast_unsigned())))
    }

    pub(super) fn forget(&mut self, closed_before: Timestamp, most: usize) -> Written<usize> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let sql = "SELECT number FROM execution WHERE stopped_at < ?1 ORDER BY stopped_at LIMIT ?2";
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
                "DELETE FROM execution WHERE number = ?1",
            ] {
                self.connection.prepare_cached(sql)?.execute((number,))?;
            }
        }
        if !old.is_empty() {
            let sql = "DELETE FROM machine WHERE NOT EXISTS (SELECT 1 FROM execution WHERE machine = machine.number)";
            self.connection.prepare_cached(sql)?.execute(())?;
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
