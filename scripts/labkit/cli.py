"""The command line of scripts/lab."""

import argparse
import json
import shutil
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TypeAlias

from labkit import apt, crashes, dumps, kernels, matrix, places, spec
from labkit.deaths import DEATHS
from labkit.errors import LabError
from labkit.host import say
from labkit.spec import Spec

EPILOG = """\
Everything lies below .lab/ at the top of the checkout (or $CRASHDRIVE_LAB) and is made once.
Paths go to stdout, what is going on to stderr. Typical use:

  scripts/lab standard             the four dumps that the tests want, and their kernels
  scripts/lab crash                crash 8.0.2, 8.0.6 and 9.0.2
  scripts/lab path 6.1-kdump-sysrq
  scripts/lab dump --kernel 6.12 --format kdump --death bug
  scripts/lab standard --set arm64 a dump of an arm64 guest, which crash 8.0.2-arm64 reads
  scripts/lab standard --set s390x one of an s390x guest, for crash 8.0.2-s390x
  scripts/lab standard --set ppc64el one of ppc64le, for crash 8.0.2-ppc64el

Needs Debian, root for installing packages, and about 6 GB.
"""


DEATH_HELP = f"""default: %(default)s, in a guest with all its network; any other in a guest with little else:
{" ".join(DEATHS)}"""
AGAIN = "make it even if it is there; the old one stays until the new one is complete"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    signal.signal(signal.SIGTERM, _interrupted)
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (LabError, OSError) as error:
        say(f"error: {error}")
    except KeyboardInterrupt:
        say("interrupted; nothing half-built is left")
        return 130
    return 1


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("scripts/lab", description=__doc__, formatter_class=plain)
    parser.description = "Make real crash dumps, and the crash binaries to read them."
    parser.epilog = EPILOG
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_crash,
        _add_kernel,
        _add_dump,
        _add_standard,
        _add_path,
        _add_list,
        _add_status,
        _add_matrix,
        _add_clean,
    ):
        add(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name


def _command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _add_crash(commands: Commands) -> None:
    text = "Make crash binaries available; prints one path per line."
    parser = _command(commands, "crash", _crash, text)
    help_text = (
        "8.0.2, 8.0.6 (from Debian 13) or 9.0.2 (from unstable), all of these unless given; 7.2.9 (from "
        "Debian 11); 8.0.2-arm64, 8.0.2-s390x and 8.0.2-ppc64el for dumps of these, run by qemu-user"
    )
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=help_text)


def _crash(options: argparse.Namespace) -> int:
    with places.locked():
        for version in options.versions or crashes.USUAL:
            print(crashes.ensure(version), flush=True)
    return 0


def _add_kernel(commands: Commands) -> None:
    text = "Download Debian cloud kernels with debug data; prints their folders."
    parser = _command(commands, "kernel", _kernel, text)
    known = ", ".join(kernels.KNOWN)
    help_text = f"{known}; the first {len(kernels.SERIES)} unless given"
    parser.add_argument("series", nargs="*", metavar="SERIES", help=help_text)


def _kernel(options: argparse.Namespace) -> int:
    with places.locked():
        for series in options.series or kernels.SERIES:
            print(kernels.ensure(series).folder, flush=True)
    return 0


def _add_dump(commands: Commands) -> None:
    text = "Make one dump; prints its folder, which holds vmcore, vmlinux, truth/ and dump.json."
    parser = _command(commands, "dump", _dump, text)
    add = parser.add_argument
    add(
        "--kernel",
        choices=kernels.KNOWN,
        default=Spec.kernel,
        help="default: %(default)s",
    )
    add("--format", choices=spec.FORMATS, default=Spec.format, help="default: %(default)s")
    add("--death", choices=DEATHS, default=Spec.death, metavar="DEATH", help=DEATH_HELP)
    add(
        "--connections",
        type=int,
        metavar="N",
        default=Spec.connections,
        help="established TCP connections, both ends in the guest; default: %(default)s",
    )
    add("--thash-entries", type=int, metavar="N", help="size of the TCP hash table")
    add("--memory", type=int, metavar="MB", help="the guest's memory")
    add("--cpus", type=int, metavar="N", default=Spec.cpus, help="default: %(default)s")
    add("--also", choices=["filtered"], help="elf only: keep vmcore.filtered of the same run too")
    add(
        "--old-makedumpfile",
        action="store_true",
        help="6.12: filter with Debian 12's makedumpfile, which leaves out too much",
    )
    add("--again", action="store_true", help=AGAIN)
    add("--name", help="default: <kernel>-<format>-<death> and what isn't the default")


