"""The command line: finds the command, reads its arguments, turns errors into sentences and exit codes.

Nothing here imports torch before the arguments are known to be good, so that ``--help`` and mistakes answer at once.
"""

import contextlib
import dataclasses
import importlib
import io
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_origin, get_type_hints

import tyro

from infot.commands import arguments
from infot.commands.messages import say, tell
from infot.config_checks import check_config
from infot.config_file import load_config, nearest, preset_config
from infot.errors import ConfigError, InfotError
from infot.methods import METHODS, with_method
from infot.presets import PRESETS

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, tuple[type, str]] = {
    "train": (arguments.TrainArguments, "infot.commands.train"),
    "resume": (arguments.ResumeArguments, "infot.commands.resume"),
    "evaluate": (arguments.EvaluateArguments, "infot.commands.evaluate"),
    "report": (arguments.ReportArguments, "infot.commands.report"),
    "sample": (arguments.SampleArguments, "infot.commands.sample"),
    "encode": (arguments.EncodeArguments, "infot.commands.encode"),
    "compare": (arguments.CompareArguments, "infot.commands.compare"),
    "explore": (arguments.ExploreArguments, "infot.commands.explore"),
    "data": (arguments.DataArguments, "infot.commands.data"),
}
"""Each command: the record of its arguments, and the module whose ``run(arguments) -> exit code`` does the work."""

INTERRUPTED = 130
UNEXPECTED = 1

T = TypeVar("T")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; those of the process if omitted.

    Returns:
        The exit code: 0 done, 2 usage or configuration, 3 data, 4 numerical failure, 130 interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in argv
    argv = [argument for argument in argv if argument != "--debug"]
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return _dispatch(argv)
    except BrokenPipeError:  # the reader of a pipe has left, as `head` does
        sys.stderr.close()
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop before the user
        if debug:
            traceback.print_exception(error)
        code, message = _verdict(error)
        tell(f"infot: {message}")
        return code


