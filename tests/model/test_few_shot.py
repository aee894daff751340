from dataclasses import replace

import numpy as np
import pytest
from golden_encoder import GoldenEncoder
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from router import estimators
from router.estimators import FewShotClassifier, TextEncoder, TwoLayerEncoder
from router.estimators.few_shot import FEW_SHOT_SETTINGS, WORD_WEIGHTS, Shots
from router.heads.kernel_head import KernelSettings
from router.heads.lexicon import Lexicon
from router.heads.similarity import unit_rows
from router.packs.labels import readable
from router.statistics.probability import fit_power, log_loss

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
    return Remembering(TwoLayerEncoder())


@pytest.fixture(scope="module")
def fitted(encoder):
    return FewShotClassifier(encoder).fit(TEXTS, LABELS)


def clusters(per_class=6, n_classes=4, seed=0):
    """Unit vectors near one direction a class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), per_class)
    vectors = np.eye(8)[labels] + 0.25 * rng.normal(size=(len(labels), 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def test_a_label_is_made_readable():
    assert readable("Refund_not_showing-up") == "Refund not showing up"


def test_certain_texts_of_a_log_become_exemplars_and_calibrate_nothing(
    encoder, fitted, monkeypatch
):
    log = ["still no sign of my new card", "how tall is the tower of Pisa?", TEXTS[0]]
    certain = fitted.predict_proba(log).max(axis=1)
    monkeypatch.setattr("router.estimators.few_shot._CERTAIN", float(certain[:2].mean()))
    assert certain[0] > certain[1]
    learnt = FewShotClassifier(encoder).fit(TEXTS, LABELS, log)
    assert len(learnt.head_.exemplars) == len(fitted.head_.exemplars) + 1  # no stranger, no double
    np.testing.assert_allclose(learnt.head_.exemplars[-1], encoder.encode(log[:1])[0])
    assert learnt.held_out_decisions_.shape == (len(TEXTS), 3)
    assert learnt.predict(log[:1]).tolist() == ["card_arrival"]


def test_a_log_without_a_certain_text_changes_nothing(encoder, fitted, monkeypatch):
    monkeypatch.setattr("router.estimators.few_shot._CERTAIN", 1.1)
    same = FewShotClassifier(encoder).fit(TEXTS, LABELS, ["how tall is the tower of Pisa?"])
    np.testing.assert_array_equal(same.decisions(TEXTS), fitted.decisions(TEXTS))


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


def test_only_labelled_texts_calibrate():
    """Not the names of classes, which all look wrong here, nor what was learnt from a log."""
    names = {"card_arrival": "phone", "exchange_rate": "card", "lost_phone": "rate"}
    classifier = FewShotClassifier(GoldenEncoder(), names=names, discriminants=0.0)
    classifier.fit(TEXTS, LABELS, [f"{text} please" for text in TEXTS])
    n_others = len(classifier.head_.exemplars) - len(TEXTS) - len(names)
    assert n_others > 0  # were learnt
    labelled = fit_power(classifier.held_out_decisions_, classifier.held_out_labels_)
    assert classifier.calibration_ == labelled


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

    tried = [fitted(replace(FEW_SHOT_SETTINGS, lexical=weight)) for weight in WORD_WEIGHTS]
    chosen = fitted(None)
    assert chosen.head_.settings.lexical in WORD_WEIGHTS
    assert loss(chosen) == min(map(loss, tried))


def test_discriminants_are_kept_where_they_lower_the_loss_on_held_out_exemplars():
    vectors, labels = clusters(per_class=8)
    texts = [str(index) for index in range(len(labels))]
    noisy = vectors + 0.1 * np.random.default_rng(2).normal(size=vectors.shape)

    class Given:
        def encode(self, asked):
            return unit_rows(noisy[[int(text) for text in asked]])

    settings = KernelSettings(lexical=0.0)
    classifier = FewShotClassifier(Given(), names={}, settings=settings).fit(texts, labels)
    lexicon = Lexicon.fit(["a"])
    shots = Shots(texts, Given().encode(texts), labels.tolist(), len(labels), lexicon)
    first, second = classifier._held_out(shots, settings)

    def loss(decisions):
        return log_loss(fit_power(decisions, labels), decisions, labels)

    pays = loss(0.3 * first + 0.7 * second) < loss(first)
    assert (classifier.discriminants_ is not None) == pays


def test_what_lies_outside_the_directions_of_the_classes_is_not_seen_by_the_discriminants():
    vectors, labels = clusters(per_class=8)
    shots = Shots([""] * len(labels), vectors, labels.tolist(), len(labels), Lexicon.fit(["a"]))
    first, _ = shots.fit(KernelSettings(lexical=0.0))
    second = shots.fit_discriminants(first)
    outside = np.linalg.svd(second.directions.T)[2][-1]  # no direction has a part in it
    assert np.abs(outside @ second.directions).max() < 1e-9
    moved = vectors + 0.7 * outside
    texts = [""] * len(labels)
    assert second.decisions(texts, moved) == pytest.approx(
        second.decisions(texts, vectors), abs=1e-5
    )
    assert np.abs(first.decisions(texts, moved) - first.decisions(texts, vectors)).max() > 0.01


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"discriminants": 1.0}, r"discriminants is a share in \[0, 1\), was: 1.0"),
        ({"folds": 1}, "folds are at least 2, was: 1"),
    ],
)
def test_a_setting_out_of_range_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        FewShotClassifier(None, **setting).fit(TEXTS, LABELS)


def test_with_the_settings_of_a_router_the_first_head_is_that_of_the_router(tiny_router):
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
    pipeline = make_pipeline(TextEncoder(encoder), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [1.0, 20.0]}, cv=2)
    assert search.fit(TEXTS, LABELS).best_score_ > 0.8
    assert cross_val_score(FewShotClassifier(encoder), TEXTS, LABELS, cv=2).mean() > 0.8


def test_clones_share_the_encoder(encoder):
    assert clone(TextEncoder(encoder)).encoder is encoder
    copy = clone(FewShotClassifier(encoder, discriminants=0.1))
    assert copy.encoder is encoder
    assert copy.discriminants == 0.1


def test_old_names_warn_and_a_removed_one_says_the_cure():
    with pytest.warns(DeprecationWarning, match="LayeredEncoder is now .*TwoLayerEncoder"):
        assert estimators.LayeredEncoder is TwoLayerEncoder
    with pytest.warns(DeprecationWarning, match="FramedEncoder is now .*PromptedEncoder"):
        assert estimators.FramedEncoder is estimators.PromptedEncoder
    with pytest.raises(ImportError, match="ExemplarClassifier is gone; cure: use FewShotClass"):
        from router.estimators import ExemplarClassifier  # noqa: F401
    with pytest.raises(AttributeError, match="no attribute 'Classifier'"):
        estimators.Classifier  # noqa: B018


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: [float("nan"), *y[1:]], "Input y contains NaN"),
        (lambda y: [None, *map(str, y[1:])], "Input y contains None"),
        (lambda y: np.linspace(0.0, 1.0, len(y)), "Unknown label type: continuous"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: [1.0] * len(y), "a classifier needs 2 classes, got 1 class"),
    ],
)
def test_labels_that_scikit_learn_refuses_are_refused(encoder, change, message):
    texts = [text for shots in SHOTS.values() for text in shots]
    labels = [float(code) for code, shots in enumerate(SHOTS.values()) for _ in shots]
    with pytest.raises(ValueError, match=message):
        FewShotClassifier(encoder).fit(texts, change(labels))


def test_texts_may_be_the_only_column_of_a_table_but_not_one_text(fitted):
    texts = ["where is my card?", "what rate do I get?"]
    table = np.array(texts, dtype=object)[:, None]
    assert fitted.predict(table).tolist() == fitted.predict(texts).tolist()
    for wrong, message in (("where is my card?", "was one text"), ([1, "a"], "number 0 was: 1")):
        with pytest.raises(ValueError, match=message):
            fitted.predict(wrong)
