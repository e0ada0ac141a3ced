"""Encodings of made-up people: as correlated as real CLKs are, and made in a second.

Names are drawn from a skewed distribution, as names are; each bigram of a name, each part of a date of birth and each
sex sets the same few bits wherever it occurs. So two people who share a surname share bits, and the scores of random
pairs spread as they do for real data (mean 0.5; one pair in a thousand above 0.7), which is what a kernel's pruning
depends on.
"""

import numpy as np

BITS = 1024
BITS_PER_BIGRAM = 22
ALPHABET = 27
FOLLOWING = 0.25 ** np.arange(26)
FOLLOWING /= FOLLOWING.sum()
"""Probabilities of the letters that may follow a letter, the likeliest first."""


def make_people(count: int, *, shared: float = 0.5, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the encodings of two data sets of ``count`` people, of whom a share is in both, the rest in one.

    Of the shared ones two in five have the same values in both, the others an error in their names.
    """
    generator = np.random.default_rng(seed)
    people = _People(generator)
    both = round(count * shared)
    left = people.draw(2 * count - both)
    right = left[count - both :].copy()
    left = left[:count]
    wrong = np.flatnonzero(generator.random(both) < 0.6)
    right[wrong] = people.with_error(right[wrong])
    orders = [generator.permutation(count) for _ in range(2)]
    return people.encode(left)[orders[0]], people.encode(right)[orders[1]]


class _People:
    """A population: its names, and the bits that each sets."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        likeliest = generator.permutation(26) + 1
        self._followers = np.stack([generator.permutation(likeliest[:26]) for _ in range(ALPHABET)])
        bigram_bits = np.zeros((ALPHABET**2, BITS), dtype=bool)
        for bits in bigram_bits:
            bits[generator.integers(0, BITS, BITS_PER_BIGRAM)] = True
        self._masks = [self._name_masks(bigram_bits, names) for names in (1000, 5000)]
        self._numbers = self._number_masks()

    def draw(self, count: int) -> np.ndarray:
        """Return people as rows of (first name, surname, error in them, day, month, year, sex)."""
        ranks = [self._generator.choice(len(masks) // 2, count, p=_skewed(len(masks) // 2)) for masks in self._masks]
        born = [self._generator.integers(0, most, count) for most in (31, 12, 80, 2)]
        return np.stack([*ranks, *born], axis=1)

    def with_error(self, people: np.ndarray) -> np.ndarray:
        """Return the people with an error in the first name, the surname, or the day of birth."""
        wrong = people.copy()
        which = self._generator.integers(0, 3, len(people))
        for name in (0, 1):
            wrong[which == name, name] += len(self._masks[name]) // 2
        wrong[which == 2, 2] = self._generator.integers(0, 31, (which == 2).sum())
        return wrong

    def encode(self, people: np.ndarray) -> np.ndarray:
        """Return the people's encodings, shape (n, 128)."""
        encoded = self._masks[0][people[:, 0]] | self._masks[1][people[:, 1]]
        for column, masks in enumerate(self._numbers, start=2):
            encoded |= masks[people[:, column]]
        return encoded

    def _name_masks(self, bigram_bits: np.ndarray, names: int) -> np.ndarray:
        """Return the bits of random names, and then those of the same names with one letter wrong."""
        letters = self._spell(names)
        lengths = self._generator.integers(4, 10, names)
        letters[np.arange(9) >= lengths[:, None]] = 0
        wrong = letters.copy()
        wrong[np.arange(names), self._generator.integers(0, lengths)] = self._generator.integers(1, 27, names)
        return np.concatenate([self._bits(bigram_bits, spelled) for spelled in (letters, wrong)])

    def _spell(self, names: int) -> np.ndarray:
        """Return names of nine letters, in which few letters are likely to follow each."""
        letters = np.empty((names, 9), dtype=np.int64)
        letters[:, 0] = self._generator.integers(1, 27, names)
        for place in range(1, 9):
            draws = self._generator.choice(26, names, p=FOLLOWING)
            letters[:, place] = self._followers[letters[:, place - 1], draws]
        return letters

    @staticmethod
    def _bits(bigram_bits: np.ndarray, letters: np.ndarray) -> np.ndarray:
        padded = np.pad(letters, ((0, 0), (1, 1)))
        bigrams = padded[:, :-1] * ALPHABET + padded[:, 1:]
        bits = np.zeros((len(letters), BITS), dtype=bool)
        for column in bigrams.T:
            bits |= np.where(column[:, None] > 0, bigram_bits[column], False)
        return np.packbits(bits, axis=1)

    def _number_masks(self) -> list[np.ndarray]:
        """Return the bits of days, months, years and sexes."""
        masks = []
        for values, each in ((31, 70), (12, 70), (80, 90), (2, 40)):
            bits = np.zeros((values, BITS), dtype=bool)
            for row in bits:
                row[self._generator.integers(0, BITS, each)] = True
            masks.append(np.packbits(bits, axis=1))
        return masks


def _skewed(names: int) -> np.ndarray:
    """Return the frequency of each name: the first ones a few in a hundred, most of them rare."""
    weights = 1 / (np.arange(names) + 10)
    return weights / weights.sum()
