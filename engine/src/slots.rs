//! Tables whose entries keep their place: what left gives its place to what comes.

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

#[cfg(test)]
mod tests {
    use super::put;

    #[test]
    fn what_left_gives_its_place_to_what_comes() {
        let (mut entries, mut free) = (vec!['a', 'b'], vec![0]);

        assert_eq!(Some(0), put(&mut entries, &mut free, 'c'));
        assert_eq!(Some(2), put(&mut entries, &mut free, 'd'));
        assert_eq!(vec!['c', 'b', 'd'], entries);
    }
}
