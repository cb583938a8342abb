use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

#[expect(clippy::cast_precision_loss, reason = "the counts are small")]
fn float(count: usize) -> f64 {
    count as f64
}

/// How many standard deviations the chi-square statistic of `counts` lies above its mean, if all are equally likely.
fn excess(counts: &[u32], trials: u32) -> f64 {
    let expected = f64::from(trials) / float(counts.len());
    let statistic: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    let freedom = float(counts.len()) - 1.0;
    (statistic - freedom) / (2.0 * freedom).sqrt()
}

fn whole(len: usize) -> Subset {
    Subset::Range { start: 0, step: 1, len }
}

fn indices(order: &Order, epoch: u64) -> Vec<usize> {
    order.draws(epoch, 0..order.len()).iter().map(|draw| draw.index).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_key_permutes_any_number_of_samples(len in prop_oneof![1_usize..70, 1_usize..5_000], key: u64) {
        let permutation = Permutation::new(len, key);
        let mut seen = vec![false; len];
        (0..len).for_each(|position| seen[permutation.get(position)] = true);
        prop_assert!(seen.iter().all(|&seen| seen));
    }

    #[test]
    fn any_part_of_an_epoch_is_a_part_of_the_whole(
        lens in prop::collection::vec(1_usize..40, 1..5),
        weights in prop::collection::vec(0.01_f64..9.0, 5),
        epoch in prop_oneof![0_u64..5, 0_u64..1 << 40],
        seed: u64,
        cut: prop::sample::Index,
    ) {
        let sources = lens.iter().zip(weights).map(|(&len, weight)| (whole(len), weight)).collect();
        let order = Order::new(sources, seed, true);
        let at = cut.index(order.len());
        let parts = [order.draws(epoch, 0..at), order.draws(epoch, at..order.len())].concat();
        prop_assert_eq!(parts, order.draws(epoch, 0..order.len()));
    }

    #[test]
    fn a_mixture_draws_every_sample_of_a_source_before_it_repeats_one(
        lens in prop::collection::vec(1_usize..300, 2..5),
        weights in prop::collection::vec(0.01_f64..9.0, 5),
        seed: u64,
    ) {
        let sources = lens.iter().zip(&weights).map(|(&len, &weight)| (whole(len), weight)).collect();
        let order = Order::new(sources, seed, true);
        let mut drawn = vec![Vec::new(); lens.len()];
        for draw in (0..20).flat_map(|epoch| order.draws(epoch, 0..order.len())) {
            drawn[draw.source].push(draw.index);
        }
        for (drawn, len) in drawn.iter().zip(lens) {
            for pass in drawn.chunks(len) {
                let different: HashSet<_> = pass.iter().collect();
                prop_assert_eq!(different.len(), pass.len());
            }
        }
    }
}

#[test]
fn all_orders_of_few_samples_are_equally_likely() {
    for (len, orders) in [(2_usize, 2_u32), (3, 6), (4, 24), (5, 120)] {
        let trials = orders * 500;
        let mut found: HashMap<Vec<usize>, u32> = HashMap::new();
        for key in 0..trials {
            let permutation = Permutation::new(len, permutation::combine(u64::from(key), 0));
            *found.entry((0..len).map(|position| permutation.get(position)).collect()).or_default() += 1;
        }
        let mut counts: Vec<u32> = found.into_values().collect();
        counts.resize(orders as usize, 0);
        assert!(excess(&counts, trials) < 5.0, "{len} samples: {counts:?}");
    }
}

#[test]
fn every_sample_is_equally_likely_at_every_position_and_after_every_other() {
    let epochs = 6_000;
    for len in [10_usize, 30, 300] {
        let order = Order::new(vec![(whole(len), 1.0)], 5, true);
        let (mut places, mut steps) = (vec![0; len * len], vec![0; len]);
        for epoch in 0..epochs {
            let indices = indices(&order, epoch);
            indices.iter().enumerate().for_each(|(position, index)| places[position * len + index] += 1);
            indices.windows(2).for_each(|pair| steps[(len + pair[1] - pair[0]) % len] += 1);
        }
        let trials = u32::try_from(epochs).unwrap() * u32::try_from(len).unwrap();
        assert!(excess(&places, trials) < 5.0, "{len} samples");
        assert!(excess(&steps[1..], trials - u32::try_from(epochs).unwrap()) < 5.0, "{len} samples");
    }
}

#[test]
fn no_permutation_leads_from_each_epoch_to_the_next() {
    let order = Order::new(vec![(whole(200), 1.0)], 1, true);
    let epochs: Vec<Vec<usize>> = (0..40).map(|epoch| indices(&order, epoch)).collect();
    // If epochs were powers of one permutation, the sample at a position would decide the next epoch's there.
    let mut followers: HashMap<(usize, usize), usize> = HashMap::new();
    let mut same = 0;
    for pair in epochs.windows(2) {
        for (position, (&now, &next)) in pair[0].iter().zip(&pair[1]).enumerate() {
            let follower = followers.insert((position, now), next);
            same += usize::from(follower == Some(next));
        }
    }
    assert!(same < 30, "{same} of some 740 repeats had the same follower");
    let fixed = epochs.windows(2).map(|pair| (0..200).filter(|&at| pair[0][at] == pair[1][at]).count());
    let fixed: Vec<usize> = fixed.collect();
    assert!(fixed.iter().sum::<usize>() < 80, "{fixed:?}: one a pair is expected");
}

#[test]
fn a_mixture_keeps_the_weights_at_every_point() {
    let order = Order::new(vec![(whole(70_000), 0.7), (whole(50_000), 0.25), (whole(10), 0.05)], 3, true);
    let mut counts = [0; 3];
    for (position, draw) in order.draws(0, 0..100_000).iter().enumerate() {
        counts[draw.source] += 1;
        for (count, weight) in counts.iter().zip([0.7, 0.25, 0.05]) {
            // Within a block, the order is random: 256 draws deviate by some 7.
            assert!((float(*count) - weight * float(position + 1)).abs() < 40.0);
        }
    }
}

#[test]
fn orders_stay_the_same_between_releases() {
    let order = Order::new(vec![(whole(1_000_000_000), 1.0)], 0, true);
    let found: Vec<usize> = order.draws(1, 5..8).iter().map(|draw| draw.index).collect();
    assert_eq!(found, [635_224_506, 154_806_209, 387_338_406]);
    let order = Order::new(vec![(whole(7), 0.5), (Subset::List([9, 2, 4].into()), 0.5)], 2, true);
    let found: Vec<_> = order.draws(3, 0..4).iter().map(|draw| (draw.source, draw.index)).collect();
    assert_eq!(found, [(1, 4), (1, 4), (1, 2), (1, 9)]);
}
