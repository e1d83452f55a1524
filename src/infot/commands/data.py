"""``infot data``."""

from infot.commands.arguments import DataArguments
from infot.commands.messages import say
from infot.data import catalogue, describe
from infot.errors import ConfigError

__all__ = ["run"]


def run(arguments: DataArguments) -> int:
    """List the data sets, or tell about one."""
    if arguments.action == "list":
        if arguments.name is not None:
            raise ConfigError(
                f"infot data list takes no name; for one data set: infot data info {arguments.name}"
            )
        width = max(len(info.name) for info in catalogue())
        for info in catalogue():
            say(f"{info.name:{width}}  {info.kind:7}  {info.size}")
        return 0
    if arguments.name is None:
        raise ConfigError("infot data info needs a name; see infot data list")
    info = describe(arguments.name)
    say(f"{info.name} ({info.kind}): {info.description}")
    say(f"size: {info.size}\nsource: {info.source}\nlicence: {info.licence}")
    if info.class_names:
        say(f"classes: {', '.join(info.class_names)}")
    if info.factors is not None:
        pairs = zip(info.factors.names, info.factors.sizes, strict=True)
        say(f"factors: {', '.join(f'{name} {size}' for name, size in pairs)}\nsymmetry: {info.symmetry}")
    return 0
