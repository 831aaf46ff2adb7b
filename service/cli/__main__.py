"""``python -m cbtguard.service.cli``."""

from cbtguard.service.cli.main import main

main()
