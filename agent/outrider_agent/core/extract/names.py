"""
Names: which is a metric by itself, which is an axis (a step, an epoch), which is never a metric.

A list of the field's words, not of tools. What is not on it can still become a metric: by standing beside a step, or by changing
(`extractor`).
"""
# ruff: noqa: SIM905 (lists of words read best as words)

from __future__ import annotations

import functools
import itertools
import re

#: Metrics wherever they stand.
STRONG = frozenset(
    "loss losses acc accuracy auc auroc auprc f1 f1score f2 fbeta ppl perplexity mae mse rmse rmsle mape smape nll bce elbo kl kld "
    "bleu rouge rouge1 rouge2 rougel meteor chrf wer cer dice miou iou giou map50 map75 map5095 ap50 ap75 mcc kappa r2 rsquared reward "
    "rewards logloss xent psnr ssim fid ndcg mrr silhouette inertia throughput tps tflops mfu ips wps sps gnorm gradnorm bpb bpc "
    "likelihood aic bic aicc hqic rsqu mdape top1 top5 acc1 acc5 prec1 prec5 crossentropy xentropy sensitivity specificity "
    "eer concordance functionvalue r² verlust genauigkeit perte exactitud".split()
)
#: Metrics where the number is printed as a measured one, with a decimal point: in prose these words mean other things.
DECIMAL = frozenset(
    "score scores error err cost return returns map ap ar em precision recall entropy objective change residual gap divergence "
    "mean_reward correlation pearson spearman fps fitness acceptance hypervolume".split()
)
#: The same in other languages, whatever stands before or behind: `训练损失`, `потери на обучении`.
FOREIGN = (
    "précision",
    "pérdida",
    "потер",
    "точност",
    "ошибк",
    "损失",
    "损耗",
    "准确率",
    "精度",
    "召回率",
    "損失",
    "正解率",
    "손실",
    "정확도",
)
#: They vary in training, but are settings as well: metrics only beside a step or beside another metric.
WEAK = frozenset("lr lernrate momentum temperature epsilon beta beta1 beta2 alpha wd decay rate".split())
#: Settings. A line that has them and no metric is a dump of arguments.
CONFIG = frozenset(
    "batch size workers seed layers layer hidden dim dims heads dropout epochs max min threshold tolerance tol weight weights coef "
    "factor gamma patience warmup length bins depth leaves estimators optimizer scheduler dtype dir path model backend interval "
    "every packet".split()
)
_NEVER = frozenset(
    "eta remaining remainingtime elapsed totaltime vnum rank localrank worldsize nprocs numworkers workerid port version pid tid "
    "seed gpu device node line lineno id jobid uid gid trial timestamp date ts created msecs progress epochs numepochs maxepochs "
    "maxsteps totalsteps instances images imgsize targets nparameters numparameters params parameters size thread process level "
    "worker exitcode returncode status code year month day hour minute second eventid layer fold cv run device0 cuda python "
    "driverversion cudaversion".split()
)
#: Axes, and how fine: of several the finest names the step. 0 is the epoch.
AXES = {
    "globalstep": 4,
    "numupdates": 4,
    "totaltimesteps": 4,
    "numtimesteps": 4,
    "trainerglobalstep": 4,
    "globalsteps": 4,
    "optimizerstep": 3,
    "step": 3,
    "steps": 3,
    "trainstep": 3,
    "iteration": 3,
    "iterations": 3,
    "iter": 3,
    "iters": 3,
    "it": 3,
    "itr": 3,
    "niter": 3,
    "nit": 3,
    "cycle": 3,
    "update": 3,
    "updates": 3,
    "round": 3,
    "tick": 3,
    "timestep": 3,
    "timesteps": 3,
    "generation": 3,
    "gen": 3,
    "episode": 3,
    "trial": 1,
    "examplecounter": 3,
    "batch": 2,
    "minibatch": 2,
    "microstep": 2,
    "batchidx": 2,
    "epoch": 0,
    "ep": 0,
    "epochs": 0,
    "trainepoch": 0,
    "iterat": 3,
    "ngen": 3,
    # the same in other languages
    "epoche": 0,
    "époque": 0,
    "époch": 0,
    "época": 0,
    "epoca": 0,
    "epoka": 0,
    "devir": 0,
    "эпоха": 0,
    "轮": 0,
    "轮次": 0,
    "エポック": 0,
    "에포크": 0,
    "schritt": 3,
    "étape": 3,
    "itération": 3,
    "iteración": 3,
    "paso": 3,
    "шаг": 3,
    "итерация": 3,
    "步": 3,
    "步数": 3,
    "迭代": 3,
    "ステップ": 3,
}
#: Behind an axis word these say nothing.
_NUMBER = frozenset({"no", "no.", "nr", "nr.", "number"})
#: Before an axis word these say where, not which: "at iteration 5", "completed step 3".
_ASIDE = frozenset(
    "at after for in on the completed finished current global start starting begin end ending running of training train val valid "
    "validation test testing eval evaluation dev boosting => results done during minibatch evaluating".split()
)
#: A number behind one of these is no value of what stands before it.
STOPS = frozenset(
    "in at to from of for by on with took the a an and or than be saved saving improve improved reached after before line about "
    "over per version using has have got up no are as into until since within epoch epochs file port top first last next every all "
    "only least most last_best page".split()
)
#: Words that join phrases. At its beginning they are no part of a name: "alpha is 0.1, and mse is 0.3", "finished with loss 0.5".
JOINING = frozenset("and with or but then while where when also now the a an its our this that plus giving gives got has".split())
#: And no name at all ends in one of these.
PREPOSITIONS = frozenset("to from of at by for in with on".split())
_SPLIT = re.compile(r"(?i)(?<![A-Za-z_])(train(?:ing)?|valid(?:ation)?|val|test(?:ing)?|eval(?:uation)?|dev)(?![A-Za-z_])")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PARTS = frozenset(
    "macro micro weighted mean avg average std min max total train val valid validation test eval dev norm rate roc pr cv".split()
)
_SUFFIXES = ("loss", "verlust", "genauigkeit", "accuracy", "rmse", "rmsle", "perplexity", "reward", "auc", "mae", "mse", "logloss")
#: Precision, recall and the like of the first so many: `P@1`, `NDCG@10`.
_AT = re.compile(r"[A-Za-z]{1,9}@\d+")
_PER_TIME = re.compile(r"(?i)(?:/|(?<![a-z])per|_per_)\s*_?(?:s|sec|second|device|thread|gpu)(?:$|[^a-z])")
#: A sum, an address: what has both in it, and nothing but hexadecimal digits.
_HASH = re.compile(r"(?<![0-9A-Za-z])(?=[a-f]{0,40}[0-9])(?=[0-9]{0,40}[a-f])[0-9a-f]{7,}(?![0-9A-Za-z])")
#: A source file, before the number of a line.
_FILE = re.compile(r"\.(?:c|cc|cpp|cu|h|hpp|py|go|rs|js|ts|java|rb|pl|sh)$")
#: Words of prose: with a mark behind them they may be a metric's name, without one they are not.
_PROSE = frozenset("change return returns gap em ar".split())


