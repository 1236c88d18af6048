"""Timers, calls in progress and counted exceptions measure the work, whatever is decorated."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import pickle
import time
import types
from typing import Any

import pytest

from sampler import Instruments, Registry

PAUSE = 0.02
"""Seconds of each step of the work."""


class Rig:
    """A decorator that measures in all three ways, and what they have measured."""

    def __init__(self) -> None:
        group = Instruments("rig", Registry())
        self.wait, self.busy = group.histogram("wait", unit="s"), group.gauge("busy")
        self.errors = group.counter("errors")
        self.during: list[float] = []

    def __call__(self, function: Any) -> Any:
        for measure in (
            self.errors.count_exceptions(),
            self.busy.track_inprogress(),
            self.wait.time(),
        ):
            function = measure(function)
        return function

    def step(self) -> None:
        self.during.append(self.busy.read() or 0)
        time.sleep(PAUSE)

    async def astep(self) -> None:
        self.during.append(self.busy.read() or 0)
        await asyncio.sleep(PAUSE)

    def saw(self, steps: int, errors: int = 1) -> None:
        """Check that one call of so many steps was measured, and what it raised."""
        value = self.wait.read()
        assert value.count == 1
        assert value.sum is not None
        assert value.sum >= 0.9 * steps * PAUSE
        assert self.during == [1] * steps
        assert (self.busy.read(), self.errors.read()) == (0, errors)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def wrapped(function: Any) -> Any:
    """Wrap it as other decorators do: its kind cannot be seen any more."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def run(awaitable: Any) -> Any:
    async def main() -> Any:
        return await awaitable()

    return asyncio.run(main())


@pytest.mark.parametrize("wrap", [lambda f: f, wrapped], ids=["bare", "wrapped"])
def test_a_generator_is_measured_from_its_first_step_to_its_end(rig, wrap) -> None:
    """However long it is iterated; what it returns and is sent passes through."""

    @rig
    @wrap
    def numbers(first: int) -> Any:
        rig.step()
        got = yield first
        rig.step()
        try:
            yield got
        except KeyError:
            rig.step()
            raise ValueError from None

    steps = numbers(7)
    assert (next(steps), steps.send("sent")) == (7, "sent")
    with pytest.raises(ValueError):
        steps.throw(KeyError())
    rig.saw(3)
    assert inspect.isgenerator(steps)
    assert inspect.isgeneratorfunction(numbers) is (wrap is not wrapped)


def test_a_generator_that_is_closed_or_returns_has_ended(rig) -> None:
    """One that was never started has not been at work."""

    @rig
    def numbers() -> Any:
        rig.step()
        yield 1
        return 5

    numbers()
    steps = numbers()
    next(steps)
    steps.close()
    rig.saw(1, errors=0)

    def outer() -> Any:
        return (yield from numbers())

    steps = outer()
    next(steps)
    with pytest.raises(StopIteration, match="5"):
        next(steps)
    assert rig.wait.read().count == 2


@pytest.mark.parametrize("wrap", [lambda f: f, wrapped], ids=["bare", "wrapped"])
def test_an_async_generator_is_measured_from_its_first_step_to_its_end(rig, wrap) -> None:
    """With what it is sent and thrown; closing it ends it."""

    @rig
    @wrap
    async def numbers(first: int) -> Any:
        await rig.astep()
        got = yield first
        await rig.astep()
        try:
            yield got
        except KeyError:
            await rig.astep()
            yield "caught"
        raise ValueError

    async def main() -> None:
        steps = numbers(7)
        assert await anext(steps) == 7
        assert await steps.asend("sent") == "sent"
        assert await steps.athrow(KeyError()) == "caught"
        with pytest.raises(ValueError):
            await anext(steps)
        with pytest.raises(StopAsyncIteration):
            await anext(steps)
        rig.saw(3)
        steps = numbers(1)
        await anext(steps)
        assert rig.busy.read() == 1
        await steps.aclose()
        assert (rig.busy.read(), rig.wait.read().count, rig.errors.read()) == (0, 2, 1)
        assert [n async for n in limited()] == [1, 2]

    @rig
    async def limited() -> Any:
        yield 1
        yield 2

    asyncio.run(main())
    assert inspect.isasyncgenfunction(numbers) is (wrap is not wrapped)


