"""The web pages of the service: Talk, Trace, Review and Records. No build step; nothing comes from elsewhere."""

from cbtguard.service.web.site import CSP, PAGES, Site

__all__ = ["CSP", "PAGES", "Site"]