def _dump(options: argparse.Namespace) -> int:
    wanted = Spec(
        kernel=options.kernel,
        format=options.format,
        death=options.death,
        connections=options.connections,
        thash_entries=options.thash_entries,
        memory=options.memory,
        cpus=options.cpus,
        also_filtered=options.also == "filtered",
        old_filter=options.old_makedumpfile,
        given_name=options.name,
    ).checked()
    with places.locked():
        places.sweep()
        print(dumps.ensure(wanted, again=options.again))
    return 0


def _add_standard(commands: Commands) -> None:
    text = "Make the dumps that the tests use; prints their folders."
    parser = _command(commands, "standard", _standard, text)
    parser.add_argument("--set", choices=spec.SETS, default="small", help="default: %(default)s")
    parser.add_argument("--again", action="store_true", help=AGAIN)


def _standard(options: argparse.Namespace) -> int:
    failed = []
    for wanted in spec.SETS[options.set]:
        try:
            with places.locked():  # one at a time, so that another call gets its turn
                places.sweep()
                print(dumps.ensure(wanted, again=options.again), flush=True)
        except LabError as error:
            say(f"{wanted.name}: {error}")
            failed.append(wanted.name)
    if failed:
        raise LabError(f"not made: {', '.join(failed)}")
    return 0


def _add_path(commands: Commands) -> None:
    text = "Print the folder of a dump that is there."
    parser = _command(commands, "path", _path, text)
    parser.add_argument("name")


def _path(options: argparse.Namespace) -> int:
    if dumps.facts(options.name) is None:
        raise dumps.missing(options.name)
    print(dumps.folder(options.name))
    return 0


def _add_list(commands: Commands) -> None:
    parser = _command(commands, "list", _list, "List the dumps that are there.")
    parser.add_argument("--json", action="store_true", help="all of their dump.json, as an array")


def _list(options: argparse.Namespace) -> int:
    found = [dumps.facts(name) for name in dumps.names()]
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    for facts in found:
        if facts:
            print(f"{facts['name']:24} {facts['release']:30} {facts['connections']:6} connections")
    return 0


def _add_status(commands: Commands) -> None:
    _command(commands, "status", _status, "Say what is there and what is missing.")


def _status(_options: argparse.Namespace) -> int:
    print(f"lab: {places.lab()}")
    print(f"missing packages: {' '.join(apt.missing_packages()) or 'none'}")
    for path in crashes.all_there():
        print(f"crash: {path}")
    for series in kernels.KNOWN:
        kernel = kernels.load(series)
        print(f"kernel {series}: {kernel.release if kernel else 'missing'}")
    have = dumps.names()
    for wanted in spec.FULL:
        print(f"dump {wanted.name}: {'there' if wanted.name in have else 'missing'}")
    for name in sorted(set(have) - {wanted.name for wanted in spec.FULL}):
        print(f"dump {name}: there")
    return 0


def _add_matrix(commands: Commands) -> None:
    text = "Every report on a dump of each kernel, by each crash that is there: what opens, what is complete."
    parser = _command(commands, "matrix", _matrix, text)
    parser.epilog = (
        "Exit status 1 where two crash binaries give other numbers of rows on one dump, both complete. "
        "Nothing that earlier runs kept is used."
    )
    add = parser.add_argument
    add(
        "dumps",
        nargs="*",
        metavar="DUMP",
        help="default: those that died of sysrq, of each kernel and format",
    )
    add("--crash", action="append", default=[], metavar="VERSION", help="default: all that are there")
    add("--jobs", type=int, default=1, metavar="N", help="cells at a time; default: %(default)s")
    add("--write", action="store_true", help=f"put them into {matrix.PAGE}; other cells stay there")


def _matrix(options: argparse.Namespace) -> int:
    cells = matrix.run(options.dumps, options.crash, max(1, options.jobs))
    print(matrix.table({(cell.dump, cell.crash): cell.line() for cell in cells}), end="")
    for cell in cells:
        for report, why in sorted(cell.lacking.items()):
            print(f"{cell.dump}, crash {cell.crash}, {report}: {why}")
    faults = list(matrix.disagreeing(cells))
    for fault in faults:
        print(f"not the same: {fault}")
    if options.write:
        matrix.write(cells)
    return int(bool(faults))


def _add_clean(commands: Commands) -> None:
    text = "Delete a dump, or the whole lab."
    parser = _command(commands, "clean", _clean, text)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("name", nargs="?", help="a dump")
    what.add_argument("--all", action="store_true", help="everything, kernels and crash too")


def _clean(options: argparse.Namespace) -> int:
    with places.locked():
        if options.all:
            shutil.rmtree(places.lab())
        elif dumps.facts(options.name) is None:
            raise LabError(f"no dump named {options.name}")
        else:
            places.remove(dumps.folder(options.name))
    return 0
