"""The model card: what a model is, how good it is, how to use it, in Markdown."""

from collections.abc import Mapping
from importlib.metadata import version

from infot.config import RunConfig

__all__ = ["model_card"]


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
    return f"""# {config.preset}: an informative generative model

Made by infot {version("infot")}: a generator whose code is informative because optimal transport makes information
through the code cheap and through the noise dear.

| | |
|---|---|
| data | {config.data.name}, shape {" x ".join(map(str, shape))} |
| code | {", ".join(blocks)} |
| noise | {noise_dim} normal |
| generator | {config.model.generator} |
| method | {config.objective.method}, {config.objective.plan} plan |
| training | {steps} steps of {config.training.batch_size}, seed {config.seed} |
{results}
## Use

```python
import infot

model = infot.load("path/to/this/folder")
x = model.sample(16, code=0, rng=0)   # 16 draws that share the first code
found = model.encode(x)               # found.code, found.posterior: codes of data, by the transport plan
```

From the command line: `infot sample path/to/this/folder --n 64 --out samples.npz`.
"""
