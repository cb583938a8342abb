//! Plans against what a plain model makes of the same lengths.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn never() -> Cancellation {
    Cancellation::default()
}

fn lengths(values: &[i64]) -> Lengths {
    Lengths::new(values, &never()).unwrap()
}

/// How often each element of each sample is in the plan. Pieces that run across the ends of samples go on in the next one.
fn visits(plan: &Plan, lengths: &[i64]) -> Vec<Vec<u64>> {
    let mut visits: Vec<Vec<u64>> = lengths.iter().map(|&length| vec![0; usize::try_from(length).unwrap()]).collect();
    for piece in (0..plan.len()).flat_map(|index| plan.pieces(index)) {
        let (mut sample, mut start) = (piece.sample, piece.start);
        for _ in 0..piece.len {
            while start == visits[sample].len() {
                (sample, start) = (sample + 1, 0);
            }
            visits[sample][start] += 1;
            start += 1;
        }
    }
    visits
}

/// Checks the report against the visits of elements, of which none but windows repeat.
fn check_report(plan: &Plan, lengths: &[i64]) -> std::result::Result<(), TestCaseError> {
    let (report, visits) = (plan.report(), visits(plan, lengths));
    let all = || visits.iter().flatten();
    let placed = all().filter(|&&count| count > 0).count() as u64;
    prop_assert_eq!(report.batches, plan.len());
    prop_assert_eq!(report.given, Count { samples: lengths.len(), elements: all().count() as u64 });
    prop_assert_eq!(report.placed, placed);
    prop_assert_eq!(report.repeated, all().sum::<u64>() - placed);
    let absent = report.cut.elements + report.dropped.elements + report.left_out.elements;
    prop_assert_eq!(report.placed + absent, report.given.elements);
    let unread = visits.iter().filter(|sample| !sample.is_empty() && sample.iter().all(|&count| count == 0)).count();
    prop_assert_eq!(report.dropped.samples + report.left_out.samples, unread);
    Ok(())
}