def _verdict(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence for an error."""
    if isinstance(error, InfotError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    return UNEXPECTED, f"unexpected {type(error).__name__}: {error}; --debug shows where"


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        say(_overview())
        return 0 if argv else ConfigError.exit_code
    if argv[0] == "--version":
        from importlib.metadata import version  # takes a fifth of the time of --help

        say(f"infot {version('infot')}")
        return 0
    name, rest = argv[0], argv[1:]
    if name not in COMMANDS:
        raise ConfigError(f"there is no command {name!r}; {nearest(name, COMMANDS)}")
    record, module = COMMANDS[name]
    try:
        given = _train_request(rest) if name == "train" else _parse(record, rest, f"infot {name}")
        return importlib.import_module(module).run(given)
    except SystemExit as finish:  # tyro has printed the help
        return int(finish.code or 0)


def _train_request(argv: list[str]) -> arguments.TrainRequest:
    """Read the arguments of ``train``: first what to start from, then the rest with its values as defaults."""
    prog = "infot train"
    if argv and not argv[0].startswith("-"):
        base = preset_config(argv[0])
    else:
        first = _parse(arguments.TrainArguments, argv, prog)
        if (first.preset is None) == (first.config is None):
            raise ConfigError(f"give a preset ({', '.join(PRESETS)}) or --config FILE, one of the two")
        base = load_config(first.config) if first.config else preset_config(str(first.preset))
    base = with_method(base, _method_of(argv) or base.objective.method)
    given = _parse(arguments.TrainArguments, argv, prog, default=arguments.TrainArguments.starting_from(base))
    if given.preset is not None and given.config is not None:
        raise ConfigError(f"give a preset ({given.preset}) or --config ({given.config}), not both")
    config = given.resolve(base)
    check_config(config)
    return arguments.TrainRequest(config, given.run, given.dry_run)


def _method_of(argv: list[str]) -> str | None:
    """Return the method that the arguments ask for: it decides the defaults of all others.

    Raises:
        ConfigError: If two are asked for.
    """
    asked: set[str] = set()
    for at, token in enumerate(argv):
        option, _, value = token.partition("=")
        if option in ("--method", "--objective.method"):
            asked |= {value} if value else set(argv[at + 1 : at + 2])
    if len(asked) > 1:
        raise ConfigError(f"--method and --objective.method disagree ({', '.join(sorted(asked))}): give one")
    return next(iter(asked), None)


def _parse(record: type[T], argv: list[str], prog: str, default: T | None = None) -> T:
    """Parse ``argv`` into ``record``; mistakes become a :class:`ConfigError` of one line."""
    known = {"--help", *_options(record)}
    for token in argv:
        option = token.partition("=")[0].replace("_", "-")
        if option.startswith("--") and option not in known:
            raise ConfigError(f"{prog} has no option {option}; {_hint(option, known, prog)}")
    errors = io.StringIO()
    description = (record.__doc__ or "").strip()
    try:
        with contextlib.redirect_stderr(errors):
            if default is None:
                return tyro.cli(record, args=argv, prog=prog, description=description)
            return tyro.cli(record, args=argv, prog=prog, description=description, default=default)
    except SystemExit as finish:
        if not finish.code:
            raise
        raise ConfigError(f"{_flat(errors.getvalue())}; see {prog} --help") from None


def _options(record: Any, prefix: str = "") -> Iterator[str]:
    """Yield the option names that tyro derives from a record."""
    hints = get_type_hints(record, include_extras=True)
    for field in dataclasses.fields(record):
        hint = hints[field.name]
        given = [item.name for item in getattr(hint, "__metadata__", ()) if getattr(item, "name", None)]
        name = f"{prefix}{(given or [field.name])[0]}".replace("_", "-")
        if dataclasses.is_dataclass(hint):
            yield from _options(hint, f"{name}.")
            continue
        yield f"--{name}"
        if hint is bool and get_origin(hint) is None:
            head, _, tail = name.rpartition(".")
            yield f"--{head}.no-{tail}" if head else f"--no-{tail}"


def _hint(option: str, known: set[str], prog: str) -> str:
    hint = nearest(option, sorted(known))
    return hint if hint.startswith("did you mean") else f"see {prog} --help"


def _flat(text: str) -> str:
    """Return the message of tyro's box as one line."""
    lines = [line.strip("│ ").strip() for line in text.splitlines()]
    if len(lines) > 1 and _RULE.fullmatch(lines[1]):
        lines = lines[2:]  # where the output is not UTF-8: a title over a rule of hyphens
    message: list[str] = []
    for line in lines:
        if _RULE.fullmatch(line):
            break
        if line and not line.startswith("╭"):
            message.append(line)
    flat = " ".join(message).rstrip(".").removeprefix("Error parsing ")
    for pattern, plain in _PLAINER:
        flat = re.sub(pattern, plain, flat)
    return flat


_PLAINER = (
    (
        r"no type matching \{None\}\|(.+) could be instantiated from \[(.*?)\]\. Got errors:.*",
        r"expected \1, got \2",
    ),
    (r"invalid literal for int\(\) with base 10:", "expected a whole number, got"),
    (r"could not convert string to float:", "expected a number, got"),
)
_RULE = re.compile("[─╰╯-]+")


def _first_clause(record: type) -> str:
    return re.split(r"[;:.] ", f"{' '.join((record.__doc__ or '').split())} ")[0].strip()


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {_first_clause(record)}" for name, (record, _) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: infot COMMAND ...",
            "",
            "Informative generative models through optimal transport.",
            "",
            *lines,
            "",
            f"presets of train: {', '.join(PRESETS)}",
            f"methods of train: {', '.join(METHODS)}",
            "infot COMMAND --help tells more; --version; --debug shows the traceback of an error.",
        ]
    )


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    tell(f"infot: {category.__name__}: {message}")
