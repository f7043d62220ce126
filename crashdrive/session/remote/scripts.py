"""What runs on the other host: two programs for its ``sh``, with coreutils and gzip alone.

The helper answers on a channel of its own: it tells of files, sends parts of them, and passes on what crash
writes into a FIFO, compressed. It ends when its standard input does, as when the connection breaks, and then
kills crash and removes its folder. The starter prepares crash's surroundings on the terminal, and starts it.
"""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

DATA: Final = "d"
"""The FIFO in the folder there that crash's ``rd -r`` writes into."""
END: Final = "e"
"""The FIFO there that crash writes into when it came to the end of its reads."""
TOOLS: Final = "gzip base64 head tail od stat tr mkfifo"
STATUS: Final = "%d:%i:%s:%f:%Y:%y:%z"
"""stat's format of a file's mark: device, inode, size, mode, seconds, times in full."""
_PLAIN = re.compile(r"/[A-Za-z0-9_./+-]+")
# both programs come to the same folder, whichever starts first
_FOLDER = "umask 077; b=/dev/shm; { [ -d $b ] && [ -w $b ]; } || b=${TMPDIR:-/tmp}; d=$b/crashdrive-@NONCE@\n"
_HELPER = """
for t in @TOOLS@; do
    command -v $t >/dev/null 2>&1 || { echo "@NONCE@ lacks $t"; exit 0; }
done
mkdir "$d" 2>/dev/null && mkfifo "$d/@DATA@" "$d/@END@" || { rmdir "$d"; echo "@NONCE@ room $b"; exit 0; }
clean() {
    p=$(cat "$d/pid" 2>/dev/null)
    [ -z "$p" ] || kill -s KILL -- "-$p" 2>/dev/null
    rm -rf "$d"
}
trap clean EXIT
trap "exit 1" HUP TERM INT PIPE
# what reads keeps the FIFO's bytes while nobody writes, and only without a writer there is an end of them
exec 3<>"$d/@DATA@" 4<"$d/@DATA@" 5<>"$d/@END@"
look() {
    while IFS= read -r p && [ -n "$p" ]; do
        s=$(stat -L -c "@STATUS@" -- "$p" 2>/dev/null)
        echo "${s:--}"
        if [ -f "$p" ] && [ -r "$p" ]; then
            head -c 1024 -- "$p" | od -An -v -tx1 | tr -d ' \\n'
            echo
        else
            echo -
        fi
    done
}
fetch() {
    IFS= read -r p
    while read -r o s && [ -n "$o" ]; do
        tail -c "+$o" -- "$p" 2>/dev/null | head -c "$s"
    done
}
crashes() {
    while IFS= read -r p && [ -n "$p" ]; do
        case $p in
            /*) ;;
            *) p=$(PATH=$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin; command -v "$p") ;;
        esac
        if [ -f "$p" ] && [ -x "$p" ]; then
            echo "$p"
            LC_ALL=C HOME=/nonexistent TERM=dumb "$p" -v </dev/null 2>/dev/null | head -n 20
        else
            echo -
        fi
        echo @NONCE@
    done
}
kernels() {
    while IFS= read -r p && [ -n "$p" ]; do
        find "$p" -name 'vmlinux*' -type f 2>/dev/null | head -n 1000
    done
}
take() {
    gzip -1 -c <&4 3>&- 5>&- &
    while read -r w x _ <&5; do
        case "$w $x" in "hexadecimal: $1" | "gone ") break ;; esac
    done
    exec 3>&-
    wait
    exec 3<>"$d/@DATA@"
}
echo "@NONCE@ ready $d $(pwd)"
while IFS= read -r c; do
    case $c in
        look) look | gzip -1 -c ;;
        fetch) fetch | gzip -1 -c ;;
        crashes) crashes | gzip -1 -c ;;
        kernels) kernels | gzip -1 -c ;;
        take*) take ${c#take } ;;
    esac
done
"""
_STARTER = """
i=0
while [ ! -p "$d/@END@" ]; do
    i=$((i+1))
    [ $i -lt 300 ] || { echo "its helper there did not come up"; exit 9; }
    sleep 0.1 2>/dev/null || sleep 1
done
trap 'rm -f "$d/pid"; [ ! -p "$d/@END@" ] || echo gone >"$d/@END@"' EXIT
trap 'exit 1' HUP TERM
trap : INT
stty -echo -echoe -echok -echoctl -opost 2>/dev/null
echo $$ >"$d/pid"
mkdir "$d/home" && cd "$d/home" || exit 9
echo @INPUTRC@ | base64 -d >"$d/inputrc"
ln -s @PROGRAM@ "$d/@NAME@"
@FILES@
same() {
    s=$(stat -L -c "@STATUS@" -- "$1" 2>/dev/null)
    [ "$s" = "$2" ] || { echo "$1: was changed since it was looked at: open it anew"; exit 3; }
}
@CHECKS@
echo "@NAME@-begins"
env -i HOME="$d/home" INPUTRC="$d/inputrc" LC_ALL=C TERM=dumb TZ=UTC \\
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$d/@NAME@" @ARGUMENTS@
exit $?
"""


class Start(NamedTuple):
    """A crash to start: the name of its prompt, the program and its arguments, its files (bytes are the
    contents of one that is made there), what its readline reads, and the marks that files have to have.
    """

    name: str
    program: str
    arguments: Sequence[str]
    files: Sequence[str | bytes]
    inputrc: str
    marks: Sequence[tuple[str, str]]


def helper(nonce: str) -> str:
    """The command line of the helper whose folder is named by a nonce."""
    return _command(_FOLDER + _HELPER, {"NONCE": nonce, "TOOLS": TOOLS})


def starter(nonce: str, start: Start) -> str:
    """The command line that starts crash on a terminal, in the folder of a helper."""
    places = [_place(file, f'"$d/file{number}"') for number, file in enumerate(start.files)]
    return _command(
        _FOLDER + _STARTER,
        {
            "NONCE": nonce,
            "NAME": start.name,
            "PROGRAM": shlex.quote(start.program),
            "INPUTRC": base64.b64encode(start.inputrc.encode()).decode(),
            "FILES": "\n".join(made for made, _ in places),
            "CHECKS": "\n".join(f"same {shlex.quote(p)} {shlex.quote(mark)}" for p, mark in start.marks),
            "ARGUMENTS": " ".join([*map(shlex.quote, start.arguments), *(word for _, word in places)]),
        },
    )


def _place(file: str | bytes, own: str) -> tuple[str, str]:
    """How a file that crash is given comes to be there, and the word for it: crash takes odd names apart."""
    if isinstance(file, bytes):
        packed = base64.b64encode(gzip.compress(file, mtime=0)).decode()
        return f"echo {packed} | base64 -d | gzip -dc >{own}", own
    if _PLAIN.fullmatch(file):
        return "", file
    return f"ln -s {shlex.quote(file)} {own}", own


def _command(text: str, values: Mapping[str, str]) -> str:
    """A command line that any login shell takes, csh and fish, too."""
    values = {"DATA": DATA, "END": END, "STATUS": STATUS, **values}
    whole = re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text)
    packed = base64.b64encode(whole.encode("utf-8", "surrogateescape")).decode()
    return f"""exec /bin/sh -c 'eval "$(echo {packed} | base64 -d)"'"""
