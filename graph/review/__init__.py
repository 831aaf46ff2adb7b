"""Human review: the queue of held turns, what a reviewer can do with one, and what the person then gets."""

from cbtguard.graph.review.acts import ReviewAct
from cbtguard.graph.review.items import Delivery, FollowUp, ReviewItem
from cbtguard.graph.review.queue import ReviewQueue
from cbtguard.graph.review.wiring import build_review, compile_review
from cbtguard.nodes.holding import Policy, Reviews
from cbtguard.nodes.reviewer import Act, Status

__all__ = [
    "Act",
    "Delivery",
    "FollowUp",
    "Policy",
    "ReviewAct",
    "ReviewItem",
    "ReviewQueue",
    "Reviews",
    "Status",
    "build_review",
    "compile_review",
]