/// The number of rows that best-fit decreasing fills, one item after another.
fn model_rows(pieces: &mut [usize], row: usize) -> Vec<usize> {
    pieces.sort_unstable_by(|one, other| other.cmp(one));
    let mut rooms: Vec<usize> = Vec::new();
    for &mut piece in pieces {
        match rooms.iter_mut().filter(|room| **room >= piece).min() {
            Some(room) => *room -= piece,
            None => rooms.push(row - piece),
        }
    }
    rooms.sort_unstable();
    rooms
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_within_a_budget_have_every_sample_once(
        given in vec(prop_oneof![0_i64..10, 0_i64..200], 0..60),
        room in 0_usize..500,
        multiple_of in 1_usize..20,
    ) {
        let longest = given.iter().max().map_or(0, |&longest| usize::try_from(longest).unwrap());
        let max_elements = longest.next_multiple_of(multiple_of).max(1) + room;
        let plan = budget(lengths(&given), max_elements, multiple_of, &never()).unwrap();
        check_report(&plan, &given)?;
        let (mut seen, mut all, mut last) = (vec![0; given.len()], 0, usize::MAX);
        for index in 0..plan.len() {
            let pieces: Vec<Piece> = plan.pieces(index).collect();
            let longest = pieces.iter().map(|piece| piece.len).max().unwrap();
            let size = longest.next_multiple_of(multiple_of) * pieces.len();
            prop_assert!(size <= max_elements);
            prop_assert!(longest <= last);
            (all, last) = (all + size, pieces.iter().map(|piece| piece.len).min().unwrap());
            for piece in &pieces {
                seen[piece.sample] += 1;
            }
        }
        prop_assert!(seen.iter().all(|&count| count == 1));
        prop_assert_eq!(plan.report().room, all as u64);
    }

    #[test]
    fn rows_are_those_of_best_fit_decreasing(
        given in vec(prop_oneof![0_i64..10, 0_i64..80], 0..60),
        row in 1_usize..50,
        long in prop::sample::select(&[Long::Split, Long::Cut, Long::Drop][..]),
    ) {
        let plan = pack(lengths(&given), row, long, &never()).unwrap();
        check_report(&plan, &given)?;
        let mut pieces = Vec::new();
        for &length in &given {
            let length = usize::try_from(length).unwrap();
            match long {
                Long::Split => {
                    pieces.extend(vec![row; length / row]);
                    pieces.extend((length % row > 0).then_some(length % row));
                }
                Long::Drop if length > row => {}
                _ => pieces.extend((length > 0).then_some(length.min(row))),
            }
        }
        let mut rooms: Vec<usize> = (0..plan.len())
            .map(|index| row - plan.pieces(index).map(|piece| piece.len).sum::<usize>())
            .collect();
        rooms.sort_unstable();
        prop_assert_eq!(rooms, model_rows(&mut pieces, row));
        let long_samples: Vec<u64> =
            given.iter().map(|length| length.unsigned_abs()).filter(|&length| length > row as u64).collect();
        let total: u64 = long_samples.iter().sum();
        let counted = [plan.report().split, plan.report().cut, plan.report().dropped];
        prop_assert_eq!(counted.iter().map(|count| count.samples).sum::<usize>(), long_samples.len());
        let kept = if long == Long::Cut { (row * long_samples.len()) as u64 } else { 0 };
        prop_assert_eq!(counted.iter().map(|count| count.elements).sum::<u64>(), total - kept);
    }

    #[test]
    fn windows_are_those_of_a_loop(
        given in vec(0_i64..30, 0..20),
        length in 1_usize..40,
        elements in 1_usize..50,
        is_across: bool,
    ) {
        let plan = windows(&lengths(&given), length, Stride { elements, is_across }, &never()).unwrap();
        check_report(&plan, &given)?;
        let mut expected = Vec::new();
        let given: Vec<usize> = given.iter().map(|&length| usize::try_from(length).unwrap()).collect();
        let places: Vec<(usize, usize)> =
            given.iter().enumerate().flat_map(|(sample, &len)| (0..len).map(move |start| (sample, start))).collect();
        if is_across {
            expected.extend((0..places.len()).step_by(elements).filter(|at| at + length <= places.len()).map(|at| places[at]));
        } else {
            expected.extend(places.iter().filter(|(sample, at)| at % elements == 0 && at + length <= given[*sample]));
        }
        let found: Vec<Piece> = (0..plan.len()).flat_map(|index| plan.pieces(index)).collect();
        let expected: Vec<Piece> =
            expected.into_iter().map(|(sample, start)| Piece { sample, start, len: length }).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn lengths_beyond_16_and_32_bits_are_sorted_and_kept() {
    let given = [70_000, 3, 1 << 33, 65_536, 65_535, 1 << 17, 3];
    let plan = budget(lengths(&given), 1 << 34, 1, &never()).unwrap();
    let samples: Vec<usize> = (0..plan.len()).flat_map(|index| plan.pieces(index)).map(|piece| piece.sample).collect();
    assert_eq!(samples, [2, 5, 0, 3, 4, 1, 6]);
    let plan = pack(lengths(&given), 1 << 32, Long::Split, &never()).unwrap();
    assert_eq!(plan.pieces(plan.len() - 1).next(), Some(Piece { sample: 2, start: 1 << 32, len: 1 << 32 }));
}

#[test]
fn windows_over_billions_of_elements_take_no_memory() {
    let given = [i64::MAX / 4, 0, i64::MAX / 4];
    for is_across in [false, true] {
        let plan = windows(&lengths(&given), 1000, Stride { elements: 1, is_across }, &never()).unwrap();
        assert!(plan.size() <= 24);
        let last = plan.pieces(plan.len() - 1).next().unwrap();
        assert_eq!((last.sample, last.start), (2, usize::try_from(i64::MAX / 4).unwrap() - 1000));
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    let refused = |values: &[i64]| Lengths::new(values, &never()).unwrap_err().to_string();
    assert_eq!(refused(&[1, 2, -3]), "sample 2: the length -3 is negative");
    assert!(refused(&[i64::MAX, 1]).contains("2**63 - 1"));
    assert!(refused(&[i64::MIN]).contains("sample 0"));
}

#[test]
fn a_sample_that_does_not_fit_is_named() {
    let error = budget(lengths(&[3, 9, 10]), 11, 4, &never()).unwrap_err().to_string();
    assert!(error.starts_with("sample 1: its 9 elements, padded, exceed the budget of 11"), "{error}");
    let error = pack(lengths(&[3, 9, 10]), 8, Long::Error, &never()).unwrap_err().to_string();
    assert!(error.starts_with("sample 1: its 9 elements exceed a row of 8"), "{error}");
}

#[test]
fn every_plan_can_be_cancelled() {
    let cancel = Cancellation::when(|| true);
    let interrupted = |result: Result<Plan>| assert!(matches!(result, Err(Error::Interrupted { .. })));
    assert!(matches!(Lengths::new(&[1], &cancel), Err(Error::Interrupted { .. })));
    interrupted(budget(lengths(&[1, 2]), 4, 1, &cancel));
    interrupted(pack(lengths(&[1, 2]), 4, Long::Error, &cancel));
    interrupted(windows(&lengths(&[1, 2]), 1, Stride { elements: 1, is_across: true }, &cancel));
}
