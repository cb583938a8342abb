//! Reads the samples of a map in random batches from several threads, as a training loop would:
//! `cargo run --release --example stream_samples -- DIRECTORY [THREADS]`.

use std::iter::repeat_n;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use mmap_ninja::{Gathered, Mode, Ragged, Result};

const BATCH_SIZE: usize = 64;
/// Capacity of the channel, in batches. Threads that are further ahead block, so memory stays bounded.
const WAITING: usize = 4;

/// Indices and their samples, gathered.
type Batch<'a> = Result<(&'a [usize], Gathered)>;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let dir: PathBuf = arguments.next().expect("usage: stream_samples DIRECTORY [THREADS]").into();
    let threads = arguments.next().map_or(4, |count| count.to_str().and_then(|n| n.parse().ok()).expect("a number"));

    let samples = Ragged::open(dir, Mode::ReadOnly)?;
    let order = shuffled(samples.len());
    let batches: Vec<&[usize]> = order.chunks(BATCH_SIZE).collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = sync_channel(WAITING);
    let bytes = thread::scope(|scope| {
        let (samples, batches, next) = (&samples, &batches, &next);
        for sender in repeat_n(sender, threads) {
            scope.spawn(move || load(samples, batches, next, &sender));
        }
        use_all(samples, receiver)
    })?;
    println!(
        "{} samples, {} batches, {bytes} bytes, each sample once and as it is stored",
        samples.len(),
        batches.len()
    );
    Ok(())
}

/// Gathers one batch after another, until no batch is left or the receiver is gone.
fn load<'a>(samples: &Ragged, batches: &[&'a [usize]], next: &AtomicUsize, sender: &SyncSender<Batch<'a>>) {
    while let Some(&indices) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
        let batch = samples.gather(indices).map(|gathered| (indices, gathered));
        if sender.send(batch).is_err() {
            return;
        }
    }
}

/// Compares every sample with the stored one, and returns the total number of bytes.
fn use_all(samples: &Ragged, receiver: Receiver<Batch>) -> Result<usize> {
    let (mut seen, mut bytes) = (vec![false; samples.len()], 0);
    for batch in receiver {
        let (indices, gathered) = batch?;
        let mut rest = &gathered.bytes[..];
        for &index in indices {
            let stored = samples.get(index)?.bytes;
            let (sample, others) = rest.split_at(stored.len());
            assert_eq!(sample, stored, "sample {index}");
            assert!(!std::mem::replace(&mut seen[index], true), "sample {index} came twice");
            rest = others;
        }
        bytes += gathered.bytes.len();
    }
    assert!(seen.iter().all(|&came| came), "a sample is missing");
    Ok(bytes)
}

/// The indices below `len` in random order, the same in every run.
fn shuffled(len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_usize;
    for last in (1..len).rev() {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, state % (last + 1));
    }
    order
}
