"""Make two data sets of people and encode them as a party would: with the released client's own clkhash.

Run by the interpreter of the client's environment: ``python encode_names.py COUNT FOLDER``. Each has a first and a last
name, a date of birth and a sex, drawn as the census counts them, in clkhash's own schema for such lists. Half of the
people are in both data sets, three in five of these with one to three errors; each data set is shuffled. It writes
``left.bin`` and ``right.bin``: 128 bytes an encoding.
"""

import multiprocessing
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from clkhash import clk, key_derivation
from clkhash.randomnames import Distribution, NameList, random_date

SEED = 1
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Person = list[str]


class People:
    """A population to draw people from."""

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        tables = ("male-first-names", "female-first-names", "last-names", "ages")
        self.male, self.female, self.last, self.ages = (Distribution(f"data/{name}.csv") for name in tables)

    def draw(self) -> Person:
        """Draw a person: first name, last name, date of birth, sex."""
        sex = self.generator.choice("MF")
        first = (self.male if sex == "M" else self.female).generate()
        return [first, self.last.generate(), random_date(2024, self.ages).strftime("%Y/%m/%d"), sex]

    def copy(self, person: Person) -> Person:
        """Copy a person as another party may have it: two times in five the same."""
        copied = list(person)
        if self.generator.random() >= 0.4:
            for _ in range(self.generator.choice([1, 1, 1, 2, 2, 3])):
                self._make_error(copied)
        return copied

    def _make_error(self, person: Person) -> None:
        kind = self.generator.random()
        if kind < 0.6:
            person[kind < 0.3] = self._misspell(person[kind < 0.3])
        elif kind < 0.85:
            year, month, _ = person[2].split("/")
            person[2] = f"{year}/{month}/{self.generator.randint(1, 28):02}"
        elif kind < 0.9:
            person[:2] = person[1], person[0]
        elif kind < 0.97:
            person[1] = self.last.generate()
        else:
            person[3] = "F" if person[3] == "M" else "M"

    def _misspell(self, name: str) -> str:
        at, letter = self.generator.randrange(len(name)), self.generator.choice(LETTERS)
        wrong = [name[:at] + letter + name[at:], name[:at] + letter + name[at + 1 :]]
        if len(name) > 3:
            wrong.append(name[:at] + name[at + 1 :])
        return self.generator.choice(wrong)


def encode(people: list[Person]) -> bytes:
    """Return the people's encodings."""
    schema = NameList.SCHEMA
    keys = key_derivation.generate_key_lists(
        "a secret",
        len(schema.fields),
        key_size=schema.kdf_key_size,
        salt=schema.kdf_salt,
        info=schema.kdf_info,
        kdf=schema.kdf_type,
        hash_algo=schema.kdf_hash,
    )
    rows = [(str(at), f"{first} {last}", born, sex) for at, (first, last, born, sex) in enumerate(people)]
    encodings, _ = clk.hash_chunk(rows, keys, schema, validate_data=False)
    return b"".join(encoding.tobytes() for encoding in encodings)


def pieces(people: list[Person]) -> Iterator[list[Person]]:
    """Cut a data set into pieces that processes share."""
    return (people[at : at + 2000] for at in range(0, len(people), 2000))


def main() -> None:
    """Write both data sets."""
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    random.seed(SEED)  # which clkhash draws from
    generator = random.Random(SEED)  # noqa: S311
    population = People(generator)
    left = [population.draw() for _ in range(count)]
    right = [population.copy(person) for person in left[: count // 2]]
    right += [population.draw() for _ in range(count - len(right))]
    for name, people in (("left", left), ("right", right)):
        generator.shuffle(people)
        with multiprocessing.Pool() as pool:
            (folder / f"{name}.bin").write_bytes(b"".join(pool.map(encode, pieces(people))))


if __name__ == "__main__":
    main()
