"""Train presets over several seeds and tabulate every metric: the source of the figures in README.md and docs/.

    python benchmarks/presets.py ring8 grid25 --seeds 10 --methods structured sinkhorn --out docs/results/gaussians.json

Each run is a process of its own (`infot train PRESET --seed S`), in a run folder of its own; finished runs are not
repeated, so the command can be stopped and called again. No seed is left out: a run that fails is listed as such.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One run."""

    preset: str
    method: str
    seed: int
    root: Path
    extra: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.root / f"{self.preset}-{self.method}-{self.seed}"

    def result(self) -> dict[str, Any] | None:
        """Return summary and evaluation of a finished run."""
        try:
            summary = json.loads((self.folder / "summary.json").read_text())
            evaluation = json.loads((self.folder / "evaluation.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return {"summary": summary, "metrics": evaluation["metrics"]}

    def run(self, threads: int) -> int:
        """Train, unless that was done; return the exit code."""
        if self.result() is not None:
            return 0
        if (self.folder / "config.yaml").exists():
            command = ["resume", str(self.folder)]
        else:
            command = ["train", self.preset, "--seed", str(self.seed), "--run", str(self.folder)]
            command += ["--objective.method", self.method, *self.extra]
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / f"{self.folder.name}.log", "a") as log:
            done = subprocess.run(
                [sys.executable, "-m", "infot", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            )
        print(f"{self.folder.name}: exit code {done.returncode}", file=sys.stderr, flush=True)
        return done.returncode


def row_of(jobs: list[Job], codes: list[int]) -> dict[str, Any]:
    """Tabulate the seeds of one method on one preset."""
    results = [job.result() for job in jobs]
    good = [result for result in results if result is not None]
    metrics: dict[str, Any] = {}
    for name in good[0]["metrics"] if good else ():
        values = [result["metrics"][name]["value"] for result in good if name in result["metrics"]]
        spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
        metrics[name] = {"mean": statistics.fmean(values), "se": spread, "values": values}
        metrics[name] |= {side: good[0]["metrics"][name][side] for side in ("floor", "ceiling", "better")}
    seconds = [result["summary"]["wall_seconds"] for result in good]
    return {
        "preset": jobs[0].preset,
        "method": jobs[0].method,
        "seeds": [job.seed for job in jobs],
        "failed": [job.seed for job, code in zip(jobs, codes, strict=True) if code],
        "wall_seconds": {"mean": statistics.fmean(seconds), "max": max(seconds)} if seconds else None,
        "metrics": metrics,
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return one table for each preset: metrics down, methods across, all seeds' extremes beside the mean."""
    lines = []
    for preset in dict.fromkeys(row["preset"] for row in rows):
        mine = [row for row in rows if row["preset"] == preset]
        head = [f"{row['method']} ({len(row['seeds'])} seeds)" for row in mine]
        lines += ["", f"**{preset}**", "", f"| metric | {' | '.join(head)} | floor | ceiling |"]
        lines += ["|---" * (len(head) + 3) + "|"]
        names = dict.fromkeys(name for row in mine for name in row["metrics"])
        for name in names:
            cells = [_cell(row["metrics"].get(name)) for row in mine]
            ends = next(row["metrics"][name] for row in mine if name in row["metrics"])
            sides = [_number(ends[side]) for side in ("floor", "ceiling")]
            lines.append(f"| `{name}` | {' | '.join(cells)} | {' | '.join(sides)} |")
        times = [_times(row) for row in mine]
        lines.append(f"| training, seconds | {' | '.join(times)} | | |")
    return "\n".join(lines[1:]) + "\n"


def _cell(metric: dict[str, Any] | None) -> str:
    if metric is None:
        return "–"
    spread = "" if metric["se"] is None else f" ± {metric['se']:.2g}"
    low, high = min(metric["values"]), max(metric["values"])
    return f"{_number(metric['mean'])}{spread} [{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _times(row: dict[str, Any]) -> str:
    if row["wall_seconds"] is None:
        return f"all failed: seeds {row['failed']}"
    failed = f", failed: seeds {row['failed']}" if row["failed"] else ""
    return f"{row['wall_seconds']['mean']:.0f} (max {row['wall_seconds']['max']:.0f}){failed}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=["structured"])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"), help="where the run folders go")
    parser.add_argument("--out", type=Path, help="JSON file; a table in markdown is written beside it")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=2, help="threads of each run")
    parser.add_argument("--set", nargs="*", default=[], help="fields for every run: training.steps=500 …")
    arguments = parser.parse_args()
    extra = tuple(
        part for field in arguments.set for part in (f"--{field.split('=')[0]}", field.split("=", 1)[1])
    )
    groups = [
        [Job(preset, method, seed, arguments.runs, extra) for seed in range(arguments.seeds)]
        for preset in arguments.presets
        for method in arguments.methods
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        codes = list(
            pool.map(lambda job: job.run(arguments.threads), [job for group in groups for job in group])
        )
    rows = [
        row_of(group, codes[i * arguments.seeds : (i + 1) * arguments.seeds])
        for i, group in enumerate(groups)
    ]
    print(markdown(rows))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
        arguments.out.with_suffix(".md").write_text(markdown(rows))


if __name__ == "__main__":
    main()
