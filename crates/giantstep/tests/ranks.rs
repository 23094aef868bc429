//! A run shared by several ranks is the run of one: the same bits, and to each rank its share of the rows.
//!
//! Seen to catch: a tree that depends on the number of ranks, a held block that draws the stream of its place on its rank,
//! triangles that are not exchanged, a flag to stop that only its own rank sees (which hangs).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::common::{bits, engines, large, stopped_after};
use giantstep::batch::{Data, Order};
use giantstep::experiment::Experiment;
use giantstep::ranks::{Alone, Ranks};
use giantstep::real::Real;
use giantstep::reduce::{shared_tree_sum, tree_sum};
use giantstep::run::{Outcome, Run, run_on};
use giantstep::watch::{OnRows, Watch};
use serde_json::json;

/// A rank that is a thread of this process.
#[derive(Debug)]
struct Thread {
    rank: usize,
    to: Vec<Sender<Vec<f64>>>,
    from: Vec<Mutex<Receiver<Vec<f64>>>>,
    /// The numbers in each message that was sent.
    sent: Mutex<Vec<usize>>,
}

impl Ranks for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, values: &[f64]) {
        self.sent.lock().expect("a lock").push(values.len());
        self.to[to].send(values.to_vec()).expect("a receiver");
    }

    fn receive(&self, from: usize, values: &mut [f64]) {
        let message = self.from[from].lock().expect("a lock").recv();
        values.copy_from_slice(&message.expect("a sender"));
    }
}

fn group(size: usize) -> Vec<Thread> {
    let mut ranks: Vec<Thread> = (0..size)
        .map(|rank| Thread {
            rank,
            to: Vec::new(),
            from: Vec::new(),
            sent: Mutex::default(),
        })
        .collect();
    for from in 0..size {
        for to in 0..size {
            let (sender, receiver) = channel();
            ranks[from].to.push(sender);
            ranks[to].from.push(Mutex::new(receiver));
        }
    }
    ranks
}

/// What each of `size` ranks makes of `work`, on one thread each, and the lengths of all messages.
fn on_ranks<T: Send>(size: usize, work: impl Fn(&Thread) -> T + Sync) -> (Vec<T>, Vec<usize>) {
    let ranks = group(size);
    let work = &work;
    let all = std::thread::scope(|scope| {
        let spawned: Vec<_> = ranks
            .iter()
            .map(|rank| {
                scope.spawn(move || {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
                    pool.expect("a thread").install(|| work(rank))
                })
            })
            .collect();
        spawned
            .into_iter()
            .map(|rank| rank.join().expect("no panic"))
            .collect()
    });
    let sent = ranks
        .into_iter()
        .flat_map(|rank| rank.sent.into_inner().expect("a lock"))
        .collect();
    (all, sent)
}

#[test]
fn a_shared_sum_has_the_bits_of_one_rank() {
    let leaf = |block: usize, sum: &mut [f64]| {
        sum[0] += 1.0 / (1.0 + block as f64);
        sum[1] += 1.0;
    };
    for blocks in [0, 1, 2, 3, 7, 64, 100, 1000] {
        let whole = tree_sum(blocks, 2, leaf);
        assert_eq!(whole[1], blocks as f64);
        for size in 1..=8 {
            let (all, sent) = on_ranks(size, |rank| shared_tree_sum(rank, blocks, 2, leaf));
            assert!(
                all.iter().all(|sum| *sum == whole),
                "{blocks} blocks, {size} ranks"
            );
            // One subtree each: one message up and one down for each rank but the first.
            if blocks == 64 && size.is_power_of_two() {
                assert_eq!(sent, vec![2; 2 * (size - 1)]);
            }
        }
    }
}

#[test]
fn numbers_and_flags_reach_every_rank() {
    for size in 1..=4 {
        for raised in 0..=size {
            let (all, _) = on_ranks(size, |rank| {
                let mut numbers = [u64::MAX, 1, rank.rank() as u64];
                rank.announce(&mut numbers);
                (numbers, rank.any(rank.rank() == raised))
            });
            assert!(
                all.iter()
                    .all(|seen| *seen == ([u64::MAX, 1, 0], raised < size))
            );
        }
    }
}

/// A run on either engine.
fn start<T: Real>(experiment: &Experiment, in_law: bool, watch: Watch<'_>) -> Run {
    if in_law {
        run_on(experiment, engines::in_law::<T>(experiment, 5), 5, &watch)
    } else {
        run_on(experiment, engines::direct::<T>(experiment, 5), 5, &watch)
    }
}

/// The bits of a whole run and the rows that this rank has seen.
fn whole<T: Real>(experiment: &Experiment, in_law: bool, ranks: &dyn Ranks) -> (Vec<u64>, u64) {
    let rows = AtomicU64::new(0);
    let observer = OnRows(|more| {
        rows.fetch_add(more, Ordering::Relaxed);
    });
    let watch = Watch {
        observer: &observer,
        ranks,
        ..Watch::default()
    };
    let run = start::<T>(experiment, in_law, watch);
    assert_eq!(run.outcome, Outcome::Completed);
    (bits(&run), rows.into_inner())
}

