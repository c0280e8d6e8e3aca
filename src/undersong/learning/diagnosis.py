"""Is the latent variable used, and if not, what to try next?

Each rule reads the held-out lines of a run's record. Two ways of going wrong are told apart:
the posterior collapses (KL near nothing: z says nothing of x), or the rate explodes (KL grows at the expense of the
bound: z says more than the prior can match). KL is judged as a share of the ELBO, which means the same whatever the
objective pays for it, and of a long text in nats; and alone, since units count as active long before they tell
sentences apart. AutoGen's ELBO may fall while its objective rises, so a falling ELBO alone is no illness.
Knows nothing of tensors.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from undersong.learning.record import Line

EARLY = 500  # steps before which a rate near nothing is only a beginning
GONE = 0.1  # nats of KL that are as good as none
SMALL = 2.0  # percent of the ELBO under which a rate is too small to matter,
FEW = 2.0  # if it is of no more nats than this: of a long text a rate that says something may be a small share


@dataclass(frozen=True)
class Finding:
    """What the doctor says.

    Attributes:
        name: ``healthy``, ``early``, ``collapse``, ``explosion``, ``dead-dimensions``, ``below-target``,
            ``above-target`` or ``at-free-bits``.
        healthy: False where something should be changed.
        message: one sentence.
        evidence: the figures it rests on.
        advice: what to try next, as flags of ``undersong train``.
    """

    name: str
    healthy: bool
    message: str
    evidence: str
    advice: tuple[str, ...] = ()

    def line(self, step: int) -> Line:
        """As a line of the record."""
        return {"kind": "doctor", "step": step, **asdict(self), "advice": list(self.advice)}

    def __str__(self) -> str:
        tries = "".join(f"\n  try {text}" for text in self.advice)
        return f"{self.message} ({self.evidence}){tries}"


@dataclass(frozen=True)
class Case:
    """A run as the doctor sees it.

    Attributes:
        config: the arguments of ``train`` as plain values.
        latent: D.
        settled: step from which the objective's coefficients are constant.
        valid: the record's lines of kind ``valid``, in order.
        over: whether the run has ended, so that there is nothing to wait for.
    """

    config: dict[str, Any]
    latent: int
    settled: int
    valid: Sequence[Line]
    over: bool = False

    @property
    def last(self) -> Line:
        """The newest look."""
        return self.valid[-1]

    @property
    def share(self) -> float | None:
        """100 KL / (KL + reconstruction) of the newest look; None where there is no ELBO, or it is a density's."""
        kl, elbo = self.last["kl"], self.last["elbo"]
        return None if kl is None or elbo is None or elbo >= 0 else 100.0 * kl / -elbo

    @property
    def evidence(self) -> str:
        """The newest figures."""
        line, shown = self.last, []
        if line["kl"] is not None:
            shown.append(f"KL {line['kl']:.2f} nats")
        if self.share is not None:
            shown.append(f"{self.share:.1f}% of the ELBO")
        if line["active_units"] is not None:
            shown.append(f"{line['active_units']} of {self.latent} units active")
        return ", ".join([*shown, f"held out at step {line['step']}"])

    def setting(self, *names: str) -> Any:
        """A value of the configuration by path, through factories; None if there is no such."""
        value: Any = self.config
        for name in names:
            value = value.get("init_args", value).get(name) if isinstance(value, dict) else None
        return value

    def flag(self, part: str, name: str) -> str | None:
        """Where the run's ``part`` (model, inference, learner) has a setting ``name``, the outermost; None if nowhere.

        >>> Case({"model": {"init_args": {"decoder": {"init_args": {"hidden": 8}}}}}, 1, 0, ()).flag("model", "hidden")
        'model.decoder.hidden'
        """
        level: dict[str, Any] = {part: self.config.get(part)}
        while level:
            parts = {where: value.get("init_args", value) for where, value in level.items() if isinstance(value, dict)}
            level = {f"{where}.{key}": value for where, settings in parts.items() for key, value in settings.items()}
            for where in level:
                if where.endswith(f".{name}"):
                    return where
        return None

    @property
    def objective(self) -> str:
        """The objective's class name."""
        return str(self.config["objective"]["class_path"]).rpartition(".")[2]

    @property
    def summed(self) -> bool:
        """Whether z is summed out, and never sampled."""
        return str(self.config["estimator"]["class_path"]).endswith(".Marginal")

    @property
    def by_dimension(self) -> bool:
        """Whether KL is known of each dimension, as the newest look tells; with mixtures it is not."""
        return self.last["dead_units"] is not None

    def final(self, name: str) -> float | None:
        """What a coefficient of the objective comes to when its schedule ends."""
        value = self.setting("objective", name)
        if isinstance(value, dict):
            value = value["init_args"].get("stop", value["init_args"].get("value"))
        return float(value) if isinstance(value, int | float) else None


