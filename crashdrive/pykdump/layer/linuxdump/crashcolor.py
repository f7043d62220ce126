"""``LinuxDump.crashcolor``: colours, the cursor and the screen, where standard output is a terminal."""

from __future__ import annotations

import sys

from crashdrive.pykdump.layer.lazy import lazy_names

_NAMES = (
    "BLACK", "RED", "GREEN", "YELLOW", "BLUE", "MAGENTA", "CYAN", "DARKGRAY", "LIGHTRED", "LIGHTGREEN",
    "LIGHTYELLOW", "LIGHTBLUE", "LIGHTMAGENTA", "LIGHTCYAN", "LIGHTGRAY", "WHITE", "RESET",
)  # fmt: skip
(
    BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, DARKGRAY, LIGHTRED, LIGHTGREEN, LIGHTYELLOW, LIGHTBLUE,
    LIGHTMAGENTA, LIGHTCYAN, LIGHTGRAY, WHITE, RESET,
) = range(1, len(_NAMES) + 1)  # fmt: skip
MAX_COLOR = WHITE
BOLD, BLINK, UNDERLINE, INVERT = 0x100, 0x200, 0x400, 0x800
MIN_MODE, MAX_MODE = BOLD, INVERT
COLOR_MASK, MODE_MASK = 0x00FF, 0xFF00

# ECMA-48's numbers: the eight colours, dark ones and, with 1, light ones
_PLAIN = (BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, LIGHTGRAY)
_LIGHT = (DARKGRAY, LIGHTRED, LIGHTGREEN, LIGHTYELLOW, LIGHTBLUE, LIGHTMAGENTA, LIGHTCYAN, WHITE)
_MODES = {BOLD: 1, BLINK: 5, UNDERLINE: 4, INVERT: 7}


def _codes(first: int) -> dict[int, str]:
    plain = {color: f"\033[{first + number}m" for number, color in enumerate(_PLAIN)}
    light = {color: f"\033[{first + number};1m" for number, color in enumerate(_LIGHT)}
    return plain | light | {RESET: "\033[0m"}


bg_color_list = _codes(40)
color_list = _codes(30) | {mode: f"\033[{number}m" for mode, number in _MODES.items()}

CURSOR_RESET, CURSOR_UP, CURSOR_DOWN, CURSOR_RIGHT, CURSOR_LEFT = range(5)
cursor_code_list = {
    CURSOR_RESET: "\033[1000D",
    CURSOR_UP: "\033[%dA",
    CURSOR_DOWN: "\033[%dB",
    CURSOR_RIGHT: "\033[%dC",
    CURSOR_LEFT: "\033[%dD",
}
CURSOR_POS = "\033[%d;%dH"
CLEAR_SCREEN_AFTER, CLEAR_SCREEN_BEFORE, CLEAR_SCREEN_ALL = range(3)
CLEAR_LINE_AFTER, CLEAR_LINE_BEFORE, CLEAR_LINE_ALL = range(3)
clear_screen_list = {mode: f"\033[{mode}J" for mode in range(3)}
clear_line_list = {mode: f"\033[{mode}K" for mode in range(3)}


def run_ansi_code(ansi_code_str: str) -> None:
    """Print a code."""
    print(ansi_code_str, end="")


def _on_terminal(code: str) -> None:
    if code and sys.stdout.isatty():
        run_ansi_code(code)


def set_color(color_mix: int) -> None:
    """Go on in a colour, and in modes that are added to it (``RED | BOLD``)."""
    modes = "".join(color_list[mode] for mode in _MODES if color_mix & mode)
    _on_terminal(color_list.get(color_mix & COLOR_MASK, "") + modes)


def set_bg_color(color: int) -> None:
    """Go on before a background."""
    _on_terminal(bg_color_list.get(color, ""))


def get_color(color: int) -> str:
    """A colour's code; empty where standard output is no terminal."""
    return color_list.get(color, "") if sys.stdout.isatty() else ""


def change_cursor(cursor_type: int, by: int = 0) -> None:
    """Move the cursor."""
    code = cursor_code_list.get(cursor_type, "")
    sys.stdout.flush()
    _on_terminal(code % by if "%" in code else code)


def cursor_reset() -> None:
    """To the begin of the line."""
    change_cursor(CURSOR_RESET)


def cursor_up(by: int = 1) -> None:
    """Up."""
    change_cursor(CURSOR_UP, by)


def cursor_down(by: int = 1) -> None:
    """Down."""
    change_cursor(CURSOR_DOWN, by)


def cursor_left(by: int = 1) -> None:
    """Left."""
    change_cursor(CURSOR_LEFT, by)


def cursor_right(by: int = 1) -> None:
    """Right."""
    change_cursor(CURSOR_RIGHT, by)


def set_cursor(xpos: int, ypos: int) -> None:
    """To a column and a line."""
    run_ansi_code(CURSOR_POS % (ypos, xpos))


def clear_screen_to(mode: int) -> None:
    """Empty a part of the screen."""
    _on_terminal(clear_screen_list.get(mode, ""))


def clear_screen_before() -> None:
    """Empty the screen before the cursor."""
    clear_screen_to(CLEAR_SCREEN_BEFORE)


def clear_screen_after() -> None:
    """Empty the screen behind the cursor."""
    clear_screen_to(CLEAR_SCREEN_AFTER)


def clear_screen() -> None:
    """Empty the screen."""
    clear_screen_to(CLEAR_SCREEN_ALL)


def clear_line_to(mode: int) -> None:
    """Empty a part of the line."""
    _on_terminal(clear_line_list.get(mode, ""))


def clear_line_before() -> None:
    """Empty the line before the cursor."""
    clear_line_to(CLEAR_LINE_BEFORE)


def clear_line_after() -> None:
    """Empty the line behind the cursor."""
    clear_line_to(CLEAR_LINE_AFTER)


def clear_line() -> None:
    """Empty the line."""
    clear_line_to(CLEAR_LINE_ALL)


__getattr__ = lazy_names(__name__, {})
