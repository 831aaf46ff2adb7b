"""The proof of the safety contract on the compiled graph."""

from cbtguard.graph.verify.picture import error_routes, mermaid
from cbtguard.graph.verify.prove import Proof, Violation, prove

__all__ = ["Proof", "Violation", "error_routes", "mermaid", "prove"]