def plain(name: str) -> str:
    """The name without case and punctuation."""
    return re.sub(r"[\W_]", "", name.lower())


@functools.lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Its words, lower case: at blanks, marks and changes of case."""
    return tuple(word.lower() for word in _WORDS.findall(name))


@functools.lru_cache(maxsize=4096)
def is_metric(name: str, *, measured: bool) -> bool:
    """Is it one by its name alone? `measured`: its number has a decimal point, or is not finite."""
    parts = words(name)
    short = plain(name)
    if set(parts) & CONFIG or short in _NEVER or _HASH.search(name):
        return False
    joined = {first + second for first, second in itertools.pairwise(parts)} | set(parts) | {short}
    if {"std", "standard"} & set(parts) and {"err", "error"} & set(parts):  # how sure a value is
        return False
    if not name.isascii() and any(word in name.lower() for word in FOREIGN):
        return True
    if joined & STRONG or short.endswith(_SUFFIXES) or (len(parts) > 1 and parts[0] in {"grad", "gradient"} and "norm" in parts):
        return True
    return measured and bool(joined & DECIMAL or is_rate(name) or _AT.fullmatch(name))


def is_said(name: str) -> bool:
    """
    Is the name one that its number may follow without any mark? A word of the field does. Others mean much in prose: they have to be the
    last one, as they are (`val score 0.9`, not `NameError on Python 2.5`).
    """
    if is_metric(name, measured=False):
        return True
    head, _, last = name.rstrip(") ").rpartition(" ")[2].lower().rpartition("-")
    last = re.split(r"[_/]", last)[-1]
    is_apart = all(part in _PARTS or part in STRONG or part.isdigit() for part in head.split("-")) if head else True
    return (last in DECIMAL and last not in _PROSE and is_apart) or is_rate(name) or _AT.fullmatch(name) is not None


def is_bare(name: str) -> bool:
    """Is every word of a name one of the field's, or one of those that go with them: `mean precision`?"""
    return all(word in _PARTS or (word in DECIMAL and word not in _PROSE) for word in name.lower().split()) or is_rate(name)


