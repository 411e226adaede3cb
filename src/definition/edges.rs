//! Where the states of a definition lead, by numbers.

/// A graph over numbers from 0 on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edges {
    /// Where the targets of each number end; they begin where those of the one before end.
    ends: Vec<usize>,
    targets: Vec<usize>,
}

impl Edges {
    /// The next number, and where it leads.
    pub(crate) fn push(&mut self, targets: impl Iterator<Item = usize>) {
        self.targets.extend(targets);
        self.ends.push(self.targets.len());
    }

    /// Where `number` leads.
    pub(crate) fn of(&self, number: usize) -> &[usize] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.targets[start..self.ends[number]]
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The same with every edge turned round.
    pub(crate) fn reversed(&self) -> Self {
        let mut ends = vec![0; self.len()];
        self.targets.iter().for_each(|target| ends[*target] += 1);
        let mut sum = 0;
        for end in &mut ends {
            // First where the targets begin; filling them in moves it to where they end.
            sum += std::mem::replace(end, sum);
        }
        let mut targets = vec![0; self.targets.len()];
        for from in 0..self.len() {
            for target in self.of(from) {
                targets[ends[*target]] = from;
                ends[*target] += 1;
            }
        }
        Self { ends, targets }
    }

    /// Which numbers are reached from `starts`, those included.
    pub(crate) fn reached(&self, starts: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut reached = vec![false; self.len()];
        let mut queue: Vec<usize> = starts.into_iter().collect();
        while let Some(number) = queue.pop() {
            if !std::mem::replace(&mut reached[number], true) {
                queue.extend(self.of(number));
            }
        }
        reached
    }

    /// From which numbers one can go on for ever.
    pub(crate) fn endless(&self) -> Vec<bool> {
        let before = self.reversed();
        let mut left: Vec<usize> = (0..self.len()).map(|number| self.of(number).len()).collect();
        let mut queue: Vec<usize> = (0..self.len()).filter(|number| left[*number] == 0).collect();
        while let Some(number) = queue.pop() {
            for from in before.of(number) {
                left[*from] -= 1;
                if left[*from] == 0 {
                    queue.push(*from);
                }
            }
        }
        left.into_iter().map(|left| left > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(list: &[&[usize]]) -> Edges {
        let mut edges = Edges::default();
        list.iter().for_each(|targets| edges.push(targets.iter().copied()));
        edges
    }

    #[test]
    fn graphs_are_turned_round_and_walked() {
        // 0 -> 1 <-> 2 -> 3, twice; 4 alone
        let graph = edges(&[&[1], &[2], &[1, 3, 3], &[], &[]]);
        let back = graph.reversed();
        let lists: Vec<_> = (0..back.len()).map(|number| back.of(number)).collect();
        assert_eq!(lists, [&[][..], &[0, 2], &[1], &[2, 2], &[]]);
        assert_eq!(graph.reached([2]), [false, true, true, true, false]);
        assert_eq!(graph.endless(), [true, true, true, false, false]);
        assert_eq!(back.endless(), [false, true, true, true, false]);
    }
}
