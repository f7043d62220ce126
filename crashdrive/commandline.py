"""crash's command line: its words, aliases and options, and what each command is like, in one table.

`command_line` takes a line apart, once; what comes out of it travels with the `CommandResult` from the
session to the parser. A command's options stand here, too, as crash gives them to getopt(3);
`CommandLine.with_options` applies them.
"""

from __future__ import annotations

import functools
import re

import msgspec

from crashdrive.expressions import expression

# crash's own aliases (its alias_init()), as far as they stand for another command's output
ALIASES: dict[str, str] = {
    "*": "struct",
    "?": "help",
    "dec": "set radix 10",
    "dmesg": "log",
    "for": "foreach",
    "g": "gdb",
    "hex": "set radix 16",
    "last": "ps -l",
    "lsmod": "mod",
    "man": "help",
    "pd": "p -d",
    "px": "p -x",
    "sf": "set scroll off",
    "size": "struct",
    "sn": "set scroll on",
    "union": "struct",
}


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What a crash command is like.

    - ``breaks_off``: crash may leave it without a word at memory that the dump lacks. False: it reads none,
      or what it prints is counted.
    - ``never_silent``: printing nothing is a failure; crash 9.0.1 and later print nothing for a page that was
      excluded.
    - ``strangers``: it prints text of strangers from the first column on.
    - ``mixes``: its messages break into a line of data; nothing that it prints comes from strangers.
    - ``open_end``: its text has no newline at its end; with these option letters alone where it isn't empty.
    - ``open_behind``: its text may end, without a newline, in this.
    - ``rests_on``: the tables of crash that its answer rests on: ``tasks``, ``modules``, ``slabs``.
    - ``stays``: later output depends on it, so that it is run again when crash is started again.
    - ``runs_others``: it runs other commands, which speak in their own names.
    - ``hit_rates``: it prints the hit rates of crash's caches as its answer.
    - ``leaves``: it ends crash.
    - ``draws``: it draws stacks; crash 8.0.6 goes by what it learnt of those that it drew before.
    - ``acts``: it may do more than print: change what later commands say, or write to a file or to memory.
    - ``options``: its options as crash gives them to getopt(3).
    """

    breaks_off: bool = True
    never_silent: bool = False
    strangers: bool = False
    mixes: bool = False
    open_end: str | None = None
    open_behind: str | None = None
    rests_on: tuple[str, ...] = ()
    stays: bool = False
    runs_others: bool = False
    hit_rates: bool = False
    leaves: bool = False
    draws: bool = False
    acts: bool = False
    options: str = ""


_PLAIN = Traits()
_SPEAKS = Traits(never_silent=True)
_SHOWING = frozenset({"-v", "-h"})
_LEAVES = Traits(leaves=True, acts=True)
_OF_STRUCT = "pxdhfuc:rvol:"

# crash's own commands; a word that is none of them is a type's name, gdb's, or an extension's
_TABLE: dict[str, Traits] = {
    "alias": Traits(acts=True, breaks_off=False, stays=True),
    "ascii": Traits(breaks_off=False, never_silent=True),
    "bpf": Traits(options="PMtTjsxdm:p:"),
    "bt": Traits(
        options="D:fFI:S:c:n:aAloreEgstTdxR:Ovp", never_silent=True, rests_on=("tasks",), draws=True
    ),
    "btop": _SPEAKS,
    "dev": Traits(options="dDpiVv:"),
    "dis": Traits(options="dxhulrfUsb:B:", never_silent=True),
    "eval": Traits(options="bl", breaks_off=False, never_silent=True),
    "exit": _LEAVES,
    "extend": Traits(options="lus", acts=True, stays=True),
    "files": Traits(options="d:n:R:p:c", rests_on=("tasks",)),
    "foreach": Traits(
        options="R:vomlgersStTpukcfFxhdaGy:", rests_on=("tasks",), runs_others=True, draws=True
    ),
    "fuser": Traits(rests_on=("tasks",)),
    "gdb": Traits(breaks_off=False, acts=True),
    "help": Traits(options="efNDdmM:ngcaBbHhkKsvVoptTzLOr", breaks_off=False, strangers=True, hit_rates=True),
    "ipcs": Traits(options="smMqn:"),
    "irq": Traits(options="dbuasc:"),
    "kmem": Traits(options="gI:sS::rFfm:pvczCi::nl:L:PVoh", never_silent=True, rests_on=("slabs",)),
    "list": Traits(options="BHhrs:S:e:o:O:xdl:"),
    "log": Traits(options="TtdmascR", strangers=True),
    "mach": Traits(options="cmxdo", never_silent=True),
    "map": Traits(options="af"),
    "mod": Traits(options="Rd:Ds:Sotgr", acts=True, never_silent=True, rests_on=("modules",), stays=True),
    "mount": Traits(options="ifn:", never_silent=True),
    "net": Traits(options="asSR:xdN:n", rests_on=("tasks",)),
    "p": Traits(options="dhxu", never_silent=True),
    "ps": Traits(options="HAISgstcpkuGlmarC:y:Y", never_silent=True, rests_on=("tasks",)),
    "pte": Traits(never_silent=True, mixes=True, open_behind=")"),
    "ptob": _SPEAKS,
    "ptov": _SPEAKS,
    "q": _LEAVES,
    "quit": _LEAVES,
    "rd": Traits(options="Raxme:r:pfudDusSNo:81:3:6:", breaks_off=False, never_silent=True, open_end="a"),
    "repeat": Traits(acts=True, runs_others=True),
    "runq": Traits(options="dtTgmc:", never_silent=True, rests_on=("tasks",)),
    "rustfilt": Traits(open_end=""),
    "s390dbf": Traits(options="vs"),
    "sbitmapq": Traits(options="s:a:pvxd"),
    "search": Traits(options="tTl:ukKVps:e:v:m:hwcx:"),
    "set": Traits(options="pvc:a:", acts=True, breaks_off=False),
    "sig": Traits(options="lR:s:g", rests_on=("tasks",)),
    "struct": Traits(options=_OF_STRUCT, never_silent=True),
    "swap": _SPEAKS,
    "sym": Traits(options="lLQ:q:npsMm:", breaks_off=False, never_silent=True, rests_on=("modules",)),
    "sys": Traits(options="ctip:", never_silent=True, rests_on=("tasks",)),
    "task": Traits(options="xdhR:", never_silent=True, rests_on=("tasks",)),
    "timer": Traits(options="rC:"),
    "tree": Traits(options="xdt:r:o:s:S:plNv"),
    "union": Traits(options=_OF_STRUCT, never_silent=True),
    "vm": Traits(options="f:pmvR:P:M:xd", rests_on=("tasks",)),
    "vtop": Traits(options="ukc:", never_silent=True, mixes=True),
    "waitq": _PLAIN,
    "whatis": Traits(options="om:r:", breaks_off=False, never_silent=True),
    "wr": Traits(acts=True),
    # no command of crash, but what people run through it
    "cat": Traits(strangers=True),
}
COMMANDS = frozenset(_TABLE) - {"cat"}


def resting_on(table: str) -> tuple[str, ...]:
    """The commands whose answers rest on one of crash's tables: see `Traits`."""
    return tuple(name for name, traits in _TABLE.items() if table in traits.rests_on)