def is_package(name: str) -> bool:
    """Is it one word of several, of which the last is no metric's: `dice-ml`? A program's name looks like that, before its version."""
    last = name.rpartition("-")[2].lower()
    return (
        "-" in name and " " not in name and len(last) > 1 and last.isalpha() and not is_metric(last, measured=True) and last not in _PARTS
    )


def is_rate(name: str) -> bool:
    """Is it something a second, a device?"""
    return _PER_TIME.search(name) is not None and not name[:1].isdigit()


@functools.lru_cache(maxsize=4096)
def is_never(name: str) -> bool:
    """Is it none, whatever stands beside it?"""
    short = plain(name)
    return (
        short in _NEVER
        or name.startswith("of ")
        or short.endswith(("version", "python", "cuda", "port"))
        or "version" in words(name)
        or " + " in name
        or _FILE.search(name) is not None
        or _HASH.search(name) is not None
        or not any(char.isalpha() for char in name)
    )


@functools.lru_cache(maxsize=4096)
def is_total(name: str) -> bool:
    """Does it say how many there will be: `epochs: 10`?"""
    return plain(name) in {"epochs", "numepochs", "maxepochs"}


def is_plural(name: str) -> bool:
    """Does an axis' name say several: `steps`, `iterations`?"""
    return plain(name).endswith("s")


def is_setting(name: str) -> bool:
    """Is it something that a user sets?"""
    return bool(set(words(name)) & (CONFIG | WEAK)) or words(name) == ("learning", "rate")


def is_varying(name: str) -> bool:
    """Is it a setting that varies in training: a learning rate, a momentum?"""
    return is_setting(name) and not is_config(name)


@functools.lru_cache(maxsize=4096)
def is_config(name: str) -> bool:
    """Is it something that a user sets, and that does not vary in training?"""
    return bool(set(words(name)) & CONFIG)


@functools.lru_cache(maxsize=4096)
def axis(name: str) -> int | None:
    """How fine an axis of that name is; None: it is none. The words before an axis word may only say where: "completed step"."""
    name = re.sub(r"\s?\([^)]*\)$", "", name)
    short = plain(name)
    if short in AXES:
        return AXES[short]
    parts = [part for part in re.split(r"[\s\[\](){},:;|>!]+", name.lower()) if part]
    if len(parts) > 1 and parts[-1] in _NUMBER:
        parts.pop()
    for count in (2, 1):
        if len(parts) > count - 1 and (found := AXES.get(plain("".join(parts[-count:])))) is not None:
            rest = parts[:-count]
            if all(part in _ASIDE for part in rest) or rest[-1] in {"at", "after", "for", "in"}:
                return found
    return None


def is_axis(text: str) -> bool:
    """Is it, as a bar's description, a word for what a run counts: `epochs`, `Trial 3`?"""
    words = [plain(word) for word in text.split()]
    return bool(words) and words[0] in AXES and all(word in AXES or not word.isalpha() for word in words)


def split_in(text: str) -> str | None:
    """Which part of the data a heading names, as printed but for case."""
    found = _SPLIT.search(text)
    return found[1].lower() if found else None
