"""Which way a metric is better, by its name. Pure, and a guess: where it says nothing, both ends are shown."""

from __future__ import annotations

import re
from typing import Literal

LOWER = frozenset({
    "loss", "error", "err", "mse", "rmse", "mae", "mape", "nll", "logloss", "perplexity", "ppl", "wer", "cer", "fid", "kl", "bpb",
    "bpc", "cost", "regret", "latency", "overfit", "gap", "eer", "brier",
})  # fmt: skip
HIGHER = frozenset({
    "acc", "accuracy", "f1", "auc", "auroc", "auprc", "ap", "map", "precision", "recall", "score", "r2", "iou", "miou", "dice",
    "bleu", "rouge", "reward", "return", "psnr", "ssim", "mcc", "kappa", "ndcg", "throughput", "specificity", "sensitivity",
    "top1", "top5",
})  # fmt: skip


def best(name: str) -> Literal["min", "max"] | None:
    """`min`: the lower, the better."""
    words = re.findall(r"[a-z]+\d?|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    for word in reversed(words):
        if word in LOWER:
            return "min"
        if word in HIGHER:
            return "max"
    return None