def diagnose(case: Case) -> list[Finding]:
    """What is to be said of a run; at least one finding."""
    if case.latent == 0:
        return [Finding("healthy", True, "The model has no latent variable, so nothing can collapse.", "latent 0")]
    if case.summed:
        return [Finding("healthy", True, "z is summed out: no posterior was learned that could collapse.", "exact")]
    if not case.valid:
        return [Finding("early", True, "Too early to say: no held-out sentences were looked at yet.", "no record")]
    early = case.settled if case.over else max(case.settled, EARLY)
    if case.last["step"] < early:
        message = f"Too early to say before step {early}."
        return [Finding("early", True, message, case.evidence)]
    if not case.over and len(case.valid) == 1 and _small(case) and case.last["kl"] > GONE / 2:
        message = "Too early to say: the rate is small, and one look does not tell whether it rises."
        return [Finding("early", True, message, case.evidence)]
    found = [finding for rule in RULES for finding in [rule(case)] if finding is not None]
    return found or [Finding("healthy", True, "The latent variable is used.", case.evidence)]


def _collapse(case: Case) -> Finding | None:
    if case.last["kl"] is None:
        if case.last["active_units"] != 0:
            return None
        message = "The code is the same for every sentence: the decoder cannot learn anything from it."
        advice = _with(case, "learner", "lr", lambda lr: f"{lr / 3:.1g}" if isinstance(lr, float) else "0.0003")
        return Finding("collapse", False, message, case.evidence, advice)
    if _rising(case) or not _small(case):
        return None
    message = "The posterior has collapsed: z says next to nothing of the sentence, and the decoder works without it."
    return Finding("collapse", False, message, case.evidence, more_rate(case))


def _explosion(case: Case) -> Finding | None:
    settled = [line for line in case.valid if line["step"] >= case.settled and line["kl"] is not None]
    if len(settled) < 2 or case.objective == "Autoencoder":
        return None
    last = settled[-1]
    best = max(settled, key=lambda line: line["objective"])
    worse = last["objective"] < best["objective"] - max(1.0, 0.02 * abs(best["objective"]))
    top = max(settled, key=lambda line: line["elbo"])
    swamped = last["kl"] > last["reconstruction"] and last["elbo"] < top["elbo"] - max(1.0, 0.1 * abs(top["elbo"]))
    if not (swamped or (worse and last["kl"] > 1.3 * best["kl"])):
        return None
    since = top if swamped else best
    evidence = (
        f"KL {since['kl']:.1f} to {last['kl']:.1f} nats, ELBO {since['elbo']:.1f} to {last['elbo']:.1f}, objective "
        f"{since['objective']:.1f} to {last['objective']:.1f}, held out from step {since['step']} to {last['step']}"
    )
    message = "The rate explodes: z memorises sentences, at a price that held-out sentences and prior samples pay."
    return Finding("explosion", False, message, evidence, less_rate(case))


def _dead(case: Case) -> Finding | None:
    units = case.last["active_units"]
    if units is None or case.last["kl"] is None or 2 * units >= case.latent or _collapse(case) is not None:
        return None
    message = f"{case.latent - units} of {case.latent} dimensions of z do nothing."
    advice = (
        *_isotropic(case),
        *_free_bits(case),
        *_with(case, "model", "latent", lambda _: str(units or 1)),
    )
    return Finding("dead-dimensions", False, message, case.evidence, advice)


