from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from router.encoders.framed import FramedEncoder
from router.encoders.layered import LayeredEncoder
from router.encoders.sentence_transformer import SentenceTransformerEncoder
from router.heads.centroids import unit
from router.heads.exemplar_classifier import ExemplarClassifier, closeness, fit_kernel, fit_logistic
from router.heads.few_shot import FEW, WORDS, FewShotClassifier, Shots, TextEncoder, readable
from router.heads.head import HeadSettings
from router.heads.lexicon import Lexicon
from router.statistics.probability_maps import fit_power, log_loss

SHOTS = {
    "card_arrival": [
        "where is my card?",
        "my card has not come yet",
        "when will the new card be here?",
        "still waiting for the card you sent",
        "how long until my card arrives?",
        "the card did not arrive",
        "has my card been posted?",
        "I want to track my card",
    ],
    "exchange_rate": [
        "what rate do I get for euros?",
        "is the exchange rate good?",
        "how do you set the rate?",
        "which exchange rate applies today?",
        "the rate for dollars was wrong",
        "tell me the rate for pounds",
        "rate of exchange for yen?",
        "do you use the interbank rate?",
    ],
    "lost_phone": [
        "my phone was stolen",
        "I lost my phone",
        "somebody took my mobile",
        "I left my phone on a train",
        "I can't find my phone, lock the app",
        "phone gone, what now?",
        "my mobile is missing",
        "a thief has my phone",
    ],
}
TEXTS = [text for texts in SHOTS.values() for text in texts]
LABELS = [label for label, texts in SHOTS.items() for _ in texts]


class Remembering:
    """The real encoder, asked once for each text: cross-validation asks again and again."""

    def __init__(self, encoder):
        self.encoder, self.key, self.width = encoder, encoder.key, encoder.width
        self.vectors = {}

    def encode(self, texts):
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        self.vectors |= zip(new, self.encoder.encode(new), strict=True)
        return np.array([self.vectors[text] for text in texts])


@pytest.fixture(scope="module")
def encoder():
    return Remembering(LayeredEncoder())


@pytest.fixture(scope="module")
def fitted(encoder):
    return FewShotClassifier(encoder).fit(TEXTS, LABELS)


