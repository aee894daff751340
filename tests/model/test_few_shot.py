import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from router import Router, estimators
from router.encoders.two_layer import TwoLayerEncoder
from router.estimators import FewShotClassifier, TextEncoder
from router.packs.labels import readable

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


@pytest.fixture(scope="module")
def encoder():
    return TwoLayerEncoder()


@pytest.fixture(scope="module")
def fitted(encoder):
    return FewShotClassifier(encoder).fit(TEXTS, LABELS)


def test_a_label_is_made_readable():
    assert readable("Refund_not_showing-up") == "Refund not showing up"


def test_texts_are_classified_and_a_batch_is_its_texts_one_by_one(fitted):
    texts = ["is my card on its way?", "my cell phone got stolen", "what do I get for a dollar?"]
    assert fitted.predict(texts).tolist() == ["card_arrival", "lost_phone", "exchange_rate"]
    single = np.concatenate([fitted.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(fitted.predict_proba(texts), single, atol=1e-6)
    np.testing.assert_allclose(single.sum(axis=1), 1.0)


def test_the_head_is_that_of_a_router_of_the_same_routes(encoder, fitted):
    router = Router.from_exemplars(SHOTS, encoder=encoder)
    vectors = encoder.encode(["is my card on its way?", "what do I get for a dollar?"])
    np.testing.assert_allclose(
        fitted.head_.decisions(vectors), router.model.head.decisions(vectors), atol=1e-3
    )


def test_names_can_be_given_or_left_out(encoder):
    given = FewShotClassifier(encoder, names={"lost_phone": "a phone that was lost"})
    assert given.fit(TEXTS, LABELS).head_.titles.any(axis=1).tolist() == [False, False, True]
    assert not FewShotClassifier(encoder, names={}).fit(TEXTS, LABELS).head_.titles.any()


def test_it_can_be_pickled(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(copy.predict_proba(TEXTS), fitted.predict_proba(TEXTS), atol=1e-6)


def test_estimators_work_in_scikit_learns_tools(encoder):
    pipeline = make_pipeline(TextEncoder(encoder), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [1.0, 20.0]}, cv=2)
    assert search.fit(TEXTS, LABELS).best_score_ > 0.8
    assert cross_val_score(FewShotClassifier(encoder), TEXTS, LABELS, cv=2).mean() > 0.8


def test_clones_share_the_encoder(encoder):
    assert clone(TextEncoder(encoder)).encoder is encoder
    assert clone(FewShotClassifier(encoder)).encoder is encoder


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
