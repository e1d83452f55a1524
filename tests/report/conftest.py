"""Run folders made by formulas: what a good run of each kind leaves behind, without training."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from sklearn.datasets import load_digits

Metrics = dict[str, dict[str, object]]
SIGMA = 0.01


def write_run(
    path: Path,
    *,
    data: str,
    method: str,
    seed: int,
    metrics: Metrics,
    arrays: dict[str, np.ndarray],
    codes: int,
) -> Path:
    """Write a finished run folder."""
    path.mkdir(parents=True)
    config = {
        "preset": data,
        "seed": seed,
        "data": {"name": data, "path": None},
        "latent": {"categorical": [codes], "uniform": 0, "normal": 0, "noise": 2},
        "objective": {"method": method, "epsilon": [0.1, 0.001]},
        "training": {"steps": 3000, "batch_size": 256},
    }
    (path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    rows = log_rows(np.random.default_rng(seed), codes=codes, informative=method == "structured")
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = {
        "version": "0.1.0",
        "preset": data,
        "method": method,
        "seed": seed,
        "steps": 3000,
        "wall_seconds": 75.4,
    }
    summary |= {"device": "cpu", "status": "finished", "metrics": rows[-1]}
    (path / "summary.json").write_text(json.dumps(summary))
    evaluation = {"protocol": "2,500 samples, seed 0", "data": f"{data}, held-out", "metrics": metrics}
    (path / "evaluation.json").write_text(json.dumps(evaluation))
    np.savez(path / "evaluation.npz", **arrays)  # pyright: ignore[reportArgumentType]
    return path


def log_rows(rng: np.random.Generator, *, codes: int, informative: bool) -> list[dict[str, float]]:
    """Imitate the log of a run: a falling loss, annealed prices, a code that fills up."""
    rows = []
    for step in range(0, 3001, 20):
        t = step / 3000
        epsilon = 0.2 * (0.005 ** min(1, t / 0.6))
        information = (
            math.log(codes) * (1 - math.exp(-8 * t)) if informative else 0.3 * (1 - math.exp(-6 * t))
        )
        rows.append(
            {
                "step": step,
                "wall_seconds": 75.4 * t,
                "examples_per_second": 10200 + 300 * rng.standard_normal(),
                "learning_rate": 1e-3 if t < 0.5 else 1e-5 + 5e-4 * (1 + math.cos(2 * math.pi * (t - 0.5))),
                "loss": 2.4 * math.exp(-9 * t) + 0.02 * abs(rng.standard_normal()),
                "plan_information": information,
                "noise_information": 1.5 + 2.2 * t + 0.05 * rng.standard_normal(),
                "marginal_error": 10 ** (-2.3 + 0.2 * rng.standard_normal()),
                "solver_steps": float(rng.integers(12, 60)),
                "transport_cost": 0.9 * math.exp(-7 * t) + 0.01,
                "epsilon": epsilon,
                "epsilon_code": epsilon / 10,
            }
        )
    return rows


def write_ring(path: Path, *, method: str = "structured", seed: int = 0) -> Path:
    """Write a run on a ring of eight Gaussians whose generator knows the answer or mixes its codes up."""
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(8) / 8
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    order = rng.permutation(8)
    good = method == "structured"

    def generate(codes: np.ndarray, noise: np.ndarray) -> np.ndarray:
        place = order[codes] if good else (order[codes] + (noise[:, 0] > 0.3) * 3 + (noise[:, 1] > 0) * 2) % 8
        turn = angles[place]
        radial = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        tangent = np.stack([-np.sin(turn), np.cos(turn)], axis=1)
        return centres[place] + 0.95 * SIGMA * (noise[:, :1] * radial + noise[:, 1:] * tangent)

    modes = rng.integers(8, size=2500)
    data = centres[modes] + SIGMA * rng.standard_normal((2500, 2))
    codes = np.arange(2504) % 8
    samples = generate(codes, rng.standard_normal((2504, 2)))
    latent_codes = np.repeat(np.arange(8), 24)
    latent = generate(latent_codes, rng.standard_normal((192, 2)))
    points = data[:192]
    affinity = np.exp(-np.square(latent[:, None] - points[None]).sum(-1) / 6e-5)
    affinity /= affinity.sum(axis=0, keepdims=True) + 1e-30
    pairs = np.argwhere(affinity > 0.02)
    values = np.linspace(-2, 2, 9)
    sweeps = np.zeros((2, 9, 8, 2))
    for j in range(2):
        for t, value in enumerate(values):
            noise = np.zeros((8, 2))
            noise[:, j] = value
            sweeps[j, t] = generate(np.arange(8), noise)
    nearest = np.square(data[:, None] - centres[None]).sum(-1).argmin(1)
    read = order.argsort()[nearest] if good else rng.integers(8, size=2500)
    counts = np.zeros((8, 8), dtype=np.int64)
    np.add.at(counts, (read, nearest), 1)
    arrays = {
        "samples": samples.astype(np.float32),
        "sample_codes": codes,
        "data": data.astype(np.float32),
        "plan_latent_points": latent.astype(np.float32),
        "plan_latent_codes": latent_codes,
        "plan_data_points": points.astype(np.float32),
        "plan_pairs": pairs,
        "plan_mass": (affinity[pairs[:, 0], pairs[:, 1]] / 192).astype(np.float32),
        "traversals": sweeps.astype(np.float32),
        "traversal_values": values.astype(np.float32),
        "code_label_counts": counts,
        "code_frequencies": counts.sum(1) / counts.sum(),
    }
    metrics = ring_metrics(good, rng)
    return write_run(path, data="ring8", method=method, seed=seed, metrics=metrics, arrays=arrays, codes=8)


def ring_metrics(good: bool, rng: np.random.Generator) -> Metrics:
    """Give the metrics of a good run, or of one whose codes say nothing."""
    jitter = float(rng.uniform(-1, 1))
    return {
        "modes": _metric(8, 1, 8),
        "modes_half_mass": _metric(8, 0, 8),
        "high_quality": _metric(0.984 + 0.003 * jitter, 0.0, 0.9889),
        "reverse_kl": _metric(0.0009 + 0.0003 * jitter, 0.0014, 2.0794, better="lower"),
        "w2": _metric(0.012 + 0.001 * jitter, 0.0034, None, better="lower"),
        "code_nmi": _metric(0.9996 if good else 0.12 + 0.02 * jitter, 0.002, 1.0),
        "code_accuracy": _metric(0.9998 if good else 0.31, 0.14, 1.0),
        "code_purity": _metric(0.9998 if good else 0.33, 0.15, 1.0),
        "noise_nmi": _metric(0.003 if good else 0.55, 0.0, 1.0, better="lower"),
        "plan_information": _metric(2.071 if good else 0.31, 0.0, 2.0794),
    }


def write_digits(path: Path, *, seed: int = 0) -> Path:
    """Write a run on small digits whose templates are the means of the classes."""
    rng = np.random.default_rng(seed)
    flat, labels = load_digits(return_X_y=True)
    pictures = flat.reshape(-1, 1, 8, 8).astype(np.float32) / 16
    order = rng.permutation(10)
    templates = np.stack([pictures[labels == order[k]].mean(0) for k in range(10)])
    samples = np.stack([rng.permutation(pictures[labels == order[k]])[:10] for k in range(10)])
    distance = np.square(pictures[:, None] - templates[None]).sum((2, 3, 4))
    scores = np.exp(-(distance - distance.min(1, keepdims=True)) / 1.5)
    posterior = scores / scores.sum(1, keepdims=True)
    values = np.linspace(-2, 2, 9)
    slopes = np.linspace(-1, 1, 8)[None, :] * values[:, None] * 0.6
    base = templates[3, 0]
    shifted = np.stack([np.stack([np.roll(base[r], round(s[r])) for r in range(8)]) for s in slopes])
    strength = np.stack([np.clip(base * (1 + 0.3 * v), 0, 1) for v in values])
    counts = np.zeros((10, 10), dtype=np.int64)
    np.add.at(counts, (posterior.argmax(1), labels), 1)
    accuracy = float(counts.max(1).sum() / counts.sum())
    shown = rng.permutation(len(labels))[:64]
    arrays = {
        "samples": samples,
        "templates": templates.astype(np.float32),
        "traversals": np.stack([shifted, strength])[:, :, None].astype(np.float32),
        "traversal_values": values.astype(np.float32),
        "posterior_data": pictures[shown],
        "posterior": posterior[shown].astype(np.float32),
        "reconstructions": (posterior[shown] @ templates.reshape(10, -1))
        .reshape(-1, 1, 8, 8)
        .astype(np.float32),
        "posterior_labels": labels[shown].astype(np.int64),
        "code_label_counts": counts,
        "code_frequencies": counts.sum(1) / counts.sum(),
    }
    metrics = {
        "accuracy": _metric(accuracy, 0.13, 1.0, n=1797),
        "purity": _metric(accuracy, 0.14, 1.0, n=1797),
        "nmi": _metric(0.842, 0.01, 1.0, n=1797),
        "ari": _metric(0.801, 0.0, 1.0, n=1797),
        "plan_information": _metric(2.154, 0.0, 2.3026, n=1797),
    }
    write_run(path, data="digits", method="structured", seed=seed, metrics=metrics, arrays=arrays, codes=10)
    (path / "samples").mkdir()
    for step in (500, 1000, 1500, 2000, 2500, 3000):
        blurred = samples * step / 3000 + rng.random(samples.shape) * (1 - step / 3000)
        grid = np.concatenate([np.concatenate(list(row[:, 0]), axis=1) for row in blurred], axis=0)
        Image.fromarray((255 * grid).astype(np.uint8)).resize((320, 320), Image.Resampling.NEAREST).save(
            path / "samples" / f"step-{step:07d}.png"
        )
    return path


def _metric(
    value: float, floor: float | None, ceiling: float | None, *, better: str = "higher", n: int = 2500
) -> dict[str, object]:
    return {"value": value, "floor": floor, "ceiling": ceiling, "better": better, "n": n}


@pytest.fixture
def ring_run(tmp_path: Path) -> Path:
    """Write a good run on the ring."""
    return write_ring(tmp_path / "ring8")


@pytest.fixture
def digits_run(tmp_path: Path) -> Path:
    """Write a good run on digits."""
    return write_digits(tmp_path / "digits")


@pytest.fixture
def make_ring() -> Callable[..., Path]:
    """Write runs on the ring: `make_ring(path, method=..., seed=...)`."""
    return write_ring
