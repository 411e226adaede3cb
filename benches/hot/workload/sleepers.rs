//! Ten thousand executions asleep on a token; one of them is woken, and ends.

use serde_json::json;
use stepwright::TaskToken;

use super::callback::build;
use crate::by_hand::{ByHand, current_thread};
use crate::callback;
use crate::meter::{Contender, Ours, Workload};
use crate::processing::SHARED;

const ASLEEP: usize = 10_000;

pub(crate) fn workload() -> Workload {
    let ours = |how, history| Ours { how, contender: runtime(history), bound: None };
    Workload {
        name: "10,000 asleep on a token, wake one",
        unit: ("wake", 1),
        twin: by_hand(),
        ours: vec![ours("history off", false), ours("full history", true)],
    }
}

fn runtime(history: bool) -> Contender {
    let tokio = current_thread();
    let machine = callback::machine();
    let (runtime, mut tokens) = build(SHARED, history);
    let mut asleep: Vec<TaskToken> = Vec::new();
    let mut named = 0;
    Box::new(move |count, meter| {
        tokio.block_on(async {
            while asleep.len() < ASLEEP + count {
                named += 1;
                let name = format!("order-{named}");
                let started = runtime.start_execution(&machine, name.as_str(), callback::order(1024)).await;
                started.expect("it starts");
                asleep.push(tokens.recv().await.expect("every execution asks"));
            }
            // Its driver goes to sleep, too.
            tokio::task::yield_now().await;
        });
        let woken: Vec<_> = (0..count).map(|n| asleep.swap_remove(n * 7_919 % ASLEEP)).collect();
        meter.of(|| {
            tokio.block_on(async {
                for token in &woken {
                    runtime.send_task_success(token, callback::answer()).await.expect("it waits");
                }
            });
        })
    })
}

fn by_hand() -> Contender {
    let tokio = current_thread();
    let (twin, mut tokens) = ByHand::new();
    let mut asleep = Vec::new();
    Box::new(move |count, meter| {
        tokio.block_on(async {
            while asleep.len() < ASLEEP + count {
                let order = tokio::spawn(twin.clone().approve(callback::order(1024)));
                asleep.push((tokens.recv().await.expect("every order asks"), order));
            }
        });
        let woken: Vec<_> = (0..count).map(|n| asleep.swap_remove(n * 7_919 % ASLEEP)).collect();
        meter.of(|| {
            tokio.block_on(async {
                for (token, order) in woken {
                    twin.answer(&token, json!({ "approved": true }));
                    order.await.expect("it was answered");
                }
            });
        })
    })
}
