"""Keys, audit, security modules (security/, kernel/audit.c)."""
