"""The stops of the flow, each a function of state: protect, screen, retrieve, generate, check, refer, hold, record."""

from cbtguard.nodes.check import check
from cbtguard.nodes.context import Context, Desk, ReferralDesk, Services
from cbtguard.nodes.fill import fill
from cbtguard.nodes.generate import generate
from cbtguard.nodes.hold import hold
from cbtguard.nodes.limits import Limits
from cbtguard.nodes.protect import protect
from cbtguard.nodes.record import record
from cbtguard.nodes.refer import refer
from cbtguard.nodes.retrieve import retrieve
from cbtguard.nodes.screen import screen
from cbtguard.nodes.state import State, Turn, fresh_turn

__all__ = [
    "Context",
    "Desk",
    "Limits",
    "ReferralDesk",
    "Services",
    "State",
    "Turn",
    "check",
    "fill",
    "fresh_turn",
    "generate",
    "hold",
    "protect",
    "record",
    "refer",
    "retrieve",
    "screen",
]
