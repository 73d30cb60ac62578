"""What one client of a service offers, its twin for asyncio offers too, under the same names."""

import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from types import GenericAlias
from typing import Any, get_args, get_origin

import pytest
from octcluster import AsyncClustererClient, AsyncEmbedderClient, ClustererClient, EmbedderClient

TWINS = [(EmbedderClient, AsyncEmbedderClient), (ClustererClient, AsyncClustererClient)]
METHODS = [
    pytest.param(getattr(client, name), getattr(twin, name, None), id=f"{client.__name__}.{name}")
    for client, twin in TWINS
    for name, _ in inspect.getmembers(client, inspect.isfunction)
    if name == "__init__" or not name.startswith("_")
]


@pytest.mark.parametrize(("client", "twin"), TWINS)
async def test_twins_have_the_same_public_names(client: type[Any], twin: type[Any]) -> None:
    one, other = client("127.0.0.1:1"), twin("127.0.0.1:1")
    assert [name for name in dir(one) if name[0] != "_"] == [name for name in dir(other) if name[0] != "_"]
    one.close()
    await other.close()


@pytest.mark.parametrize(("method", "twin"), METHODS)
def test_twins_take_the_same_parameters(method: Callable[..., Any], twin: Callable[..., Any]) -> None:
    parameters, others = (inspect.signature(one, eval_str=True).parameters for one in (method, twin))
    assert list(parameters) == list(others)
    for name, parameter in parameters.items():
        other = others[name]
        assert (other.kind, other.default) == (parameter.kind, parameter.default), name
        assert other.annotation in (parameter.annotation, or_asynchronous(parameter.annotation)), name


@pytest.mark.parametrize(("method", "twin"), METHODS)
def test_twins_return_the_same(method: Callable[..., Any], twin: Callable[..., Any]) -> None:
    returned, by_twin = (inspect.signature(one, eval_str=True).return_annotation for one in (method, twin))
    if get_origin(returned) is Iterator:
        assert by_twin == GenericAlias(AsyncIterator, get_args(returned))
    else:
        assert by_twin == returned
        assert inspect.iscoroutinefunction(twin) or method.__name__ == "__init__"


def or_asynchronous(annotation: Any) -> Any:
    """The union with an asynchronous iterable, for an iterable."""
    if get_origin(annotation) is not Iterable:
        return annotation
    return annotation | GenericAlias(AsyncIterable, get_args(annotation))
