"""The page: everything a visitor sets, and the places where the answers come."""

from importlib.resources import files

from infot.explore.controls import Control
from infot.explore.studio import COLUMNS, MAX_SAMPLES, Studio
from infot.report.document import document
from infot.report.markup import Markup, element
from infot.report.palette import colour

__all__ = ["explore_page"]

MAX_SLIDERS = 8
"""Coordinates of the noise that have a slider, the first ones."""
MAX_THUMBNAILS = 40
"""Values of a categorical block above which its buttons are numbers alone."""
PICTURES, POINTS = 48, MAX_SAMPLES
"""Samples drawn at once: images, vectors."""


def explore_page(studio: Studio, name: str) -> str:
    """Build the page as text; its script asks the server that it came from, and nobody else.

    Args:
        studio: What answers.
        name: Name of the run.
    """
    config = studio.model.config
    data = config.preset if config.preset != "custom" else config.data.name
    title = f"{data} · {config.objective.method}"
    header = element(
        "header",
        element("p", f"infot explore · {name}", class_="kicker"),
        element("h1", title),
        element("p", "", id="trouble", class_="warning", role="status", hidden="hidden"),
    )
    content = [header, _bench(studio), _looking_glass(studio)]
    style, script = (_text(file) for file in ("explore.css", "explore.js"))
    return document(
        title, content, kind="explore", source="the model that runs here", style=style, script=script
    )


def _text(name: str) -> str:
    return files("infot.explore").joinpath(name).read_text(encoding="utf-8")


def _bench(studio: Studio) -> Markup:
    """Lay out the controls beside what the generator draws."""
    controls = element(
        "form",
        element("fieldset", element("legend", "Code"), *_code_fields(studio), class_="code-set"),
        _noise_set(studio),
        class_="controls",
        id="controls",
    )
    return element(
        "section",
        element("h2", "What the code draws"),
        element("div", controls, _stage(studio), class_="bench"),
        class_="part",
    )


def _code_fields(studio: Studio) -> list[Markup]:
    makers = {"choice": _choice, "dial": _dial, "slider": _slider}
    return [
        makers[control.kind](control, k, studio.draws_pictures)
        for k, control in enumerate(studio.code_controls)
    ]


def _choice(control: Control, at: int, pictures: bool) -> Markup:
    n = int(control.high) + 1
    shown = pictures and n <= MAX_THUMBNAILS
    buttons = [
        element(
            "label",
            element(
                "input",
                type="radio",
                name=f"code-{at}",
                value=k,
                **({"checked": "checked"} if k == 0 else {}),
            ),
            element("span", element("b", str(k)), class_="face"),
            class_="choice",
            style=f"--code:{colour(k)};--x:{100 * k / (n - 1):.4f}%",
        )
        for k in range(n)
    ]
    box = {"data_code": at, "data_kind": "choice", "style": f"--n:{n}"}
    row = element(
        "div", *buttons, class_="choices pictured" if shown else "choices", role="radiogroup", **box
    )
    return element("div", element("p", control.name.removesuffix(" 1"), class_="control-name"), row)


def _dial(control: Control, at: int, pictures: bool) -> Markup:
    face = element(
        "svg",
        element("circle", cx=50, cy=50, r=42, class_="rim"),
        element("line", x1=50, y1=50, x2=92, y2=50, class_="hand"),
        element("circle", cx=92, cy=50, r=8, class_="knob"),
        viewBox="0 0 100 100",
        class_="dial",
        aria_hidden="true",
    )
    box = {"data_code": at, "data_kind": "dial", "data_unit": "°", "data_start": control.start}
    return element(
        "div", face, _range(control.name, -180, 180, step=1, start=0), class_="slider with-dial", **box
    )


def _slider(control: Control, at: int, pictures: bool) -> Markup:
    return _line(control, {"data_code": at})


def _line(control: Control, role: dict[str, int]) -> Markup:
    box = {"data_kind": "slider", "data_unit": "", "data_start": control.start}
    return element(
        "div",
        _range(control.name, control.low, control.high, step=0.01, start=0),
        class_="slider",
        **box,
        **role,
    )


def _range(name: str, low: float, high: float, *, step: float, start: float) -> Markup:
    bar = element("input", type="range", min=low, max=high, step=step, value=start)
    return element("label", element("span", name), bar, element("output", "0"))


def _noise_set(studio: Studio) -> Markup:
    controls = studio.noise_controls
    if not controls:
        told = "This model's latent is all code: there is no noise to set."
        return element("fieldset", element("legend", "Noise"), element("p", told, class_="note"))
    lines = [_line(control, {"data_noise": k}) for k, control in enumerate(controls[:MAX_SLIDERS])]
    rest = len(controls) - len(lines)
    more = (
        element("p", f"{rest} further coordinates move with “Draw anew”.", class_="note") if rest > 0 else ""
    )
    buttons = element(
        "p",
        element("button", "Draw anew", type="button", id="anew"),
        element("button", "To the mean", type="button", id="centre"),
        element("label", "seed ", element("input", type="number", id="seed", min=0, max=2**31 - 1, value=0)),
        class_="buttons",
    )
    return element(
        "fieldset",
        element("legend", "Noise"),
        buttons,
        *lines,
        more,
        data_size=len(controls),
        id="noise",
    )