def _off_target(case: Case) -> Finding | None:
    rate, kl = case.final("rate"), case.last["kl"]
    if case.objective not in ("TargetRate", "TargetMeanRate") or not rate or kl is None:
        return None
    beta = 2 * (case.final("beta") or 1.0)
    advice = (f"--objective {case.objective} --objective.rate {rate:g} --objective.beta {beta:g}",)
    if kl < 0.8 * rate:
        message = f"KL stays below its target of {rate:g} nats: staying there costs less than reaching it."
        return Finding("below-target", False, message, case.evidence, advice)
    if kl > 1.25 * rate:
        message = f"KL stays above its target of {rate:g} nats: the reconstruction gains more than the price."
        return Finding("above-target", False, message, case.evidence, advice)
    return None


def _at_free_bits(case: Case) -> Finding | None:
    bits, kl, units = case.final("bits"), case.last["kl"], case.last["active_units"]
    if not case.objective.startswith("FreeBits") or not bits or kl is None or units is None:
        return None
    free = bits if case.objective == "FreeBitsSentence" else bits * case.latent
    if kl > 1.1 * free or units > case.latent // 4:
        return None
    message = f"KL sits at the {free:g} nats that are free, yet z hardly differs between sentences."
    return Finding("at-free-bits", False, message, case.evidence, more_rate(case))


RULES: tuple[Callable[[Case], Finding | None], ...] = (_collapse, _explosion, _at_free_bits, _off_target, _dead)


def _small(case: Case) -> bool:
    """The rate is as good as none."""
    kl, share = case.last["kl"], case.share
    return kl is not None and (kl < GONE or (share is not None and share < SMALL and kl < FEW))


def _rising(case: Case) -> bool:
    """The rate still grows from look to look."""
    rates = [line["kl"] for line in case.valid[-2:]]
    return len(rates) == 2 and None not in rates and rates[1] > GONE / 2 and rates[1] > 1.3 * rates[0]


def more_rate(case: Case) -> tuple[str, ...]:
    """What makes z say more, leaving out what the run does already or cannot do."""
    m = _autogen_m(case)
    found = [] if m is None else [f"--objective AutoGen --objective.m {2 * m + 1 if m > 0 else 1:g}"]
    found += _isotropic(case)
    found += _with(case, "model", "word_dropout", lambda dropout: "0.4" if (dropout or 0.0) < 0.4 else None)
    found += _free_bits(case)
    if not case.objective.startswith("Target"):
        found.append("--objective TargetRate --objective.rate 5")
    return tuple(found)


def _autogen_m(case: Case) -> float | None:
    """The m of the AutoGen model that pays as much for the rate: beta-VAE's is 1 / beta - 1, None where it pays nothing
    at all; 0 of objectives that are neither."""
    if case.objective == "Beta":
        beta = case.final("beta")
        return 0.0 if beta is None else 1 / beta - 1 if beta > 0 else None
    return (case.final("m") or 0.0) if case.objective == "AutoGen" else 0.0


def less_rate(case: Case) -> tuple[str, ...]:
    """What makes z say less."""
    found = ["--objective TargetRate --objective.rate 10", "--patience 3"]
    found += _with(case, "learner", "weight_decay", lambda _: "0.01")
    if case.objective == "AutoGen" and (m := case.final("m")) is not None and m > 0:
        found.insert(0, f"--objective AutoGen --objective.m {m / 2:g}")
    if case.objective == "Beta" and (beta := case.final("beta")) is not None and beta < 1:
        found.insert(0, f"--objective Beta --objective.beta {min(1.0, max(2 * beta, 0.5)):g}")
    return tuple(found)


def _isotropic(case: Case) -> tuple[str, ...]:
    name = "IsotropicGaussian"
    return _with(case, "inference", "family", lambda family: None if name in str(family) else name)


def _free_bits(case: Case) -> tuple[str, ...]:
    wanted = case.by_dimension and case.objective != "FreeBitsMeanDimension"
    return ("--objective FreeBitsMeanDimension --objective.bits 0.1",) if wanted else ()


def _with(case: Case, part: str, name: str, better: Callable[[Any], str | None]) -> tuple[str, ...]:
    """Another value for a setting, from the one it has; nothing where the run has no such setting, or it is well."""
    flag = case.flag(part, name)
    value = None if flag is None else better(case.setting(*flag.split(".")))
    return () if value is None else (f"--{flag} {value}",)
