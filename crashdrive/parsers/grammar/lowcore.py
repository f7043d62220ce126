"""s390's lowcore: the registers that a CPU stored when it stopped.

Source in crash: ``s390x_print_lowcore()`` and ``s390x_print_vx_sa()`` (s390x.c), ``s390_print_lowcore()``
(s390.c).
"""

from __future__ import annotations

import re

from crashdrive.parsers.grammar.register_values import ExceptionFrame

_LOWCORE = re.compile(
    r"  -(psw|prefix|cpu timer|clock cmp) *: (0x[0-9a-f]{1,16}|0+)(?: (0x[0-9a-f]{1,16}|0+))? *+"
)
_LOWCORE_FUNCTION = re.compile(r"  -function : (\S{1,200}) at ([0-9a-f]{1,16}) *+")
_LOWCORE_SECTION = re.compile(r"  -(general|access|control|floating point|vector) registers( 0,2,4,6)?: *+")
_LETTERS = {"general": "r", "access": "a", "control": "c", "floating point": "f", "vector": "v"}
_LINE_NUMBER = re.compile(r" ++(\S[^\n]{0,4096}?): (\d{1,7}) *+")
_WORD = re.compile(r"0x[0-9a-f]{1,16}|0+")
# How many words these sections have where they are printed at all.
_SIZES = {"floating point": 16, "floating point 0,2,4,6": 4, "vector": 64}


class Lowcore:
    """s390's LOWCORE INFO block, line by line."""

    def __init__(self) -> None:
        self.registers: dict[str, int] = {}
        self.details: dict[str, str] = {}
        self._words: dict[str, list[int]] = {}
        self._section = ""
        self._place: tuple[str, int] | None = None

    def take(self, line: str) -> bool:
        """Whether the line belongs to the block."""
        if found := _LOWCORE.fullmatch(line):
            name = found[1].replace(" ", "_")
            self._put(name, found[2], found[3])
        elif found := _LOWCORE_FUNCTION.fullmatch(line):
            self.details["function"] = found[1]
        elif found := _LOWCORE_SECTION.fullmatch(line):
            self._section = found[1] + (found[2] or "")
            return self._words.setdefault(self._section, []) == []
        elif self._section:
            return self._values(line)
        else:
            return self._line_number(line)
        return True

    def _line_number(self, line: str) -> bool:
        """With -l the function's place in the source stands below it."""
        found = _LINE_NUMBER.fullmatch(line)
        if found is None or self._place or "function" not in self.details:
            return False
        self._place = (found[1], int(found[2]))
        return True

    def _put(self, name: str, first: str, second: str | None) -> None:
        if second is None:
            self.registers[name] = int(first, 16)
        elif name == "psw":
            self.registers |= {"psw_flags": int(first, 16), "psw": int(second, 16)}
        elif "prefix" in self.registers:
            # s390x, crash before 7.0.9: the upper half of the register and of what stands behind it.
            self.details[name] = f"{first} {second}"
        else:
            # s390 (31 bit): two words of 32 bits.
            self.registers[name] = int(first, 16) << 32 | int(second, 16)

    def _values(self, line: str) -> bool:
        words = line.split()
        if not words or not all(map(_WORD.fullmatch, words)) or not line.startswith("     "):
            return False
        self._words[self._section] += [int(word, 16) for word in words]
        return len(self._words[self._section]) <= (64 if self._section == "vector" else 16)

    def _numbered(self) -> dict[str, int]:
        """The registers of all sections by name; a vector register is two words."""
        found: dict[str, int] = {}
        for section, words in self._words.items():
            name, _, numbers = section.partition(" 0,")
            step = 2 if numbers else 1
            values = words
            if section == "vector":
                values = [high << 64 | low for high, low in zip(words[::2], words[1::2], strict=False)]
            found |= {f"{_LETTERS[name]}{step * number}": value for number, value in enumerate(values)}
        return found

    def finish(self) -> ExceptionFrame:
        """The block as one record."""
        sizes = {section: len(words) for section, words in self._words.items()}
        return ExceptionFrame(
            registers=self.registers | self._numbered(),
            details=self.details or None,
            kind="lowcore",
            file=self._place and self._place[0],
            line=self._place and self._place[1],
            complete={"psw", "cpu_timer", "clock_cmp"} <= self.registers.keys() | self.details.keys()
            and bool({"floating point", "floating point 0,2,4,6"} & sizes.keys())
            and all(sizes.pop(section, 0) == 16 for section in ("general", "access", "control"))
            and all(size == _SIZES[section] for section, size in sizes.items()),
        )