class CommandLine(msgspec.Struct, frozen=True):
    """A crash command line, taken apart as crash does.

    ``words`` are those of the whole line, with crash's built-in alias resolved; ``*foo`` is ``struct foo``.
    ``typed`` is the first one as it was typed. ``options`` maps each option letter to its argument ("" where
    it takes none); ``arguments`` are the rest, without the shell's part behind ``|``, ``!`` or ``>``.
    """

    text: str
    typed: str
    words: tuple[str, ...]
    options: dict[str, str]
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The command's own name; "" for an empty line."""
        return self.words[0] if self.words else ""

    @property
    def traits(self) -> Traits:
        """What the command is like."""
        return _TABLE.get(self.name, _PLAIN)

    @property
    def sets(self) -> bool:
        """Whether it is a ``set`` that changes something; alone, with -v and with -h it shows."""
        return self.name == "set" and len(self.words) > 1 and self.words[1] not in _SHOWING

    @property
    def only_prints(self) -> bool:
        """Whether crash will but print, and the same again in another session on the dump.

        Sure of crash's own commands alone; a pipe, a redirection, a file to write, an assignment or a call of
        a function in an expression is more, and sources (``dis -s``) are files of this host.
        """
        if self.name not in COMMANDS or self.traits.acts or _REACHES_OUT.search(self.text):
            return False
        if self.with_options().has(_BEYOND_THE_DUMP.get(self.name, "")):
            return False
        return not any(
            _TABLE[word].acts for word in self.words[1:] if word in _TABLE and self.traits.runs_others
        )

    def has(self, letters: str) -> bool:
        """Whether any of these option letters was given."""
        options = self.options
        return bool(options) and any(letter in options for letter in letters)

    def with_options(self, optstring: str | None = None) -> CommandLine:
        """The same line with its options told from its arguments by the command's own getopt string or by
        this one.
        """
        known = self.traits.options if optstring is None else optstring
        options, arguments = _told_apart(self.words, known)
        return CommandLine(self.text, self.typed, self.words, dict(options), arguments)

    def ends_openly(self, text: str) -> bool:
        """Whether what it printed rightly has no newline at its end: gdb's words, a text out of memory."""
        traits = self.traits
        if traits.open_behind is not None:
            return text.endswith(traits.open_behind)
        return traits.open_end is not None and (not traits.open_end or self.has(traits.open_end))


