//! Randomness that can be repeated: counted draws from a seed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

/// Randomness from a seed, the same each time: what an execution draws from.
///
/// The n-th draw is the SHA-256 of the seed and n. Whoever does not know the seed can guess nothing of a draw,
/// even with all others at hand; whoever saved the seed and [`drawn`](Self::drawn) goes on where it stopped.
///
/// ```
/// use stepwright::query::Entropy;
///
/// let entropy = Entropy::new([7; 32]);
/// let first = entropy.uuid();
/// let second = entropy.uuid();
/// assert_ne!(first, second);
///
/// assert_eq!(entropy.drawn(), 2);
/// assert_eq!(Entropy::resume([7; 32], 1).uuid(), second);
/// ```
pub struct Entropy {
    seed: [u8; 32],
    /// Atomic only so that executions are `Sync`: nobody draws from two threads at once.
    drawn: AtomicU64,
}

impl Entropy {
    /// Randomness from `seed`, which is a secret.
    pub fn new(seed: [u8; 32]) -> Self {
        Self::resume(seed, 0)
    }

    /// Randomness from `seed`, from which `drawn` draws have been made before.
    pub fn resume(seed: [u8; 32], drawn: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(drawn) }
    }

    /// How many draws have been made.
    pub fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// 32 random bytes.
    pub fn draw(&self) -> [u8; 32] {
        let n = self.drawn.fetch_add(1, Ordering::Relaxed);
        Sha256::new().chain_update(self.seed).chain_update(n.to_le_bytes()).finalize().into()
    }

    /// A random UUID (version 4).
    pub fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(first_bytes(&self.draw())).into_uuid().to_string()
    }

    /// A random number below `n`, each as likely as the next; 0 if `n` is 0.
    ///
    /// ```
    /// # use stepwright::query::Entropy;
    /// let die = Entropy::new([7; 32]);
    /// assert!((0..100).all(|_| die.below(6) < 6));
    /// ```
    pub fn below(&self, n: u64) -> u64 {
        if n < 2 {
            return 0;
        }
        // The numbers from `even` on would make small remainders more likely: draw again.
        let even = u64::MAX - u64::MAX % n;
        loop {
            let number = self.number();
            if number < even {
                return number % n;
            }
        }
    }

    /// A random number from 0 to below 1.
    pub fn unit(&self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn number(&self) -> u64 {
        u64::from_le_bytes(first_bytes(&self.draw()))
    }
}

fn first_bytes<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|n| bytes[n])
}

impl fmt::Debug for Entropy {
    // The seed is a secret: task tokens come from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").field("drawn", &self.drawn()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_seed() {
        assert_eq!(format!("{:?}", Entropy::new([7; 32])), "Entropy { drawn: 0, .. }");
    }

    #[test]
    fn uuids_are_version_4() {
        let uuid = uuid::Uuid::parse_str(&Entropy::new([7; 32]).uuid()).unwrap();
        assert_eq!(uuid.get_version_num(), 4);
        assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn numbers_spread_over_their_range() {
        let entropy = Entropy::new([7; 32]);
        let mut seen = [0_u32; 6];
        (0..6000).for_each(|_| seen[entropy.below(6) as usize] += 1);
        assert!(seen.iter().all(|count| (850..1150).contains(count)), "{seen:?}");
        assert_eq!((entropy.below(0), entropy.below(1)), (0, 0));
        let mean = (0..1000).map(|_| entropy.unit()).sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }
}
