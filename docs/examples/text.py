"""Text: how many bits a word a bigram model needs, for generated sentences. numpy alone.

darkmagic compare --metric bits --unit "bits per word" --direction min
    --pattern "bits per word: ([0-9.]+)"
    --change "less=--smoothing 0.1" --change "mixed=--unigrams 0.3" -- python text.py --seed {seed}
"""

import argparse

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--words", type=int, default=20_000, help="of training")
parser.add_argument("--smoothing", type=float, default=1.0, help="added to each count of a pair")
parser.add_argument("--unigrams", type=float, default=0.0, help="share of a model of single words")
args = parser.parse_args()
VOCABULARY = 100

language = np.random.default_rng(12345).dirichlet(np.full(VOCABULARY, 0.05), VOCABULARY)


def speak(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return so many words of the language, each of which depends on the one before."""
    steps, draws = language.cumsum(1), rng.random(count)
    words = np.zeros(count, int)
    for place in range(1, count):
        words[place] = min(np.searchsorted(steps[words[place - 1]], draws[place]), VOCABULARY - 1)
    return words


train, val = (
    speak(np.random.default_rng(args.seed), args.words),
    speak(np.random.default_rng(54321), 5000),
)
pairs = np.full((VOCABULARY, VOCABULARY), args.smoothing)
np.add.at(pairs, (train[:-1], train[1:]), 1)
single = np.bincount(train, minlength=VOCABULARY) + 1
model = (1 - args.unigrams) * pairs / pairs.sum(
    1, keepdims=True
) + args.unigrams * single / single.sum()
print(f"bits per word: {-np.log2(model[val[:-1], val[1:]]).mean():.4f}")
