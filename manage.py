#!/usr/bin/env python
"""Django's command line. Without DJANGO_SETTINGS_MODULE it talks to the demo whose STATE_DIR is in the environment."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sim_casework.settings.demo")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