class View:
    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.name = "view"

    async def __call__(self, number: int = 1) -> int:
        await self.rig.astep()
        raise ValueError

    async def method(self) -> None:
        await self.rig.astep()
        raise ValueError


async def work(rig: Rig, more: int = 0) -> None:
    await rig.astep()
    raise ValueError


AWAITED = {
    "coroutine function": lambda rig: functools.partial(rig(work), rig),
    "wrapped": lambda rig: functools.partial(rig(wrapped(work)), rig),
    "partial": lambda rig: rig(functools.partial(work, rig)),
    "partial of a partial": lambda rig: rig(functools.partial(functools.partial(work), rig)),
    "async __call__": lambda rig: rig(View(rig)),
    "method": lambda rig: rig(View(rig).method),
    "wrapped object": lambda rig: rig(wrapped(View(rig))),
    "lambda": lambda rig: rig(lambda: work(rig)),
    "task": lambda rig: rig(lambda: asyncio.ensure_future(work(rig))),
    "types.coroutine": lambda rig: rig(types.coroutine(stepped(rig))),
    "awaitable object": lambda rig: rig(lambda: Awaitable(rig)),
}


class Awaitable:
    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.named = "it"

    def __await__(self) -> Any:
        return work(self.rig).__await__()

    async def __aenter__(self) -> str:
        await self.rig.astep()
        return "entered"

    async def __aexit__(self, *_: object) -> None:
        await self.rig.astep()


def stepped(rig: Any) -> Any:
    def call() -> Any:
        yield from work(rig).__await__()

    return call


@pytest.mark.parametrize("what", AWAITED)
def test_what_is_awaited_is_measured_until_it_ends(rig, what) -> None:
    """Whatever hides the coroutine."""
    call = AWAITED[what](rig)

    async def main() -> None:
        with pytest.raises(ValueError):
            await call()
        await asyncio.sleep(0)  # a task tells of its end by its loop

    asyncio.run(main())
    rig.saw(1)


def test_what_is_awaited_and_entered_is_measured_where_it_is_entered(rig) -> None:
    """As clients of HTTP return it; all else of it is there."""
    call = rig(lambda: Awaitable(rig))

    async def main() -> None:
        found = call()
        assert found.named == "it"
        async with found as entered:
            assert entered == "entered"

    asyncio.run(main())
    rig.saw(2, errors=0)


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_context_managers_are_measured_from_entering_to_leaving(rig, kind, outside) -> None:
    """Those of contextlib of both kinds, decorated as generators or as what they are."""
    if kind == "plain":

        def scope() -> Any:
            rig.step()
            yield "value"

        manage: Any = contextlib.contextmanager
    else:

        async def scope() -> Any:
            await rig.astep()
            yield "value"

        manage = contextlib.asynccontextmanager
    made = rig(manage(scope)) if outside else manage(rig(scope))

    async def main() -> None:
        with pytest.raises(ValueError):
            if kind == "plain":
                with made() as value:
                    rig.step()
                    raise ValueError
            else:
                async with made() as value:
                    await rig.astep()
                    raise ValueError
        assert value == "value"

    asyncio.run(main())
    rig.saw(2)


def test_a_context_manager_that_is_used_as_a_decorator_is_measured_each_time(rig) -> None:
    """Each call is in a new one."""

    @rig
    @contextlib.contextmanager
    def scope() -> Any:
        yield

    @scope()
    def call() -> None:
        rig.step()

    call()
    call()
    assert (rig.wait.read().count, rig.busy.read(), rig.during) == (2, 0, [1, 1])


