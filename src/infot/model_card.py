"""The model card: what a model is, how good it is, how to use it, in Markdown."""

from collections.abc import Mapping
from importlib.metadata import version

from infot.config import RunConfig
from infot.methods import HOLD_PLANS

__all__ = ["model_card"]


def _told(config: RunConfig) -> str:
    if config.objective.method != "structured":
        return f" by the method {config.objective.method}, for comparison"
    return (
        ": a generator whose code is informative because optimal transport makes information through the\n"
        "code cheap and through the noise dear"
    )


def _method(config: RunConfig) -> str:
    objective = config.objective
    return (
        f"{objective.method}, {objective.plan} plan" if objective.method in HOLD_PLANS else objective.method
    )


def model_card(
    config: RunConfig, *, shape: tuple[int, ...], noise_dim: int, steps: int, metrics: Mapping[str, float]
) -> str:
    """Return the text of a model's ``README.md``.

    Args:
        config: The configuration of the run.
        shape: Shape of a data point.
        noise_dim: Number of noise dimensions.
        steps: Number of steps trained.
        metrics: Headline metrics; may be empty.
    """
    latent = config.latent
    blocks = [f"categorical of {size} values" for size in latent.categorical]
    blocks += [f"{latent.uniform} uniform"] * bool(latent.uniform) + [f"{latent.normal} normal"] * bool(
        latent.normal
    )
    rows = "".join(f"| {name} | {value:.4g} |\n" for name, value in metrics.items())
    results = f"\n## Results\n\n| metric | value |\n|---|---|\n{rows}" if rows else ""
    return f"""# {config.preset}: a generative model with codes

Made by infot {version("infot")}{_told(config)}.

| | |
|---|---|
| data | {config.data.name}, shape {" x ".join(map(str, shape))} |
| code | {", ".join(blocks)} |
| noise | {f"{noise_dim} normal" if noise_dim else "none"} |
| generator | {config.model.generator} |
| method | {_method(config)} |
| training | {steps} steps of {config.training.batch_size}, seed {config.seed} |
{results}
## Use

```python
import infot

model = infot.load("path/to/this/folder")
x = model.sample(16, code=0, rng=0)   # 16 draws that share the first code
found = model.encode(x)               # found.code, found.posterior: codes of data
```

From the command line: `infot sample path/to/this/folder --n 64 --out samples.npz`.
"""
