"""The screen of ``sampler top``, drawn by curses; a table where there is no terminal."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sampler.cli.exits import OK, UNAVAILABLE
from sampler.cli.top.client import NoAnswerError
from sampler.cli.top.model import Model
from sampler.cli.top.sections import BAD, CHOSEN, DIM, PLAIN, TITLE
from sampler.cli.top.view import State, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from sampler.cli.top.client import Client

_WIDTH = 100
"""Columns of a table in a pipe."""
_ESCAPE, _BACKSPACE, _ENTER = 27, (8, 127), (10, 13)


def top(client: Client, every: float) -> int:
    """Show what there is until the user quits; return the exit status.

    Args:
        client: whom to ask.
        every: seconds between two looks.
    """
    plain = is_plain(os.environ)
    model = Model(client, plain=plain)
    try:
        model.refresh()
    except NoAnswerError as error:
        print(f"sampler top: {error}", file=sys.stderr)
        return UNAVAILABLE
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or not _has_screen():
        return _print(model, plain=plain)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with suppress(KeyboardInterrupt):
        _on_screen(lambda screen: Screen(screen, model, every, plain=plain).run())
    return OK


def is_plain(environ: Any) -> bool:
    """Tell whether the terminal has ASCII only, as the environment says.

    Python itself makes the C locale a UTF-8 one, which says nothing of the terminal.
    """
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    if not environ.get("LC_ALL") and environ.get("LC_CTYPE") == "C.UTF-8":
        locale = environ.get("LANG") or "C"
    return "utf" not in locale.lower()


def _has_screen() -> bool:
    """Tell whether the terminal can place its cursor."""
    import curses

    try:
        curses.setupterm()
        return bool(curses.tigetstr("cup"))
    except curses.error:
        return False


def _print(model: Model, *, plain: bool) -> int:
    view = View(plain=plain)
    model_series = model.found
    for begin in range(0, len(model_series), 500):
        known = dict(model.values)
        model.fetch(model_series[begin : begin + 500])
        model.values = {**known, **model.values}
    width = os.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    for line in view.table(model, width):
        print(line.text.rstrip())
    return OK


def _on_screen(call: Callable[[Any], object]) -> None:
    """Call with a screen, and leave the terminal as it was.

    Unlike :func:`curses.wrapper`, which begins with colours whether they are wanted or not.
    """
    import curses

    screen = curses.initscr()
    try:
        curses.noecho()
        curses.cbreak()
        screen.keypad(True)
        call(screen)
    finally:
        screen.keypad(False)
        curses.echo()
        curses.nocbreak()
        curses.endwin()


def _leave(*_: object) -> None:
    raise SystemExit(0)


class Screen:
    """The loop of one terminal.

    Args:
        screen: as :func:`curses.initscr` gives it.
        model: what is shown.
        every: seconds between two looks.
        plain: ASCII only.
    """

    def __init__(self, screen: Any, model: Model, every: float, *, plain: bool) -> None:
        import curses

        self._curses = curses
        self._screen = screen
        self._model = model
        self._every = every
        self._state = State()
        self._view = View(plain=plain)
        self._next = time.monotonic() + every
        with suppress(curses.error):
            curses.curs_set(0)
        with suppress(AttributeError):
            curses.set_escdelay(50)
        self._styles = self._made_styles()

    def run(self) -> None:
        """Draw, ask and obey, until the user quits."""
        self._draw()
        while True:
            now = time.monotonic()
            if now >= self._next:
                self._look()
                self._next = now + self._every
                self._draw()
            self._screen.timeout(max(1, int((self._next - time.monotonic()) * 1000)))
            try:
                key = self._screen.get_wch()
            except self._curses.error:  # nothing was pressed
                continue
            if not self._obey(key):
                return
            self._draw()

    def _look(self) -> None:
        try:
            self._model.refresh()
            self._lay_out()
            self._model.fetch(self._view.shown)
        except NoAnswerError as error:
            self._state.trouble = str(error).partition("\n")[0]
        else:
            self._state.trouble = ""

    def _lay_out(self) -> list[Any]:
        height, width = self._screen.getmaxyx()
        return self._view.lines(self._model, self._state, width - 1, height)

    def _draw(self) -> None:
        before = [each.number for each in self._view.shown]
        lines = self._lay_out()
        if [each.number for each in self._view.shown] != before and not self._state.trouble:
            with suppress(NoAnswerError):
                self._model.fetch(self._view.shown)
            lines = self._lay_out()
        self._screen.erase()
        for place, (text, style) in enumerate(lines):
            with suppress(self._curses.error):  # the terminal has become smaller meanwhile
                self._screen.addstr(place, 0, text, self._styles[style])
        self._screen.refresh()

    def _obey(self, key: int | str) -> bool:
        """Do what a key says; return False to quit."""
        if key == self._curses.KEY_RESIZE:
            self._curses.update_lines_cols()
            return True
        if self._state.typing is not None:
            self._type(key)
            return True
        return self._move(key)

    def _type(self, key: int | str) -> None:
        state = self._state
        typed = state.typing or ""
        code = ord(key) if isinstance(key, str) else key
        if code == _ESCAPE:
            state.typing, typed = None, ""
        elif code in _ENTER or key == self._curses.KEY_ENTER:
            state.typing = None
        elif code in _BACKSPACE or key == self._curses.KEY_BACKSPACE:
            state.typing = typed = typed[:-1]
        elif isinstance(key, str) and key.isprintable():
            state.typing = typed = typed + key
        if typed != self._model.wanted:
            self._model.search(typed)
            state.first = state.chosen = 0

    def _move(self, key: int | str) -> bool:
        curses, state = self._curses, self._state
        page = max(1, len(self._view.shown) - 1)
        steps = {
            curses.KEY_UP: -1,
            curses.KEY_DOWN: 1,
            curses.KEY_PPAGE: -page,
            curses.KEY_NPAGE: page,
            curses.KEY_HOME: -len(self._model.found),
            curses.KEY_END: len(self._model.found),
            "k": -1,
            "j": 1,
            " ": page,
        }
        if key in ("q", "Q"):
            return False
        if key == "/":
            state.typing = self._model.wanted
        elif key == chr(_ESCAPE):
            self._model.search("")
        elif key in steps:
            state.chosen += steps[key]
        elif isinstance(key, str) and key in "twasp":
            state.closed ^= {key}
        return True

    def _made_styles(self) -> dict[str, int]:
        curses = self._curses
        styles = {
            TITLE: curses.A_BOLD,
            PLAIN: curses.A_NORMAL,
            BAD: curses.A_BOLD | curses.A_REVERSE,
            DIM: curses.A_NORMAL,
            CHOSEN: curses.A_REVERSE,
        }
        if not os.environ.get("NO_COLOR"):
            with suppress(curses.error):
                curses.start_color()
                curses.use_default_colors()
                curses.init_pair(1, curses.COLOR_RED, -1)
                curses.init_pair(2, curses.COLOR_CYAN, -1)
                styles[BAD] = curses.color_pair(1) | curses.A_BOLD
                styles[TITLE] = curses.color_pair(2) | curses.A_BOLD
                styles[DIM] = curses.A_DIM
        return styles
