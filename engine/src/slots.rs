//! Tables whose entries keep their place: what left gives its place to what comes,
//! and where there are too many, those that are missed least leave.

/// The part of those there may be that leaves at a time: looking for them costs a look at
/// each of them.
const PART: usize = 16;

/// Puts an entry where one has left, or at the end; gives its place, none past 2^32 of them.
pub fn put<T>(entries: &mut Vec<T>, free: &mut Vec<u32>, entry: T) -> Option<u32> {
    if let Some(slot) = free.pop() {
        *entries.get_mut(slot as usize)? = entry;
        return Some(slot);
    }
    let slot = u32::try_from(entries.len()).ok()?;
    entries.push(entry);
    Some(slot)
}

/// Those of `all` that leave where there may be `most`: the least by rank, of equals the
/// least by key. They come in the order of their keys, whatever order `all` has.
pub fn leaving<R: Ord, K: Ord>(all: impl Iterator<Item = (R, K)>, most: usize) -> Vec<(R, K)> {
    let mut all: Vec<_> = all.collect();
    let wanted = most.div_ceil(PART);
    if let Some(last) = wanted.checked_sub(1).filter(|last| *last < all.len()) {
        all.select_nth_unstable(last);
        all.truncate(wanted);
    }
    all.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    all
}

#[cfg(test)]
mod tests {
    use super::{leaving, put};

    #[test]
    fn what_left_gives_its_place_to_what_comes() {
        let (mut entries, mut free) = (vec!['a', 'b'], vec![0]);

        assert_eq!(Some(0), put(&mut entries, &mut free, 'c'));
        assert_eq!(Some(2), put(&mut entries, &mut free, 'd'));
        assert_eq!(vec!['c', 'b', 'd'], entries);
    }

    #[test]
    fn a_sixteenth_leaves_the_least_first_and_is_told_in_order() {
        let all = [(3, 'a'), (1, 'd'), (2, 'b'), (1, 'c')];

        assert_eq!(vec![(1, 'c'), (1, 'd')], leaving(all.into_iter(), 32));
        assert_eq!(vec![(1, 'c')], leaving(all.into_iter(), 16));
        assert_eq!(vec!['a', 'b', 'c', 'd'], keys(leaving(all.into_iter(), 1_600)));
    }

    fn keys(all: Vec<(i32, char)>) -> Vec<char> {
        all.into_iter().map(|(_, key)| key).collect()
    }
}
