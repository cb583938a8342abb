//! Lists of items, which are read in blocks.

use crate::io::advice::PrefetchPolicy;

/// Fewer items are read one by one: a block asks the kernel whether it is in memory.
const MIN_BLOCK: usize = 8;
/// Items of a block. Of a longer list, only the index is prefetched: items are views, and few of those of a large map are read
/// soon.
const MAX_BLOCK: usize = 4096;

/// Whether so few items are read one by one.
pub fn are_few(indices: &[usize]) -> bool {
    indices.len() < MIN_BLOCK
}

/// The blocks of `indices`, and what to prefetch of each.
pub fn blocks(indices: &[usize]) -> impl Iterator<Item = (&[usize], PrefetchPolicy)> {
    let is_long = indices.len() > MAX_BLOCK;
    let policy = if is_long { PrefetchPolicy::IndexIfCold } else { PrefetchPolicy::IfCold };
    indices.chunks(MAX_BLOCK).map(move |block| (block, policy))
}