def _stage(studio: Studio) -> Markup:
    """Make room for what is drawn."""
    if not studio.draws_pictures:
        caption = (
            "Dark: samples of the chosen code with random noise. Ring: the point that the noise sliders stand for. "
            "Behind them data (grey) and samples of all codes (in their colours). Where they lie close together, "
            "the framed place is enlarged."
        )
        plane = element("div", id="plane", class_="plane-box", data_n=POINTS)
        return element("figure", plane, element("figcaption", caption), class_="stage")
    one = element(
        "figure",
        element("img", id="one", alt="The image of this code and this noise."),
        element("figcaption", "This code, this noise"),
        class_="one",
    )
    many = element(
        "figure",
        element(
            "img",
            id="many",
            alt="Samples at this code with random noise.",
            data_n=PICTURES,
            data_columns=COLUMNS,
        ),
        element("figcaption", "This code with random noise: click one to take its noise over"),
        class_="many",
    )
    return element("div", one, many, class_="stage pictures")


def _looking_glass(studio: Studio) -> Markup:
    """Make room for a datum and what is read of it."""
    title = element("h2", "A datum under the plan" if studio.model.holds_plan else "The code of a datum")
    missing = _missing(studio)
    if missing:
        return element("section", title, element("p", missing, class_="warning"), class_="part")
    pieces: list[object] = [title, element("p", _what_is_read(studio), class_="note")]
    pieces += [_chooser(studio), _answers(studio)]
    return element("section", *pieces, class_="part", id="looking")


def _missing(studio: Studio) -> str:
    """Say why nothing can be read, or nothing."""
    if studio.model.coder is None:
        return (
            f"There is nothing to see here: a model of the method {studio.model.config.objective.method} holds no "
            "plan and cannot read codes of data."
        )
    return "" if studio.held_out is not None or studio.draws_pictures else studio.absent


def _what_is_read(studio: Studio) -> str:
    model = studio.model
    if not model.holds_plan:
        return (
            f"A model of the method {model.config.objective.method} holds no plan between data and samples: codes are "
            f"read by {model.route}, and there are no partners and no reconstruction to show."
        )
    return (
        "The plan shares each datum out among the codes, and within a code among the points that the generator draws "
        "from it. Training saw no label, and of the held-out data nothing."
    )


def _chooser(studio: Studio) -> Markup:
    pieces: list[object] = []
    if studio.held_out is None:
        pieces.append(element("p", studio.absent, class_="warning"))
    else:
        n = len(studio.held_out.points)
        pieces += [
            element("button", "Another", type="button", id="another"),
            element(
                "label", "number ", element("input", type="number", id="index", min=0, max=n - 1, value=0)
            ),
            element("span", f"of {n:,} {studio.held_out.whose}", class_="soft"),
        ]
    return element("div", element("p", *pieces, class_="buttons"), _own(studio), class_="chooser")


def _own(studio: Studio) -> Markup:
    """Let the visitor draw or give a picture."""
    if not studio.draws_pictures or studio.model.data.shape[0] not in (1, 3):
        return Markup("")
    canvas = element(
        "canvas", id="canvas", width=280, height=280, aria_label="Draw here with mouse or finger."
    )
    upload = element(
        "label", "or give a file ", element("input", type="file", id="file", accept="image/*"), class_="file"
    )
    invert = element("label", element("input", type="checkbox", id="invert"), " swap dark and light")
    summary = element("summary", "Draw one yourself, or give a picture")
    tools = element(
        "div", element("button", "Clear", type="button", id="clear"), upload, invert, class_="tools"
    )
    return element("details", summary, element("div", canvas, tools, class_="own"), id="own")


def _answers(studio: Studio) -> Markup:
    plan = studio.model.holds_plan
    datum = _frame("datum", "Datum") if studio.draws_pictures else ""
    rebuilt = _frame("rebuilt", "What the plan rebuilds") if studio.draws_pictures and plan else ""
    take = element("button", "Set the code to this", type="button", id="take")
    read = element(
        "div",
        element(
            "p", "Code: ", element("strong", "", id="words"), element("span", "", id="label", class_="soft")
        ),
        element("div", id="bars"),
        element("p", take, class_="buttons"),
        class_="read",
    )
    pieces = [element("div", datum, read, rebuilt, class_="trio-wide")]
    if not studio.draws_pictures:
        caption = "Ring: the datum. Behind it data (grey) and samples of all codes."
        if plan:
            caption += " Lines: its partners, the wider the heavier. Green: what the plan rebuilds it as."
        plane = element("div", id="reading-plane", class_="plane-box")
        pieces.append(element("figure", plane, element("figcaption", caption)))
    if plan:
        heading = element("h4", "Its heaviest partners under the plan")
        pieces.append(
            element("div", heading, element("ol", id="partners", class_="partners"), class_="coupled")
        )
    kind = "answers" if studio.draws_pictures else "answers with-plane"
    return element("div", *pieces, class_=kind)


def _frame(name: str, caption: str) -> Markup:
    return element(
        "figure", element("img", id=name, alt=caption), element("figcaption", caption), class_="framed"
    )