def clusters(per_class=6, n_classes=4, seed=0):
    """Unit vectors near one direction a class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    vectors = np.eye(8)[labels] + 0.25 * rng.normal(size=(len(labels), 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


HEADS = ["kernel", "logistic", "centroid", "prototypes", "nearest"]


# The centroid and nearest heads are the prototypes head with other points.
@parametrize_with_checks(
    [ExemplarClassifier(head, folds=2) for head in ("kernel", "logistic", "prototypes")]
)
def test_scikit_learn_finds_no_fault(estimator, check):
    check(estimator)


def test_leaving_one_out_in_closed_form_is_leaving_one_out():
    vectors, labels = clusters()
    _, held_out = fit_kernel(closeness(vectors, vectors, 3.0), labels, penalty=0.1)
    for place in (0, 7, 23):
        rest = np.delete(np.arange(len(labels)), place)
        near = closeness(vectors[rest], vectors[rest], 3.0)
        weights, _ = fit_kernel(near, labels[rest], penalty=0.1)
        one = closeness(vectors[[place]], vectors[rest], 3.0) @ weights
        assert held_out[place] == pytest.approx(one[0])


def test_closeness_by_hand():
    vectors = np.array([[1.0, 0.0], [0.0, 1.0]])
    # Unit vectors at cosine 0: exp(3 * (0 - 1))
    assert closeness(vectors, vectors, 3.0) == pytest.approx(
        np.array([[1.0, np.exp(-3)], [np.exp(-3), 1.0]])
    )


@pytest.mark.parametrize("head", HEADS)
def test_every_head_tells_clusters_apart(head):
    vectors, labels = clusters()
    fresh, truth = clusters(seed=1)
    classifier = ExemplarClassifier(head).fit(vectors, labels)
    assert (classifier.predict(fresh) == truth).mean() > 0.9
    assert classifier.predict_proba(fresh).sum(axis=1) == pytest.approx(np.ones(len(truth)))


def test_the_centroid_head_by_hand():
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]])
    classifier = ExemplarClassifier("centroid").fit(vectors, ["a", "a", "b"])
    # (1.6, 0.8) to unit length is (2, 1) / sqrt(5)
    found = classifier.decisions([[1.0, 0.0]])
    assert found[0] == pytest.approx([2 / np.sqrt(5), 0.0])
    assert classifier.predict([[1.0, 0.0]]) == ["a"]


def test_more_prototypes_than_exemplars_are_the_exemplars():
    vectors, labels = clusters(per_class=3)
    prototypes = ExemplarClassifier("prototypes", prototypes=9).fit(vectors, labels)
    nearest = ExemplarClassifier("nearest").fit(vectors, labels)
    assert prototypes.decisions(vectors) == pytest.approx(nearest.decisions(vectors))


def test_a_logistic_head_of_two_classes_has_two_columns():
    vectors, labels = clusters(n_classes=2)
    decisions = fit_logistic(vectors, labels, penalty=0.05).decide(vectors)
    assert (decisions.argmax(axis=1) == labels).all()


def test_the_penalty_of_least_loss_on_held_out_exemplars_is_taken():
    vectors, labels = clusters(per_class=8)
    for head in ("kernel", "logistic"):
        chosen = ExemplarClassifier(head, penalty=None).fit(vectors, labels)
        again = ExemplarClassifier(head, penalty=chosen.penalty_).fit(vectors, labels)
        assert (chosen.held_out_decisions_ == again.held_out_decisions_).all()


def test_an_exemplar_alone_in_its_class_is_held_out_as_unknown():
    vectors, labels = clusters(per_class=4)
    vectors, labels = np.vstack([vectors, -vectors[:1]]), np.append(labels, 4)
    classifier = ExemplarClassifier("centroid").fit(vectors, labels)
    own = classifier.held_out_decisions_[-1]
    assert own[4] == own.min()


def test_what_nobody_asks_does_not_calibrate():
    vectors, labels = clusters(per_class=8)
    chosen = np.arange(len(labels)) % 8 < 6
    classifier = ExemplarClassifier().fit(vectors, labels, calibrate_on=chosen)
    assert (classifier.held_out_labels_ == labels[chosen]).all()


def test_what_is_far_from_everything_is_less_familiar():
    vectors, labels = clusters(per_class=8)
    classifier = ExemplarClassifier().fit(vectors, labels)
    unknown = np.eye(8)[[6, 7]]  # directions of no class
    assert classifier.familiarity(unknown).max() < classifier.familiarity(vectors).min()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"head": "forest"}, "head is one of .*kernel.*, was: 'forest'"),
        ({"penalty": 0.0}, "penalty is > 0 or None, was: 0.0"),
        ({"gamma": -1.0}, "gamma is > 0, was: -1.0"),
        ({"folds": 1}, "folds are at least 2, was: 1"),
        ({"prototypes": 0}, "prototypes are at least 1, was: 0"),
    ],
)
def test_a_setting_out_of_range_is_named(setting, message):
    vectors, labels = clusters()
    with pytest.raises(ValueError, match=message):
        ExemplarClassifier(**setting).fit(vectors, labels)


def test_a_label_is_made_readable():
    assert readable("Refund_not_showing-up") == "refund not showing up"


def test_the_layered_encoder_holds_the_reference_in_its_first_half(encoder):
    texts = ["where is my card?", "", "a much longer question about the rate of exchange for yen"]
    vectors = encoder.encoder.encode(texts)
    reference = SentenceTransformerEncoder().encode(texts)
    assert vectors[:, :384] * np.sqrt(2) == pytest.approx(reference, abs=1e-5)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 0.0, 1.0], abs=1e-5)
    assert encoder.width == vectors.shape[1]
    assert encoder.key.endswith("layered")


def test_certain_texts_of_a_log_become_exemplars_and_calibrate_nothing(
    encoder, fitted, monkeypatch
):
    log = ["still no sign of my new card", "how tall is the tower of Pisa?", TEXTS[0]]
    certain = fitted.predict_proba(log).max(axis=1)
    monkeypatch.setattr("router.heads.few_shot.CERTAIN", float(certain[:2].mean()))
    assert certain[0] > certain[1]
    learnt = FewShotClassifier(encoder).fit(TEXTS, LABELS, log)
    assert len(learnt.head_.exemplars) == len(fitted.head_.exemplars) + 1  # no stranger, no double
    np.testing.assert_allclose(learnt.head_.exemplars[-1], encoder.encode(log[:1])[0])
    assert learnt.held_out_decisions_.shape == (len(TEXTS), 3)
    assert learnt.predict(log[:1]).tolist() == ["card_arrival"]


def test_a_log_without_a_certain_text_changes_nothing(encoder, fitted, monkeypatch):
    monkeypatch.setattr("router.heads.few_shot.CERTAIN", 1.1)
    same = FewShotClassifier(encoder).fit(TEXTS, LABELS, ["how tall is the tower of Pisa?"])
    np.testing.assert_array_equal(same.decisions(TEXTS), fitted.decisions(TEXTS))


def test_a_framed_encoder_joins_the_views_of_a_text(encoder):
    framed = FramedEncoder(encoder.encoder, ("{}", "so: {}"))
    texts = ["where is my card?", " \0", "what {} means"]
    vectors = framed.encode(texts)
    plain = encoder.encoder.encode(texts)
    asked = encoder.encoder.encode(["so: where is my card?", "", "so: what {} means"])
    assert vectors * np.sqrt(2) == pytest.approx(np.hstack([plain, asked]), abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 0.0, 1.0], abs=1e-5)
    assert framed.width == vectors.shape[1]
    assert framed.key != FramedEncoder(encoder.encoder).key


@pytest.mark.parametrize("frames", [(), ("no place",), ("{} and {}",)])
def test_a_frame_has_one_place_for_the_text(encoder, frames):
    with pytest.raises(ValueError, match='"{}"'):
        FramedEncoder(encoder.encoder, frames)


def test_texts_are_classified_and_the_unknown_is_seen(fitted):
    texts = ["my card is not here", "what do I get for 100 dollars?", "my phone is gone"]
    assert fitted.predict(texts).tolist() == ["card_arrival", "exchange_rate", "lost_phone"]
    assert fitted.predict_proba(texts).shape == (3, 3)
    assert fitted.decision_function(texts).argmax(axis=1).tolist() == [0, 1, 2]
    strange = fitted.familiarity(["how tall is the tower of Pisa?", ""])
    assert strange.max() < fitted.familiarity(texts).min()


def test_a_batch_is_its_texts_one_by_one(fitted):
    texts = ["card", "rate of exchange", ""]
    one_by_one = np.concatenate([fitted.predict_proba([text]) for text in texts])
    assert fitted.predict_proba(texts) == pytest.approx(one_by_one, abs=1e-5)


def test_held_out_probabilities_are_of_the_shots_and_not_of_the_names(fitted):
    assert fitted.held_out_probabilities_.shape == (len(TEXTS), 3)
    assert (fitted.classes_[fitted.held_out_labels_] == LABELS).all()


def test_names_can_be_given_or_left_out(encoder):
    given = {"card_arrival": "a card by post"}
    one, none = (
        FewShotClassifier(encoder, names=names).fit(TEXTS, LABELS) for names in (given, {})
    )
    assert len(one.head_.exemplars) == 25
    assert len(none.head_.exemplars) == 24


def test_the_words_are_weighed_by_what_they_are_worth_on_held_out_exemplars(encoder):
    def fitted(settings):
        return FewShotClassifier(encoder, settings=settings, discriminants=0.0).fit(TEXTS, LABELS)

    def loss(classifier):
        rows = np.arange(len(TEXTS))
        return -np.log(classifier.held_out_probabilities_[rows, classifier.held_out_labels_]).mean()

    tried = [fitted(replace(FEW, lexical=words)) for words in WORDS]
    chosen = fitted(None)
    assert chosen.head_.settings.lexical in WORDS
    assert loss(chosen) == min(map(loss, tried))


def test_discriminants_are_kept_where_they_lower_the_loss_on_held_out_exemplars():
    vectors, labels = clusters(per_class=8)
    texts = [str(place) for place in range(len(labels))]
    noisy = vectors + 0.1 * np.random.default_rng(2).normal(size=vectors.shape)

    class Given:
        def encode(self, asked):
            return unit(noisy[[int(text) for text in asked]])

    classifier = FewShotClassifier(Given(), names={}, settings=HeadSettings(lexical=0.0))
    classifier.fit(texts, labels)
    first, second = classifier._held_out(
        Shots(texts, Given().encode(texts), labels.tolist(), len(labels), Lexicon.fit(["a"]))
    )

    def loss(decisions):
        return log_loss(fit_power(decisions, labels), decisions, labels)

    pays = loss(0.3 * first + 0.7 * second) < loss(first)
    assert (classifier.discriminants_ is not None) == pays


def test_what_lies_outside_the_directions_of_the_classes_is_not_seen_by_the_discriminants():
    vectors, labels = clusters(per_class=8)
    shots = Shots([""] * len(labels), vectors, labels.tolist(), len(labels), Lexicon.fit(["a"]))
    first, _ = shots.fit(HeadSettings(lexical=0.0))
    second = shots.fit_discriminants(first)
    outside = np.linalg.svd(second.directions.T)[2][-1]  # no direction has a part in it
    assert np.abs(outside @ second.directions).max() < 1e-9
    moved = vectors + 0.7 * outside
    texts = [""] * len(labels)
    assert second.scores(texts, moved) == pytest.approx(second.scores(texts, vectors), abs=1e-5)
    assert np.abs(first.scores(texts, moved) - first.scores(texts, vectors)).max() > 0.01


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"discriminants": 1.0}, r"discriminants is a share in \[0, 1\), was: 1.0"),
        ({"folds": 1}, "folds are at least 2, was: 1"),
    ],
)
def test_a_setting_of_the_classifier_of_texts_out_of_range_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        FewShotClassifier(None, **setting).fit(TEXTS, LABELS)


def test_the_router_decides_with_the_very_head_of_the_estimator(tiny_router):
    model = tiny_router.model
    classifier = FewShotClassifier(
        tiny_router.encoder, names={}, settings=model.head.settings, discriminants=0.0
    ).fit(model.exemplar_texts, model.exemplar_labels)
    texts = ["a flat tyre", "which bike should I buy?"]
    vectors = tiny_router.encoder.encode(texts)
    found = classifier.predict_proba(texts)
    assert type(classifier.head_) is type(model.head)
    assert found == pytest.approx(model.head.probabilities(texts, vectors), abs=1e-5)


def test_estimators_work_in_scikit_learns_tools(encoder):
    pipeline = make_pipeline(TextEncoder(encoder), ExemplarClassifier("centroid"))
    assert cross_val_score(pipeline, TEXTS, LABELS, cv=2).mean() > 0.8
    search = GridSearchCV(pipeline, {"exemplarclassifier__head": ["kernel", "logistic"]}, cv=2)
    assert search.fit(TEXTS, LABELS).best_score_ > 0.8
    assert cross_val_score(FewShotClassifier(encoder), TEXTS, LABELS, cv=2).mean() > 0.8


def test_clones_share_the_encoder(encoder):
    assert clone(TextEncoder(encoder)).encoder is encoder
    copy = clone(FewShotClassifier(encoder, discriminants=0.1))
    assert copy.encoder is encoder
    assert copy.discriminants == 0.1
