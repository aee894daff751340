"""Words that tell a cluster from the rest."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Floats, Indices

MOST = 4
"""Words of a cluster."""

CLEAR = 1.0
"""How many standard deviations a word must be above what chance would give."""

PRIOR = 0.5
"""Texts that are taken to say a word, and not to, before any is counted."""


def telling_words(
    texts: Sequence[str], codes: Indices, background: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """Words, and pairs of words, that a cluster says and the rest does not.

    Ranked by the log odds of a text of the cluster saying it against one of the rest, in standard
    deviations. Two texts at least say it.

    :param codes: The cluster of each text, -1 for none. Shape: (n,).
    :param background: Other texts of the field, whose words tell nothing.
    :return: The words of each cluster, the most telling first.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        stop_words="english",
        token_pattern=r"(?u)\b[^\W\d][\w+#.-]*\w\b",
        ngram_range=(1, 2),
        binary=True,
    )
    try:
        counter.fit(texts)
    except ValueError:  # not one word in any text
        return [()] * (codes.max() + 1)
    said = counter.transform([*texts, *background])  # (n_texts + n_background, n_words)
    names = counter.get_feature_names_out()
    everywhere = np.asarray(said.sum(axis=0)).ravel()
    found = []
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        inside = np.asarray(said[members].sum(axis=0)).ravel()
        outside = everywhere - inside
        weight = _log_odds(inside, len(members), outside, said.shape[0] - len(members))
        weight[inside < 2] = -np.inf
        order = np.argsort(-weight, kind="stable")
        found.append(_first([str(names[i]) for i in order[: 4 * MOST] if weight[i] >= CLEAR]))
    return found


def _log_odds(inside: Floats, n_inside: int, outside: Floats, n_outside: int) -> Floats:
    """Log odds ratio of each word, in its standard deviations. Shape: (n_words,)."""
    cells = [inside, n_inside - inside, outside, n_outside - outside]
    said, unsaid, elsewhere, unsaid_elsewhere = (cell + PRIOR for cell in cells)
    ratio = np.log(said / unsaid) - np.log(elsewhere / unsaid_elsewhere)
    variance = sum(1 / (cell + PRIOR) for cell in cells)
    return np.asarray(ratio / np.sqrt(variance))


def _first(ranked: Sequence[str]) -> tuple[str, ...]:
    """Take the first words, none that says again what another has said."""
    kept: list[str] = []
    for word in ranked:
        parts = set(word.split())
        if not any(parts & set(other.split()) for other in kept):
            kept.append(word)
    return tuple(kept[:MOST])
