"""The words that tell a cluster of texts from the rest."""

from collections.abc import Sequence

import numpy as np

from router.arrays import Floats, Indices

_MAX_KEYWORDS = 4
_CLEAR = 1.0
"""Standard deviations by which a word must be above what chance would give."""

_PRIOR = 0.5
"""Texts assumed to contain a word, and texts assumed not to, before any is counted."""


def keywords_of(
    texts: Sequence[str], codes: Indices, background: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """Find the words, and pairs of words, that set each cluster apart from all other texts.

    They are ranked by the log odds ratio of a text of the cluster containing the word, in standard
    deviations. At least two texts of the cluster contain each.

    :param codes: The cluster of each text, -1 for none. Shape: (n_texts,).
    :param background: Other texts of the field, whose words are no keywords.
    :return: The keywords of each cluster, the most telling first.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(
        stop_words="english",
        token_pattern=r"(?u)\b[^\W\d][\w+#.-]*\w\b",
        ngram_range=(1, 2),
        binary=True,
    )
    try:
        vectorizer.fit(texts)
    except ValueError:  # no text contains a word
        return [()] * (codes.max() + 1)
    occurrences = vectorizer.transform([*texts, *background])  # (n_texts + n_background, n_words)
    words = vectorizer.get_feature_names_out()
    total = np.asarray(occurrences.sum(axis=0)).ravel()
    keywords = []
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        inside = np.asarray(occurrences[members].sum(axis=0)).ravel()
        n_outside = occurrences.shape[0] - len(members)
        weights = _log_odds_ratio(inside, len(members), total - inside, n_outside)
        weights[inside < 2] = -np.inf
        order = np.argsort(-weights, kind="stable")[: 4 * _MAX_KEYWORDS]
        keywords.append(_distinct([str(words[i]) for i in order if weights[i] >= _CLEAR]))
    return keywords


def _log_odds_ratio(inside: Floats, n_inside: int, outside: Floats, n_outside: int) -> Floats:
    """Log odds ratio of each word, in its standard deviations. Shape: (n_words,)."""
    cells = [inside, n_inside - inside, outside, n_outside - outside]
    smoothed = [cell + _PRIOR for cell in cells]
    ratio = np.log(smoothed[0] / smoothed[1]) - np.log(smoothed[2] / smoothed[3])
    variance = sum(1 / cell for cell in smoothed)
    return np.asarray(ratio / np.sqrt(variance))


def _distinct(ranked: Sequence[str]) -> tuple[str, ...]:
    """Take the first keywords, leaving out those that share a word with an earlier one."""
    kept: list[str] = []
    used: set[str] = set()
    for keyword in ranked:
        if used.isdisjoint(keyword.split()):
            kept.append(keyword)
            used.update(keyword.split())
    return tuple(kept[:_MAX_KEYWORDS])
