"""The fitted model of a pack, kept in the cache folder: fitted once, loaded ever after."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from router.encoders.encoder import Encoder
from router.model.model import Model, model_hash
from router.model.storage import DamagedError, load, save
from router.packs.pack import Pack
from router.paths import cache_folder

log = logging.getLogger(__name__)


def fitted_model(
    pack: Pack, encoder: Encoder, notify: Callable[[str], None] | None = None
) -> Model:
    """Load the model that was fitted on this pack with this encoder, or fit it now.

    A damaged copy is fitted anew, never trusted; where the cache folder can't be written, the
    model is fitted at every start.
    """
    folder = model_folder(pack, encoder)
    try:
        return load(Model, folder)
    except DamagedError as error:
        log.debug("fitting: %s", error)
    if notify is not None:
        count = sum(1 for _ in pack.target_exemplars())
        read = f" and {len(pack.documents):,} documents" if pack.documents else ""
        what = f"{pack.file.id} on {count:,} exemplars{read}"
        notify(f"Fitting {what}, once for this pack and encoder ...")
    from router.model.fit import (
        fit_model,  # brings in scikit-learn, which a second start never needs
    )

    model = fit_model(pack, encoder)
    try:
        save(model, folder)
    except OSError as error:
        log.warning(
            "%s: can't keep the fitted model: %s; it is fitted at every start", folder, error
        )
    return model


def model_folder(pack: Pack, encoder: Encoder) -> Path:
    """Name the folder by all that the model depends on."""
    depends = f"{model_hash(pack)}:{encoder.key}"
    return cache_folder() / "models" / hashlib.sha256(depends.encode()).hexdigest()[:24]