def test_functions_methods_and_what_wraps_them(rig) -> None:
    """Static and class methods in either order; recursion; what is raised."""

    class Shop:
        @rig
        def plain(self, deep: int = 0) -> str:
            rig.step()
            return self.plain(deep - 1) if deep else "plain"

        @rig
        @staticmethod
        def still() -> str:
            rig.step()
            return "still"

        @rig
        @classmethod
        def of(cls) -> Any:
            rig.step()
            return cls

    shop = Shop()
    assert (shop.plain(), Shop.still(), shop.still(), Shop.of()) == (
        "plain",
        "still",
        "still",
        Shop,
    )
    assert (rig.wait.read().count, rig.during) == (4, [1] * 4)
    shop.plain(2)
    assert (rig.wait.read().count, rig.busy.read()) == (7, 0)
    with pytest.raises(TypeError):
        shop.plain("x")
    assert rig.errors.read() == 1


def test_a_cancelled_coroutine_has_ended(rig) -> None:
    """It was in progress until then; being cancelled is no Exception."""

    @rig
    async def long() -> None:
        await rig.astep()
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(long())
        await asyncio.sleep(2 * PAUSE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    rig.saw(1, errors=0)


def test_a_streaming_body_is_measured_to_its_last_chunk(rig) -> None:
    """A WSGI application that returns a generator, with what it did before it."""

    @rig
    def application(environ: Any, start_response: Any) -> Any:
        rig.step()

        def body() -> Any:
            for _ in range(2):
                rig.step()
                yield b"x"

        return body()

    assert b"".join(application({}, None)) == b"xx"
    rig.saw(3, errors=0)


@pytest.mark.parametrize(
    "what", [View, property(lambda self: 1), functools.cached_property(lambda self: 1), 3, "text"]
)
def test_what_cannot_be_measured_is_refused_where_it_is_decorated(rig, what) -> None:
    """Classes, which would be none any more, and what cannot be called."""
    for measure in (rig.errors.count_exceptions(), rig.busy.track_inprogress(), rig.wait.time()):
        with pytest.raises(TypeError, match="cannot measure"):
            measure(what)


def module_level(a: int, *, b: str = "x") -> tuple[int, str]:
    """Say what it does."""
    return a, b


async def coroutine(a: int) -> int:
    return a


GROUP = Instruments("tests.calls")
WAIT = GROUP.histogram("wait", unit="s")
decorated = WAIT.time()(module_level)
decorated.__qualname__ = "decorated"
PARTIAL = WAIT.time()(functools.partial(coroutine, 3))
OBJECT = WAIT.time()(View(None))


def test_what_is_decorated_stays_what_it_was() -> None:
    """Signature, name, kind, attributes; copies and pickles."""
    assert inspect.signature(decorated) == inspect.signature(module_level)
    assert (decorated.__doc__, decorated(1, b="y")) == ("Say what it does.", (1, "y"))
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    timed = WAIT.time()(coroutine)
    assert inspect.iscoroutinefunction(timed)
    assert inspect.iscoroutinefunction(PARTIAL)
    assert isinstance(PARTIAL, functools.partial)
    assert str(inspect.signature(PARTIAL)) == "() -> 'int'"
    assert inspect.iscoroutinefunction(OBJECT.__call__)
    assert OBJECT.name == "view"
    before = WAIT.read().count
    assert run(pickle.loads(pickle.dumps(PARTIAL))) == 3
    copy = pickle.loads(pickle.dumps(OBJECT))
    assert copy.name == "view"
    with pytest.raises(AttributeError):
        run(copy)  # its rig is None
    assert WAIT.read().count == before + 2


def test_async_with_measures_a_block(rig) -> None:
    """Of all three."""

    async def main() -> None:
        with pytest.raises(ValueError):
            async with (
                rig.wait.time(),
                rig.busy.track_inprogress(),
                rig.errors.count_exceptions(),
            ):
                await rig.astep()
                raise ValueError

    asyncio.run(main())
    rig.saw(1)


def test_labels_that_are_known_at_the_end_of_a_block() -> None:
    """Those that were not set are absent; unknown ones are an error at once."""
    shop = Instruments("late", Registry())
    wait = shop.histogram("wait", labels=("route", "status"))
    with wait.time(route="buy") as timer:
        timer.labels(status=200)
    with wait.time() as timer:
        timer.labels(status="x", route="sell")
        timer.labels(status=404)
    with contextlib.suppress(ZeroDivisionError), wait.time(route="buy"):
        raise ZeroDivisionError
    with wait.labels("buy", 200).time() as timer:
        timer.labels(status=500)
    assert {child.texts for child in wait.children() if child.read().count} == {
        ("buy", "200"),
        ("sell", "404"),
        ("buy", ""),
        ("buy", "500"),
    }
    for wrong in (
        lambda: wait.time(rout="x"),
        lambda: wait.time().labels(code=1),
        lambda: wait.labels("buy", 200).time().labels(code=1),
    ):
        with pytest.raises(ValueError, match="expected labels route, status; got"):
            wrong()
    with pytest.raises(ValueError, match="expected labels none; got a"):
        shop.histogram("plain").time().labels(a=1)
    with pytest.raises(ValueError, match="a decorator needs all labels: give status"):
        wait.time(route="x")(int)


def test_with_labels_each_way_measures_for_them() -> None:
    """As a block and as a decorator."""
    shop = Instruments("labelled", Registry())
    busy = shop.gauge("busy", labels=("of",))
    errors = shop.counter("errors", labels=("of",))
    with busy.track_inprogress(of="x"):
        assert busy.labels("x").read() == 1
    with contextlib.suppress(KeyError), errors.count_exceptions(KeyError, of="x"):
        raise KeyError
    with contextlib.suppress(ValueError), errors.count_exceptions(KeyError, of="x"):
        raise ValueError
    busy.set_to_current_time(of="y")
    assert (busy.labels("x").read(), errors.labels("x").read()) == (0, 1)
    assert busy.labels("y").read() > 1_000_000_000


@pytest.mark.parametrize("kind", ["plain", "late", "exemplars"])
def test_one_timer_measures_blocks_within_its_own(kind, monkeypatch) -> None:
    """And beside one another, after which it begins anew."""
    group = Instruments("rig", Registry())
    names = ("way",) if kind == "late" else ()
    given: dict[str, Any] = {"exemplars": True} if kind == "exemplars" else {}
    wait = group.histogram("wait", unit="s", buckets=(4.0, 10.0), labels=names, **given)
    timer = wait.time()
    if kind == "late":
        timer.labels(way="in")
    clock = iter([1.0, 2.0, 3.0, 4.5, 5.0, 9.0, 20.0, 20.5])
    monkeypatch.setattr("sampler._instruments.timers.perf_counter", lambda: next(clock))
    with timer, timer, timer:  # 1.5, 3 and 8 s
        pass
    with timer:  # 0.5 s
        pass
    read = (wait.labels("in") if kind == "late" else wait).read()
    assert (read.count, read.sum, read.counts) == (4, 13.0, (3, 4))


def test_blocks_of_one_timer_that_overlap_are_right_in_sum_and_count() -> None:
    """As those of tasks do: nobody can tell which of them ends."""
    wait = Instruments("rig", Registry()).histogram("wait", unit="s")
    timer = wait.time()

    async def work(seconds: float) -> float:
        began = time.perf_counter()
        async with timer:
            await asyncio.sleep(seconds)
        return time.perf_counter() - began

    async def overlap() -> list[float]:
        return await asyncio.gather(*(work(each) for each in (0.05, 0.02, 0.04, 0.01)))

    taken = sum(asyncio.run(overlap()))
    read = wait.read()
    assert read.count == 4
    assert read.sum == pytest.approx(taken, abs=0.01)
    with timer:
        pass
    assert wait.read().sum < taken + 0.01