_WORD = expression(r"(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\"[^\"]*\"|'[^']*'|[^\s\"'])+|[\"'].*")
BULK_READ = expression(r"rd ((?:-[pu] )?)-r (\S+) ([0-9a-f]+) (\d+)", re.ASCII)
"""A line of `bulk_read`: its option, file, address in hexadecimal, and size."""
# what a crash without its tables is asked, beside bulk reads
_PHYSICAL = expression(r"rd -p -8 [0-9a-f]+ \d+|eval 0x[0-9a-f]+", re.ASCII)
# options that write to a file of this host, or read one
_BEYOND_THE_DUMP = {"dev": "v", "dis": "s", "map": "af", "rd": "r", "s390dbf": "s"}
# to a shell, to a file, into a variable, into a function of the target
_REACHES_OUT = expression(r"[|<>!=(`]")
# a line has 1,499 characters at most, and a session says few different ones again and again
_KEPT = 1024


def split_words(text: str) -> tuple[str, ...]:
    """The words of a command line; quotes and parentheses hold a word together."""
    return tuple(_WORD.findall(text.strip()))


@functools.lru_cache(maxsize=_KEPT)
def command_line(text: str) -> CommandLine:
    r"""A line taken apart, its options not yet told from its arguments.

    A ``\`` before the command, by which crash passes over the user's own aliases, is none of its name.
    """
    typed = split_words(_shell_apart(text.lstrip().removeprefix("\\")))
    words = _canonical(typed)
    return CommandLine(text, typed[0] if typed else "", words, {}, _before_pipe(words)[1:])


# what holds a word together, or the shell's part, which crash finds without blanks around it, too
_HELD_OR_SHELL = expression(
    r"\([^()]*(?:\([^()]*\)[^()]*)*\)|\"[^\"]*\"|'[^']*'|(?P<shell>[|!]|(?<!-)>>?)", re.ASCII
)


def _shell_apart(text: str) -> str:
    """The line with the shell's part as words of its own: ``ps|grep x`` is ``ps | grep x``."""
    found = shell_part(text)
    return text if found is None else " ".join(found)


def shell_part(text: str) -> tuple[str, str, str] | None:
    """What stands before the shell's part of a line, its mark (``|``, ``!``, ``>`` or ``>>``), and what
    stands behind that; None where the line has none.
    """
    found = _HELD_OR_SHELL.finditer(text)
    shell = next((one for one in found if one["shell"] and one.start()), None)
    return None if shell is None else (text[: shell.start()], shell[0], text[shell.end() :])


def split_command(text: str, optstring: str | None = None) -> CommandLine:
    """Take a command line apart, by the command's own getopt string or by this one (options may follow
    arguments).
    """
    return command_line(text).with_options(optstring)


def bulk_read(option: str, file: object, address: int, size: int) -> str:
    """The line that copies memory to a file; ``option``: ``"-p "`` physical, ``"-u "`` a task's, or none."""
    return f"rd {option}-r {file} {address:x} {size}"


def is_physical(command: str) -> bool:
    """Whether a command reads physical memory and nothing else."""
    bulk = BULK_READ.fullmatch(command)
    return bulk[1] == "-p " if bulk else _PHYSICAL.fullmatch(command) is not None


def _canonical(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words:
        return ()
    if words[0].startswith("*") and len(words[0]) > 1:
        words = ("*", words[0][1:], *words[1:])
    target = ALIASES.get(words[0])
    return (*target.split(), *words[1:]) if target else words


def _before_pipe(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of crash's own command, without the shell's part behind ``|``, ``!`` or ``>``."""
    ends = (place for place, word in enumerate(words) if place and word in {"|", "!", ">", ">>"})
    return words[: next(ends, len(words))]


@functools.lru_cache(maxsize=_KEPT)
def _told_apart(words: tuple[str, ...], optstring: str) -> tuple[dict[str, str], tuple[str, ...]]:
    options: dict[str, str] = {}
    arguments: list[str] = []
    rest = list(_before_pipe(words)[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if len(word) > 1 and word[0] == "-" and optstring and not word.startswith("--"):
            _take_cluster(word[1:], optstring, options, rest)
        else:
            arguments.append(word)
    return options, tuple(arguments)


def _take_cluster(cluster: str, optstring: str, options: dict[str, str], rest: list[str]) -> None:
    for position, letter in enumerate(cluster):
        place = optstring.find(letter)
        takes = place >= 0 and optstring[place + 1 : place + 2] == ":"
        if not takes:
            options[letter] = ""
            continue
        glued = cluster[position + 1 :]
        optional = optstring[place + 1 : place + 3] == "::"  # takes no word of its own, as in getopt(3)
        options[letter] = glued if glued or optional or not rest else rest.pop(0)
        return
