"""Configurations as text: strict loading, and dumping that loads back equal."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml

from infot.config import RunConfig
from infot.errors import ConfigError
from infot.methods import METHODS, with_method
from infot.presets import PRESETS

__all__ = ["config_from_plain", "config_to_plain", "dump_config", "load_config", "nearest", "preset_config"]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, which plain YAML settles silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = next((key for at, key in enumerate(keys) if key in keys[:at]), None)
        if twice is not None:
            raise ConfigError(f"line {node.start_mark.line + 1}: the key {twice!r} is given twice: keep one")
        return super().construct_mapping(node, deep=deep)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the nearest known one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def preset_config(name: str) -> RunConfig:
    """Return the configuration of a preset.

    Raises:
        ConfigError: If there is no such preset; names the nearest.
    """
    if name == "custom" and name not in PRESETS:
        return RunConfig()
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; {nearest(name, PRESETS)}")
    return PRESETS[name]


def load_config(path: Path) -> RunConfig:
    """Read a YAML file; what it leaves out comes from the preset it names, else from the defaults.

    Raises:
        ConfigError: If the file cannot be read, names an unknown field or holds a value of another type.
    """
    try:
        plain = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no configuration file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        return config_from_plain(plain)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def config_from_plain(plain: object) -> RunConfig:
    """Build a configuration from nested dictionaries of plain values; see :func:`load_config`."""
    plain = {} if plain is None else plain
    if not isinstance(plain, dict):
        raise ConfigError(f"expected fields of a run (for instance `seed: 0`), got {_kind(plain)}")
    name = plain.get("preset", "custom")
    if not isinstance(name, str):
        raise ConfigError(f"preset: expected a name, got {_kind(name)}")
    return _record(with_method(preset_config(name), _method_of(plain)), plain, "")


def _method_of(plain: dict[Any, Any]) -> str:
    """Return the method that decides the defaults; what is no method is refused with the other fields."""
    objective = plain.get("objective")
    method = objective.get("method") if isinstance(objective, dict) else None
    return method if isinstance(method, str) and method in METHODS else "structured"


def config_to_plain(config: RunConfig) -> dict[str, Any]:
    """Return nested dictionaries of plain values, every field included."""
    return _plain(config)


def dump_config(config: RunConfig) -> str:
    """Return the configuration as YAML that :func:`load_config` reads back equal."""
    return yaml.safe_dump(config_to_plain(config), sort_keys=False, default_flow_style=None)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _record(default: Any, plain: dict[Any, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(type(default))
    changes: dict[str, Any] = {}
    for key, value in plain.items():
        if key not in hints:
            raise ConfigError(f"unknown field {prefix}{key}; {nearest(str(key), hints)}")
        current = getattr(default, key)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, dict):
                raise ConfigError(f"{prefix}{key}: expected fields, got {_kind(value)}")
            changes[key] = _record(current, value, f"{prefix}{key}.")
        else:
            changes[key] = _value(value, hints[key], f"{prefix}{key}")
    return dataclasses.replace(default, **changes)


def _value(value: Any, hint: Any, name: str) -> Any:
    """Return ``value`` as the type ``hint``; only lossless readings are allowed."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(value, next(option for option in arguments if option is not type(None)), name)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{name}: there is no {value!r}; {nearest(str(value), map(str, arguments))}")
        return value
    if origin is tuple:
        return _tuple(value, arguments, name)
    return _scalar(value, hint, name)


def _tuple(value: Any, arguments: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    if arguments[-1] is Ellipsis:
        return tuple(_value(item, arguments[0], name) for item in items)
    if len(items) != len(arguments):
        raise ConfigError(f"{name}: expected {len(arguments)} values, got {len(items)}")
    return tuple(_value(item, hint, name) for item, hint in zip(items, arguments, strict=True))


def _scalar(value: Any, hint: type, name: str) -> Any:
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value)  # YAML reads `1e-3`, without a point, as text
        except ValueError:
            number = math.nan
        if not math.isnan(number):
            return number
    elif type(value) is hint:
        return value
    raise ConfigError(f"{name}: expected {_NAMES.get(hint, hint.__name__)}, got {_kind(value)}")


_NAMES: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
}


def _kind(value: object) -> str:
    return "nothing" if value is None else f"{value!r}"
