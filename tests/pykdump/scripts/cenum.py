"""CEnum: states of TCP."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


states = CEnum("""
enum {
  TCP_ESTABLISHED = 1,
  TCP_SYN_SENT,
  TCP_SYN_RECV,
  TCP_LISTEN = 10,
  TCP_CLOSING,   /* now a valid state */
};
""")
show(
    [
        states.TCP_SYN_RECV,
        states[11],
        len(states),
        states.getByName("TCP_LISTEN"),
        enumerator_value("TCP_LISTEN"),
    ]
)
