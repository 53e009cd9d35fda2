"""What never changes goes to the browser as one component, and says, looks and does the same."""

from typing import Any

import orjson
import pytest
from dash import dcc, html
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components.accessible import aria
from dashboard.still import Still, stilled


def told(part: Any) -> Any:
    """A packed part as the browser reads it."""
    assert isinstance(part, Still)
    return orjson.loads(part.tree)


def test_a_table_without_identifiers_is_one_component() -> None:
    table = html.Table(html.Tbody([html.Tr([html.Td("CK"), html.Td(640, className="num")])]), className="plain")
    assert told(stilled(table)) == [
        "table", {"className": "plain"},
        ["tbody", {}, ["tr", {}, ["td", {}, "CK"], ["td", {"className": "num"}, 640]]],
    ]  # fmt: skip


def test_what_a_callback_may_reach_stays_a_component_and_so_does_what_holds_it() -> None:
    button = html.Button("Acknowledge", id={"type": "patient-alert", "alert": 1})
    card = html.Article([html.Div([html.B("Weaker"), " since May"]), html.Div([button])])
    packed = stilled(card)
    assert packed is card
    assert told(packed.children[0]) == ["div", {}, ["b", {}, "Weaker"], " since May"]
    assert packed.children[1].children == [button]


@pytest.mark.parametrize(
    "link", [dcc.Link("elsewhere", href="https://example.org/"), dcc.Link("anew", href="/rules", refresh=True)]
)
def test_a_link_out_of_the_application_is_left_to_dash(link: Any) -> None:
    assert stilled(html.P(["See ", link])).children == ["See ", link]


def test_a_link_within_the_application_goes_without_loading_anew() -> None:
    assert told(stilled(html.P(dcc.Link("Rule", href="/rules/drug-safety", className="small")))) == [
        "p", {}, ["go", {"href": "/rules/drug-safety", "className": "small"}, "Rule"],
    ]  # fmt: skip


def test_words_for_people_who_do_not_see_the_page_are_kept() -> None:
    part = html.Div(
        [html.Span("!", **aria(hidden="true")), html.Details(html.Summary("Why"), open=True)], role="region"
    )
    assert told(stilled(part)) == [
        "div", {"role": "region"},
        ["span", {"aria-hidden": "true"}, "!"], ["details", {"open": True}, ["summary", {}, "Why"]],
    ]  # fmt: skip


def test_a_component_of_another_library_stays_as_it_is() -> None:
    store = dcc.Store(id="ref", data={"mrn": "77"})
    assert stilled(html.Div([html.Div([html.B("A")]), store])).children[1] is store


def test_answers_that_are_no_components_are_not_touched() -> None:
    assert stilled(({"rows": [1]}, None, "text", 3, ["a", "b"])) == ({"rows": [1]}, None, "text", 3, ["a", "b"])


def components(trees: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kinds = st.sampled_from([html.Div, html.P, html.Ul, html.Li, html.B])
    names = st.none() | st.sampled_from(["here", "there"])
    return st.builds(
        lambda kind, children, name: kind(children, id=name) if name else kind(children), kinds, st.lists(trees), names
    )


def text_of(tree: Any) -> str:
    if isinstance(tree, Still):
        return text_of(orjson.loads(tree.tree))
    if isinstance(tree, list):
        return "".join(text_of(one) for one in (tree[2:] if len(tree) > 1 and isinstance(tree[1], dict) else tree))
    return tree if isinstance(tree, str) else text_of(getattr(tree, "children", None) or "")


@given(st.recursive(st.text(st.characters(codec="utf-8"), max_size=5), components, max_leaves=20))
def test_whatever_the_page_it_says_the_same_words_in_the_same_order(tree: Any) -> None:
    before = text_of(tree)
    assert text_of(stilled(tree)) == before
