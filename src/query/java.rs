//! Habits of Java's library that AWS's service shows: the order of a hash map, `Random`, `Math.round`.

/// The positions of `keys` in the order in which a hash map of Java that got them in turn would list them.
pub(crate) fn hash_map_order<'k>(keys: impl IntoIterator<Item = &'k str>) -> Vec<usize> {
    let hashes: Vec<u32> = keys
        .into_iter()
        .map(|key| {
            let hash = string_hash(key);
            hash ^ (hash >> 16)
        })
        .collect();
    let mut buckets = 16_usize;
    while hashes.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    let mut order: Vec<usize> = (0..hashes.len()).collect();
    // The sort is stable: within a bucket the first in is the first out.
    order.sort_by_key(|at| hashes[*at] as usize & (buckets - 1));
    order
}

/// `String.hashCode`
fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// `Math.round`: to the nearest integer, halves up.
pub(super) fn round(number: f64) -> i64 {
    let floor = number.floor();
    // Not `(number + 0.5).floor()`: that sum rounds 0.49999999999999994 to 1. The cast saturates, as Java's.
    (if number - floor >= 0.5 { floor + 1.0 } else { floor }) as i64
}

/// `java.util.Random`
pub(super) struct Random {
    state: u64,
}

impl Random {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    pub(super) fn new(seed: i64) -> Self {
        Self { state: (seed as u64 ^ Self::MULTIPLIER) & Self::MASK }
    }

    /// A number below `bound`, which is positive: `nextInt` where that can, and `nextLong` as `longs` uses it.
    pub(super) fn below(&mut self, bound: i64) -> i64 {
        if let Ok(bound) = i32::try_from(bound) {
            return self.next_int(bound).into();
        }
        let mask = bound - 1;
        let number = self.next_long();
        if bound & mask == 0 {
            return number & mask;
        }
        let mut number = (number as u64 >> 1) as i64;
        loop {
            let rest = number % bound;
            if number.wrapping_add(mask).wrapping_sub(rest) >= 0 {
                return rest;
            }
            number = (self.next_long() as u64 >> 1) as i64;
        }
    }

    /// `nextDouble`
    #[cfg(any(feature = "jsonata", test))]
    pub(super) fn next_double(&mut self) -> f64 {
        let bits = (i64::from(self.next(26)) << 27) + i64::from(self.next(27));
        bits as f64 / (1_i64 << 53) as f64
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.state >> (48 - bits)) as i32
    }

    fn next_int(&mut self, bound: i32) -> i32 {
        if bound.count_ones() == 1 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let number = self.next(31);
            let rest = number % bound;
            if number.wrapping_sub(rest).wrapping_add(bound - 1) >= 0 {
                return rest;
            }
        }
    }

    fn next_long(&mut self) -> i64 {
        (i64::from(self.next(32)) << 32).wrapping_add(self.next(32).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered<'k>(keys: &[&'k str]) -> Vec<&'k str> {
        hash_map_order(keys.iter().copied()).into_iter().map(|at| keys[at]).collect()
    }

    #[test]
    fn keys_come_out_as_they_were_recorded() {
        assert_eq!(ordered(&["Name", "SecretString"]), ["SecretString", "Name"]);
        assert_eq!(ordered(&["StateMachineArn", "Input", "Name"]), ["Input", "StateMachineArn", "Name"]);
        assert_eq!(ordered(&["FunctionName", "Payload"]), ["FunctionName", "Payload"]);
        assert_eq!(
            ordered(&[
                "simpleArray",
                "partitionedArray",
                "containsElement",
                "numberRange",
                "thirdElement",
                "arraySize",
                "uniqueValues",
            ]),
            [
                "uniqueValues",
                "simpleArray",
                "thirdElement",
                "partitionedArray",
                "arraySize",
                "containsElement",
                "numberRange",
            ],
        );
        assert_eq!(ordered(&["0", "True", "{}"]), ["0", "{}", "True"]);
        assert_eq!(ordered(&["H1", ""]), ["", "H1"]);
    }

    #[test]
    fn rounds_halves_up() {
        for (number, rounded) in [(1.5, 2), (-1.5, -1), (-1.51, -2), (0.49999999999999994, 0), (2.5, 3)] {
            assert_eq!(round(number), rounded, "{number}");
        }
        assert_eq!((round(f64::NAN), round(1e300), round(-1e300)), (0, i64::MAX, i64::MIN));
    }

    #[test]
    fn random_is_javas() {
        let mut random = Random::new(42);
        assert_eq!([(); 5].map(|()| random.below(100)), [30, 63, 48, 84, 70]);
        for (seed, double) in [(42, 0.7275636800328681), (0, 0.730967787376657), (7, 0.7306990420600421)] {
            assert_eq!(Random::new(seed).next_double(), double);
        }
        let mut random = Random::new(5);
        let longs = [(); 3].map(|()| random.below(3 << 40));
        assert_eq!(longs, [2059816068524, 1244706901616, 594734804453]);
        let mut random = Random::new(5);
        let longs = [(); 3].map(|()| random.below(1 << 40));
        assert_eq!(longs, [821097253720, 290390547680, 89957981130]);
    }
}
