"""A warm session: one crash behind a socket that only its user can open, used by many command lines.

`place` is the folder and the sockets in it, `frames` what client and server say, `server` holds the crash,
`turns` says whose turn it is, `held` gives each client a crash without traces of the others, `transport` and
`client` make an ordinary `Session` of a connection.
"""
