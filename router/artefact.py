"""A fitted model on disk: fitted once, loaded ever after."""

from router.encoder import Encoder
from router.fit import fit_model
from router.model import Model
from router.pack import Pack


def fitted_model(pack: Pack, encoder: Encoder) -> Model:
    return fit_model(pack, encoder)
