"""The HTTP service: OpenAI's shape and one of its own, with keys, limits, metrics and a graceful end.

from cbtguard.graph import Guard
from cbtguard.service.http import create_app

app = create_app(Guard())
"""

from cbtguard.service.http.app import create_app
from cbtguard.service.http.settings import ServeSettings, serve_settings

__all__ = ["ServeSettings", "create_app", "serve_settings"]
