"""``infot explore``."""

import sys
import webbrowser
from pathlib import Path

from infot.assembly import build_dataset
from infot.commands.arguments import ExploreArguments
from infot.commands.examples import examples_for
from infot.commands.messages import say, tell
from infot.errors import DataError
from infot.explore import ExploreServer, HeldOut, Studio
from infot.model import TrainedModel

__all__ = ["run"]


def run(arguments: ExploreArguments) -> int:
    """Serve the page until Ctrl-C."""
    model = TrainedModel.load(arguments.run)
    studio = _studio(model, arguments.data)
    name = arguments.run.resolve().name
    with ExploreServer(studio, name=name, host=arguments.host, port=arguments.port) as server:
        say(f"{server.address} shows {name}; Ctrl-C ends it")
        sys.stdout.flush()  # a pipe would hold the address back until the end
        if arguments.browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            tell("ended")
    return 0


def _studio(model: TrainedModel, data: Path | None) -> Studio:
    """Bring the model together with data to look at; where a run's own are gone, the page says so."""
    if data is not None:
        return Studio(model, HeldOut.of_examples(examples_for(model, data), f"from {data.name}"))
    try:
        return Studio(model, HeldOut.of_dataset(build_dataset(model.config)))
    except DataError as error:
        tell(f"infot: no data to look at: {error}")
        return Studio(model, None, f"The data of this run cannot be read: {error} Give others with --data.")
