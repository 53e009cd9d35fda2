"""What never changes on a page goes to the browser as one component instead of hundreds.

Dash wraps every component in one of its own that listens to each change of the page, so that a table of evidence with
two hundred cells costs the browser more than the chart above it. Whatever has no identifier can be reached by no
callback: `stilled` packs the largest such parts into one `Still` each, which `assets/still.js` turns into
the very elements Dash would have made. Pages and their tests know nothing of it: `SecureDash` does it to each answer.
"""

from typing import Any

import orjson
from dash import dcc, html
from dash.development.base_component import Component

NEVER_DRAWN = frozenset({"n_clicks", "n_clicks_timestamp", "disable_n_clicks", "children"})
"""Properties of Dash's elements that no browser sees (without an identifier nobody counts the clicks)."""
SHOWN_OF_A_LINK = frozenset({"href", "className", "title", "style"})


class Still(Component):
    """A part of a page that no callback can change: `[element, attributes, children]` or text, nested, as JSON."""

    _namespace = "myopanel_still"
    _type = "Still"

    def __init__(self, tree: str) -> None:
        # Dash's own constructor would look for a package of this name each time.
        self._prop_names = ["tree"]
        self._valid_wildcard_attributes = []
        self.tree = tree


def stilled(answer: Any) -> Any:
    """What a callback answers, with the unchanging parts of its components packed.

    Components are packed in place: a page is made anew for each answer. Everything else is the same as before.
    """
    if isinstance(answer, tuple | list):
        return type(answer)(stilled(one) for one in answer)
    return _kept(answer, *_packed(answer)) if isinstance(answer, Component) else answer


def _kept(component: Any, packed: Any, elements: int) -> Any:
    """A single element is no dearer as Dash has it."""
    return component if packed is None or elements < 2 else Still(orjson.dumps(packed).decode())


def _packed(component: Component) -> tuple[Any, int]:
    """The component for `Still` and how many elements it has; (None, 0) for one that has to stay as it is."""
    given = getattr(component, "children", None)
    children = given if isinstance(given, list | tuple) else [given]
    found = [(one, *_packed(one)) if isinstance(one, Component) else (one, None, 0) for one in children]
    if _is_still(component) and all(packed is not None or _is_text(one) for one, packed, _ in found):
        inside = [one if packed is None else packed for one, packed, _ in found if one is not None]
        return [_element(component), _attributes(component), *inside], 1 + sum(count for *_, count in found)
    kept = [_kept(*one) for one in found]
    if given is not None:
        component.children = kept if isinstance(given, list | tuple) else kept[0]
    return None, 0


def _is_text(child: Any) -> bool:
    return child is None or isinstance(child, str | float) or type(child) is int


def _is_still(component: Component) -> bool:
    if getattr(component, "id", None) is not None:
        return False
    if isinstance(component, dcc.Link):
        # A link within the application; one that leads elsewhere, or loads anew, stays with Dash.
        path = getattr(component, "href", "")
        return path.startswith("/") and not path.startswith("//") and not set(_attributes(component)) - SHOWN_OF_A_LINK
    # Two elements have a name of their own in Dash.
    return component._namespace == html.Div._namespace and component._type not in {"MapEl", "ObjectEl"}


def _element(component: Component) -> str:
    return "go" if isinstance(component, dcc.Link) else str(component._type).lower()


def _attributes(component: Component) -> dict[str, Any]:
    given: dict[str, Any] = component.to_plotly_json()["props"]
    return {name: value for name, value in given.items() if name not in NEVER_DRAWN and value is not None}
