//! PostgreSQL as a store: the conformance suite, schemas, TLS, and servers and runtimes that come and go.

#![cfg(feature = "postgres")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "postgres/cluster.rs"]
mod cluster;
#[path = "upgrade/life.rs"]
mod life;
#[path = "postgres/node.rs"]
mod node;
#[path = "postgres/storm.rs"]
mod storm;
#[path = "postgres/upgrade.rs"]
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use stepwright::store::{PageRequest, PostgresError, PostgresStore};
use stepwright::{
    ActivityError, Arn, Failure, Runtime, StateMachine, Store, TaskContext, TaskToken, handler_fn, testing,
};

use self::cluster::Cluster;
use self::storm::Storm;

/// How often to crash the server.
const CRASHES: u32 = 3;

/// How often to kill a node; `STEPWRIGHT_KILLS` says otherwise.
const KILLS: u32 = 10;

/// The database that a test has for itself, where there is a PostgreSQL.
macro_rules! database {
    () => {
        match cluster::shared() {
            Some(cluster) => cluster.database(),
            None => return,
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_keeps_every_promise() {
    let store: Arc<dyn Store> = Arc::new(PostgresStore::connect(&database!()).await.unwrap());
    testing::store::all(&store).await;
    // What is in it already does not disturb.
    testing::store::all(&store).await;
}

#[tokio::test]
async fn what_version_1_wrote_is_read_and_goes_on() {
    let database = database!();
    upgrade::fill(&database).await;
    life::goes_on(Arc::new(PostgresStore::connect(&database).await.unwrap())).await;
    let (_, name) = database.rsplit_once('/').unwrap();
    let left = "SELECT (SELECT count(*) FROM stepwright.states) + (SELECT count(*) FROM stepwright.records)";
    assert_eq!(cluster::shared().unwrap().sql(name, left), "0");
}

#[tokio::test]
async fn tables_of_a_later_version_are_left_alone() {
    let database = database!();
    let others = (0..4).map(|_| PostgresStore::connect(&database));
    // Those who come first come at once, and one of them makes the tables.
    for opened in futures_util::future::join_all(others).await {
        opened.unwrap();
    }
    let (address, name) = database.rsplit_once('/').unwrap();
    assert!(address.starts_with("postgres://"));
    let cluster = cluster::shared().unwrap();
    assert_eq!(cluster.sql(name, "SELECT max(version) FROM stepwright.schema_version"), "4");
    PostgresStore::options(&database).schema(r#"Odd "name\s"#).connect().await.unwrap();
    cluster.sql(name, "INSERT INTO stepwright.schema_version VALUES (7)");
    let refused = PostgresStore::connect(&database).await.unwrap_err();
    assert!(matches!(refused, PostgresError::TooNew { found: 7, known: 4 }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_trusts_whom_it_is_told_to() {
    let Some(cluster) = Cluster::start() else { return };
    let certified = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (ours, other) = (certified(), certified());
    let certificate = cluster.keep("server.pem", &ours.cert.pem());
    let key = cluster.keep("server.key", &ours.signing_key.serialize_pem());
    cluster.configure(&format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
        certificate.display(),
        key.display()
    ));
    cluster.restart();
    let database = format!("{}?sslmode=require", cluster.database().replace("127.0.0.1", "localhost"));
    let trusting = |pem: String| PostgresStore::options(&database).root_certificates(pem);
    let store: Arc<dyn Store> = Arc::new(trusting(ours.cert.pem()).connect().await.unwrap());
    testing::store::commits_are_whole(&store).await;
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'stepwright'";
    assert_eq!(cluster.sql("postgres", encrypted), "t");
    for strangers in [trusting(other.cert.pem()), PostgresStore::options(&database)] {
        let refused = strangers.connect().await.unwrap_err();
        assert!(matches!(refused, PostgresError::Unavailable(_)), "{refused:?}");
    }
    let nothing = trusting("nothing".into()).connect().await.unwrap_err();
    assert!(matches!(nothing, PostgresError::Certificate(_)), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_redrive_one_does() {
    let database = database!();
    let machine = r#"{ "StartAt": "Work", "States": { "Work": { "Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:Work" } } }"#;
    let machine = Arc::new(StateMachine::parse(machine).unwrap());
    let calls = Arc::new(AtomicU32::default());
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let calls = Arc::clone(&calls);
        let work = handler_fn(move |_, _| {
            let call = calls.fetch_add(1, Ordering::Relaxed);
            async move { if call % 2 == 0 { Err(Failure::named("Busy")) } else { Ok(call) } }
        });
        let store = Arc::new(PostgresStore::connect(&database).await.unwrap());
        nodes.push(Runtime::builder().store(store).function("Work", work).build().unwrap());
    }
    for round in 1..=5 {
        let execution = nodes[0].start_execution(&machine, &*format!("{round}"), json!({})).await.unwrap();
        execution.wait().await.unwrap_err();
        let redrives = nodes.iter().map(|node| node.redrive_execution(execution.id(), None));
        let redriven = futures_util::future::join_all(redrives).await;
        let made = redriven.iter().filter(|redriven| redriven.is_ok()).count();
        assert_eq!(made, 1, "{redriven:?}");
        assert_eq!(execution.wait().await.unwrap(), json!(round * 2 - 1));
        let summary = nodes[1].describe_execution(execution.id()).await.unwrap();
        assert_eq!(summary.redrive_count(), 1);
    }
    for node in nodes {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_an_owner_that_nobody_remembers_is_taken_over() {
    let database = database!();
    let (_, name) = database.rsplit_once('/').unwrap();
    let machine =
        r#"{ "StartAt": "Nap", "States": { "Nap": { "Type": "Wait", "Seconds": 1, "End": true } } }"#;
    let machine = Arc::new(StateMachine::parse(machine).unwrap());
    let open = async || {
        let store = Arc::new(PostgresStore::connect(&database).await.unwrap());
        Runtime::builder().store(store).lease(Duration::from_secs(3600)).build().unwrap()
    };
    let gone = open().await;
    let id = gone.start_execution(&machine, "one", json!({})).await.unwrap().id().clone();
    drop(gone);
    let sql = |sql: &str| cluster::shared().unwrap().sql(name, sql);
    assert_eq!(sql("SELECT count(*) FROM stepwright.states WHERE owner IS NOT NULL"), "1");
    // It was silent for longer than owners are remembered, and then began the execution with its last breath, at
    // the moment in which it was forgotten.
    sql("DELETE FROM stepwright.owners");
    let other = open().await;
    other.recover().await.unwrap();
    let handle = other.start_execution(&machine, "one", json!({})).await.unwrap();
    assert_eq!(handle.id(), &id);
    tokio::time::timeout(Duration::from_secs(60), handle.wait()).await.expect("it is gone on with").unwrap();
    other.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_wakes_up_after_hours_doubles_nothing() {
    let database = database!();
    let (_, name) = database.rsplit_once('/').unwrap();
    let machine = r#"{ "StartAt": "Ask", "States": {
        "Ask": { "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
            "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Task.Token" } } } }"#;
    let machine = Arc::new(StateMachine::parse(machine).unwrap());
    let (send, mut tokens) = tokio::sync::mpsc::unbounded_channel::<TaskToken>();
    let open = async || {
        let send = send.clone();
        let ask = handler_fn(move |_, cx: TaskContext| {
            send.send(cx.token().unwrap().clone()).unwrap();
            async { Ok::<_, Failure>(json!({})) }
        });
        let store = Arc::new(PostgresStore::connect(&database).await.unwrap());
        let builder = Runtime::builder().store(store).lease(Duration::from_secs(3600));
        builder.handler("arn:aws:states:::sqs:*", ask).build().unwrap()
    };
    let sleeper = open().await;
    let sql = |sql: &str| cluster::shared().unwrap().sql(name, sql);
    let mut before = Vec::new();
    for n in 0..3 {
        let execution = sleeper.start_execution(&machine, None, json!(n)).await.unwrap();
        before.push((execution, tokens.recv().await.unwrap()));
    }
    // By the server's clock it was silent for hours, and others have forgotten it.
    sql("UPDATE stepwright.states SET owner = NULL, wake = due; DELETE FROM stepwright.owners");
    let other = open().await;
    for (n, (execution, token)) in before.iter().enumerate() {
        let (first, second) = if n == 0 { (&sleeper, &other) } else { (&other, &sleeper) };
        let told = tokio::join!(
            first.send_task_success(token, json!("first")),
            second.send_task_success(token, json!("second")),
        );
        let accepted = [told.0.is_ok(), told.1.is_ok()];
        assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1, "{told:?}");
        let output = execution.wait().await.unwrap();
        assert_eq!(output, json!(if accepted[0] { "first" } else { "second" }));
        let history = other.get_execution_history(execution.id(), PageRequest::default()).await.unwrap();
        let ended = history.items.iter().filter(|event| event.type_name() == "TaskSucceeded").count();
        assert_eq!(ended, 1);
    }
    let execution = sleeper.start_execution(&machine, None, json!("new")).await.unwrap();
    let token = tokens.recv().await.unwrap();
    other.send_task_success(&token, json!("other")).await.unwrap();
    assert_eq!(execution.wait().await.unwrap(), json!("other"));
    other.shutdown().await;
    sleeper.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_any_node_get_each_task_once() {
    let database = database!();
    let sign: Arn = "arn:aws:states:us-east-1:123456789012:activity:Sign".parse().unwrap();
    let machine =
        json!({ "StartAt": "Sign", "States": { "Sign": { "Type": "Task", "Resource": sign, "End": true } } });
    let machine = Arc::new(StateMachine::parse(&machine.to_string()).unwrap());
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let store = Arc::new(PostgresStore::connect(&database).await.unwrap());
        nodes.push(Runtime::builder().store(store).build().unwrap());
    }
    let done = Arc::new(AtomicU32::default());
    let workers: Vec<_> = (0..12)
        .map(|n| {
            let (node, sign, done) = (nodes[n % 3].clone(), sign.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let name = format!("worker-{n}");
                while done.load(Ordering::Relaxed) < 60 {
                    let polled = node.get_activity_task(&sign, &*name);
                    let Ok(polled) = tokio::time::timeout(Duration::from_secs(1), polled).await else {
                        continue;
                    };
                    let Some(task) = polled.unwrap() else { continue };
                    node.send_task_success(&task.token, json!({ "by": name, "input": task.input }))
                        .await
                        .unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    // The third one drives none of them.
    let mut executions = Vec::new();
    for n in 0..60 {
        executions.push(nodes[n % 2].start_execution(&machine, None, json!(n)).await.unwrap());
    }
    for (n, execution) in executions.iter().enumerate() {
        let output = execution.wait().await.unwrap();
        assert_eq!(output["input"], json!(n));
        let history = nodes[0].get_execution_history(execution.id(), PageRequest::default()).await.unwrap();
        let started: Vec<_> =
            history.items.iter().filter(|event| event.type_name() == "ActivityStarted").collect();
        assert_eq!(started.len(), 1);
        assert_eq!(started[0].to_wire()["activityStartedEventDetails"]["workerName"], output["by"]);
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let (_, name) = database.rsplit_once('/').unwrap();
    let left = "SELECT count(*) FROM stepwright.offers";
    assert_eq!(cluster::shared().unwrap().sql(name, left), "0");

    nodes[0].delete_activity(&sign).await.unwrap();
    // A node that is built now knows it at once.
    let store = Arc::new(PostgresStore::connect(&database).await.unwrap());
    let late = Runtime::builder().store(store).build().unwrap();
    let gone = late.get_activity_task(&sign, None).await;
    assert!(matches!(gone, Err(ActivityError::ActivityDoesNotExist { .. })), "{gone:?}");
    nodes.push(late);
    for node in nodes {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that other tests start, not a test"]
async fn node() {
    node::live().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_killed_lose_nothing_and_double_nothing() {
    let kills = std::env::var("STEPWRIGHT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut storm = Storm::new(&database!(), 2, 1).await;
    for _ in 0..kills {
        storm.blow(Duration::from_millis(100));
        storm.replace();
    }
    storm.calm().await;
    let executions = storm.check().await;
    println!("{kills} kills, {executions} executions: nothing lost, nothing doubled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_frozen_past_its_lease_doubles_nothing() {
    let mut storm = Storm::new(&database!(), 2, 2).await;
    let held_back = storm.hold_back(0, 10);
    storm.blow(Duration::from_millis(500));
    storm.freeze(0);
    // The other one takes them over, and does not hold them back.
    storm.ended(&held_back).await;
    storm.thaw(0);
    storm.nodes[0].tell("go");
    storm.blow(Duration::from_millis(500));
    storm.calm().await;
    storm.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_under_load_comes_back_to_everything() {
    let Some(cluster) = Cluster::start() else { return };
    let mut storm = Storm::new(&cluster.database(), 2, 3).await;
    for _ in 0..CRASHES {
        storm.blow(Duration::from_secs(1));
        cluster.crash();
    }
    storm.blow(Duration::from_secs(1));
    storm.calm().await;
    storm.check().await;
}
