"""A session at a prompt: crash's commands, reports, Python and PyKdump's programs, one line after the other.

`crashdrive.shell.talk` obeys lines; `crashdrive.shell.prompt` has them typed.
"""
