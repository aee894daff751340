"""Small random sentence-transformers models of each family, made of configurations alone."""

from pathlib import Path

_TEXT = "my order was charged twice where is the refund password reset how do i cancel it"
_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def _classes(family):
    import transformers

    return {
        "bert": (transformers.BertConfig, transformers.BertModel),
        "mpnet": (transformers.MPNetConfig, transformers.MPNetModel),
        "xlm-roberta": (transformers.XLMRobertaConfig, transformers.XLMRobertaModel),
        "distilbert": (transformers.DistilBertConfig, transformers.DistilBertModel),
    }[family]


def _tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*_SPECIAL, *_TEXT.split(), *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = zip(
        ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), _SPECIAL, strict=True
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
        **dict(names),
    ), len(vocabulary)


def save_small_model(folder, family="bert", *, pooling="mean", prompt=None, dense=None, seed=0):
    """Write a random model of two layers; its tokens fill up with 1, as those of XLM-R do."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    torch.manual_seed(seed)
    tokenizer, n_pieces = _tokenizer()
    config_class, model_class = _classes(family)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    sizes |= {"intermediate_size": 64}
    if family == "distilbert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    config = config_class(vocab_size=n_pieces, max_position_embeddings=70, pad_token_id=1, **sizes)
    inner = Path(folder) / "inner"
    model_class(config).eval().save_pretrained(inner)
    tokenizer.save_pretrained(inner)
    transformer = Transformer(str(inner), max_seq_length=64)
    modules = [transformer, Pooling(32, pooling_mode=pooling)]
    if dense is not None:
        modules.append(Dense(32, dense))
    given = {"prompts": {"query": prompt}, "default_prompt_name": "query"} if prompt else {}
    model = SentenceTransformer(modules=modules, device="cpu", **given)
    model.save(str(Path(folder) / "model"))
    return Path(folder) / "model"