fn check<T: Real>(name: &str, experiment: &Experiment) {
    for in_law in [false, true] {
        let (alone, rows) = whole::<T>(experiment, in_law, &Alone);
        assert!(alone.len() > 50);
        for size in 2..=5 {
            let (all, _) = on_ranks(size, |rank| whole::<T>(experiment, in_law, rank));
            let name = format!("{name}, in law {in_law}, {size} ranks");
            assert!(all.iter().all(|(bits, _)| *bits == alone), "{name}");
            assert_eq!(
                all.iter().map(|(_, rows)| rows).sum::<u64>(),
                rows,
                "{name}"
            );
            // Twenty blocks are not divided evenly by subtrees over 3 or 5 ranks.
            let bound = if size.is_power_of_two() {
                9.0 / 8.0
            } else {
                4.0 / 3.0
            };
            let most = all.iter().map(|(_, rows)| *rows).max().unwrap_or(rows);
            assert!(
                (most * size as u64) as f64 <= bound * rows as f64,
                "{name}: {most} of {rows}"
            );
        }
    }
}

#[test]
fn the_number_of_ranks_changes_no_bit() {
    for (name, changes) in [
        ("fresh", json!({})),
        (
            "reused, labels without their linear part",
            json!({"protocol": {"reuse": 2, "remove_below": 2}}),
        ),
        (
            "batches of a training set",
            json!({
                "protocol": {"batch": 12_000, "training_set": 20_011, "remove_below": 2},
                "readout": {"batch": "training_set"}
            }),
        ),
        (
            "leave-one-out on the same batch",
            json!({"readout": {"batch": "same", "ridge": {"leave_one_out": [0.1, 1.0]}, "intercept": "with"}}),
        ),
        (
            "all layers, polar steps",
            json!({
                "network": {"bias": {"gaussian": 0.5}, "output": "centred"},
                "protocol": {
                    "loss": "logistic", "second_layer": {"step_size": 1}, "biases": {"step_size": 1},
                    "update": "polar", "momentum": {"nesterov": 0.5}
                },
                "evaluation": {"metrics": ["test_error", "error_rate", "network_loss", "neurons"]}
            }),
        ),
        (
            "lookahead, fewer samples than neurons",
            json!({
                "network": {"width": 60, "pairing": "symmetric"},
                "protocol": {"batch": 50, "steps": 2, "lookahead": {"kind": "extragradient", "radius": "1"}},
                "readout": {"ridge": [0.0, 1.0]},
                "evaluation": {"test_samples": 100_000}
            }),
        ),
    ] {
        let experiment = large(changes);
        check::<f32>(name, &experiment);
        check::<f64>(name, &experiment);
    }
}

#[test]
fn rows_that_are_given_are_shared_too() {
    let (n, d) = (9000, 20);
    let entries: Vec<f32> = (0..n * d)
        .map(|i| (i * 7919 % 10_007) as f32 / 5000.0)
        .collect();
    let data = Data::new(entries, n, d, Order::Rows).expect("rows");
    let spec = json!({
        "target": {"link": "z1 + z1*z2", "noise": 0.1},
        "network": {"width": 8},
        "protocol": {"steps": 3, "batch": 3000, "step_size": "p/100"},
        "readout": {"batch": "training_set"},
    });
    let spec: giantstep::Spec = serde_json::from_value(spec).expect("a specification");
    let setup = spec.check_on(Arc::new(data)).expect("an experiment").setup;
    let on = |ranks: &dyn Ranks| {
        let watch = Watch {
            ranks,
            ..Watch::default()
        };
        let run = giantstep::run(&setup, 5, &watch);
        assert_eq!(run.outcome, Outcome::Completed);
        bits(&run)
    };
    let alone = on(&Alone);
    for size in 2..=3 {
        let (all, _) = on_ranks(size, |rank| on(rank));
        assert!(all.iter().all(|bits| *bits == alone), "{size} ranks");
    }
}

#[test]
fn what_one_rank_is_told_ends_all() {
    for changes in [json!({}), json!({"protocol": {"reuse": 2}})] {
        let experiment = large(changes);
        for (in_law, teller, most) in [(false, 1, 9000), (true, 2, 20_000), (true, 0, 1)] {
            let (all, _) = on_ranks(3, |rank| {
                let most = if rank.rank() == teller {
                    most
                } else {
                    u64::MAX
                };
                stopped_after(most, |watch| {
                    let watch = Watch {
                        ranks: rank,
                        ..*watch
                    };
                    let run = start::<f64>(&experiment, in_law, watch);
                    (run.outcome.clone(), bits(&run))
                })
            });
            assert!(
                matches!(all[0].0, Outcome::Interrupted { .. }),
                "{:?}",
                all[0].0
            );
            assert!(all.iter().all(|run| *run == all[0]));
        }
    }
}
